"""Line: window and reference as counts in cells of the number line, and what such counts say about their distance.

On raw samples each cell is a single value and everything is exact. Else the cells are the reference's bins, with the
mass outside of them reaching to the smallest and the largest value: how the values lie inside a cell is not known, so
a distance has a smallest and a largest possible value.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import numpy as np

from hopsmon.core.batch import BoolArray, FloatArray
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.techniques.cells import histograms
from hopsmon.core.techniques.gaussian_forms import MOST_POINTS, absolutes_p, bridge, squares_p, thinned
from hopsmon.core.techniques.pairs import Pair
from hopsmon.core.techniques.significance import two_proportions_p

Bounds: TypeAlias = tuple[float, float]
CellBounds: TypeAlias = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True)
class Line:
    """Counts of window and reference in consecutive cells that hold at least one value.

    Attributes:
        low: where each cell begins.
        high: where it ends; its beginning where the cell is a single value.
        window: the window's count in each cell.
        reference: the reference's.
        outside: how many of the window's and of the reference's values lie beyond the reference's range.
    """

    low: FloatArray
    high: FloatArray
    window: FloatArray
    reference: FloatArray
    outside: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, pair: Pair) -> Line:
        """From raw samples where both sides have them, else from the bins.

        Raises:
            NotComputableError: the reference has no values, or a side lacks bins or extremes.
        """
        samples = pair.samples()
        if samples is not None:
            return cls.of_samples(*samples)
        window, reference = histograms(pair)
        edges = reference.edges
        ends = pair.both(Extremes)
        smallest = min([float(edges[0]), *(end.min for end in ends if end.min is not None)])
        largest = max([float(edges[-1]), *(end.max for end in ends if end.max is not None)])
        low, high = np.append(smallest, edges), np.append(edges, largest)
        counts = [
            np.concatenate(([side.underflow], side.counts, [side.overflow])).astype(np.float64)
            for side in (window, reference)
        ]
        low, high = _as_single_values(pair, low, high, counts)
        held = counts[0] + counts[1] > 0
        outside = (window.underflow + window.overflow, reference.underflow + reference.overflow)
        return cls(low[held], high[held], counts[0][held], counts[1][held], outside)

    @classmethod
    def of_samples(cls, window: FloatArray, reference: FloatArray) -> Line:
        """From finite values in ascending order; the reference has at least one."""
        values = np.unique(np.concatenate((window, reference)))
        counts = [
            np.diff(side.searchsorted(values, "right"), prepend=0).astype(np.float64) for side in (window, reference)
        ]
        beyond = int((window < reference[0]).sum() + (window > reference[-1]).sum())
        return cls(values, values, counts[0], counts[1], (beyond, 0))

    @property
    def sizes(self) -> tuple[float, float]:
        """Values in the window and in the reference."""
        return float(self.window.sum()), float(self.reference.sum())

    @property
    def effective(self) -> float:
        """n·m/(n+m): the size of one sample that is as uncertain as the difference of these two."""
        n, m = self.sizes
        return n * m / (n + m)

    @property
    def exact(self) -> bool:
        """Whether every cell is a single value."""
        return bool((self.low == self.high).all())

    def cumulated(self) -> tuple[FloatArray, FloatArray]:
        """Both cumulative distributions at the ends of the cells."""
        n, m = self.sizes
        return np.cumsum(self.window) / n, np.cumsum(self.reference) / m

    def heights(self) -> FloatArray:
        """The pooled cumulative distribution at the ends of the cells."""
        both = np.cumsum(self.window + self.reference)
        return np.asarray(both / both[-1])

    def gaps(self) -> CellBounds:
        """The smallest and the largest |F - G| that each cell allows at its values."""
        upper_f, upper_g = self.cumulated()
        lower_f, lower_g = np.append(0.0, upper_f[:-1]), np.append(0.0, upper_g[:-1])
        single = self.low == self.high
        at_end = np.abs(upper_f - upper_g)
        least = np.maximum(0.0, np.maximum(lower_f - upper_g, lower_g - upper_f))
        most = np.maximum(upper_f - lower_g, upper_g - lower_f)
        return np.where(single, at_end, least), np.where(single, at_end, most)

    def area(self, power: int) -> Bounds:
        """∫ |F - G|^power dx, in half units of the feature (so that no width of finite numbers is infinite)."""
        least, most = self.gaps()
        f, g = self.cumulated()
        widths = self.high / 2 - self.low / 2
        between = float(((self.low[1:] / 2 - self.high[:-1] / 2) * np.abs(f - g)[:-1] ** power).sum())
        return between + float((widths * least**power).sum()), between + float((widths * most**power).sum())

    def anderson(self) -> tuple[float, float]:
        """Anderson-Darling's two-sample statistic and its p-value, values in one cell being ties.

        A² = n·m/N · (N-1)/N · Σ πⱼ·(F*ⱼ - G*ⱼ)² / (H*ⱼ(1 - H*ⱼ) - πⱼ/4), π: share of the pooled sample in a cell, *:
        half of the cell's own share taken off (midranks): Scholz & Stephens, JASA 82(399), 1987, equation 7. Its law is
        worked out for these very ties.
        """
        n, m = self.sizes
        total = n + m
        pooled = (self.window + self.reference) / total
        f, g = self.cumulated()
        gaps = (f - self.window / n / 2) - (g - self.reference / m / 2)
        weights = _anderson_weights(pooled)
        statistic = n * m / total * (total - 1) / total * float((weights * gaps**2).sum())
        coarse = _coarse(pooled)
        covariance = bridge(np.cumsum(coarse) - coarse / 2) - np.diag(coarse / 4)
        return statistic, squares_p(statistic, covariance, _anderson_weights(coarse))

    def outside_p(self) -> float:
        """The p-value of how many values lie beyond the reference's range, by an exact test where they are few."""
        n, m = self.sizes
        return two_proportions_p(self.outside[0], int(n), self.outside[1], int(m))

    def guarded(self, p_value: float) -> float:
        """The p-value of a distance in the feature's unit, held against one of ranks, which no outlier can fool.

        One wild value can make an area as large as it likes, and no normal approximation holds then. So the p-value is
        never below Anderson-Darling's, or that of the number of values beyond the reference's range (the better of the
        two, doubled for the choice).
        """
        return max(p_value, min(1.0, 2 * min(self.anderson()[1], self.outside_p())))

    def area_p(self, power: int) -> float:
        """The p-value of ∫ |F - G|^power dx over the cells, power 1 or 2, F and G taken at the cells' ends.

        Where cells are bins, that is a statistic of its own, nearly the distance between the two.
        """
        f, g = self.cumulated()
        widths = self.high / 2 - self.low / 2
        right = np.append(widths[1:] / 2 + (self.low[1:] / 2 - self.high[:-1] / 2), 0.0)
        weights = (widths / 2 + right)[:-1]  # both distributions are 1 at the last end
        largest = weights.max(initial=0.0)
        if largest <= 0:
            return 1.0
        weights = weights / largest
        total = float((weights * np.abs(f - g)[:-1] ** power).sum())
        heights, weights = thinned(self.heights()[:-1], weights)
        law, size = (absolutes_p, sqrt(self.effective)) if power == 1 else (squares_p, self.effective)
        return law(total * size, bridge(heights), weights)


