"""Reservoir: a bounded random sample of a model's instances, the same in whatever order and parts they come."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import Batch, CategoryColumn, Column, FloatArray, NumericColumn
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.base import FeatureSummary, ModelStatistic
from hopsmon.core.statistics.binary import EqualByBytes, check_version
from hopsmon.core.statistics.categories import label_key
from hopsmon.core.statistics.sample import Sample
from hopsmon.errors import ConfigError

# Half of 2,000 rows calibrate conformal p-values down to 1/1001, the other half is enough for the models; to find a
# change more rows would help little, as the smaller of window and reference decides.
CAPACITY = 2_000
MOST_CELLS = 200_000  # values held, 1.6 MB: models with over 100 features get fewer rows
LEAST_CAPACITY = 256
_SEED = 20_260_101
_REPEATED = 0.01  # with more of its rows equal to others, a part's rows are not told apart by what they hold

HashArray: TypeAlias = npt.NDArray[np.uint64]
_MISSING = np.uint64(1)  # stands for a label that is not there
_HEAD = struct.Struct("<Bq")
_COMPRESSION = next((name for name in ("zstd", "lz4") if pa.Codec.is_available(name)), None)
_NO_PRIORITIES: HashArray = np.empty(0, np.uint64)


@dataclass(frozen=True, eq=False)
class Reservoir(EqualByBytes, ModelStatistic):
    """The instances with the smallest priorities: a uniform sample without replacement of all instances seen.

    A row's priority is a seeded hash of its values, event time and number in its message. So it is the same whatever
    the order of the rows, the parts they come in, and how often they are read again; `+` keeps the smallest of both.
    Rows that are equal in all of that are told apart by counting them within their part: each counts, but then
    which of them are picked depends on the parts. Where over 1 % of a part's rows repeat others (flags and labels only,
    no event time) all its priorities depend on the part's content as well: else the same row in a hundred parts would
    be picked a hundred times or never.

    Free text and ids are left out: no technique can use them, and they are the most private.

    Reference: Cohen & Kaplan, Summarizing data using bottom-k sketches, PODC 2007.

    Attributes:
        rows: one column a feature (numbers float64, NaN where there is none; labels strings, null where there is none),
            in the order of `priorities`; at most `capacity_of(columns)` rows.
        priorities: ascending.
        count: how many instances were seen.
    """

    name: ClassVar[str] = "reservoir"
    feature_types: ClassVar[frozenset[FeatureType]] = frozenset()  # of no single feature

    rows: pa.Table = field(default_factory=lambda: pa.table({}))
    priorities: HashArray = field(default_factory=lambda: _NO_PRIORITIES)
    count: int = 0

    @cached_property
    def digest(self) -> str:
        """Tells samples apart; cheap to compare, so that what was learnt from one can be kept."""
        names = "\n".join(self.rows.column_names).encode()
        return blake2b(self.priorities.tobytes() + names, digest_size=8).hexdigest()

    @classmethod
    def of(cls, _sample: Sample, _reference: FeatureSummary | None = None) -> Reservoir | None:
        """None: one feature alone has no instances; see `of_batch`."""
        return None

    @classmethod
    def of_batch(cls, batch: Batch, features: Sequence[Feature]) -> Reservoir:
        """The sample of a batch; a feature the batch has no column for is missing in every row."""
        kept = [feature for feature in features if feature.type is not FeatureType.STRING]
        if not kept:
            return cls(count=len(batch))
        columns = {feature.name: _column(batch, feature) for feature in kept}
        priorities = _priorities(batch, columns)
        picked = _smallest(priorities, capacity_of(len(kept)))
        arrays = {name: _array(column.take(picked)) for name, column in columns.items()}
        return cls(pa.table(arrays), priorities[picked], len(batch))

    def __add__(self, other: Reservoir) -> Reservoir:
        count = self.count + other.count
        if not other.rows.num_columns or not self.rows.num_columns:
            full = self if self.rows.num_columns else other
            return Reservoir(full.rows, full.priorities, count)
        if self.rows.column_names != other.rows.column_names:
            mine, theirs = (", ".join(side.rows.column_names) for side in (self, other))
            raise ConfigError(f"Samples of different features cannot be added: {mine}; {theirs}.")
        priorities = np.concatenate((self.priorities, other.priorities))
        picked = _smallest(priorities, capacity_of(self.rows.num_columns))
        rows = pa.concat_tables([self.rows, other.rows]).take(pa.array(picked))
        return Reservoir(rows, priorities[picked], count)

    def of_label(self, feature: str, label: str, count: int) -> Reservoir:
        """The sampled rows with one label: a uniform sample of the `count` rows that have it."""
        if feature not in self.rows.column_names:
            return Reservoir(count=count)
        found = pc.fill_null(pc.equal(self.rows[feature], label_key(label)), False)
        return Reservoir(self.rows.filter(found), self.priorities[found.to_numpy()], count)

    def to_bytes(self) -> bytes:
        """Version, count, then an Arrow IPC stream: the priorities, and the features in their order."""
        table = self.rows.add_column(0, "", pa.array(self.priorities)) if self.rows.num_columns else self.rows
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=_COMPRESSION)) as writer:
            writer.write_table(table.combine_chunks())
        return _HEAD.pack(1, self.count) + bytes(sink.getvalue())

    @classmethod
    def from_bytes(cls, data: bytes) -> Reservoir:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        _, count = _HEAD.unpack_from(data)
        with pa.ipc.open_stream(pa.py_buffer(data).slice(_HEAD.size)) as reader:
            table = reader.read_all()
        if not table.num_columns:
            return cls(count=count)
        return cls(table.remove_column(0), table.column(0).to_numpy(), count)


def capacity_of(columns: int) -> int:
    """How many rows a sample of so many features holds.

    >>> capacity_of(10), capacity_of(400), capacity_of(5_000)
    (2000, 500, 256)
    """
    return max(LEAST_CAPACITY, min(CAPACITY, MOST_CELLS // max(columns, 1)))


def _column(batch: Batch, feature: Feature) -> Column:
    """The feature's column; all missing where the batch has none of its kind."""
    column = batch.columns.get(feature.name)
    if feature.type.is_numeric:
        return column if isinstance(column, NumericColumn) else NumericColumn(np.full(len(batch), np.nan))
    return column if isinstance(column, CategoryColumn) else CategoryColumn(np.full(len(batch), -1, np.int32), ())


