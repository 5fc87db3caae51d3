"""Cells: a column of a batch as expectations see it: what is missing, what is of a wrong type, what can be shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hopsmon.core.batch import INVALID_CODE, NULL_CODE, Batch, BoolArray, CategoryColumn, FloatArray, NumericColumn
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.categories import label_key
from hopsmon.core.statistics.distinct import HashArray, hash_labels, hash_numbers

NumberTest = Callable[[FloatArray], BoolArray]  # which numbers are as expected
LabelTest = Callable[[str], bool]  # whether a label is as expected

_NULL_HASH, _INVALID_HASH = np.uint64(0x6E756C6C), np.uint64(0x62726F6B)
_INVALID_SHOWN = "(invalid)"


@dataclass(frozen=True, slots=True)
class Cells:
    """One column, with what is missing in it as pandas sees it: null, or a NaN that the sender wrote.

    Attributes:
        missing: no value to look at.
        invalid: a value of a wrong type; it is not missing, and meets no expectation on values.
    """

    column: NumericColumn | CategoryColumn
    kind: FeatureType
    missing: BoolArray
    invalid: BoolArray

    @classmethod
    def of(cls, batch: Batch, feature: Feature) -> Cells:
        """The feature's cells; all missing where the batch has no such column."""
        column = batch.columns.get(feature.name)
        if column is None:
            column = CategoryColumn(np.full(len(batch), NULL_CODE, np.int32), ())
        if isinstance(column, CategoryColumn):
            return cls(column, feature.type, column.codes == NULL_CODE, column.codes == INVALID_CODE)
        nothing = np.zeros(len(column), np.bool_)
        null = nothing if column.null is None else column.null
        invalid = nothing if column.invalid is None else column.invalid & ~null
        return cls(column, feature.type, null | (np.isnan(column.values) & ~invalid), invalid)

    def numbers(self) -> FloatArray:
        """The numbers, NaN where there is none."""
        if isinstance(self.column, CategoryColumn):
            return np.full(len(self.column), np.nan)
        gone = self.missing | self.invalid
        return np.where(gone, np.nan, self.column.values) if gone.any() else self.column.values

    def numbers_met(self, test: NumberTest) -> BoolArray:
        """Which cells hold a number as expected."""
        with np.errstate(invalid="ignore"):
            return test(self.numbers()) & ~self.missing & ~self.invalid

    def labels_met(self, test: LabelTest) -> BoolArray:
        """Which cells hold a label as expected; each label is looked at once."""
        if not isinstance(self.column, CategoryColumn):
            return np.zeros(len(self.column), np.bool_)
        labels, codes = self.column.labels, self.column.codes
        table = np.zeros(len(labels) + 2, np.bool_)  # codes -1 and -2 count from the end
        for code in _used(codes, len(labels)).tolist():
            table[code] = test(labels[code])
        return table[codes]

    def hashes(self) -> HashArray:
        """One number a cell, from its value alone."""
        if isinstance(self.column, NumericColumn):
            found = hash_numbers(self.column.values + 0.0)  # one spelling of zero
            return np.where(self.missing, _NULL_HASH, np.where(self.invalid, _INVALID_HASH, found))
        labels, codes = self.column.labels, self.column.codes
        table = np.full(len(labels) + 2, _INVALID_HASH)
        table[NULL_CODE] = _NULL_HASH
        used = _used(codes, len(labels))
        table[used] = hash_labels(tuple(labels[code] for code in used.tolist()))
        return table[codes]

    def shown(self, row: int) -> Any:
        """The value as JSON holds it and people read it."""
        if self.missing[row]:
            return None
        if self.invalid[row]:
            return _INVALID_SHOWN
        if isinstance(self.column, CategoryColumn):
            return label_key(self.column.labels[self.column.codes[row]])
        return shown_number(float(self.column.values[row]), self.kind)


def shown_number(value: float, kind: FeatureType) -> Any:
    """A number as a feature of that type writes it.

    >>> shown_number(3.0, FeatureType.INTEGER), shown_number(1.5, FeatureType.INTEGER)
    (3, 1.5)
    >>> shown_number(1767225600.5, FeatureType.TIMESTAMP)
    '2026-01-01T00:00:00.500000Z'
    """
    if not np.isfinite(value):
        return str(value)
    if kind is FeatureType.TIMESTAMP and abs(value) < _LAST_SECOND:
        return f"{np.datetime64(round(value * 1_000_000), 'us')}Z".replace(".000000Z", "Z")
    return int(value) if kind is FeatureType.INTEGER and value.is_integer() else value


_LAST_SECOND = 253_402_300_800.0  # the year 10000


def _used(codes: npt.NDArray[np.int32], labels: int) -> npt.NDArray[np.intp]:
    """The codes of labels that occur, ascending."""
    seen = np.zeros(labels + 2, np.bool_)
    seen[codes] = True
    return np.flatnonzero(seen[:labels])
