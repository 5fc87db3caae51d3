"""ks: Kolmogorov-Smirnov distance, from raw samples or from counts in the baseline's bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.cells import histograms
from hopsmon.core.techniques.doubt import worth_of_line
from hopsmon.core.techniques.line import Line
from hopsmon.core.techniques.pairs import NUMBERS, Pair
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.significance import kolmogorov_exact_p, kolmogorov_p
from hopsmon.core.techniques.univariate import Conventional


@dataclass(frozen=True, slots=True)
class KolmogorovSmirnov(Conventional):
    """The largest gap between the cumulative distributions of window and reference.

    D = max |F(x) - G(x)|, exactly where both sides have raw samples; else at the edges of the reference's bins. Counts
    know the distributions only there, so the true distance lies in [D, D + max_j min(p_j, q_j)], p_j and q_j being the
    shares of bin j. With at most 20 distinct values each has its own bin and D is exact. Where the reference's counts
    are estimates, D is one as well (`estimate` in `details`), and both ends and the p-value allow for their error.
    `details` has both ends, `lower` and `upper`; the lower is the score.

    From 0 (identical) to 1 (no overlap), no unit. Over finite values only; nulls are null_share's business.
    A shift by d standard deviations gives 2·Φ(d/2) - 1: 0.08 at 0.2, 0.20 at 0.5. The p-value is the asymptotic
    two-sample one; ties and bins make it too large, never too small. Misleads about tails: a change of the outer 1 % is
    at most 0.01.

    Default thresholds: 0.1 is a warning, the limit that Deequ and SageMaker use for this distance (documentation,
    2020); 0.2 critical, half a standard deviation, a "medium" effect (Cohen, Statistical Power Analysis, 1988). At
    least 30 rows. Reference: Smirnov, Annals of Mathematical Statistics 19(2), 1948.

    >>> import numpy as np
    >>> low, high = ks_bounds(np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4]))
    >>> round(low, 4), round(high, 4)
    (0.1, 0.5)
    """

    name: ClassVar[str] = "ks"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Histogram})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS

    threshold: float = Default(0.1)
    critical: float = Default(0.2)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the lower end of what the distance may be."""
        samples = pair.samples()
        if samples is not None:
            n, m = pair.usable(self.min_rows)
            f, g = Line.of_samples(*samples).cumulated()
            low = high = float(np.abs(f - g).max())
            p_value = kolmogorov_exact_p(low, n, m)
            details: dict[str, float] = {}
        else:
            window, reference = histograms(pair)
            n, m = pair.usable(self.min_rows)
            estimate, high = ks_bounds(window.shares(), reference.shares())
            doubt = reference.doubt / max(reference.total, 1)
            low, high = max(0.0, estimate - doubt), min(1.0, high + doubt)
            # Of the estimate, with a reference of fewer rows: the lower end would allow for its error twice.
            p_value = kolmogorov_p(estimate, n, worth_of_line(reference))
            details = {"bins": len(reference.counts)} | ({"estimate": estimate} if doubt else {})
        # √(π/2)·ln 2, the mean of Kolmogorov's distribution
        expected = 0.8687 * (1 / n + 1 / m) ** 0.5
        more = {"lower": low, "upper": high, "expected_without_drift": expected, "reference_n": m}
        return self.verdict(pair, low, p_value, n, {**more, **details})


def ks_bounds(p: FloatArray, q: FloatArray) -> tuple[float, float]:
    """Smallest and largest KS distance that two arrays of shares of consecutive bins allow."""
    low = float(np.abs(np.cumsum(p - q)).max())
    return low, min(1.0, low + float(np.minimum(p, q).max()))
