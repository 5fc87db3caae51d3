"""The compliance suite: what a technique must keep to so that a stream can run it and people can trust it."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from inspect import getdoc
from typing import Any, TypeAlias

from hopsmon.core.statistics.base import Statistic
from hopsmon.core.techniques.guard import FAILURES
from hopsmon.core.techniques.protocols import InstanceTechnique, SequenceTechnique, Technique, WindowTechnique
from hopsmon.errors import ConfigError
from hopsmon.testing.cases import Cases
from hopsmon.testing.instances import INSTANCE_CHECKS
from hopsmon.testing.problems import Problem
from hopsmon.testing.sequences import SEQUENCE_CHECKS
from hopsmon.testing.windows import WINDOW_CHECKS

Check: TypeAlias = Callable[[Any, Cases], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing a technique does not keep to.

    Attributes:
        check: which rule, in words.
        seen: what was seen.
        mend: what to do about it.
    """

    check: str
    seen: str
    mend: str

    def __str__(self) -> str:
        return f"{self.check}: {self.seen} → {self.mend}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked.

    Attributes:
        technique: its name.
        kind: instance, window or sequence.
        checked: the rules that hold.
        failures: those that do not.
    """

    technique: str
    kind: str
    checked: tuple[str, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every rule holds."""
        return not self.failures

    def __str__(self) -> str:
        if self.passed:
            return f"{self.technique} ({self.kind}): all {len(self.checked)} rules hold."
        lines = [f"  - {failure}" for failure in self.failures]
        broken = len({failure.check for failure in self.failures})
        return "\n".join(
            [f"{self.technique} ({self.kind}) breaks {broken} of {broken + len(self.checked)} rules:", *lines]
        )


