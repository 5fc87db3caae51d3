"""z_score: values many standard deviations from the baseline's mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, NumericColumn
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.techniques.conformal import with_p_values
from hopsmon.core.techniques.outliers.scores import WorstFeature, usable
from hopsmon.core.techniques.parameters import above
from hopsmon.core.techniques.protocols import InstanceScores


@dataclass(frozen=True, slots=True)
class ZScore:
    """How many standard deviations an instance's most extreme value lies from its feature's mean.

    Score = max over features of |x - mean| / stddev, both of the baseline. In standard deviations, 0 and up. Flagged
    where it exceeds `threshold`.

    Without drift a value of a normal feature exceeds 4 with probability 0.000063: at 10 features 0.06 % of the
    instances (at 3: 2.7 %). Of any distribution at most 1/16 of the values do (Chebyshev), of an exponential one 0.7 %:
    misleads on skewed or heavy-tailed features, and where a baseline's own outliers have inflated stddev. Nulls are not
    outliers. A constant feature has no z-score (`range` sees it); timestamps are not judged.

    Default threshold 4: the usual 3 flags every 37th instance of 10 normal features, more than anybody looks at.
    Reference: Shiffler, Maximum Z Scores and Outliers, The American Statistician 42(1), 1988.

    >>> from scipy.special import erfc
    >>> round(float(erfc(4 / 2**0.5)), 6)
    6.3e-05
    """

    name: ClassVar[str] = "z_score"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Moments})

    threshold: float = 4.0

    def __post_init__(self) -> None:
        above(self.name, 0.0, threshold=self.threshold)

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch, and p-values for those flagged."""
        return with_p_values(self, batch, baseline)

    def scored(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch."""
        scales, worst = _scales(baseline), WorstFeature(batch, self.threshold)
        scores = np.empty(len(batch))  # one for all features: fresh memory costs more than the arithmetic
        with np.errstate(over="ignore"):
            for name, column in batch.columns.items():
                if name in scales and isinstance(column, NumericColumn):
                    mean, per_unit = scales[name]
                    np.subtract(usable(column), mean, out=scores)
                    np.multiply(scores, per_unit, out=scores)
                    worst.add(name, np.abs(scores, out=scores))
        return worst.scores()


@lru_cache(maxsize=16)
def _scales(baseline: Baseline) -> Mapping[str, tuple[float, float]]:
    """Mean and 1 / standard deviation by feature, where the baseline has them and the feature varies."""
    found = {}
    for feature in baseline.schema.all:
        summary = baseline.feature(feature.name)
        moments = None if summary is None else summary.get(Moments)
        judged = feature.type.is_numeric and feature.type is not FeatureType.TIMESTAMP
        if judged and moments is not None and moments.std_dev and np.isfinite(1 / moments.std_dev):
            found[feature.name] = (moments.mean, 1 / moments.std_dev)
    return found
