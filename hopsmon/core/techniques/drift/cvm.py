"""cvm: Cramér-von Mises distance, aware of ties, from raw samples or from counts in the baseline's bins."""

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
from hopsmon.core.techniques.gaussian_forms import bridge, squares_p, thinned
from hopsmon.core.techniques.line import Bounds, Line
from hopsmon.core.techniques.pairs import NUMBERS, Pair
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.univariate import Conventional


@dataclass(frozen=True, slots=True)
class CramerVonMises(Conventional):
    """The root mean square gap between the cumulative distributions of window and reference.

    ω = √(½ Σ (pⱼ + qⱼ) · (Fⱼ - Gⱼ)²) over the distinct values j, F and G: cumulative shares of window and reference
    there, p and q: shares of the value itself. From 0 (identical) to 0.58 = √⅓ (no overlap of continuous samples), no
    unit; a shift of a normal feature by d standard deviations gives about 0.3·d. It does not depend on the numbers of
    rows. Exact where both sides have raw samples; counts in bins allow a range, `lower` to `upper` in `details`, and
    the verdict uses the lower end. Over finite values only; nulls are null_share's business.

    The test's statistic, `statistic` in `details`, is T = n·m/(n+m)² · Σ cⱼ·(Fⱼ - Gⱼ)², c: how often the value occurs
    on both sides. It is right with ties, unlike the formula by ranks that scipy, Evidently and alibi-detect use, and
    its p-value is that of the Gaussian limit for the very ties (or bins) at hand; scipy's where there are none.
    Misleads about tails, which count little: a change of the outer 1 % is at most 0.001.

    Default thresholds: 0.06 is a warning and 0.15 critical, 0.2 and 0.5 standard deviations of a normal feature
    ("small" and "medium": Cohen, Statistical Power Analysis, 1988). At least 30 rows.
    Reference: Anderson, Annals of Mathematical Statistics 33(3), 1962; Kiefer, ibid. 30(2), 1959.

    >>> import numpy as np
    >>> round(statistic(Line.of_samples(np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 3.0, 5.0]))), 4)
    0.1173
    """

    name: ClassVar[str] = "cvm"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Histogram, Extremes})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS

    threshold: float = Default(0.06)
    critical: float = Default(0.15)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the lower end of what ω may be."""
        n, m = pair.usable(self.min_rows)
        line = Line.of(pair)
        low, high = omega_bounds(line)
        total = statistic(line)
        samples = pair.samples()
        tied = min(n, m) < 2 or bool((line.window + line.reference > 1).any())
        details = {
            "lower": low,
            "upper": high,
            "statistic": total,
            "exact": line.exact,
            "expected_without_drift": sqrt((1 / n + 1 / m) / 6),
            "reference_n": m,
        }
        p_value = statistic_p(line, total) if samples is None or tied else tie_free_p(*samples)
        return self.verdict(pair, low, p_value, n, details)


def omega_bounds(line: Line) -> Bounds:
    """The smallest and the largest ω that the cells allow."""
    n, m = line.sizes
    mass = (line.window / n + line.reference / m) / 2
    low, high = (min(1.0, sqrt(float((mass * gap**2).sum()))) for gap in line.gaps())
    return low, high


def statistic(line: Line) -> float:
    """T, values in one cell being ties."""
    f, g = line.cumulated()
    mass = (line.window + line.reference) / sum(line.sizes)
    return line.effective * float((mass * (f - g) ** 2).sum())


def tie_free_p(window: FloatArray, reference: FloatArray) -> float:
    """The p-value that scipy gives, right where no value occurs twice."""
    from scipy import stats  # takes half a second to import, and only raw samples ask for it

    return float(np.clip(stats.cramervonmises_2samp(window, reference).pvalue, 0.0, 1.0))


def statistic_p(line: Line, total: float) -> float:
    """Probability of a larger T without drift."""
    mass = (line.window + line.reference) / sum(line.sizes)
    heights, weights = thinned(line.heights()[:-1], np.asarray(mass[:-1]))
    size = sum(line.sizes)
    return squares_p(total * (size - 1) / size, bridge(heights), weights)
