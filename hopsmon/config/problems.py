"""All errors of a configuration at once, each with its line, its path, the value seen and what is allowed."""

from __future__ import annotations

import re
import reprlib
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hopsmon.config.secrets import looks_secret
from hopsmon.errors import ConfigError, did_you_mean

Path: typing.TypeAlias = tuple[str | int, ...]

# Keys that the design has and this version does not: better than "unknown key".
_NO_CHANNEL = (
    "Not built yet. In a Hopsworks project, set up a receiver that passes alerts on (Project settings, Alerts), and "
    "name it here: {hopsworks: {receiver: NAME}}."
)
_LATER: dict[Path, str] = {
    ("alerts", "channels", kind): _NO_CHANNEL for kind in ("webhook", "slack", "email", "pagerduty")
}
_HIDDEN = ("options",)  # values below these keys may hold secrets and are never shown


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line` and `column` count from 1; None where the text has no place for it."""

    path: Path
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}" if self.line else ""
        return ": ".join(part for part in (place, path_text(self.path), self.message) if part)


class ConfigProblems(ConfigError):
    """A configuration with everything that is wrong with it."""

    def __init__(self, where: str, problems: Sequence[Problem]) -> None:
        self.where = where
        self.problems = tuple(sorted(problems, key=lambda p: (p.line or 0, p.column or 0)))
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        super().__init__("\n".join([f"{where}: {count}", *(f"  {problem}" for problem in self.problems)]))


class PartErrors(ConfigError):
    """Errors of several parts of one value; each becomes a problem of its own."""

    def __init__(self) -> None:
        super().__init__("several parts are wrong")
        self.parts: list[tuple[str | int, str]] = []

    @contextmanager
    def collect(self, part: str | int) -> Iterator[None]:
        """Keep a ConfigError raised inside as this part's."""
        try:
            yield
        except ConfigError as error:
            self.parts.append((part, str(error)))

    def raise_if_any(self) -> None:
        """Raise this error if a part was wrong."""
        if self.parts:
            raise self


def path_text(path: Path) -> str:
    """A path as people write it.

    >>> path_text(("techniques", 1, "psi"))
    'techniques[1].psi'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """What pydantic found, in hopsmon's words."""
    details = error.errors(include_url=False)
    told = [detail for detail in details if not _follows(detail, details)]
    return [problem for detail in told for problem in _problems(detail, model)]


def _follows(detail: ErrorDetails, others: Sequence[ErrorDetails]) -> bool:
    """A list is too short where all its items are wrong: that is no problem of its own."""
    path = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(path) and other["loc"][: len(path)] == path for other in others
    )


def _problems(detail: ErrorDetails, model: type[BaseModel]) -> list[Problem]:
    path: Path = detail["loc"]
    own = detail.get("ctx", {}).get("error")
    if isinstance(own, PartErrors):
        return [Problem((*path, part), message) for part, message in own.parts]
    if isinstance(own, Exception):
        return [Problem(path, str(own))]
    return [Problem(path, _message(detail, path, model))]


def _message(detail: ErrorDetails, path: Path, model: type[BaseModel]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _LATER.get(_without_numbers(path)) or unknown_key(str(path[-1]), _fields(model, path[:-1]))
    if kind == "missing":
        field = _fields(model, path[:-1]).get(str(path[-1]))
        return " ".join(("Missing.", *(getattr(field, "description", None) or "").split()))
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"Expected a mapping (key: value); got {_shown(detail, path)}."
    if kind == "tuple_type":
        return f"Expected a list, e.g. [a, b]; got {_shown(detail, path)}."
    if kind == "literal_error":
        return not_allowed(_shown(detail, path), re.findall("'([^']*)'", detail["ctx"]["expected"]))
    short = kind == "too_short"  # pydantic speaks of tuples
    text = (
        f"Needs at least {detail['ctx']['min_length']}" if short else detail["msg"].removeprefix("Input ").capitalize()
    )
    return f"{text}; got {_shown(detail, path)}."


def _without_numbers(path: Path) -> Path:
    """A path with every item of a list alike."""
    return tuple(part for part in path if not isinstance(part, int))


def unknown_key(key: str, known: typing.Iterable[str]) -> str:
    """The message for a key that no field has."""
    names = sorted(known)
    return f"Unknown key '{key}'. Known: {', '.join(names) or 'none'}.{did_you_mean(key, names)}"


def not_allowed(seen: str, allowed: Sequence[str]) -> str:
    """The message for a value outside a fixed set."""
    hint = did_you_mean(seen.strip("'"), allowed)
    return f"Not allowed: {seen}. Allowed: {', '.join(allowed)}.{hint}"


def _shown(detail: ErrorDetails, path: Path) -> str:
    text = reprlib.repr(detail["input"])
    return "a value that is not shown" if looks_secret(text) or any(key in path for key in _HIDDEN) else text


def _fields(model: type[BaseModel], path: Path) -> Mapping[str, object]:
    """The fields of the section at a path."""
    for part in _without_numbers(path):
        field = model.model_fields.get(str(part))
        inner = next((kind for kind in _sections(field.annotation)), None) if field else None
        if inner is None:
            return {}
        model = inner
    return model.model_fields


def _sections(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _sections(part)
