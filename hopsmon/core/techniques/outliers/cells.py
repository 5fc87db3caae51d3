"""Cells: a feature's values as the numbers of few cells, labels or bins at the quantiles of reference rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hopsmon.core.batch import CategoryColumn, Column, FloatArray, NumericColumn
from hopsmon.core.statistics.categories import label_key
from hopsmon.core.techniques.reference_rows import numbers_of

LEAST_ROWS = 10  # of the reference in a cell: rarer ones say nothing about pairs
_BINS = 8
_FEW = 12  # distinct numbers that get a cell each

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Cells:
    """The cells of one feature: by label, or by the inner edges of the bins; -1 stands for what has no cell."""

    name: str
    count: int
    labels: Mapping[str, int] | None
    edges: tuple[float, ...] = ()

    def places(self, column: Column | None, rows: int) -> Places:
        """The cell of each row's value; -1 where it is missing or has none."""
        if self.labels is not None and isinstance(column, CategoryColumn):
            by_label = [self.labels.get(label_key(label), -1) for label in column.labels]
            return np.array([*by_label, -1, -1], np.intp)[column.codes]  # codes -1 and -2 count from the end
        if self.labels is None and isinstance(column, NumericColumn):
            values = numbers_of(column)
            return np.where(np.isnan(values), -1, np.searchsorted(np.array(self.edges), values, "right"))
        return np.full(rows, -1, np.intp)


def cells_of(name: str, column: Column | None) -> Cells | None:
    """The cells of reference rows; None where there would be fewer than two."""
    if isinstance(column, NumericColumn):
        values = numbers_of(column)
        edges = _edges(values[np.isfinite(values)])
        return Cells(name, len(edges) + 1, None, edges) if edges else None
    if not isinstance(column, CategoryColumn):
        return None
    by_code = np.bincount(column.codes[column.codes >= 0], minlength=len(column.labels))
    often = sorted(label_key(column.labels[code]) for code in np.flatnonzero(by_code >= LEAST_ROWS).tolist())
    return Cells(name, len(often), {label: at for at, label in enumerate(often)}) if len(often) > 1 else None


def _edges(values: FloatArray) -> tuple[float, ...]:
    """Inner edges: between the distinct values if they are few, else at the quantiles."""
    distinct = np.unique(values)
    if len(distinct) <= _FEW:
        return tuple((distinct[:-1] / 2 + distinct[1:] / 2).tolist())
    inner = np.unique(np.quantile(values, np.arange(1, _BINS) / _BINS))
    return tuple(inner[inner > distinct[0]].tolist())
