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

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.techniques.cells import histograms
from hopsmon.core.techniques.doubt import worth_of_line
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
        reference: the reference's; where they are estimates, with as many values in all as they are worth.
        outside: how many of the window's and of the reference's values lie beyond the reference's range.
        doubt: how far the reference's cumulative distribution may be from the truth, where its counts are estimates.
    """

    low: FloatArray
    high: FloatArray
    window: FloatArray
    reference: FloatArray
    outside: tuple[int, int] = (0, 0)
    doubt: float = 0.0

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
        inner_low, inner_high = _inside(pair, edges)
        low = np.concatenate(([smallest], inner_low, edges[-1:]))
        high = np.concatenate((edges[:1], inner_high, [largest]))
        counts = [
            np.concatenate(([side.underflow], side.counts, [side.overflow])).astype(np.float64)
            for side in (window, reference)
        ]
        held = counts[0] + counts[1] > 0
        outside = (window.underflow + window.overflow, reference.underflow + reference.overflow)
        total = max(reference.total, 1)
        worth = counts[1] * (worth_of_line(reference) / total) if reference.doubt else counts[1]
        return cls(low[held], high[held], counts[0][held], worth[held], outside, reference.doubt / total)

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
        """Whether every cell is a single value, and its values counted."""
        return not self.doubt and bool((self.low == self.high).all())

    @property
    def range(self) -> float:
        """From the smallest value to the largest, in half units of the feature."""
        return float(self.high[-1] / 2 - self.low[0] / 2)

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
        low, high = np.where(single, at_end, least), np.where(single, at_end, most)
        return np.maximum(0.0, low - self.doubt), np.minimum(1.0, high + self.doubt)

    def area(self, power: int) -> Bounds:
        """∫ |F - G|^power dx, in half units of the feature (so that no width of finite numbers is infinite)."""
        least, most = self.gaps()
        f, g = self.cumulated()
        widths = self.high / 2 - self.low / 2
        spaces, gaps = self.low[1:] / 2 - self.high[:-1] / 2, np.abs(f - g)[:-1]
        ends = np.maximum(0.0, gaps - self.doubt), np.minimum(1.0, gaps + self.doubt)
        between = [float((spaces * end**power).sum()) for end in ends]
        return between[0] + float((widths * least**power).sum()), between[1] + float((widths * most**power).sum())

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


def _inside(pair: Pair, edges: FloatArray) -> CellBounds:
    """Where the values of each bin lie: in all of it, or at the one value that is known to be there.

    A bin with one whole number of an integer feature is that number. A reference of few distinct values has a bin for
    each; a window's value in such a bin is taken for the same one, as every count in bins takes it.
    """
    low, high = edges[:-1], edges[1:]
    values = distinct_values(edges)
    if values is not None:
        return values, values
    if pair.kind is not FeatureType.INTEGER:
        return low, high
    first = np.ceil(low)
    after = np.append(np.ceil(high[:-1]), np.floor(high[-1:]) + 1)  # the last bin has its upper edge as well
    single = after - first == 1
    return np.where(single, first, low), np.where(single, first, high)


def distinct_values(edges: FloatArray) -> FloatArray | None:
    """The values whose half-ways these edges are (`quantile_edges` of few distinct values); None: they are none."""
    values = [float(edges[0])]
    for halfway in edges[1:-1].tolist():
        values.append(2 * halfway - values[-1])
    found, last = np.array(values), float(edges[-1])
    rounding = 1e-9 * max(abs(last), abs(values[0]))
    inside = (edges[:-1] <= found) & (found <= edges[1:])
    if not inside.all() or abs(values[-1] - last) > rounding:
        return None
    # The edges of bins of equal width are half-ways as well, between values that fall together two by two.
    apart = np.diff(found / 2) > 1e-6 * np.diff(edges / 2)[1:]
    return np.minimum(found, last) if apart.all() else None
