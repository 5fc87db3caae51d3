"""Overview: how the expectations of a suite are checked, for people; with a model's schema, or by their types alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hopsmon.core.expectations.aggregate_compilers import AGGREGATES
from hopsmon.core.expectations.checks import Check, NotChecked, RowCheck, Sampled
from hopsmon.core.expectations.compiling import CompiledSuite, check_known
from hopsmon.core.expectations.outcome import EVERY_INSTANCE, SAMPLE, STATISTICS
from hopsmon.core.expectations.reading import named_columns
from hopsmon.core.expectations.row_compilers import ROWS
from hopsmon.core.expectations.suite import Expectation, Suite
from hopsmon.core.expectations.vocabulary import NEVER, SAMPLED

NOT_CHECKED, LEFT_OUT = "not checked", "left out"
HEADINGS = (EVERY_INSTANCE, STATISTICS, SAMPLE, NOT_CHECKED, LEFT_OUT)


@dataclass(frozen=True, slots=True)
class Line:
    """One expectation.

    Attributes:
        on: the columns, or the table.
        how: what is looked at: every instance, statistics, a sample; or that it is not checked, or left out.
        note: why, where it is not checked.
    """

    expectation: Expectation
    on: str
    how: str
    note: str = ""


def by_type(suite: Suite, also_known: Collection[str] = ()) -> list[Line]:
    """How a suite is checked as far as its types tell; a model's schema may change it.

    Raises:
        ConfigError: unknown types.
    """
    check_known(suite, also_known)
    return [
        _line(expectation, how(expectation.type), NEVER.get(expectation.type, "")) for expectation in suite.expectations
    ]


def for_model(suite: Suite, compiled: CompiledSuite) -> list[Line]:
    """How a suite is checked for the model that it was compiled for."""
    checks: dict[str, Check | Sampled] = {one.expectation.key: one for one in compiled.checks}
    checks |= {one.expectation.key: one for one in compiled.sampled}
    left_out = {expectation.key: column for expectation, column in compiled.left_out}
    lines = []
    for expectation in suite.expectations:
        check = checks.get(expectation.key)
        if check is None:
            why = f"the model has no '{left_out[expectation.key]}'"
            lines.append(_line(expectation, LEFT_OUT, why))
        elif isinstance(check, NotChecked):
            lines.append(_line(expectation, NOT_CHECKED, check.why))
        else:
            lines.append(_line(expectation, _how(check)))
    return lines


def how(kind: str) -> str:
    """What is looked at for expectations of a type; those that are not ours are the library's."""
    if kind in NEVER:
        return NOT_CHECKED
    if kind in ROWS:
        return EVERY_INSTANCE
    return STATISTICS if kind in AGGREGATES else SAMPLE


def known_types() -> list[tuple[str, str]]:
    """Every type that is known without asking the library, and how it is checked."""
    return sorted((kind, how(kind)) for kind in {*ROWS, *AGGREGATES, *SAMPLED, *NEVER})


def _how(check: Check | Sampled) -> str:
    if isinstance(check, Sampled):
        return SAMPLE
    return EVERY_INSTANCE if isinstance(check, RowCheck) else STATISTICS


def _line(expectation: Expectation, how: str, why: str = "") -> Line:
    return Line(expectation, ", ".join(named_columns(expectation)) or "(table)", how, why)
