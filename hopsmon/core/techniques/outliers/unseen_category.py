"""unseen_category: labels that the baseline has never seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, CategoryColumn, FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.categories import Categories, label_key
from hopsmon.core.techniques.conformal import with_p_values
from hopsmon.core.techniques.protocols import InstanceScores

_THRESHOLD = 1.0


@dataclass(frozen=True, slots=True)
class UnseenCategory:
    """How many of an instance's categorical values are labels that the baseline has never seen.

    Score = number of features with an unseen label, 0 and up, no unit. Flagged from 1.

    Without drift a new value is unseen with about the probability f₁ / m, f₁ being the labels that the baseline's m
    rows hold once: none for a closed set of labels, all for ids. So only categorical and boolean features are judged,
    not free text, and not features whose labels were too many to keep them all. Misleads where the baseline is short:
    labels that come once a month are unseen to a week. Nulls and values of a wrong type are not unseen labels:
    null_share counts them.

    Default threshold 1: there is nothing between seen and unseen.
    Reference: Good, The Population Frequencies of Species, Biometrika 40, 1953 (the flag rate).

    >>> from hopsmon.core.batch import CategoryColumn
    >>> import numpy as np
    >>> unseen(CategoryColumn(np.array([0, 1, -1], np.int32), ("red", "grue")), frozenset({"red", "blue"})).tolist()
    [0.0, 1.0, 0.0]
    """

    name: ClassVar[str] = "unseen_category"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Categories})

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch, and p-values for those flagged."""
        return with_p_values(self, batch, baseline)

    def scored(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch; NaN where no feature could be judged."""
        known = _known(baseline)
        judged = {
            name: column
            for name, column in batch.columns.items()
            if name in known and isinstance(column, CategoryColumn)
        }
        score = np.full(len(batch), 0.0 if judged else np.nan)
        parts: dict[str, FloatArray] = {}
        for name, column in judged.items():
            if not known[name].issuperset(column.labels):
                parts[name] = unseen(column, known[name])
                score += parts[name]
        with np.errstate(invalid="ignore"):
            return InstanceScores(score, score >= _THRESHOLD, _THRESHOLD, parts)


def unseen(column: CategoryColumn, known: frozenset[str]) -> FloatArray:
    """1 where the label is not known, else 0; 0 for nulls and values of a wrong type."""
    by_label = [float(label not in known and label_key(label) not in known) for label in column.labels]
    table = np.array([*by_label, 0.0, 0.0])  # codes -1 (null) and -2 (wrong type) count from the end
    return table[column.codes]


@lru_cache(maxsize=16)
def _known(baseline: Baseline) -> Mapping[str, frozenset[str]]:
    """All labels by feature, where the baseline has them all."""
    found = {}
    for feature in baseline.schema.all:
        summary = baseline.feature(feature.name)
        categories = None if summary is None else summary.get(Categories)
        judged = feature.type in (FeatureType.CATEGORICAL, FeatureType.BOOLEAN)
        if judged and categories is not None and categories.counts and not categories.untracked:
            found[feature.name] = frozenset(categories.counts)
    return found
