"""Outcome: how an expectation fares in a window, and what follows from counts of instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hopsmon.core.expectations.values import Bounds, nearest_bound
from hopsmon.core.statistics.expectation_counts import CheckCounts

# What was looked at: details["on"].
EVERY_INSTANCE, STATISTICS, SKETCH, SAMPLE = "every instance", "statistics", "sketch", "sample"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an expectation fares.

    Attributes:
        score: what it is judged by: the share of unexpected values, or the value observed; 1 or 0, failed or not, where
            that is no number.
        threshold: what the score was compared with.
        n: how many values it rests on.
        details: JSON-ready; `on` says what was looked at.
    """

    success: bool
    score: float
    threshold: float | None
    n: int
    details: Mapping[str, Any] = field(default_factory=dict)


class Verdict(Protocol):
    """What follows from the counts of instances."""

    def of(self, counts: CheckCounts) -> Outcome:
        """How the expectation fares; the counts themselves are told by the check."""
        ...


@dataclass(frozen=True, slots=True)
class Mostly:
    """At least so large a share of the values must be as expected; without values it holds, as in GE."""

    share: float = 1.0

    def of(self, counts: CheckCounts) -> Outcome:
        n = counts.considered
        # In GE's own order of operations: (n - u) / n ≥ mostly and u / n ≤ 1 - mostly differ in the last digit.
        success = n == 0 or (n - counts.unexpected) / n >= self.share
        return Outcome(success, counts.unexpected_share, round(1 - self.share, 12), n)


@dataclass(frozen=True, slots=True)
class ShareOfExpected:
    """The share of expected values must lie in an interval."""

    bounds: Bounds[float]

    def of(self, counts: CheckCounts) -> Outcome:
        n = counts.considered
        share = (n - counts.unexpected) / n if n else 0.0
        threshold = nearest_bound(self.bounds, share)
        return Outcome(self.bounds.hold(share), share, threshold, n, {"observed_value": share})


def yes_or_no(success: bool, n: int, **details: Any) -> Outcome:
    """An outcome without a number: the score is 1 where it failed."""
    return Outcome(success, 0.0 if success else 1.0, 0.0, n, details)
