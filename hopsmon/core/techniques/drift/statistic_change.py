"""statistic_change: how far one statistic of a feature is from the reference's, by the user's own threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, ClassVar

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.distinct import Distinct
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.focus import feature_names, focused
from hopsmon.core.techniques.pairs import ALL_TYPES, NUMBERS, NotComputableError, Pair, judge_each
from hopsmon.core.techniques.parameters import at_least
from hopsmon.core.techniques.significance import DEFAULT_MIN_ROWS
from hopsmon.core.techniques.spread import finite
from hopsmon.errors import ConfigError, UnknownNameError

_CRITICAL = 2  # thresholds


@dataclass(frozen=True, slots=True)
class Measure:
    """One statistic of a feature as a number.

    Attributes:
        reads: what it is read from.
        of: the number; None where there are no values.
        types: which features have it.
        adds_up: whether it grows with the rows; the reference's is then that of its windows, on average.
    """

    reads: type[Any]
    of: Callable[[Any], float | None]
    types: frozenset[FeatureType] = NUMBERS
    adds_up: bool = False


MEASURES: Mapping[str, Measure] = {
    "mean": Measure(Moments, lambda moments: moments.mean if moments.count else None),
    "std_dev": Measure(Moments, lambda moments: sqrt(moments.m2 / moments.count) if moments.count else None),
    "sample_std_dev": Measure(Moments, lambda moments: moments.std_dev),
    "sum": Measure(Moments, lambda moments: moments.mean * moments.count, adds_up=True),
    "min": Measure(Extremes, lambda extremes: extremes.min),
    "max": Measure(Extremes, lambda extremes: extremes.max),
    "count": Measure(Counts, lambda counts: counts.rows, ALL_TYPES, adds_up=True),
    "completeness": Measure(Counts, lambda counts: counts.valid / counts.rows if counts.rows else None, ALL_TYPES),
    "num_null_values": Measure(Counts, lambda counts: counts.rows - counts.valid, ALL_TYPES, adds_up=True),
    "num_non_null_values": Measure(Counts, lambda counts: counts.valid, ALL_TYPES, adds_up=True),
    "approx_num_distinct_values": Measure(Distinct, lambda distinct: round(distinct.estimate), ALL_TYPES),
}


@dataclass(frozen=True, slots=True)
class StatisticChange:
    """How far one statistic of a feature is from the reference's, judged by your own threshold alone.

    Score = |w - r|, or with `relative` |w - r| / |r|: w the `statistic` in the window, r in the reference, or
    `specific_value` where given. Drift where the score is at least the threshold; with `strict` where it is above. In
    the statistic's unit, from 0 upwards; relative to a reference of 0 any change is the largest number there is. One
    of: mean, std_dev (population), sample_std_dev, sum, min, max, count, completeness (share of usable values),
    num_null_values (null or unusable), num_non_null_values, approx_num_distinct_values. Counts and sums grow with
    the rows: their r is the mean over the baseline's own windows, so build it with an event time, or give
    `specific_value`.

    This is `compare_on` of Hopsworks' feature monitoring: a difference and a threshold. There is no p-value, and
    neither a correction for many features nor the reference's natural variation changes the verdict. Misleads for all
    these reasons: small windows cross a threshold by chance, large ones never see a change below it. min, max and the
    number of distinct values also grow with the rows. Prefer mean_shift, variance_shift and null_share; use this for a
    rule that somebody has agreed on. Other than Hopsworks', a negative reference can be left too, and what equals a
    reference of 0 has not changed.

    Default thresholds: completeness lower or higher by 0.1; twice the threshold is critical. No source: with another
    statistic give your own. At least 30 rows, except for count. Reference: Hopsworks documentation, feature monitoring,
    2026.

    >>> change(12.0, 10.0, relative=True), change(5.0, 0.0, relative=False), change(0.0, 0.0, relative=True)
    (0.2, 5.0, 0.0)
    """

    name: ClassVar[str] = "statistic_change"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Moments, Extremes, Distinct})

    statistic: str = "completeness"
    threshold: float = 0.1
    relative: bool = False
    strict: bool = False
    specific_value: float | None = None
    min_rows: int = DEFAULT_MIN_ROWS
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.statistic not in MEASURES:
            raise UnknownNameError(f"{self.name}.statistic", self.statistic, list(MEASURES))
        at_least(self.name, 0.0, threshold=self.threshold)
        at_least(self.name, 1, min_rows=self.min_rows)
        if not self.threshold and not self.strict:
            raise ConfigError(f"{self.name}.threshold 0 is reached by every window; any change is strict: true.")
        if self.specific_value is not None and not _is_number(self.specific_value):
            raise ConfigError(f"{self.name}.specific_value must be a number, got {self.specific_value!r}.")
        object.__setattr__(self, "features", feature_names(self.name, self.features))

    @property
    def feature_types(self) -> frozenset[FeatureType]:
        """The features that have the statistic."""
        return MEASURES[self.statistic].types

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for every feature that has the statistic, or for those of them that are named."""
        windows = len(baseline.windows)
        seen, reference = focused(window, baseline, self.features)
        return judge_each(self.name, self.feature_types, seen, reference, lambda pair: self._compare(pair, windows))

    def _compare(self, pair: Pair, windows: int) -> Finding:
        n = self._rows(pair)
        value, reference = self._value(pair), self._reference(pair, windows)
        score = change(value, reference, relative=self.relative)
        drift = score > self.threshold if self.strict else score >= self.threshold
        severe = score >= _CRITICAL * self.threshold
        return Finding(
            self.name,
            pair.name,
            score,
            float(self.threshold),
            n,
            Reason.DRIFT if drift else Reason.OK,
            drift,
            (Severity.CRITICAL if severe else Severity.WARNING) if drift else Severity.NONE,
            details={
                "convention": "hopsworks",
                "statistic": self.statistic,
                "value": value,
                "reference_value": reference,
                "relative": self.relative,
            },
        )

    def _rows(self, pair: Pair) -> int:
        """The window's values; enough of them, except where their number is the question."""
        counts = pair.window.get(Counts)
        if counts is None:
            raise NotComputableError(Reason.NO_STATISTIC, statistic=Counts.name, missing_in=["window"])
        if self.statistic != "count":
            usable = counts.valid if self.feature_types == NUMBERS else counts.rows
            if not usable and counts.rows:
                raise NotComputableError(Reason.ALL_NULL, 0, rows=counts.rows)
            if usable < self.min_rows:
                raise NotComputableError(Reason.INSUFFICIENT, usable, min_rows=self.min_rows)
        return counts.rows

    def _value(self, pair: Pair) -> float:
        measure = MEASURES[self.statistic]
        found = pair.window.get(measure.reads)
        if found is None:
            raise NotComputableError(Reason.NO_STATISTIC, statistic=measure.reads.name, missing_in=["window"])
        return _number(measure.of(found), Reason.ALL_NULL)

    def _reference(self, pair: Pair, windows: int) -> float:
        if self.specific_value is not None:
            return float(self.specific_value)
        measure = MEASURES[self.statistic]
        found = pair.both(measure.reads)[1]
        if not measure.adds_up:
            return _number(measure.of(found), Reason.EMPTY_REFERENCE)
        if not windows:
            raise NotComputableError(Reason.NO_STATISTIC, statistic="own windows", missing_in=["baseline"])
        return _number(measure.of(found), Reason.EMPTY_REFERENCE) / windows


def change(value: float, reference: float, *, relative: bool) -> float:
    """The difference of two numbers, or its share of the second; finite."""
    difference = abs(value - reference)
    if not relative or not difference:
        return finite(difference)
    return finite(difference / abs(reference)) if reference else finite(float("inf"))


def _number(value: float | None, reason: Reason) -> float:
    if value is None or not isfinite(value):
        raise NotComputableError(reason)
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
