"""Conformal: p-values of outlier scores, from how the reference's own rows score. So the flag rate is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import floor
from typing import Protocol

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.core.techniques.reference_rows import ReferenceRows, reference_rows


@dataclass(frozen=True, eq=False)
class Calibration:
    """The scores of n reference rows, ascending; NaN must not be among them.

    p(s) = (1 + number of them that are at least s) / (1 + n). For a new row of the same distribution, scored by a rule
    that knew neither it nor these rows, P(p <= a) <= a for every a, whatever the distribution and the score. That is
    on average over baselines: for one of them and 1,000 rows, the share of new rows with p <= 0.001 is between 0.00005
    and 0.003 in 9 of 10 cases (a beta distribution).

    References: Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, 2005; Laxhammar & Falkman, Inductive
    conformal anomaly detection, 2015; Bates, Candès, Lei, Romano & Sesia, Annals of Statistics 51(1), 2023.

    >>> Calibration(np.arange(99.0)).p_values(np.array([98.5, 98.0, 0.0])).tolist()
    [0.01, 0.02, 1.0]
    """

    ascending: FloatArray

    @classmethod
    def of(cls, scores: FloatArray) -> Calibration:
        """From scores in any order; NaN, a row without a score, is left out."""
        return cls(np.sort(scores[~np.isnan(scores)]))

    @property
    def smallest(self) -> float:
        """The smallest p-value that so many rows can give."""
        return 1 / (1 + len(self.ascending))

    def p_values(self, scores: FloatArray) -> FloatArray:
        """One a score; NaN for NaN."""
        n = len(self.ascending)
        p_values: FloatArray = (1 + n - self.ascending.searchsorted(scores)) / (1.0 + n)
        p_values[scores != scores] = np.nan  # noqa: PLR0124 - NaN, the fastest way
        return p_values

    def threshold(self, alpha: float) -> float:
        """The scores above it are those with p <= alpha; infinity where the rows are too few for that.

        >>> Calibration(np.arange(99.0)).threshold(0.02)
        97.0
        """
        n = len(self.ascending)
        allowed = floor(alpha * (1 + n) * (1 + 1e-12)) - 1  # so many of them may be as large
        if allowed < 0:
            return float("inf")
        return float(self.ascending[n - 1 - allowed]) if allowed < n else -float(np.finfo(np.float64).max)


class Scoring(Protocol):
    """An instance technique whose scores do not rest on the sampled rows; hashable."""

    def scored(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores and verdicts, without p-values."""
        ...

    def __hash__(self) -> int:
        """Techniques are values."""
        ...


def with_p_values(technique: Scoring, batch: Batch, baseline: Baseline) -> InstanceScores:
    """The technique's scores, with p-values at the flagged instances (NaN elsewhere: nobody asks, and it would cost).

    The reference rows are among those that the baseline's own statistics were made of, so the p-values are too small
    by a share of about 1 / rows of the baseline.
    """
    scores = technique.scored(batch, baseline)
    rows = reference_rows(baseline)
    if rows is None:
        return scores
    p_values = _nothing(len(batch))
    if scores.flagged.any():
        p_values, flagged = p_values.copy(), np.flatnonzero(scores.flagged)
        p_values[flagged] = _calibration(technique, rows).p_values(scores.score[flagged])
    return InstanceScores(scores.score, scores.flagged, scores.threshold, scores.contributions, scores.error, p_values)


@lru_cache(maxsize=8)
def _nothing(rows: int) -> FloatArray:
    """NaN for each row, not to be written to; kept, as most batches are of one size and have no outlier."""
    return np.broadcast_to(np.nan, rows)


@lru_cache(maxsize=64)
def _calibration(technique: Scoring, rows: ReferenceRows) -> Calibration:
    return Calibration.of(technique.scored(rows.batch(), rows.baseline).score)
