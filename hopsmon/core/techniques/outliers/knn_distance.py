"""knn_distance: instances far from all rows of the reference."""

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


@dataclass(frozen=True, slots=True)
class KnnDistance:
    """How far an instance is from the reference rows most like it.

    Score = Euclidean distance to the `neighbours`-th nearest row of a coreset, a random half of the reference rows (at
    most 1,000), numbers standardised, labels as 0/1 columns of the same weight, what is missing as the median. In
    standard deviations of one feature, 0 and up. No assumption about shapes: several clusters, or a bent cloud, are
    fine. A feature's contribution is its own root mean square difference from these nearest rows.

    Flagged where the conformal p-value (share of the held-out half that scores as high) is at most `alpha`: of rows
    like the reference's that share is flagged. Misleads where a feature has a very long tail (its usual values then set
    the threshold for all: log it first), and with many features that do not matter: they drown the distance in those
    that do. A sample of 1,000 cannot know a group of instances that make up less than about 0.5 % of the reference: all
    of these look far away.

    Default alpha 0.001, the least that 1,000 held-out rows can tell; it takes a baseline of 2,000 rows. Default 5
    neighbours: one odd row in the reference does not vouch for others like it.
    Reference: Ramaswamy, Rastogi & Shim, SIGMOD 2000.

    >>> import numpy as np
    >>> rows = np.arange(100.0)[:, None]
    >>> KnnDistance(neighbours=2).fit(rows, Encoder(())).score(np.array([[50.2], [103.0]])).round(6).tolist()
    [0.8, 5.0]
    """

    name: ClassVar[str] = "knn_distance"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    alpha: float = DEFAULT_ALPHA
    neighbours: int = 5

    def __post_init__(self) -> None:
        probability(self.name, alpha=self.alpha)
        at_least(self.name, 1, neighbours=self.neighbours)

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores, p-values and verdicts for every instance of a batch."""
        return check_by_model(self, batch, baseline)

    def fit(self, rows: FloatArray, encoder: Encoder) -> _Neighbours:
        """The coreset, and a tree to search it."""
        need_scikit_learn(self.name)
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=min(self.neighbours, len(rows)))
        return _Neighbours(search.fit(rows), rows, encoder.blocks)


@dataclass(frozen=True, eq=False)
class _Neighbours:
    search: Any
    rows: FloatArray
    blocks: tuple[slice, ...]

    def score(self, rows: FloatArray) -> FloatArray:
        return np.asarray(self.search.kneighbors(rows)[0][:, -1], np.float64)

    def contributions(self, rows: FloatArray) -> FloatArray:
        nearest = self.rows[self.search.kneighbors(rows, return_distance=False)]
        squares = np.square(rows[:, None, :] - nearest).mean(axis=1)
        return np.asarray(np.sqrt(np.column_stack([squares[:, block].sum(axis=1) for block in self.blocks])))
