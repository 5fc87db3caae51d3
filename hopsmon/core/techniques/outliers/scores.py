"""Scores: what the outlier techniques share, from per-feature scores to InstanceScores. Vectorised over instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, BoolArray, FloatArray, IntArray, NumericColumn
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.line import distinct_values
from hopsmon.core.techniques.pairs import NUMBERS
from hopsmon.core.techniques.protocols import InstanceScores

_POINTS = 64  # a bin
_LARGEST = float(np.finfo(np.float64).max)


class WorstFeature:
    """Collects one score a feature and instance; an instance's score is that of its worst feature.

    NaN means: no value to score. An instance without any scored value keeps NaN and is never flagged.
    """

    def __init__(self, batch: Batch, threshold: float) -> None:
        self._threshold = threshold
        self._score: FloatArray = np.full(len(batch), np.nan)
        self._covered = False  # whether every instance is known to have a score
        self._parts: dict[str, FloatArray] = {}

    def add(self, name: str, scores: FloatArray) -> None:
        """Takes in the scores of one feature, copying what it keeps; they may be infinite."""
        np.fmax(self._score, scores, out=self._score)
        if len(scores) and np.fmax.reduce(scores) > self._threshold:  # others drive no flagged instance
            self._parts[name] = scores.copy()

    def add_few(self, name: str, rows: npt.NDArray[np.intp], scores: FloatArray) -> None:
        """Takes in a feature that has a value everywhere: its scores at some rows, 0 at all others."""
        if not self._covered:
            np.fmax(self._score, 0.0, out=self._score)
            self._covered = True
        if len(rows):
            self._parts[name] = np.zeros(len(self._score))
            self._parts[name][rows] = scores
            self._score[rows] = np.maximum(self._score[rows], scores)

    def scores(self) -> InstanceScores:
        """The verdicts. Infinite scores become the largest float, which JSON and stores can hold."""
        with np.errstate(invalid="ignore"):
            flagged: BoolArray = self._score > self._threshold
        if flagged.any():
            np.minimum(self._score, _LARGEST, out=self._score)
        parts: Mapping[str, FloatArray] = {name: np.minimum(part, _LARGEST) for name, part in self._parts.items()}
        return InstanceScores(self._score, flagged, self._threshold, parts)


def usable(column: NumericColumn) -> FloatArray:
    """The values, NaN where a mask says that there is none (whatever number stands under the mask)."""
    values = column.values
    for mask in (column.null, column.invalid):
        if mask is not None and not np.isnan(values[mask]).all():
            values = np.where(mask, np.nan, values)
    return values


def scaled_distances(
    batch: Batch, scales: Mapping[str, tuple[float, float, float]], threshold: float
) -> InstanceScores:
    """Scores of how far values lie outside of a feature's [low, high]; `scales`: low, high and 1 / unit by feature."""
    worst = WorstFeature(batch, threshold)
    with np.errstate(over="ignore"):
        for name, column in batch.columns.items():
            if name in scales and isinstance(column, NumericColumn):
                low, high, per_unit = scales[name]
                values = usable(column)
                outside = np.maximum(low - values, values - high)
                worst.add(name, np.maximum(outside, 0.0) * per_unit)
    return worst.scores()


def judged_points(baseline: Baseline) -> Iterator[tuple[str, tuple[FloatArray, IntArray]]]:
    """Values that stand for the baseline's, ascending, and how many each stands for, by feature.

    From its bins, each spread out evenly: exact at their edges (every 5 %) and for up to 20 distinct values. A quantile
    sketch would be finer, but is random: another run on the same data would judge differently.
    """
    for feature in baseline.schema.all:
        summary = baseline.feature(feature.name)
        histogram = None if summary is None else summary.get(Histogram)
        if feature.type in NUMBERS and histogram is not None and histogram.counts.sum():
            yield feature.name, _points(histogram)


def _points(histogram: Histogram) -> tuple[FloatArray, IntArray]:
    counts = histogram.counts
    values = distinct_values(histogram.edges)
    if values is not None:
        return values, counts
    inside = np.arange(_POINTS) / _POINTS
    low, high = histogram.edges[:-1, None], histogram.edges[1:, None]
    # An edge is a value of the data: one whole value stands there, in units of 1 / (_POINTS - 1).
    weights = np.repeat(np.maximum(counts - 1, 0)[:, None], _POINTS, axis=1)
    weights[:, 0] = np.where(counts > 0, _POINTS - 1, 0)
    return (low * (1 - inside) + high * inside).ravel(), weights.ravel()
