"""Aggregates: expectations on what a window's statistics say of a feature, or of the table.

Of numbers the statistics describe the finite ones: nulls, NaN, infinities and values of a wrong type are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Protocol, TypeVar

import numpy as np

from hopsmon.core.expectations.cells import shown_number
from hopsmon.core.expectations.outcome import SKETCH, STATISTICS, Outcome, yes_or_no
from hopsmon.core.expectations.values import Bounds, nearest_bound
from hopsmon.core.finding import Reason
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.distinct import Distinct
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.values import Values
from hopsmon.core.techniques.pairs import NotComputableError

S = TypeVar("S", bound=Statistic)
NEEDS: frozenset[type[Statistic]] = frozenset({Categories, Counts, Distinct, Extremes, Moments, Quantiles})
_DISTINCT_ERROR = 0.033  # standard error of Distinct, relative
_CLOSE = 1e-4  # GE takes a quantile for inside where it is so close to a bound, relative
_LEAST = 1e-8
INTERPOLATIONS = ("nearest", "linear", "lower", "higher", "midpoint")


class WindowTest(Protocol):
    """A question about a feature's statistics, or the window's."""

    def outcome(self, summary: FeatureSummary, window: Summary) -> Outcome:
        """How it fares.

        Raises:
            NotComputableError: the statistics do not say.
        """
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A number read off statistics: how many values it rests on, and how far off it may be (0: exact)."""

    value: float
    n: int
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class NumberBetween:
    """A number must lie in an interval."""

    number: Callable[[FeatureSummary, Summary], Number]
    bounds: Bounds[float]
    kind: FeatureType = FeatureType.NUMERIC  # how it is shown

    def outcome(self, summary: FeatureSummary, window: Summary) -> Outcome:
        seen = self.number(summary, window)
        details: dict[str, Any] = {"on": STATISTICS, "observed_value": shown_number(seen.value, self.kind)}
        if seen.error:
            details |= {"on": SKETCH, "relative_error": round(seen.error, 4)}
        return Outcome(
            self.bounds.hold(seen.value), seen.value, nearest_bound(self.bounds, seen.value), seen.n, details
        )


def row_count(_summary: FeatureSummary, window: Summary) -> Number:
    """Instances in the window."""
    return Number(float(window.instances), window.instances)


def mean(summary: FeatureSummary, _window: Summary) -> Number:
    """Mean of the numbers."""
    moments = _some(summary)
    return Number(moments.mean, moments.count)


def total(summary: FeatureSummary, _window: Summary) -> Number:
    """Sum of the numbers; 0 without any."""
    moments = _of(summary, Moments)
    return Number(moments.mean * moments.count + moments.mean_rest * moments.count, moments.count)


def std_dev(summary: FeatureSummary, _window: Summary) -> Number:
    """Sample standard deviation of the numbers."""
    moments = _some(summary)
    if moments.std_dev is None:
        raise NotComputableError(Reason.INSUFFICIENT, moments.count, min_rows=2)
    return Number(moments.std_dev, moments.count)


def smallest(summary: FeatureSummary, _window: Summary) -> Number:
    """The smallest number."""
    moments, extremes = _some(summary), _of(summary, Extremes)
    return Number(extremes.min or 0.0, moments.count)


def largest(summary: FeatureSummary, _window: Summary) -> Number:
    """The largest number."""
    moments, extremes = _some(summary), _of(summary, Extremes)
    return Number(extremes.max or 0.0, moments.count)


def median(summary: FeatureSummary, _window: Summary) -> Number:
    """The median of the numbers."""
    ordered = Ordered.of(summary)
    return Number(ordered.quantile(0.5, "midpoint" if ordered.n % 2 == 0 else "nearest"), ordered.n, ordered.error)


def distinct_count(summary: FeatureSummary, _window: Summary) -> Number:
    """How many different values there are."""
    valid = _of(summary, Counts).valid
    values, labels = summary.get(Values), summary.get(Categories)
    if values is not None:
        return Number(float(len(np.unique(values.ascending))), valid)
    if labels is not None and not labels.untracked:
        return Number(float(len(labels.counts)), valid)
    return Number(float(round(_of(summary, Distinct).estimate)), valid, _DISTINCT_ERROR)


def distinct_share(summary: FeatureSummary, window: Summary) -> Number:
    """Different values by values; 0 without any."""
    count = distinct_count(summary, window)
    return Number(min(count.value / count.n, 1.0) if count.n else 0.0, count.n, count.error)


