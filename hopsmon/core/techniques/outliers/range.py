"""range: values outside the smallest and largest value of the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray, NumericColumn
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.techniques.conformal import with_p_values
from hopsmon.core.techniques.outliers.scores import WorstFeature, usable
from hopsmon.core.techniques.parameters import at_least
from hopsmon.core.techniques.protocols import InstanceScores

_NONE = np.empty(0, np.intp)


@dataclass(frozen=True, slots=True)
class Range:
    """How far an instance's worst value lies outside of what the baseline has seen.

    Score = max over features of max(min - x, x - max) / (max - min), 0 inside; min and max are the baseline's, and for
    a constant feature the distance itself. In widths of the feature's range, 0 and up. Flagged where it exceeds
    `tolerance`.

    Without drift a new value lies outside with probability 2 / (m + 1), m being the baseline's rows: at 10,000 rows and
    10 features 0.2 % of the instances. Misleads where the baseline holds a gross error: it stretches the range. Nulls
    are not outliers; an infinite value is. Timestamps are not judged: time leaves every range.

    Default tolerance 0: the plain meaning of a range; no published source. 0.1 silences the tails of normal features.
    Reference: order statistics, e.g. David & Nagaraja, Order Statistics, 2003, 2.4 (the flag rate).

    >>> import numpy as np
    >>> excess(np.array([-1.0, 5.0, 12.0]), 0.0, 10.0).tolist()
    [0.1, 0.0, 0.2]
    """

    name: ClassVar[str] = "range"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Extremes})

    tolerance: float = 0.0

    def __post_init__(self) -> None:
        at_least(self.name, 0.0, tolerance=self.tolerance)

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch, and p-values for those flagged."""
        return with_p_values(self, batch, baseline)

    def scored(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch."""
        limits, worst = _limits(baseline), WorstFeature(batch, self.tolerance)
        for name, column in batch.columns.items():
            if name in limits and isinstance(column, NumericColumn) and len(column):
                _check(name, column, limits[name], worst)
        return worst.scores()


def _check(name: str, column: NumericColumn, limits: tuple[float, float], worst: WorstFeature) -> None:
    low, high = limits
    values = np.ascontiguousarray(column.values)  # a column of a matrix is slow to walk through more than once
    smallest, largest = values.min(), values.max()
    if np.isnan(smallest) or column.null is not None or column.invalid is not None:
        worst.add(name, excess(usable(column), low, high))
        return
    rows = _NONE if smallest >= low and largest <= high else np.flatnonzero((values < low) | (values > high))
    worst.add_few(name, rows, excess(values[rows], low, high))


def excess(values: FloatArray, low: float, high: float) -> FloatArray:
    """Distance outside [low, high] in units of its width (1 where it has none); 0 inside, NaN for NaN."""
    with np.errstate(over="ignore"):
        width = high - low
        outside = np.maximum(np.maximum(low - values, values - high), 0.0)
        # Dividing by an infinite width (±1e308) would lose the verdict; a positive distance stays positive.
        return np.where(outside > 0, np.maximum(outside / (width or 1.0), np.finfo(np.float64).tiny), outside)


@lru_cache(maxsize=16)
def _limits(baseline: Baseline) -> Mapping[str, tuple[float, float]]:
    """Smallest and largest value by feature, where the baseline has them."""
    found = {}
    for feature in baseline.schema.all:
        summary = baseline.feature(feature.name)
        extremes = None if summary is None else summary.get(Extremes)
        judged = feature.type.is_numeric and feature.type is not FeatureType.TIMESTAMP
        if judged and extremes is not None and extremes.min is not None and extremes.max is not None:
            found[feature.name] = (extremes.min, extremes.max)
    return found
