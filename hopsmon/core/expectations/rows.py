"""Rows: which instances of a batch meet an expectation. Vectorised; nulls are left out as Great Expectations does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from hopsmon.core.batch import Batch, BoolArray, CategoryColumn, FloatArray
from hopsmon.core.expectations.cells import Cells, LabelTest, NumberTest
from hopsmon.core.schema import Feature
from hopsmon.core.statistics.distinct import HashArray, hash_numbers
from hopsmon.core.statistics.expectation_counts import MOST_SAMPLES, CheckCounts, SampledValue

_NEXT = np.uint64(0x9E3779B97F4A7C15)  # an odd number: multiplying by it loses nothing


class RowTest(Protocol):
    """A question about the cells of each instance."""

    def marks(self, cells: Sequence[Cells]) -> tuple[BoolArray, BoolArray]:
        """Which instances are left out (missing), and which of the others are not as expected."""
        ...


def counted(test: RowTest, batch: Batch, features: Sequence[Feature]) -> CheckCounts:
    """How a batch fares, and some of the values that are not as expected."""
    cells = [Cells.of(batch, feature) for feature in features]
    missing, unexpected = test.marks(cells)
    rows = np.flatnonzero(unexpected)
    samples = _samples(batch, features, rows) if len(rows) else ()
    return CheckCounts(len(batch), int(np.count_nonzero(missing)), len(rows), samples)


def _samples(batch: Batch, features: Sequence[Feature], rows: Any) -> tuple[SampledValue, ...]:
    """Of the different values in these rows those with the smallest hashes, and how often each occurs."""
    cells = [Cells.of(batch.take(rows), feature) for feature in features]
    found, first, counts = np.unique(_hashes(cells), return_index=True, return_counts=True)
    picked = zip(
        found[:MOST_SAMPLES].tolist(), first[:MOST_SAMPLES].tolist(), counts[:MOST_SAMPLES].tolist(), strict=True
    )
    return tuple(SampledValue(key, _shown(cells, row), count) for key, row, count in picked)


def _hashes(cells: Sequence[Cells]) -> HashArray:
    total = cells[0].hashes()
    for more in cells[1:]:
        total = hash_numbers((total * _NEXT + more.hashes()).view(np.float64))
    return total


def _shown(cells: Sequence[Cells], row: int) -> Any:
    values = [of.shown(row) for of in cells]
    return values if len(values) > 1 else values[0]


@dataclass(frozen=True, slots=True)
class NumbersMeet:
    """Each number passes a test."""

    test: NumberTest

    def marks(self, cells: Sequence[Cells]) -> tuple[BoolArray, BoolArray]:
        return cells[0].missing, ~cells[0].missing & ~cells[0].numbers_met(self.test)


@dataclass(frozen=True, slots=True)
class LabelsMeet:
    """Each label passes a test."""

    test: LabelTest

    def marks(self, cells: Sequence[Cells]) -> tuple[BoolArray, BoolArray]:
        return cells[0].missing, ~cells[0].missing & ~cells[0].labels_met(self.test)


@dataclass(frozen=True, slots=True)
class AreNull:
    """Each cell is null, or each is not; no instance is left out."""

    null: bool

    def marks(self, cells: Sequence[Cells]) -> tuple[BoolArray, BoolArray]:
        missing = cells[0].missing
        return np.zeros(len(missing), np.bool_), ~missing if self.null else missing


@dataclass(frozen=True, slots=True)
class AreOfType:
    """Each cell can be read as its feature's type; the test is for those that can."""

    met: bool

    def marks(self, cells: Sequence[Cells]) -> tuple[BoolArray, BoolArray]:
        there = ~cells[0].missing
        return cells[0].missing, there & cells[0].invalid if self.met else there


@dataclass(frozen=True, slots=True)
class Together:
    """A test of several cells of an instance.

    Attributes:
        ignore_any: leave out instances where any is missing; else where all are, unless `ignore` is False.
        ignore: leave out instances at all.
    """

    ignore_any: bool
    ignore: bool

    def marks(self, cells: Sequence[Cells]) -> tuple[BoolArray, BoolArray]:
        missing = np.array([of.missing for of in cells])
        left_out = np.asarray(missing.any(axis=0) if self.ignore_any else missing.all(axis=0)) & self.ignore
        wrong = np.array([of.invalid for of in cells]).any(axis=0)
        with np.errstate(invalid="ignore", over="ignore"):
            met = self.met(comparable(cells), missing)
        return left_out, ~left_out & (wrong | ~met)

    def met(self, values: FloatArray, missing: BoolArray) -> BoolArray:
        """Which instances are as expected; one row a cell, NaN where there is no value."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class FirstIsGreater(Together):
    """The first cell is greater than the second."""

    or_equal: bool

    def met(self, values: FloatArray, _missing: BoolArray) -> BoolArray:
        greater: BoolArray = values[0] >= values[1] if self.or_equal else values[0] > values[1]
        return greater


@dataclass(frozen=True, slots=True)
class BothAreEqual(Together):
    """Both cells are there and equal."""

    def met(self, values: FloatArray, _missing: BoolArray) -> BoolArray:
        equal: BoolArray = values[0] == values[1]
        return equal


@dataclass(frozen=True, slots=True)
class AllAreEqual(Together):
    """All cells are equal, or all are missing."""

    def met(self, values: FloatArray, missing: BoolArray) -> BoolArray:
        equal: BoolArray = ((values == values[0]) | (missing & missing[0])).all(axis=0)
        return equal


@dataclass(frozen=True, slots=True)
class AllDiffer(Together):
    """No two cells are equal; missing ones are equal to each other."""

    def met(self, values: FloatArray, _missing: BoolArray) -> BoolArray:
        ordered = np.sort(values, axis=0)  # NaN last
        same = (ordered[1:] == ordered[:-1]) | (np.isnan(ordered[1:]) & np.isnan(ordered[:-1]))
        differ: BoolArray = ~same.any(axis=0)
        return differ


@dataclass(frozen=True, slots=True)
class SumEquals(Together):
    """The cells add up to a number."""

    total: float

    def met(self, values: FloatArray, _missing: BoolArray) -> BoolArray:
        equal: BoolArray = values.sum(axis=0) == self.total
        return equal


def comparable(cells: Sequence[Cells]) -> FloatArray:
    """The cells of each column as numbers that compare as the values do: numbers as they are, labels by rank."""
    labels = sorted({label for of in cells if isinstance(of.column, CategoryColumn) for label in of.column.labels})
    ranks = {label: float(rank) for rank, label in enumerate(labels)}
    return np.array([_ranked(of, ranks) for of in cells])


def _ranked(cells: Cells, ranks: dict[str, float]) -> FloatArray:
    column = cells.column
    if not isinstance(column, CategoryColumn):
        return cells.numbers()
    table = np.array([*(ranks[label] for label in column.labels), np.nan, np.nan])  # codes -1 and -2 count from the end
    return table[column.codes]
