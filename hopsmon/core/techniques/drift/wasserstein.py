"""wasserstein: earth mover's distance, from raw samples or from counts in the baseline's bins and the means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.techniques.line import Line
from hopsmon.core.techniques.pairs import NUMBERS, Pair
from hopsmon.core.techniques.parameters import Default, one_of
from hopsmon.core.techniques.spread import UNITS, in_unit, mean_difference
from hopsmon.core.techniques.univariate import Conventional


@dataclass(frozen=True, slots=True)
class Wasserstein(Conventional):
    """How far values have moved, on average, by the shortest way from the reference to the window.

    W₁ = ∫ |F(x) - G(x)| dx, F and G: cumulative distributions of window and reference. The score is W₁ divided by the
    reference's standard deviation (`unit: sd`), or in the feature's unit (`unit: raw`); `details["raw"]` has the
    latter. From 0 (identical) upwards; a shift by d standard deviations gives d. Over finite values only; nulls are
    null_share's business. Exact where both sides have raw samples. Counts in bins, with the smallest and largest value
    for what lies outside of them, allow a range; W₁ is at least the difference of the means, which is known exactly.
    `details` has both ends (`lower`, `upper`, in the score's unit), the verdict uses the lower.

    The p-value takes √(n·m/(n+m))·W₁ for the sum of absolute values of correlated normal numbers. It is never below
    that of ranks (Anderson-Darling's) or of the count of values beyond the reference's range: one wild value may move
    W₁ as far as it likes and is no drift; 1 % of them are. Misleads where the standard deviation is made of outliers:
    then nothing else looks large. Against a constant reference only a raw distance exists (`constant_reference`).

    Default thresholds: 0.1 is a warning, as in Evidently and Azure ML (documentation, 2024); 0.5 critical, a "medium"
    effect (Cohen, Statistical Power Analysis, 1988). With `unit: raw` give your own. At least 30 rows. Reference:
    Vallender, Theory of Probability and Its Applications 18(4), 1974; del Barrio, Giné & Matrán, Annals of Probability
    27(2), 1999.

    >>> import numpy as np
    >>> halves = Line.of_samples(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 5.0])).area(1)
    >>> round(2 * halves[0], 4), halves[0] == halves[1]
    (0.6667, True)
    """

    name: ClassVar[str] = "wasserstein"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Histogram, Extremes, Moments})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS

    threshold: float = Default(0.1)
    critical: float = Default(0.5)
    unit: str = "sd"

    def __post_init__(self) -> None:
        Conventional.__post_init__(self)
        one_of(self.name, "unit", self.unit, UNITS)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the lower end of what the distance may be."""
        n, m = pair.usable(self.min_rows)
        line = Line.of(pair)
        low, high = line.area(1)
        if not line.exact:
            low = max(low, abs(mean_difference(*pair.both(Moments))))
            high = max(low, high)
        score, details = in_unit(pair, self.unit, low, high)
        p_value = line.guarded(line.area_p(1))
        return self.verdict(pair, score, p_value, n, {**details, "exact": line.exact, "reference_n": m})
