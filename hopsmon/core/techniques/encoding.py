"""Encoding: instances of numbers and labels as the rows of a matrix, for techniques that look at all features at once.

A number becomes (x - mean) / stddev of the reference; a label one column a frequent label and one for all others. What
is missing becomes the reference's median and, where things are missing more than rarely, a 1 in a column of its own.
Label columns are scaled so that two random reference rows are as far apart in a label as in a number (squared distance
2, as in Gower, Biometrics 27(4), 1971: every feature has the same say).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hopsmon.core.batch import Batch, BoolArray, CategoryColumn, Column, FloatArray, NumericColumn
from hopsmon.core.schema import Feature
from hopsmon.core.statistics.categories import label_key
from hopsmon.core.techniques.reference_rows import numbers_of

LIMIT = 1e6  # standard deviations; further out, and infinity, counts as that far: squares must stay finite
_LEAST_SHARE = 0.01  # of the rows: rarer labels, or missing values, get no column of their own
_MOST_LABELS = 20
_LEAST_SPREAD = 0.1  # of 0/1 columns: rarer ones are not scaled up further, or a rare label would decide everything


@dataclass(frozen=True)
class _Number:
    """A numeric feature: (x / unit - centre) / scale. The unit keeps numbers near 1e308 from overflowing."""

    name: str
    unit: float
    centre: float
    scale: float
    filling: float  # what a missing value becomes
    mark: float  # what its own column then holds; 0: there is no such column

    @property
    def width(self) -> int:
        return 2 if self.mark else 1

    def fill(self, column: Column | None, into: FloatArray, infinite_missing: bool) -> BoolArray:
        """Writes the columns; returns which rows have a value."""
        if not isinstance(column, NumericColumn):
            into[:, 0], into[:, 1:] = self.filling, self.mark
            return np.zeros(len(into), np.bool_)
        values = numbers_of(column)
        there = np.isfinite(values) if infinite_missing else ~np.isnan(values)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (values / self.unit - self.centre) / self.scale
        into[:, 0] = np.where(there, np.clip(scaled, -LIMIT, LIMIT), self.filling)
        into[:, 1:] = np.where(there, 0.0, self.mark)[:, None]
        return there


@dataclass(frozen=True)
class _Labels:
    """A feature of labels: the column of each frequent one, then one for others, then one for missing ones."""

    name: str
    columns: Mapping[str, int]
    mark: float
    marks_missing: bool

    @property
    def width(self) -> int:
        return len(self.columns) + 1 + self.marks_missing

    def fill(self, column: Column | None, into: FloatArray, _infinite_missing: bool) -> BoolArray:
        """Writes the columns; returns which rows have a label."""
        if not isinstance(column, CategoryColumn):
            into[:, len(self.columns) + 1 :] = self.mark
            return np.zeros(len(into), np.bool_)
        other = len(self.columns)
        missing = other + 1 if self.marks_missing else -1
        by_label = [self.columns.get(label_key(label), other) for label in column.labels]
        at = np.array([*by_label, missing, missing], np.intp)[column.codes]  # codes -1 and -2 count from the end
        rows = np.flatnonzero(at >= 0)
        into[rows, at[rows]] = self.mark
        there: BoolArray = column.codes >= 0
        return there


_Part: TypeAlias = _Number | _Labels


@dataclass(frozen=True)
class Encoder:
    """How rows become numbers; made from reference rows."""

    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, reference: Batch, features: Sequence[Feature], also: Batch | None = None) -> Encoder:
        """From reference rows. Features without a value, and those that never vary, are left out.

        `also`: other rows that will be encoded: what is missing only there gets a column too.
        """
        found = (_part(feature, reference, also) for feature in features)
        return cls(tuple(part for part in found if part is not None))

    @property
    def names(self) -> tuple[str, ...]:
        """The features that are looked at."""
        return tuple(part.name for part in self.parts)

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(part.width for part in self.parts)

    @property
    def blocks(self) -> tuple[slice, ...]:
        """The columns of each feature."""
        ends = np.cumsum([part.width for part in self.parts]).tolist()
        return tuple(slice(end - part.width, end) for part, end in zip(self.parts, ends, strict=True))

    def encode(self, batch: Batch, infinite_missing: bool = False) -> tuple[FloatArray, BoolArray]:
        """The matrix, one row an instance, and which instances have any value at all.

        `infinite_missing`: an infinite value counts as none, not as a very large one.
        """
        matrix = np.zeros((len(batch), self.width))
        known = np.zeros(len(batch), np.bool_)
        for part, block in zip(self.parts, self.blocks, strict=True):
            known |= part.fill(batch.columns.get(part.name), matrix[:, block], infinite_missing)
        return matrix, known


def _part(feature: Feature, reference: Batch, also: Batch | None) -> _Part | None:
    column = reference.columns.get(feature.name)
    other = None if also is None else also.columns.get(feature.name)
    missing = max(_missing(column), _missing(other))
    if isinstance(column, NumericColumn):
        return _number(feature.name, column, missing)
    return _labels(feature.name, column, missing) if isinstance(column, CategoryColumn) else None


def _missing(column: Column | None) -> float:
    """The share of values that are not there; below 1 % as good as none."""
    if column is None or not len(column):
        return 0.0
    gone = ~np.isfinite(numbers_of(column)) if isinstance(column, NumericColumn) else column.codes < 0
    share = float(gone.mean())
    return share if share >= _LEAST_SHARE else 0.0


def _number(name: str, column: NumericColumn, missing: float) -> _Number | None:
    values = numbers_of(column)
    values = values[np.isfinite(values)]
    if len(values) < 2 or values.min() == values.max():
        return None
    unit = float(np.abs(values).max())
    values = values / unit
    centre, scale = float(values.mean()), float(values.std(ddof=1))
    if not scale:
        return None
    mark = 1 / np.sqrt(max(2 * missing * (1 - missing), _LEAST_SPREAD)) if missing else 0.0
    return _Number(name, unit, centre, scale, (float(np.median(values)) - centre) / scale, mark)


def _labels(name: str, column: CategoryColumn, missing: float) -> _Labels | None:
    by_code = np.bincount(column.codes[column.codes >= 0], minlength=len(column.labels))
    counts: Counter[str] = Counter()
    for label, count in zip(column.labels, by_code.tolist(), strict=True):
        counts[label_key(label)] += count
    total = sum(counts.values())
    if not total or (total == max(counts.values()) and not missing):
        return None
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_LABELS]
    frequent = sorted(label for label, count in ranked if count >= _LEAST_SHARE * total)
    alike = sum((count / total) ** 2 for count in counts.values())  # chance that two rows have the same label
    mark = 1 / np.sqrt(max(1 - alike, _LEAST_SPREAD))
    return _Labels(name, {label: at for at, label in enumerate(frequent)}, float(mark), missing > 0)
