"""What a micro-batch makes of a table's rows: final values, so that writing them once more changes nothing.

Each row says which micro-batch wrote it last. By that a micro-batch that is done again finds what it has done already,
in whatever part of the tables, whoever wrote in between, and whether the crash came before or after a commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.adapters.hopsworks.result_schema import WRITTEN_BY, schema_of
from hopsmon.streaming.rewrites import LATE_ONLY, keys_of, late_alone, once_each, with_late
from hopsmon.streaming.tables import WINDOWS, TableSpec

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Where:
    """Rows of these monitors (empty: of all) whose column lies in a span, both ends included (None: wherever)."""

    monitors: tuple[str, ...] = ()
    column: str | None = None
    first: Any = None
    last: Any = None


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: a micro-batch of a query with its checkpoint."""

    app_id: str
    batch_id: int

    def __str__(self) -> str:
        return f"{self.app_id}:{self.batch_id}"

    def batch_in(self, written_by: str | None) -> int | None:
        """The number of the micro-batch that wrote a row, if it was one with the same checkpoint."""
        app_id, _, batch_id = (written_by or "").rpartition(":")
        return int(batch_id) if app_id == self.app_id else None


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done.

    Attributes:
        rows: all rows of the micro-batch, as they are in the end.
        written: those among them that are not there yet, or there with other values.
        replacing: whether keys of these are there, or other rows of the same micro-batch.
    """

    rows: pa.Table
    written: pa.Table
    replacing: bool


class _Fate(Enum):
    """What becomes of a row."""

    NEW = auto()
    REPLACES = auto()
    DONE = auto()  # this very micro-batch has written it before
    OUTDATED = auto()  # a later one has: its driver was taken for dead, and is not


def needed(spec: TableSpec, rows: pa.Table) -> tuple[Sequence[str], Where]:
    """What must be read of a table to know what rows make of it: columns, and of which rows.

    Of windows all columns, as late counts are added to them.
    """
    columns = schema_of(spec).names if spec is WINDOWS else dict.fromkeys((*spec.key, spec.event_time, WRITTEN_BY))
    monitors = tuple(sorted(set(rows.column("monitor").to_pylist())))
    if spec.growing is None:
        return list(columns), Where(monitors)
    span = pc.min_max(rows.column(spec.growing)).as_py()
    return list(columns), Where(monitors, spec.growing, span["min"], span["max"])


def changes(spec: TableSpec, stored: pa.Table, rows: pa.Table, writer: Writer) -> Changes:
    """What a micro-batch's rows make of those that are stored (these, and perhaps others)."""
    before = dict(zip(keys_of(spec, stored), stored.to_pylist(), strict=True))
    rows = once_each(spec, rows)
    kept: list[Row] = []
    written: list[Row] = []
    replacing = False
    for key, row in zip(keys_of(spec, rows), rows.to_pylist(), strict=True):
        found = before.get(key)
        fate = _fate(spec, found, row, writer)
        if fate is _Fate.OUTDATED:
            continue
        final = _final(spec, fate, found or {}, {**row, WRITTEN_BY: str(writer)})
        kept.append(final)
        if fate is not _Fate.DONE:
            written.append(final)
        # A second append of a micro-batch, with what its first had not, would be left out: Delta has its number.
        replacing = replacing or fate is not _Fate.NEW
    schema = schema_of(spec)
    rows, fresh = pa.Table.from_pylist(kept, schema), pa.Table.from_pylist(written, schema)
    return Changes(rows, fresh, replacing and bool(written))


def _fate(spec: TableSpec, found: Mapping[str, Any] | None, row: Row, writer: Writer) -> _Fate:
    if found is None:
        return _Fate.NEW
    batch = writer.batch_in(found[WRITTEN_BY])
    if batch is None or batch < writer.batch_id:
        return _Fate.REPLACES
    if batch > writer.batch_id:
        return _Fate.OUTDATED
    # Done again in another mode, a micro-batch may close fewer windows: then its state is an earlier window's.
    same = spec.growing is not None or found[spec.event_time] == row[spec.event_time]
    return _Fate.DONE if same else _Fate.REPLACES


def _final(spec: TableSpec, fate: _Fate, found: Mapping[str, Any], row: Row) -> Row:
    """The row as it is in the end."""
    if spec is WINDOWS:
        if fate is _Fate.DONE:
            return dict(found)
        if row["revision"] == LATE_ONLY:
            return {**with_late(found, row), WRITTEN_BY: row[WRITTEN_BY]} if found else late_alone(row)
        return row
    # A feature group's rows are replaced only where the event time is the same as well.
    return {**row, spec.event_time: found[spec.event_time]} if found and spec.growing is not None else row
