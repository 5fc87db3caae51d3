"""energy: energy distance, from raw samples or from counts in the baseline's bins."""

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
class EnergyDistance(Conventional):
    """How much further apart values of window and reference lie than values of the same side do.

    E = √(2·E|X - Y| - E|X - X'| - E|Y - Y'|) = √(2·∫ (F(x) - G(x))² dx), X and Y: values of window and reference, F and
    G: their cumulative distributions. The score is E divided by the root of the reference's standard deviation
    (`unit: sd`), or as it is, in roots of the feature's unit (`unit: raw`), as scipy and Evidently have it;
    `details["raw"]` has the latter. From 0 (identical) upwards; a shift by d standard deviations of a normal feature
    gives about 0.75·d. Over finite values only; nulls are null_share's business. Exact where both sides have raw
    samples. Counts in bins, with the smallest and largest value for what lies outside of them, allow a range; `details`
    has both ends (`lower`, `upper`, in the score's unit), the verdict uses the lower.

    The p-value takes n·m/(n+m)·E² for the sum of squares of correlated normal numbers. It is never below that of ranks
    (Anderson-Darling's) or of the count of values beyond the reference's range: one wild value is no drift. Misleads
    where the standard deviation is made of outliers: then nothing else looks large. Against a constant reference only a
    raw distance exists (`constant_reference`).

    Default thresholds: 0.15 is a warning and 0.37 critical, 0.2 and 0.5 standard deviations of a normal feature
    ("small" and "medium": Cohen, Statistical Power Analysis, 1988; Evidently's 0.1 is for the raw distance). At least
    30 rows.
    Reference: Székely & Rizzo, Journal of Statistical Planning and Inference 143(8), 2013.

    >>> import numpy as np
    >>> halves = Line.of_samples(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 5.0])).area(2)
    >>> round((2 * 2 * halves[0]) ** 0.5, 4)
    0.6667
    """

    name: ClassVar[str] = "energy"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Histogram, Extremes, Moments})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS

    threshold: float = Default(0.15)
    critical: float = Default(0.37)
    unit: str = "sd"

    def __post_init__(self) -> None:
        Conventional.__post_init__(self)
        one_of(self.name, "unit", self.unit, UNITS)

    def compare(self, pair: Pair) -> Finding:
        """The verdict on the lower end of what the distance may be."""
        n, m = pair.usable(self.min_rows)
        line = Line.of(pair)
        low, high = line.area(2)
        if not line.exact:
            # |difference of means| ≤ ∫ |F - G| ≤ √(range · ∫ (F - G)²): the means are known exactly, whatever the bins.
            apart = abs(mean_difference(*pair.both(Moments)))
            low = max(low, apart * (apart / line.range) if line.range else 0.0)
            high = max(low, high)
        score, details = in_unit(pair, self.unit, 2 * low, 2 * high, root=True)
        p_value = line.guarded(line.area_p(2))
        return self.verdict(pair, score, p_value, n, {**details, "exact": line.exact, "reference_n": m})
