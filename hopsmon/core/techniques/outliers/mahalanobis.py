"""mahalanobis: instances whose combination of values the reference's covariance makes unlikely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.techniques.covariance import Covariance
from hopsmon.core.techniques.encoding import Encoder
from hopsmon.core.techniques.outliers.fitted import DEFAULT_ALPHA, check_by_model
from hopsmon.core.techniques.parameters import probability
from hopsmon.core.techniques.protocols import InstanceScores


@dataclass(frozen=True, slots=True)
class Mahalanobis:
    """How far an instance lies from the reference's centre, in standard deviations, correlations considered.

    Score = √((z - μ)' Σ⁻¹ (z - μ)): z the encoded instance (numbers standardised, labels as 0/1 columns, what is
    missing as the median), μ and Σ the mean and the Ledoit–Wolf covariance of half of the reference rows. No unit, 0
    and up; about √d for an instance like the reference's, d being the number of columns. So 1.8 m and 45 kg are far out
    together where neither is by itself. A feature's contribution is what the distance would lose if the feature had its
    most likely value given the others, √(v' (Σ⁻¹)ₓₓ⁻¹ v) with v its part of Σ⁻¹(z - μ).

    Flagged where the conformal p-value (share of the held-out half that scores as high) is at most `alpha`: of rows
    like the reference's that share is flagged, whatever their distribution. Misleads where a feature has a very long
    tail (its usual values then set the threshold for all: log it first), where the reference has several clusters, as
    everything between them is near the centre (see knn_distance), and where outliers in it widen Σ.

    Default alpha 0.001, the least that 1,000 held-out rows can tell; it takes a baseline of 2,000 rows.
    Reference: Ledoit & Wolf, Journal of Multivariate Analysis 88(2), 2004.

    >>> import numpy as np
    >>> rows = np.random.default_rng(1).multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 1000)
    >>> covariance = Covariance.of(rows, "mahalanobis")
    >>> covariance.distances(np.array([[2.0, 2.0], [2.0, -2.0]]) - rows.mean(axis=0)).round().tolist()
    [2.0, 9.0]
    """

    name: ClassVar[str] = "mahalanobis"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    alpha: float = DEFAULT_ALPHA

    def __post_init__(self) -> None:
        probability(self.name, alpha=self.alpha)

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores, p-values and verdicts for every instance of a batch."""
        return check_by_model(self, batch, baseline)

    def fit(self, rows: FloatArray, encoder: Encoder) -> _Ellipsoid:
        """Centre and covariance."""
        return _Ellipsoid(rows.mean(axis=0), Covariance.of(rows, self.name), encoder.blocks)


@dataclass(frozen=True, eq=False)
class _Ellipsoid:
    centre: FloatArray
    covariance: Covariance
    blocks: tuple[slice, ...]

    def score(self, rows: FloatArray) -> FloatArray:
        return self.covariance.distances(rows - self.centre)

    def contributions(self, rows: FloatArray) -> FloatArray:
        return np.sqrt(self.covariance.losses(rows - self.centre, self.blocks))
