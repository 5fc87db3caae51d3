"""variance_shift: how far the spread has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.techniques.line import Line
from hopsmon.core.techniques.pairs import NUMBERS, Pair
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.significance import student_p, welch_p
from hopsmon.core.techniques.spread import spread_of
from hopsmon.core.techniques.univariate import Univariate


@dataclass(frozen=True, slots=True)
class VarianceShift(Univariate):
    """By which share one standard deviation is smaller than the other.

    Score = 1 - min(s, r) / max(s, r), s and r: standard deviations of window and reference. From 0 (the same) to 1 (one
    side is constant: a frozen sensor), no unit; 0.5 is double or half. The direction is in `details["ratio"]` = s/r.
    Over finite values only; nulls are null_share's business.

    The p-value is Brown and Forsythe's: a t-test of how far values lie from their side's own median, which does not ask
    for normal values as the F-test does. Exact on raw samples; else every value stands in the middle of its bin, those
    outside of the bins at the reference's smallest and largest value, which is a valid test of what the bins can tell.
    Student's and Welch's t are computed and the larger p-value counts: with few and skewed values each fails where the
    other does not. Misleads where the spread is made of a few outliers: the score answers to them, the p-value hardly.

    Default thresholds: 0.2 is a warning (the spread is 1.25 times as large, or as small), 0.5 critical (double or
    half); no published source. At least 30 rows.
    Reference: Brown & Forsythe, Journal of the American Statistical Association 69(346), 1974.

    >>> import numpy as np
    >>> p = spread_p(Line.of_samples(np.linspace(-2, 2, 100), np.linspace(-1, 1, 500)))
    >>> p < 1e-4
    True
    """

    name: ClassVar[str] = "variance_shift"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Moments, Histogram, Extremes})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS

    threshold: float = 0.2
    critical: float = Default(0.5)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the ratio of the standard deviations."""
        window, reference = pair.both(Moments)
        n, m = pair.usable(self.min_rows)
        ours, theirs = spread_of(pair.window, window), spread_of(pair.reference, reference)
        largest = max(ours, theirs)
        score = 1 - min(ours, theirs) / largest if largest else 0.0
        line = Line.of(pair)
        ends = pair.reference.get(Extremes)
        within = None if line.exact or ends is None or ends.min is None or ends.max is None else (ends.min, ends.max)
        details = {
            "ratio": ours / theirs if theirs > 0 and ours / theirs < 1e300 else None,
            "sd": ours,
            "reference_sd": theirs,
            "exact": line.exact,
            "reference_n": m,
        }
        return self.verdict(pair, score, spread_p(line, within), n, details)


def spread_p(line: Line, within: tuple[float, float] | None = None) -> float:
    """Brown and Forsythe's p-value, each cell's values standing at its middle, moved into `within`."""
    places = line.low / 2 + line.high / 2
    if within is not None:
        places = np.clip(places, *within)
    unit = max(float(np.abs(places).max(initial=0.0)), 1e-300)  # squares of scaled places are finite
    sides = [_deviations(places / unit, counts) for counts in (line.window, line.reference)]
    change = sides[0][0] - sides[1][0]
    spreads = [(side[1], int(counts.sum())) for side, counts in zip(sides, (line.window, line.reference), strict=True)]
    return max(student_p(change, *spreads)[1], welch_p(change, *spreads)[1])


def _deviations(places: FloatArray, counts: FloatArray) -> tuple[float, float]:
    """Mean and sample standard deviation of the distances from the median."""
    total = float(counts.sum())
    below = np.cumsum(counts)
    low = places[below.searchsorted(total / 2)]
    high = places[below.searchsorted(total / 2, "right")]
    distances = np.abs(places - (low + high) / 2)
    mean = float((distances * counts).sum()) / total
    squares = float((counts * (distances - mean) ** 2).sum())
    return mean, float(np.sqrt(squares / max(total - 1, 1)))
