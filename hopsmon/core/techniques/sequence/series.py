"""Series: one number a window of a feature (or of a prediction), for detectors that watch a series of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, pi, sqrt

import numpy as np
from scipy import special

from hopsmon.core.baseline import Baseline
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.techniques.pairs import ALL_TYPES, LABELS, NUMBERS
from hopsmon.core.techniques.sequence.remembered import Remembered
from hopsmon.errors import ConfigError

LEAST_WINDOWS = 24  # reference windows that a mean and a standard deviation may rest on
_LABEL = "label="
_TRUE = ("true", "1")
ERRORS = "error_rate"
_SERIES = "mean, std, null_share, invalid_share, error_rate, p1 to p99, label=LABEL"
READS: frozenset[type[Statistic]] = frozenset({Counts, Histogram, Categories, Moments})

Share = tuple[int, int]  # so many of so many rows


@dataclass(frozen=True, slots=True)
class Series:
    """What is followed: "mean", "std", "null_share", "invalid_share", "p50", "label=JFK", "error_rate".

    "error_rate" is the share of "true" (or 1) of a feature or prediction that is boolean or 0 and 1.
    """

    text: str

    @classmethod
    def named(cls, technique: str, text: str, *, share: bool = False) -> Series:
        """The series of that name; `share`: it must be a share of rows.

        Raises:
            ConfigError: there is none, or it is not a share.
        """
        known = text in _KINDS or text.startswith(_LABEL) or _percent(text) is not None
        if not known:
            raise ConfigError(f"{technique}.series must be one of {_SERIES}; got '{text}'.")
        series = cls(text)
        if share and not series.is_share:
            raise ConfigError(
                f"{technique}.series must be a share of rows, as it counts errors: error_rate, null_share,"
                f" invalid_share or label=LABEL; got '{text}'."
            )
        return series

    @property
    def is_share(self) -> bool:
        return self.text.startswith(_LABEL) or self.text in _SHARES

    def suits(self, kind: FeatureType) -> bool:
        """Whether it makes sense for features of this type."""
        if self.text.startswith(_LABEL):
            return kind in LABELS
        return kind in _KINDS.get(self.text, NUMBERS)

    def share_of(self, summary: FeatureSummary) -> Share | None:
        """Rows counted and all rows, of a series that is a share; None where the statistic is missing."""
        if self.text.startswith(_LABEL):
            return _label_share(summary, (self.text[len(_LABEL) :],))
        return _SHARES[self.text](summary)

    def value_of(self, summary: FeatureSummary) -> tuple[float | None, int]:
        """The number and how many rows it rests on; None where there is none or a statistic is missing."""
        if self.is_share:
            k, n = self.share_of(summary) or (0, 0)
            return (k / n if n else None), n
        moments = summary.get(Moments) or Moments()
        if self.text == "mean":
            return (moments.mean if moments.count else None), moments.count
        if self.text == "std":
            return moments.std_dev, moments.count
        histogram = summary.get(Histogram) or Histogram()
        return _quantile(histogram, (_percent(self.text) or 0) / 100), histogram.total

    def usual(self, name: str, baseline: Baseline, n: int) -> tuple[float, float] | None:
        """Mean and standard deviation of the series without drift; None where the baseline cannot tell.

        From the baseline's own windows where it has at least 24 of them. Else from its rows: what the luck of n rows
        (and of the baseline's) makes of the number, if rows are independent (for std and quantiles: and normal).
        """
        found = _USUAL.get(baseline, (self.text, name), lambda: _of_windows(baseline, self, name))
        if found is not None:
            return found
        summary = baseline.feature(name)
        value, rows = (None, 0) if summary is None else self.value_of(summary)
        if summary is None or value is None:
            return None
        if self.is_share:
            likely = (value * rows + 0.5) / (rows + 1)  # never 0 or 1: a first null is no miracle
            return value, sqrt(likely * (1 - likely) * (1 / n + 1 / rows))
        spread = (summary.get(Moments) or Moments()).std_dev or 0.0
        return value, spread * self._luck() * sqrt(1 / n + 1 / rows)

    def _luck(self) -> float:
        """Standard error of the number, times √n, over the standard deviation of a normal distribution."""
        if self.text == "mean":
            return 1.0
        if self.text == "std":
            return sqrt(0.5)
        share = (_percent(self.text) or 0) / 100
        return sqrt(share * (1 - share)) / (exp(-(float(special.ndtri(share)) ** 2) / 2) / sqrt(2 * pi))


_USUAL: Remembered[tuple[float, float] | None] = Remembered()


def _of_windows(baseline: Baseline, series: Series, name: str) -> tuple[float, float] | None:
    summaries = (window.summary.features.get(name) for window in baseline.windows)
    values = [series.value_of(summary)[0] for summary in summaries if summary is not None]
    known = np.array([value for value in values if value is not None])
    return (float(known.mean()), float(known.std(ddof=1))) if len(known) >= LEAST_WINDOWS else None


def _percent(text: str) -> int | None:
    number = int(text[1:]) if text[:1] == "p" and text[1:].isdigit() else 0
    return number if 1 <= number <= 99 else None


def _quantile(histogram: Histogram, share: float) -> float | None:
    """The quantile, linear inside a bin; exact in rank at the edges. A sketch's would differ between replays."""
    if not len(histogram.edges) or not histogram.total:
        return None
    at = np.append(histogram.underflow, histogram.underflow + np.cumsum(histogram.counts)) / histogram.total
    return float(np.interp(share, at, histogram.edges))


def _null_share(summary: FeatureSummary) -> Share | None:
    counts = summary.get(Counts)
    return None if counts is None else (counts.nulls, counts.rows)


def _invalid_share(summary: FeatureSummary) -> Share | None:
    counts = summary.get(Counts)
    return None if counts is None else (counts.invalid + counts.nonfinite, counts.rows)


def _label_share(summary: FeatureSummary, labels: tuple[str, ...]) -> Share | None:
    categories = summary.get(Categories)
    return None if categories is None else (sum(categories.counts.get(of, 0) for of in labels), categories.total)


def _error_rate(summary: FeatureSummary) -> Share | None:
    moments = summary.get(Moments)
    if moments is None:
        return _label_share(summary, _TRUE)
    errors = round(moments.mean * moments.count)
    return (errors, moments.count) if 0 <= errors <= moments.count else None


_SHARES: Mapping[str, Callable[[FeatureSummary], Share | None]] = {
    "null_share": _null_share,
    "invalid_share": _invalid_share,
    ERRORS: _error_rate,
}
_KINDS: Mapping[str, frozenset[FeatureType]] = {
    "mean": NUMBERS,
    "std": NUMBERS,
    "null_share": ALL_TYPES,
    "invalid_share": ALL_TYPES,
    ERRORS: frozenset({FeatureType.BOOLEAN}),
}
