"""isolation_forest: instances that few random cuts separate from all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.techniques.encoding import Encoder
from hopsmon.core.techniques.outliers.fitted import DEFAULT_ALPHA, check_by_model
from hopsmon.core.techniques.parameters import at_least, probability
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.core.techniques.reference_rows import need_scikit_learn

_SEED = 20_260_101
_MOST_RESCORED = 20_000  # rows a batch: explaining must not cost more than scoring


@dataclass(frozen=True, slots=True)
class IsolationForest:
    """How easily random cuts separate an instance from the reference's rows.

    Score = 2^(-h / c): h the mean number of cuts until the instance is alone, over `trees` random trees that were grown
    on half of the reference rows, c the number expected of random data. From 0 to 1, no unit: near 1 isolated at once,
    around 0.4 to 0.5 like the rest. scikit-learn's forest, fitted with a fixed seed whenever a process first sees
    the baseline: the same forest everywhere, and no model file that could be stale or unsafe to load. A feature's
    contribution is what the score loses when the feature is set to the reference's centre.

    Flagged where the conformal p-value (share of the held-out half that scores as high) is at most `alpha`: of rows
    like the reference's that share is flagged. Misleads for outliers that only a combination of many features shows:
    each cut looks at one feature (see mahalanobis, knn_distance). About 80,000 instances a second and core, where
    `range` does 40 million.

    Default alpha 0.001, the least that 1,000 held-out rows can tell; it takes a baseline of 2,000 rows. Default 100
    trees, of 256 rows each, as in the paper. Reference: Liu, Ting & Zhou, Isolation Forest, ICDM 2008.

    >>> import numpy as np
    >>> rows = np.random.default_rng(1).normal(size=(500, 2))
    >>> near, far = IsolationForest().fit(rows, Encoder(())).score(np.array([[0.0, 0.0], [6.0, 6.0]]))
    >>> bool(near < 0.5 < 0.7 < far)
    True
    """

    name: ClassVar[str] = "isolation_forest"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    alpha: float = DEFAULT_ALPHA
    trees: int = 100

    def __post_init__(self) -> None:
        probability(self.name, alpha=self.alpha)
        at_least(self.name, 1, trees=self.trees)

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores, p-values and verdicts for every instance of a batch."""
        return check_by_model(self, batch, baseline)

    def fit(self, rows: FloatArray, encoder: Encoder) -> _Forest:
        """The trees."""
        need_scikit_learn(self.name)
        from sklearn.ensemble import IsolationForest as Forest

        forest = Forest(n_estimators=self.trees, max_samples=min(256, len(rows)), random_state=_SEED)
        return _Forest(forest.fit(rows), np.median(rows, axis=0), encoder.blocks)


@dataclass(frozen=True, eq=False)
class _Forest:
    forest: Any
    centre: FloatArray
    blocks: tuple[slice, ...]

    def score(self, rows: FloatArray) -> FloatArray:
        return np.asarray(-self.forest.score_samples(rows), np.float64)

    def contributions(self, rows: FloatArray) -> FloatArray:
        """Rows beyond the budget get none."""
        most = max(1, _MOST_RESCORED // len(self.blocks))
        losses = np.zeros((len(rows), len(self.blocks)))
        explained = rows[:most]
        score = self.score(explained)
        for number, block in enumerate(self.blocks):
            without = explained.copy()
            without[:, block] = self.centre[block]
            losses[:most, number] = np.maximum(score - self.score(without), 0.0)
        return losses