class ComplianceError(AssertionError):
    """A technique breaks rules; the message lists all of them. `report` has them as values."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def check_technique(technique: type[Technique] | Technique) -> Report:
    """Run the compliance suite on a technique: a class (with its defaults) or an instance.

    A few seconds; no Spark. Use it in the tests of a package that adds a technique:

    >>> from hopsmon.core.techniques.drift.psi import PopulationStabilityIndex
    >>> print(check_technique(PopulationStabilityIndex))
    psi (window): all 13 rules hold.

    Raises:
        ComplianceError: one error with all that is wrong and what to do about it.
    """
    report = report_on(technique)
    if report.failures:
        raise ComplianceError(report)
    return report


def report_on(technique: type[Technique] | Technique) -> Report:
    """The same as a value, whether or not every rule holds."""
    made, problem = _made(technique)
    kind = _kind(made)
    name = str(getattr(made, "name", type(made).__name__))
    if problem is not None or not kind:
        return Report(name, kind or "no technique", (), (problem or _NO_KIND,))
    cases = Cases(frozenset(made.needs))
    checked, failures = [], []
    for rule, check in {**_COMMON, **_BY_KIND[kind]}.items():
        found = list(_run(check, made, cases))
        failures += [Failure(rule, *problem) for problem in found]
        checked += [] if found else [rule]
    return Report(name, kind, tuple(checked), tuple(failures))


def _run(check: Check, technique: Any, cases: Cases) -> Iterator[Problem]:
    try:
        yield from check(technique, cases)
    except FAILURES as error:  # somebody's technique may raise anything
        yield (
            f"it raised {type(error).__name__}: {error}",
            "return a finding with a Reason where something cannot be computed",
        )


_NO_KIND = Failure(
    "kind",
    "it has none of the methods check, judge and advance, or lacks name or needs",
    "see hopsmon.core.techniques.protocols for the three kinds",
)


def _made(technique: Any) -> tuple[Any, Failure | None]:
    if not isinstance(technique, type):
        return technique, None
    try:
        return technique(), None
    except FAILURES as error:  # somebody's technique may raise anything
        seen = f"{technique.__name__}() raised {type(error).__name__}: {error}"
        return technique, Failure("defaults", seen, "give every parameter a default")


def _kind(technique: Any) -> str:
    kinds = {"instance": InstanceTechnique, "window": WindowTechnique, "sequence": SequenceTechnique}
    found = [word for word, protocol in kinds.items() if isinstance(technique, protocol)]
    return found[0] if len(found) == 1 else ""


def _name_and_needs(technique: Any, _: Cases) -> Iterator[Problem]:
    if not isinstance(technique.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", technique.name):
        yield f"name is {technique.name!r}", "use lower case letters, digits and _, at most 50, a letter first"
    if not isinstance(technique.needs, frozenset):
        yield f"needs is a {type(technique.needs).__name__}", "make it a frozenset of statistics"
    for statistic in technique.needs:
        if not (isinstance(statistic, type) and isinstance(getattr(statistic, "name", None), str)):
            yield f"needs holds {statistic!r}", f"name classes of statistics, as {Statistic.__module__} defines them"


_SECTIONS = {
    "misleads": 'a sentence on when it "Misleads"',
    "default": 'its "Default" thresholds and where they come from',
    "reference:": '"Reference: …", the paper or book, with its year',
}


def _documentation(technique: Any, _cases: Cases) -> Iterator[Problem]:
    doc = getdoc(type(technique)) or ""
    title, _, rest = doc.partition("\n")
    if not re.search(r"[.?!]$", title) or len(title) > 120 or not rest.startswith("\n"):
        yield f"the first line is {title!r}", "begin with one sentence of at most 120 letters, then an empty line"
    for word, missing in _SECTIONS.items():
        if word not in doc.lower():
            yield f"the docstring does not say {word!r}", f"add {missing}"
    if not re.search(r"=|Σ|∫|\bmax\b|\bmin\b", rest):
        yield "the docstring has no formula", "say how the score is computed, its range and its unit"


def _value(technique: Any, _: Cases) -> Iterator[Problem]:
    mend = "make it a frozen dataclass whose fields are its parameters, defined at the top of a module"
    try:
        hash(technique)
    except TypeError as error:
        yield f"it has no hash: {error}", mend
    try:
        again = pickle.loads(pickle.dumps(technique))  # noqa: S301 - made one line above
    except Exception as error:  # noqa: BLE001 - pickling may raise anything
        yield f"it cannot be pickled, and so not reach an executor: {type(error).__name__}: {error}", mend
        return
    if again != technique:
        yield "a pickled copy is not equal to it", mend


def _parameters(technique: Any, _: Cases) -> Iterator[Problem]:
    """Numbers that make no sense must be refused when the technique is made, not in the middle of a stream."""
    if not is_dataclass(technique):
        return
    for field in fields(technique):
        if not field.init:
            continue
        if field.default is MISSING and field.default_factory is MISSING:
            yield f"parameter {field.name} has no default", "give it one"
        value = getattr(technique, field.name)
        wrong = _nonsense(value)
        if wrong is not None and not _refuses(technique, field.name, wrong):
            yield (
                f"{field.name}={wrong!r} is accepted",
                "raise ConfigError in __post_init__ (hopsmon.core.techniques.parameters has checks)",
            )


def _nonsense(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return -1 if isinstance(value, int) else float("nan")


def _refuses(technique: Any, name: str, value: float) -> bool:
    given = {field.name: getattr(technique, field.name) for field in fields(technique) if field.init}
    try:
        type(technique)(**{**given, name: value})
    except (ConfigError, ValueError):
        return True
    return False


_COMMON: dict[str, Check] = {
    "name and needs": _name_and_needs,
    "documentation": _documentation,
    "a value": _value,
    "parameters": _parameters,
}
_BY_KIND: dict[str, Mapping[str, Check]] = {
    "instance": INSTANCE_CHECKS,
    "window": WINDOW_CHECKS,
    "sequence": SEQUENCE_CHECKS,
}
