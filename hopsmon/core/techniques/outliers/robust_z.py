"""robust_z: values many robust standard deviations from the baseline's median."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray, IntArray
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.conformal import with_p_values
from hopsmon.core.techniques.outliers.scores import judged_points, scaled_distances
from hopsmon.core.techniques.parameters import above
from hopsmon.core.techniques.protocols import InstanceScores

_MAD_OF_NORMAL = 1.482602218505602  # 1 / Φ⁻¹(3/4): MAD times this is the standard deviation of a normal feature
_MEAN_AD_OF_NORMAL = 1.2533141373155003  # √(π/2), likewise for the mean absolute deviation


@dataclass(frozen=True, slots=True)
class RobustZ:
    """How many robust standard deviations an instance's most extreme value lies from its feature's median.

    Score = max over features of |x - median| / (1.4826 · MAD), MAD = median of |x - median|, both of the baseline. In
    standard deviations of a normal feature, 0 and up. Flagged where it exceeds `threshold`. Outliers in the baseline
    move neither median nor MAD, so they do not hide others like them, as they do from z_score.

    Median and MAD come from the baseline's bins: the median is exact, MAD as if values lay evenly inside a bin. Where
    more than half of the values are equal, MAD is 0 and 1.2533 · the mean of |x - median| stands in. Without drift
    a value of a normal feature exceeds 3.5 with probability 0.0005: at 10 features 0.5 % of the instances. Misleads
    on skewed or heavy-tailed features: of an exponential one 4 % of the values exceed 3.5; the p-value (from the
    reference's own scores) tells. Nulls are not outliers; constant features and timestamps are not judged.

    Default threshold 3.5: Iglewicz & Hoaglin, How to Detect and Handle Outliers, 1993, 3.4.
    Reference: Hampel, Journal of the American Statistical Association 69(346), 1974 (MAD).

    >>> import numpy as np
    >>> median, scale = centre_and_scale(np.array([1.0, 2.0, 3.0, 4.0, 100.0]), np.ones(5, np.int64))
    >>> median, round(scale, 4)
    (3.0, 1.4826)
    """

    name: ClassVar[str] = "robust_z"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Histogram})

    threshold: float = 3.5

    def __post_init__(self) -> None:
        above(self.name, 0.0, threshold=self.threshold)

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch, and p-values for those flagged."""
        return with_p_values(self, batch, baseline)

    def scored(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch."""
        return scaled_distances(batch, _scales(baseline), self.threshold)


@lru_cache(maxsize=16)
def _scales(baseline: Baseline) -> Mapping[str, tuple[float, float, float]]:
    """Median (twice: a centre without width) and 1 / robust standard deviation by feature, where it varies."""
    found = {}
    for name, (values, weights) in judged_points(baseline):
        median, scale = centre_and_scale(values, weights)
        if scale and np.isfinite(1 / scale):
            found[name] = (median, median, 1 / scale)
    return found


def centre_and_scale(values: FloatArray, weights: IntArray) -> tuple[float, float]:
    """Median and robust standard deviation of ascending values, each of which stands for so many."""
    median = _median(values, weights)
    with np.errstate(over="ignore"):
        away = np.abs(values - median)
        order = np.argsort(away, kind="stable")
        mad = _median(away[order], weights[order])
        return median, mad * _MAD_OF_NORMAL if mad else float(np.average(away, weights=weights)) * _MEAN_AD_OF_NORMAL


def _median(ascending: FloatArray, weights: IntArray) -> float:
    """The mean of the two values in the middle, or the one there."""
    ranks = np.cumsum(weights)
    low, high = ranks.searchsorted([(ranks[-1] + 1) // 2, ranks[-1] // 2 + 1])
    return float(ascending[low] / 2 + ascending[high] / 2)
