"""iqr: values far outside of the middle half of the baseline (Tukey's fences)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.conformal import with_p_values
from hopsmon.core.techniques.outliers.scores import judged_points, scaled_distances
from hopsmon.core.techniques.parameters import above
from hopsmon.core.techniques.protocols import InstanceScores


@dataclass(frozen=True, slots=True)
class InterquartileRange:
    """How far an instance's most extreme value lies outside of the middle half of its feature.

    Score = max over features of max(q1 - x, x - q3) / (q3 - q1), 0 inside; q1 and q3 are the baseline's quartiles. In
    widths of the middle half, 0 and up. Flagged where it exceeds `threshold`.

    The quartiles are edges of the baseline's bins, so exact. Without drift a value of a normal feature lies beyond 3
    with probability 2e-6, beyond 1.5 with 0.7 %. Misleads on skewed or heavy-tailed features: of an exponential one
    1 % of the values lie beyond 3; the p-value (from the reference's own scores) tells. A feature of which half the
    values are equal has no middle half and is not judged (range sees it); nor are timestamps. Nulls are not
    outliers.

    Default threshold 3, "far out"; 1.5, "outside", flags every 15th instance of 10 normal features.
    Reference: Tukey, Exploratory Data Analysis, 1977, 2D.

    >>> from scipy.special import erfc
    >>> quartile = 0.6744897501960817
    >>> round(float(erfc((quartile + 1.5 * 2 * quartile) / 2**0.5)), 4)
    0.007
    """

    name: ClassVar[str] = "iqr"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Histogram})

    threshold: float = 3.0

    def __post_init__(self) -> None:
        above(self.name, 0.0, threshold=self.threshold)

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch, and p-values for those flagged."""
        return with_p_values(self, batch, baseline)

    def scored(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch."""
        return scaled_distances(batch, _fences(baseline), self.threshold)


@lru_cache(maxsize=16)
def _fences(baseline: Baseline) -> Mapping[str, tuple[float, float, float]]:
    """Quartiles and 1 / their distance by feature, where they differ."""
    found = {}
    for name, (values, weights) in judged_points(baseline):
        ranks = np.cumsum(weights)
        low, high = (float(values[ranks.searchsorted(share * ranks[-1])]) for share in (0.25, 0.75))
        with np.errstate(over="ignore"):
            width = np.float64(high) - np.float64(low)
        if width and np.isfinite(1 / width) and np.isfinite(width):
            found[name] = (low, high, float(1 / width))
    return found
