"""Sample: the usable values of one feature in one batch, prepared once and shared by all its statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from hopsmon.core.batch import (
    INVALID_CODE,
    NULL_CODE,
    BoolArray,
    CategoryColumn,
    Column,
    FloatArray,
    IntArray,
    NumericColumn,
)

# Counting by label code costs time per label known, sorting the codes costs time per row: above this many labels a
# row the codes are sorted instead (a batch cut into windows shares one long list of labels).
_LABELS_PER_ROW = 2


@dataclass(frozen=True)
class NumericSample:
    """The finite values of a numeric feature; what was left out is counted.

    Attributes:
        values: finite float64 numbers, -0.0 written as 0.0, in no particular order.
        rows: all values, usable or not.
        nulls: missing values.
        invalid: values of a wrong type.
        nonfinite: NaN and infinities that the sender wrote as such.
        ascending: whether `values` are known to be in ascending order.
    """

    values: FloatArray
    rows: int
    nulls: int = 0
    invalid: int = 0
    nonfinite: int = 0
    ascending: bool = False

    @cached_property
    def sorted(self) -> FloatArray:
        """The values in ascending order. Most statistics of a sorted column are cheap, so it is sorted once."""
        return self.values if self.ascending else np.sort(self.values)


@dataclass(frozen=True)
class CategorySample:
    """The labels of a categorical feature and how often each occurs; what was left out is counted.

    Attributes:
        labels: distinct labels.
        counts: how often each occurs, at least once.
        rows: all values, usable or not.
        nulls: missing values.
        invalid: values of a wrong type.
    """

    labels: tuple[str, ...]
    counts: IntArray
    rows: int
    nulls: int = 0
    invalid: int = 0


Sample: TypeAlias = NumericSample | CategorySample


def sample_of(column: Column) -> Sample:
    """The sample of a column; the column is not changed."""
    return _numeric(column) if isinstance(column, NumericColumn) else _categories(column)


def _numeric(column: NumericColumn) -> NumericSample:
    ordered = column.values + 0.0  # copies, gathers a strided column and turns -0.0 into 0.0, all in one go
    ordered.sort()  # -inf first; +inf, then NaN last
    rows = len(ordered)
    nulls, invalid = _masked(column.null), _masked(column.invalid)
    if rows and not (ordered[0] > -np.inf and ordered[-1] < np.inf):  # NaN fails both
        ordered = ordered[ordered.searchsorted(-np.inf, "right") : ordered.searchsorted(np.inf, "left")]
    if column.null is not None and column.invalid is not None:
        invalid -= int(np.count_nonzero(column.null & column.invalid))  # null wins: a value is counted once
    return NumericSample(ordered, rows, nulls, invalid, rows - len(ordered) - nulls - invalid, ascending=True)


def _masked(mask: BoolArray | None) -> int:
    return 0 if mask is None else int(np.count_nonzero(mask))


def _categories(column: CategoryColumn) -> CategorySample:
    codes, counts = _count_codes(column)
    usable = int(codes.searchsorted(0))
    missing = dict(zip(codes[:usable].tolist(), counts[:usable].tolist(), strict=True))
    labels = tuple(map(column.labels.__getitem__, codes[usable:].tolist()))
    labels, label_counts = _join_equal(labels, counts[usable:])
    return CategorySample(labels, label_counts, len(column), missing.get(NULL_CODE, 0), missing.get(INVALID_CODE, 0))


def _count_codes(column: CategoryColumn) -> tuple[IntArray, IntArray]:
    """The codes that occur, ascending, and how often each does."""
    if len(column.labels) > _LABELS_PER_ROW * len(column):
        present, counts = np.unique(column.codes, return_counts=True)
        return present.astype(np.int64), counts.astype(np.int64)
    every = np.bincount(column.codes - INVALID_CODE)
    places = np.flatnonzero(every)
    return (places + INVALID_CODE).astype(np.int64), every[places].astype(np.int64)


def _join_equal(labels: tuple[str, ...], counts: IntArray) -> tuple[tuple[str, ...], IntArray]:
    """One entry a label, should two codes stand for the same label."""
    if len(set(labels)) == len(labels):
        return labels, counts
    joined: dict[str, int] = {}
    for label, count in zip(labels, counts.tolist(), strict=True):
        joined[label] = joined.get(label, 0) + count
    return tuple(joined), np.array(list(joined.values()), np.int64)