def _anderson_weights(pooled: FloatArray) -> FloatArray:
    """What each squared gap of midranks counts: the cell's share over its variance; 0 where all is in one cell."""
    middle = np.cumsum(pooled) - pooled / 2
    variance = middle * (1 - middle) - pooled / 4
    known = variance > 1e-12
    return np.where(known, pooled / np.where(known, variance, 1.0), 0.0)


def _coarse(pooled: FloatArray) -> FloatArray:
    """At most about `MOST_POINTS` shares, of neighbours together."""
    if len(pooled) <= MOST_POINTS:
        return pooled
    middle = np.cumsum(pooled) - pooled / 2
    place = np.minimum((middle * MOST_POINTS).astype(np.intp), MOST_POINTS - 1)
    shares = np.bincount(place, pooled, MOST_POINTS)
    return np.asarray(shares[shares > 0])


def _as_single_values(
    pair: Pair, low: FloatArray, high: FloatArray, counts: list[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Bins in which the sketches of both sides hold one and the same value count as that value (whole numbers, flags).

    A sketch may have lost a rare value of the bin: at most its rank error, about 1 %, lies elsewhere.
    """
    sketches = [side.get(Quantiles) for side in (pair.window, pair.reference)]
    ends = [_ends_in_bins(sketch, high[:-1]) for sketch in sketches if sketch is not None]
    if len(ends) < 2:
        return low, high
    least, most = np.fmin(ends[0][0], ends[1][0]), np.fmax(ends[0][1], ends[1][1])
    known: BoolArray = np.logical_and.reduce(
        [~np.isnan(end[0]) | (count == 0) for end, count in zip(ends, counts, strict=True)]
    )
    single = known & (least == most)
    return np.where(single, least, low), np.where(single, least, high)


def _ends_in_bins(sketch: Quantiles, edges: FloatArray) -> CellBounds:
    """The smallest and the largest value that a sketch holds below, between and above these edges; NaN where none."""
    values = sketch.retained()[0]
    inner, last = edges[:-1], edges[-1]
    starts = np.concatenate(([0], values.searchsorted(inner), [values.searchsorted(last, "right")]))
    stops = np.append(starts[1:], len(values))
    empty = starts == stops
    if not len(values):
        return np.full(len(starts), np.nan), np.full(len(starts), np.nan)
    first = np.where(empty, np.nan, values[np.minimum(starts, len(values) - 1)])
    final = np.where(empty, np.nan, values[np.maximum(stops, 1) - 1])
    return first, final