@dataclass(frozen=True, slots=True)
class Ordered:
    """A feature's numbers in order, as far as they are kept: each stands for so many.

    Attributes:
        error: of a rank, relative; 0 where all are kept.
    """

    values: Any
    ends: Any  # how many numbers there are up to each
    error: float

    @classmethod
    def of(cls, summary: FeatureSummary) -> Ordered:
        """From the numbers themselves where they are kept, else from the sketch."""
        kept = summary.get(Values)
        if kept is not None:
            values, weights, error = kept.ascending, np.ones(len(kept.ascending), np.int64), 0.0
        else:
            sketch = _of(summary, Quantiles)
            (values, weights), error = sketch.retained(), sketch.rank_error
        if not len(values):
            raise _nothing(summary)
        return cls(values, np.cumsum(weights), error)

    @property
    def n(self) -> int:
        """How many numbers."""
        return int(self.ends[-1])

    def at(self, rank: int) -> float:
        """The number of that rank, from 0."""
        return float(self.values[np.searchsorted(self.ends, rank, "right")])

    def quantile(self, share: float, interpolation: str) -> float:
        """A quantile as pandas has it."""
        place = share * (self.n - 1)
        low, high = self.at(floor(place)), self.at(ceil(place))
        if interpolation == "midpoint":
            return low + (high - low) / 2
        if interpolation == "linear":
            return low + (high - low) * (place - floor(place))
        return {"lower": low, "higher": high}.get(interpolation, self.at(round(place)))


@dataclass(frozen=True, slots=True)
class QuantilesBetween:
    """Each quantile must lie in an interval of its own."""

    shares: tuple[float, ...]
    ranges: tuple[Bounds[float], ...]
    interpolation: str
    kind: FeatureType

    def outcome(self, summary: FeatureSummary, _window: Summary) -> Outcome:
        ordered = Ordered.of(summary)
        values = [ordered.quantile(share, self.interpolation) for share in self.shares]
        met = [_within(value, bounds) for value, bounds in zip(values, self.ranges, strict=True)]
        details: dict[str, Any] = {
            "on": SKETCH if ordered.error else STATISTICS,
            "quantiles": list(self.shares),
            "observed_value": [shown_number(value, self.kind) for value in values],
            "success_details": met,
        }
        if ordered.error:
            details["rank_error"] = round(ordered.error, 4)
        return yes_or_no(all(met), ordered.n, **details)


def _within(value: float, bounds: Bounds[float]) -> bool:
    near = [
        abs(value - bound) <= _LEAST + _CLOSE * abs(bound) for bound in (bounds.low, bounds.high) if bound is not None
    ]
    return any(near) or bounds.hold(value)


@dataclass(frozen=True, slots=True)
class MostCommonIn:
    """The most common label must be one of these; of several that are as common, all, or with `ties` any."""

    labels: frozenset[str]
    ties: bool

    def outcome(self, summary: FeatureSummary, _window: Summary) -> Outcome:
        found = _labels(summary)
        most = max(found.counts.values())
        if most <= found.untracked:
            raise NotComputableError(Reason.NO_STATISTIC, found.total, why="too many labels to know the most common")
        common = sorted(label for label, count in found.counts.items() if count == most)
        among = [label in self.labels for label in common]
        success = any(among) if self.ties else among == [True]
        return yes_or_no(success, found.total, on=STATISTICS, observed_value=common[:_MOST_SHOWN], count=most)


@dataclass(frozen=True, slots=True)
class LabelsContain:
    """All of these labels must occur; with `only`, no others."""

    labels: frozenset[str]
    only: bool

    def outcome(self, summary: FeatureSummary, _window: Summary) -> Outcome:
        found = _labels(summary)
        lacking = sorted(self.labels - found.counts.keys())
        others = sorted(found.counts.keys() - self.labels) if self.only else []
        if found.untracked and lacking and not others:
            raise NotComputableError(Reason.NO_STATISTIC, found.total, why="too many labels to know all of them")
        details = {"missing_values": lacking[:_MOST_SHOWN], "unexpected_values": others[:_MOST_SHOWN]}
        success = not lacking and not others and not (self.only and found.untracked)
        return yes_or_no(success, found.total, on=STATISTICS, **details)


_MOST_SHOWN = 20


def _of(summary: FeatureSummary, kind: type[S]) -> S:
    found = summary.get(kind)
    if found is None:
        raise NotComputableError(Reason.NO_STATISTIC, statistic=kind.name, missing_in=["window"])
    return found


def _some(summary: FeatureSummary) -> Moments:
    """The moments of at least one number."""
    moments = _of(summary, Moments)
    if not moments.count:
        raise _nothing(summary)
    return moments


def _labels(summary: FeatureSummary) -> Categories:
    """The counts of at least one label."""
    found = _of(summary, Categories)
    if not found.counts:
        raise _nothing(summary)
    return found


def _nothing(summary: FeatureSummary) -> NotComputableError:
    counts = summary.get(Counts)
    return NotComputableError(Reason.ALL_NULL, 0, rows=0 if counts is None else counts.rows)
