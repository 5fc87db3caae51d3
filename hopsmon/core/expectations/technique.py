"""Technique: the expectations of one name as a window technique, so that they go the way of all findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.expectations.aggregates import NEEDS
from hopsmon.core.expectations.checks import Check, RowCheck, Sampled, finding_of, told_of
from hopsmon.core.expectations.compiling import CompiledSuite
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.expectation_counts import ExpectationCounts
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import FAILURES, text_of
from hopsmon.core.techniques.protocols import WindowTechnique

C = TypeVar("C", bound="Check | Sampled")


@dataclass(frozen=True, eq=False)
class Expectations:
    """The expectations of one type, one a feature: a finding for each.

    Score = the share of unexpected values, or the value observed. A failed expectation is drift, for the reason
    `expectation_failed`; natural variation and corrections leave it alone.
    """

    name: str
    checks: tuple[Check, ...]
    needs: frozenset[type[Statistic]] = NEEDS

    def measure(self, batch: Batch) -> ExpectationCounts | None:
        """The counts of a batch, for its window's summary."""
        counts = {
            check.key: check.count(batch)
            for check in self.checks
            if isinstance(check, RowCheck) and check.side is batch.side
        }
        return ExpectationCounts(counts) if counts else None

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for every feature that the window is about: a slice has no feature that makes it."""
        return [_judged(self.name, check, window) for check in about(self.checks, window, baseline)]


def _judged(name: str, check: Check, window: Summary) -> Finding:
    """A finding; where the check fails, that one says so and the others stand."""
    try:
        return finding_of(name, check, window)
    except FAILURES as error:  # the error is the result
        told = told_of(check.expectation)
        return Finding.not_computable(name, check.feature, Reason.FAILED, **told, error=text_of(error))


def about(checks: Iterable[C], window: Summary, baseline: Baseline) -> list[C]:
    """The checks on features that window or baseline know, and those on several."""
    known = {None, *window.features, *(feature.name for feature in baseline.schema.all)}
    return [check for check in checks if check.feature in known]


def techniques_of(suite: CompiledSuite) -> tuple[WindowTechnique, ...]:
    """The techniques for all checks but those of a sample, which the library makes."""
    return tuple(
        # A protocol's ClassVar; here each object has a name of its own, as the suite has it.
        cast("WindowTechnique", Expectations(name, checks))
        for name, checks in by_name(suite.checks, suite).items()
    )


def by_name(checks: Iterable[C], suite: CompiledSuite) -> dict[str, tuple[C, ...]]:
    """Checks by the names that their findings carry."""
    found: dict[str, tuple[C, ...]] = {}
    for check in checks:
        name = suite.technique_of(check.expectation)
        found[name] = (*found.get(name, ()), check)
    return found
