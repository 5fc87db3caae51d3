"""Homogeneity: what the contingency tests of two rows of counts share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.cells import cells_of
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, Pair, enough
from hopsmon.core.techniques.univariate import Conventional


@dataclass(frozen=True, slots=True)
class Homogeneity(Conventional):
    """A test of a 2 × k contingency table, the reference being a sample too."""

    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Categories, Histogram})
    feature_types: ClassVar[frozenset[FeatureType]] = LABELS | {FeatureType.STRING, FeatureType.INTEGER}
    statistic_name: ClassVar[str]

    @abstractmethod
    def test(self, window: FloatArray, reference: FloatArray) -> tuple[float, int, float]:
        """Statistic, degrees of freedom and p-value of the table."""

    @abstractmethod
    def effect(self, window: FloatArray, reference: FloatArray) -> tuple[float, FloatArray]:
        """The score, which does not depend on the numbers of rows, and each cell's part in it."""

    def compare(self, pair: Pair) -> Finding:
        """The verdict over labels or an integer's bins, nulls and unusable values being cells of their own."""
        cells = cells_of(pair)
        window, reference = pair.counts()
        n, m = window.rows, reference.rows
        enough(n, m, self.min_rows)
        groups, tested = cells.grouped(), cells.as_sample().grouped()
        statistic, degrees, p_common = self.test(tested.window, tested.reference)
        details = {
            self.statistic_name: statistic,
            "degrees_of_freedom": degrees,
            "cramers_v": sqrt(statistic / (n + m)),
            "groups": len(groups.window),
            "rare": int(groups.rare_window),
            "expected_without_drift": sqrt((max(len(groups.with_rare()[0]), 1) - 1) / 4 * (1 / n + 1 / m)),
            "reference_n": m,
            "moved": cells.moved(self.effect(cells.window, cells.reference)[1]),
            **_labels_outside(pair),
            **self._plain_table(pair),
        }
        score = self.effect(*groups.with_rare())[0]
        return self.verdict(pair, score, tested.p_value(p_common), n, details)

    def _plain_table(self, pair: Pair) -> dict[str, Any]:
        """The test of all labels, none joined and nulls left out, as other tools have it; where all are tracked."""
        window, reference = pair.window.get(Categories), pair.reference.get(Categories)
        if pair.kind in NUMBERS or window is None or reference is None or window.untracked or reference.untracked:
            return {}
        labels = sorted(window.counts.keys() | reference.counts.keys())
        rows = [np.array([side.counts.get(label, 0) for label in labels], np.float64) for side in (window, reference)]
        statistic, degrees, p_value = self.test(rows[0], rows[1])
        return {"plain_table": {"statistic": statistic, "degrees_of_freedom": degrees, "p_value": p_value}}


def _labels_outside(pair: Pair) -> dict[str, int]:
    window, reference = pair.window.get(Categories), pair.reference.get(Categories)
    if window is None or reference is None:
        return {}
    return {"unseen": window.unseen, "untracked": window.untracked, "reference_untracked": reference.untracked}
