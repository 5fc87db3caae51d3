"""Reads configuration text: YAML with the place of every value, duplicate keys found, nothing executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from hopsmon.config.problems import ConfigProblems, Path, Problem

MAX_CHARACTERS = 1_000_000  # far above any real configuration; bounds what a wrong file can cost
MAX_VALUES = 100_000  # YAML's aliases multiply: a page of them can stand for thousands of millions of values


@dataclass(slots=True)
class Source:
    """Parsed text.

    Attributes:
        data: the values.
        marks: line and column (from 1) of each path.
        problems: what is already known to be wrong.
    """

    data: dict[str, Any]
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, problem: Problem) -> Problem:
        """The problem with the line and column of its path, or of the nearest section above it."""
        path = problem.path
        while path and path not in self.marks:
            path = path[:-1]
        line, column = self.marks.get(path, (None, None))
        return Problem(problem.path, problem.message, line, column)


def parse_yaml(text: str, where: str) -> Source:
    """The values of one YAML document.

    Raises:
        ConfigProblems: the text is no YAML, or not one mapping.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigProblems(
            where, [Problem((), f"{len(text)} characters; a configuration has at most {MAX_CHARACTERS}.")]
        )
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        source = Source({})
        if node is not None:
            _walk(node, (), source)
            source.data = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ConfigProblems(where, [_yaml_problem(error)]) from None  # the cause shows the text
    except (RecursionError, ValueError, TypeError):
        raise ConfigProblems(where, [Problem((), "Nested too deeply, or a value that is no date.")]) from None
    if not isinstance(source.data, Mapping) or not source.data:
        raise ConfigProblems(where, [Problem((), "Expected a mapping with at least: name, model, log, baseline.")])
    return source


def _yaml_problem(error: yaml.YAMLError) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem((), f"Not YAML: {str(error).splitlines()[0]}")
    mark = error.problem_mark or error.context_mark
    text = ", ".join(part for part in (error.context, error.problem) if part)
    return Problem((), f"Not YAML: {text}.", mark.line + 1 if mark else None, mark.column + 1 if mark else None)


def _walk(node: yaml.Node, path: Path, source: Source) -> None:
    """Note the place of every value and every key that stands twice."""
    if len(source.marks) > MAX_VALUES:
        raise yaml.YAMLError(f"more than {MAX_VALUES:,} values, counting each use of an alias")
    source.marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), source)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[object, int] = {}
        for key, value in node.value:
            _walk_pair(key, value, path, seen, source)


def _walk_pair(key: yaml.Node, value: yaml.Node, path: Path, seen: dict[object, int], source: Source) -> None:
    name = key.value if isinstance(key, yaml.ScalarNode) else "?"
    line, column = key.start_mark.line + 1, key.start_mark.column + 1
    if name in seen and name != "<<":
        source.problems.append(
            Problem((*path, name), f"Key '{name}' stands twice, first in line {seen[name]}.", line, column)
        )
    seen[name] = line
    inner = (*path, name)
    source.marks[inner] = (line, column)
    _walk(value, inner, source)
