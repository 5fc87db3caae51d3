"""rare_combination: pairs of values that are common each by itself and that the reference never has together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.techniques.conformal import Calibration
from hopsmon.core.techniques.outliers.cells import Cells, cells_of
from hopsmon.core.techniques.outliers.fitted import DEFAULT_ALPHA, MOST_EXPLAINED, NO_ROWS, too_few
from hopsmon.core.techniques.parameters import at_least, probability
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.core.techniques.reference_rows import ReferenceRows, judged_features, reference_rows

_MOST_PAIRS = 500  # pairs of features looked at: about 20 ms for 10,000 instances


@dataclass(frozen=True, slots=True)
class RareCombination:
    """How much rarer than chance an instance's oddest pair of values is.

    Score = max over pairs of features of e / (n + 1): n the number of reference rows (a sample of at most 2,000) with
    this pair of labels, or of bins (eight, at the quantiles), e the number expected if the features were independent.
    From 0 upwards, no unit: 30 means that the pair should have been seen 30 times and was not. Only cells that at least
    10 rows have are looked at. A contribution is the score of the oddest pair that the feature is part of.

    Flagged where the score exceeds both `times` and what the share `alpha` of the reference's own rows reach, each
    looked up in a table without itself. A pair that none of m rows has can still exist: with 95 % confidence its share
    is below 3 / m, 0.15 % at 2,000 rows; how much of the data falls on such pairs is what the rows seen once say
    (Good–Turing), and these are the rows that calibrate. Misleads where the reference lacks a season: a pair of another
    month is no error. Combinations of three are not seen, nor missing values; unseen labels are unseen_category's.
    With over 500 pairs of features, those with the oddest possible scores are looked at.

    Default times 10: a pair expected 10 times is missing by chance with probability 0.00005. Default alpha 0.001; it
    takes 999 reference rows. Reference: Good, The Population Frequencies of Species, Biometrika 40, 1953; Das &
    Schneider, Detecting anomalous records in categorical datasets, KDD 2007.

    >>> import numpy as np
    >>> scores_of(np.array([[40.0, 0.0], [10.0, 50.0]]), 0)[0].round(2).tolist()
    [0.49, 20.0]
    """

    name: ClassVar[str] = "rare_combination"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    times: float = 10.0
    alpha: float = DEFAULT_ALPHA

    def __post_init__(self) -> None:
        at_least(self.name, 1.0, times=self.times)
        probability(self.name, alpha=self.alpha)

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores, p-values and verdicts for every instance of a batch; NaN with fewer than two values to look at."""
        rows = reference_rows(baseline)
        if rows is None:
            return InstanceScores.failed(len(batch), NO_ROWS)
        tables = _tables(rows, self.times)
        score = tables.scores(batch)
        threshold = max(self.times, tables.calibration.threshold(self.alpha))
        with np.errstate(invalid="ignore"):
            flagged = score > threshold
        parts: dict[str, FloatArray] = {}
        if flagged.any():
            rows_flagged = np.flatnonzero(flagged)
            most = rows_flagged[np.argsort(-score[rows_flagged], kind="stable")[:MOST_EXPLAINED]]
            for name, values in tables.by_feature(batch.take(most)).items():
                parts[name] = np.zeros(len(batch))
                parts[name][most] = values
        problem = too_few(tables.calibration, self.alpha)
        return InstanceScores(score, flagged, threshold, parts, problem, tables.calibration.p_values(score))


@dataclass(frozen=True, eq=False)
class _Tables:
    """Cells by feature; for pairs of features the score of each pair of cells, with a last row and column of zeros."""

    cells: tuple[Cells, ...]
    pairs: tuple[tuple[int, int, FloatArray], ...]
    calibration: Calibration

    def scores(self, batch: Batch) -> FloatArray:
        places = [cells.places(batch.columns.get(cells.name), len(batch)) for cells in self.cells]
        worst = np.zeros(len(batch))
        for _, _, values in self._looked_up(places):
            np.maximum(worst, values, out=worst)
        known = np.sum([at >= 0 for at in places], axis=0) if places else np.zeros(len(batch))
        return np.where(known >= 2, worst, np.nan)

    def by_feature(self, batch: Batch) -> dict[str, FloatArray]:
        places = [cells.places(batch.columns.get(cells.name), len(batch)) for cells in self.cells]
        found: dict[str, FloatArray] = {}
        for one, other, values in self._looked_up(places):
            for name in (self.cells[one].name, self.cells[other].name):
                found[name] = np.maximum(found[name], values) if name in found else values
        return found

    def _looked_up(self, places: list[npt.NDArray[np.intp]]) -> Iterator[tuple[int, int, FloatArray]]:
        for one, other, table in self.pairs:
            yield one, other, table[places[one], places[other]]


@lru_cache(maxsize=16)
def _tables(reference: ReferenceRows, times: float) -> _Tables:
    batch = reference.batch()
    found = (cells_of(feature.name, batch.columns.get(feature.name)) for feature in judged_features(reference.baseline))
    cells = tuple(one for one in found if one is not None)
    places = [one.places(batch.columns.get(one.name), len(batch)) for one in cells]
    own = np.zeros(len(batch))
    odd = []
    for one, other in combinations(range(len(cells)), 2):
        counts = np.zeros((cells[one].count + 1, cells[other].count + 1))
        np.add.at(counts, (places[one], places[other]), 1.0)
        counts[-1], counts[:, -1] = 0.0, 0.0
        np.maximum(own, scores_of(counts, 1)[places[one], places[other]], out=own)
        table = scores_of(counts, 0)
        if table.max() > times:
            odd.append((one, other, table))
    odd.sort(key=lambda pair: -float(pair[2].max()))
    return _Tables(cells, tuple(odd[:_MOST_PAIRS]), Calibration.of(own))


def scores_of(counts: FloatArray, itself: int) -> FloatArray:
    """The scores e / (n + 1) for each pair of cells; `itself` = 1: for a row of the table, not counting itself."""
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    expected = np.maximum(rows - itself, 0.0) * np.maximum(columns - itself, 0.0) / max(counts.sum() - itself, 1.0)
    return np.asarray(expected / np.maximum(counts - itself + 1.0, 1.0))
