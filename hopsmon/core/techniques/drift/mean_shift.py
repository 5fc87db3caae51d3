"""mean_shift: how far the mean has moved, in standard deviations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hopsmon.core.finding import Finding, Reason
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.techniques.pairs import NUMBERS, NotComputableError, Pair
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.significance import student_p, welch_p
from hopsmon.core.techniques.spread import finite, mean_difference, spread_of
from hopsmon.core.techniques.univariate import Conventional


@dataclass(frozen=True, slots=True)
class MeanShift(Conventional):
    """How far the mean has moved, in standard deviations of the reference.

    Δ = |x̄ - ȳ| / s, x̄ and ȳ: means of window and reference, s: the reference's standard deviation (Glass's Δ). From 0
    upwards, no unit; the sign and the feature's own unit are in `details["change"]`. Over finite values only; nulls are
    null_share's business. The same from summaries and from raw samples: counts, means and deviations are exact.

    The p-value is the larger of two: of Welch's t-test, the two sides having a spread of their own (`welch_p` in
    `details`), and of Student's, with a common one (`student_p`). Alone, Welch's rejects too often where a few large
    values make the spread and a small window lacks them (of 50 unchanged lognormal rows, 6 to 14 % have a p-value below
    1 %), Student's where it has one too many; both together keep the level, in the verdict and in corrections for many
    features. Misleads where the mean is not the middle: a few outliers move it, and a change that keeps it is none
    here. Not defined against a constant reference (`constant_reference`).

    Default thresholds: 0.2 ("small") is a warning, 0.5 ("medium") critical (Cohen, Statistical Power Analysis, 1988).
    At least 30 rows. Reference: Welch, Biometrika 34, 1947.

    >>> from hopsmon.core.techniques.significance import welch_p
    >>> welch_p(0.5, (1.0, 500), (1.0, 10_000))[1] < 1e-4
    True
    """

    name: ClassVar[str] = "mean_shift"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Moments})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS

    threshold: float = Default(0.2)
    critical: float = Default(0.5)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the difference of the means."""
        window, reference = pair.both(Moments)
        n, m = pair.usable(self.min_rows)
        half = mean_difference(window, reference)
        spread, reference_spread = spread_of(pair.window, window), spread_of(pair.reference, reference)
        details: dict[str, float] = {
            "change": finite(2 * half),
            "mean": window.mean,
            "reference_mean": reference.mean,
            "reference_sd": reference_spread,
            "reference_n": m,
        }
        if not reference_spread and half:
            raise NotComputableError(Reason.CONSTANT_REFERENCE, n, **details)
        score = finite(abs(half) / (reference_spread / 2)) if half else 0.0
        sides = (spread, n), (reference_spread, m)
        (t, welch), (_, student) = welch_p(half * 2, *sides), student_p(half * 2, *sides)
        details |= {"t": finite(t), "welch_p": welch, "student_p": student}
        return self.verdict(pair, score, max(welch, student), n, details)
