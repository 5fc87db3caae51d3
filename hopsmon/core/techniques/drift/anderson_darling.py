"""anderson_darling: Anderson-Darling distance, from raw samples or from counts in the baseline's bins."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.line import Bounds, Line
from hopsmon.core.techniques.pairs import NUMBERS, Pair
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.univariate import Conventional


@dataclass(frozen=True, slots=True)
class AndersonDarling(Conventional):
    """The root mean square gap between the cumulative distributions, in units of its own spread: tails count fully.

    α = √(½ Σ (pⱼ + qⱼ) · (F*ⱼ - G*ⱼ)² / (M*ⱼ·(1 - M*ⱼ) - (pⱼ + qⱼ)/8)) over the distinct values j, F* and G*:
    cumulative shares of window and reference up to the middle of the value (midranks), M* their mean, p and q: shares
    of the value itself. From 0 (identical) to 1.24 (no overlap of continuous samples; 2 at most), no unit; a shift of a
    normal feature by d standard deviations gives about 0.69·d. It does not depend on the numbers of rows. Exact where
    both sides have raw samples; counts in bins allow a range, `lower` to `upper` in `details`, and the verdict uses the
    lower end. Over finite values only; nulls are null_share's business.

    `a2` in `details` is the two-sample statistic with midranks (for bins: with each bin's values as ties), `statistic`
    the same standardised, as scipy's anderson_ksamp gives it. The p-value is that of the Gaussian limit for the very
    ties at hand, not one read from a table that ends at 0.001. Misleads where the tails are made of outliers: then it
    answers to them.

    Default thresholds: 0.14 is a warning and 0.35 critical, 0.2 and 0.5 standard deviations of a normal feature
    ("small" and "medium": Cohen, Statistical Power Analysis, 1988). At least 30 rows.
    Reference: Scholz & Stephens, Journal of the American Statistical Association 82(399), 1987.

    >>> import numpy as np
    >>> line = Line.of_samples(np.array([1.0, 2.0, 3.0, 7.0]), np.array([2.0, 4.0, 5.0, 6.0]))
    >>> round(line.anderson()[0], 4)
    0.802
    """

    name: ClassVar[str] = "anderson_darling"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Histogram, Extremes})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS

    threshold: float = Default(0.14)
    critical: float = Default(0.35)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the lower end of what α may be."""
        n, m = pair.usable(self.min_rows)
        line = Line.of(pair)
        low, high = alpha_bounds(line)
        a2, p_value = line.anderson()
        details = {
            "lower": low,
            "upper": high,
            "a2": a2,
            "statistic": standardised(a2, n, m),
            "exact": line.exact,
            "expected_without_drift": sqrt(1 / n + 1 / m),
            "reference_n": m,
        }
        return self.verdict(pair, low, p_value, n, details)


def alpha_bounds(line: Line) -> Bounds:
    """The smallest and the largest α that the cells allow."""
    n, m = line.sizes
    p, q = line.window / n, line.reference / m
    f, g = line.cumulated()
    mass = (p + q) / 2
    end = (f + g) / 2
    start = end - mass
    middle = end - mass / 2
    at_single = middle * (1 - middle) - mass / 4
    gap = np.abs((f - p / 2) - (g - q / 2))
    single = [_ratio(end**2, at_single) for end in (np.maximum(0.0, gap - line.doubt), gap + line.doubt)]
    least, most = line.gaps()
    peak = np.clip(0.5, start, end)
    lower = _ratio(least**2, peak * (1 - peak))
    floor = np.minimum(start * (1 - start), end * (1 - end)) - mass / 4
    # |F* - G*| is at most twice M* and at most twice 1 - M*, which keeps the outermost cells finite.
    tail = np.minimum(end, 1 - start)
    near = np.minimum(4.0, np.where(tail < 0.25, 4 * tail / (0.5 - np.minimum(tail, 0.25)), 4.0))
    upper = np.minimum(near, np.where(floor > 0, most**2 / np.where(floor > 0, floor, 1.0), 4.0))
    known = line.low == line.high
    bounds = (np.where(known, single[0], lower), np.where(known, single[1], upper))
    low, high = (sqrt(float((mass * ratio).sum())) for ratio in bounds)
    return low, high


def _ratio(squares: FloatArray, variance: FloatArray) -> FloatArray:
    known = variance > 1e-12
    return np.where(known, squares / np.where(known, variance, 1.0), 0.0)


def standardised(a2: float, n: int, m: int) -> float:
    """(A² - 1) over its standard deviation without drift and ties (Scholz & Stephens, equations 4 and 8, k = 2).

    0 below four values, where that is not defined.
    """
    total = n + m
    if total < 4:
        return 0.0
    inverse = 1 / np.arange(1, total, dtype=np.float64)
    big_h, h = 1 / n + 1 / m, float(inverse.sum())
    g = float((np.cumsum(inverse[:0:-1]) / np.arange(2, total)).sum())
    a = (4 * g - 6) + (10 - 6 * g) * big_h
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * big_h - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * big_h + 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    variance = (a * total**3 + b * total**2 + c * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0))
    return (a2 - 1) / sqrt(variance) if variance > 0 else 0.0