def _smallest(priorities: HashArray, most: int) -> npt.NDArray[np.intp]:
    """Where the smallest priorities stand, ascending. Equal ones are equal rows: it does not matter which is taken."""
    if len(priorities) > most:
        few = np.argpartition(priorities, most - 1)[:most]
        return few[np.argsort(priorities[few], kind="stable")]
    return np.argsort(priorities, kind="stable")


def _priorities(batch: Batch, columns: dict[str, Column]) -> HashArray:
    """One a row. The order of the columns makes no difference."""
    content = _mixed(batch.event_time.astype(np.uint64) ^ _number("event time"))
    content += _mixed(batch.instance.astype(np.uint64) ^ _number("instance"))
    for name, column in columns.items():
        cells = _cells(column)
        cells ^= _number(f"feature {name}")
        content += _mixed(cells)
    content = _mixed(content ^ np.uint64(_SEED))
    occurrence = _occurrences(content)
    salt = _mixed(np.array([content.sum(dtype=np.uint64)], np.uint64))
    again = occurrence > 0
    salted = np.broadcast_to(np.True_, again.shape) if again.sum() > _REPEATED * len(again) else again
    return _mixed(_mixed(content + occurrence) + np.where(salted, salt, np.uint64(0)))


def _occurrences(content: HashArray) -> HashArray:
    """For each row how many equal rows come before it."""
    order = np.argsort(content, kind="stable")
    ordered = content[order]
    first = np.ones(len(content), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    places = np.arange(len(content))
    counts = np.empty(len(content), np.uint64)
    counts[order] = places - np.maximum.accumulate(np.where(first, places, 0))
    return counts


def _cells(column: Column) -> HashArray:
    if isinstance(column, CategoryColumn):
        return _by_label(column, lambda labels: np.array([_number(label) for label in labels], np.uint64), _MISSING)
    return np.asarray(_numbers(column).view(np.uint64))


def _numbers(column: NumericColumn) -> FloatArray:
    """A copy of the values, with one spelling of zero and one of nothing."""
    values = column.values + 0.0
    values[np.isnan(values)] = np.nan
    for mask in (column.null, column.invalid):
        if mask is not None:
            values[mask] = np.nan
    return values


def _by_label(column: CategoryColumn, of: Callable[[list[str]], HashArray], missing: np.uint64) -> HashArray:
    """One number a row from one a label, for those labels only that occur."""
    used, places = np.unique(column.codes, return_inverse=True)
    start = int(used.searchsorted(0))
    numbers = of([label_key(column.labels[code]) for code in used[start:].tolist()])
    return np.concatenate((np.full(start, missing), numbers))[places]


def _array(column: Column) -> pa.Array:
    if isinstance(column, NumericColumn):
        return pa.array(_numbers(column))
    used, places = np.unique(column.codes, return_inverse=True)
    start = int(used.searchsorted(0))
    labels = [None] * start + [label_key(column.labels[code]) for code in used[start:].tolist()]
    return pa.array(labels, pa.string()).take(pa.array(places))


def _number(text: str) -> np.uint64:
    number: np.uint64 = np.frombuffer(blake2b(text.encode(), digest_size=8).digest(), "<u8")[0]
    return number


def _mixed(numbers: HashArray) -> HashArray:
    """Numbers that look random (splitmix64; Steele, Lea & Flood, OOPSLA 2014)."""
    mixed: HashArray = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
