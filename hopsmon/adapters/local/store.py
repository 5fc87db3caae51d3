"""The result tables as Delta tables in a folder: written by delta-rs, readable by any Delta reader."""

from __future__ import annotations

import contextlib
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from hopsmon.adapters.local import merging
from hopsmon.errors import OutsideError, TransientError, UnknownNameError
from hopsmon.streaming.ports import TableSize
from hopsmon.streaming.rewrites import conformed
from hopsmon.streaming.tables import STATES, TABLES, TableSpec

_APPENDS, _REPLACES = 0, 1  # what a monitor's rows of one writer do, as the version of a mark in the log
_LOG = logging.getLogger(__name__)
T = TypeVar("T")

APPENDED = ("hopsmon_outliers", "hopsmon_rejects")  # many rows, and new ones by nature; all others are merged by key
STATES_RETENTION_HOURS = 2
TARGET_FILE = 16 << 20  # bytes; compaction rewrites the files below it, within a write: bounds how long that one waits
_CONFLICT_TRIES = 10


class LocalStore:
    """Delta tables in a folder, a subfolder a table, partitioned by monitor.

    Each write of a table is one commit that carries (app_id, batch_id): a replayed micro-batch finds its commit and
    changes nothing. A crash between two tables leaves the rest to the replay.
    """

    def __init__(self, path: Path | str, compact_every: int = 100) -> None:
        """A store in a folder; nothing is created before the first write.

        Args:
            path: the folder.
            compact_every: commits of a table after which its small files are merged.
        """
        self.path = Path(path)
        self.compact_every = compact_every
        self._lock = threading.Lock()  # several queries of a process may share the store
        self._kept: dict[str, tuple[int, DeltaTable]] = {}

    def __repr__(self) -> str:
        return f"LocalStore({str(self.path)!r})"

    def write(self, tables: Mapping[str, pa.Table], app_id: str, batch_id: int) -> None:
        """Write one micro-batch's rows to every table that has rows; the same (app_id, batch_id) twice changes nothing.

        Raises:
            UnknownNameError: no such result table.
            OutsideError: a table could not be written; nothing of it was, and the same call goes on where it failed.
        """
        for name, rows in tables.items():
            spec = _spec(name)
            if rows.num_rows:
                with self._lock, self._guard(name):
                    self._write(spec, rows.select(spec.schema.names).cast(spec.schema), app_id, batch_id)

    def read(
        self,
        table: str,
        monitor: str | None = None,
        columns: Sequence[str] | None = None,
        between: tuple[datetime, datetime] | None = None,
    ) -> pa.Table:
        """All rows of a table (of one monitor), oldest first; empty where nothing was written yet.

        Args:
            columns: only these, for tables with large ones.
            between: only rows with an event time (of windows: their end) from the first to the second.
        """
        spec = _spec(table)
        schema = spec.schema if columns is None else pa.schema([spec.schema.field(name) for name in columns])
        with self._guard(table):
            delta = self._open(spec)
            if delta is None:
                return schema.empty_table()
            there = {field.name for field in delta.schema().fields}
            wanted = [name for name in {*schema.names, spec.event_time} if name in there]
            rows = delta.to_pyarrow_table(filters=_conditions(spec, monitor, between), columns=wanted)
        return conformed(rows.sort_by([(spec.event_time, "ascending")]), schema)

    def delete(self, table: str, monitor: str | None, between: tuple[datetime, datetime]) -> int:
        """Delete a table's rows (of one monitor) with an event time from the first to the second; gives their number.

        Raises:
            OutsideError: the table could not be written; nothing was deleted.
        """
        spec = _spec(table)
        condition = merging.rows_between(spec, monitor, between)

        def delete() -> int:
            delta = self._open(spec)
            return 0 if delta is None else int(delta.delete(condition)["num_deleted_rows"])

        with self._lock, self._guard(table):
            return self._tried(spec, delete)

    def tables(self) -> dict[str, TableSize]:
        """The size of each table that exists."""
        sizes = {}
        for name, delta in self._existing():
            actions = pa.table(delta.get_add_actions(flatten=True))
            rows, size = (sum(actions.column(column).to_pylist()) for column in ("num_records", "size_bytes"))
            sizes[name] = TableSize(rows, actions.num_rows, size, delta.version())
        return sizes

    def optimize(self) -> dict[str, dict[str, int]]:
        """Merge each table's small files; gives how many files went and came, by table."""
        done = {}
        for name, delta in self._existing():
            with self._guard(name):
                metrics = delta.optimize.compact(target_size=TARGET_FILE)
            done[name] = {"files_removed": metrics["numFilesRemoved"], "files_added": metrics["numFilesAdded"]}
        return done

    def vacuum(self, retention_hours: float | None = None, dry_run: bool = False) -> dict[str, dict[str, int]]:
        """Delete files no version younger than the retention needs (default: a week); gives their number by table."""
        hours = None if retention_hours is None else math.ceil(retention_hours)
        done = {}
        for name, delta in self._existing():
            with self._guard(name):
                files = delta.vacuum(hours, dry_run=dry_run, enforce_retention_duration=False)
            done[name] = {"files_to_delete" if dry_run else "files_deleted": len(files)}
        return done

    def _write(self, spec: TableSpec, rows: pa.Table, app_id: str, batch_id: int) -> None:
        self._tried(spec, lambda: self._commit(spec, rows, app_id, batch_id))

    def _tried(self, spec: TableSpec, change: Callable[[], T]) -> T:
        """What a change of a table gives; tried again where another writer was faster."""
        attempt = 1
        while True:
            try:
                return change()
            except CommitFailedError as error:  # it looks again at what is there now
                if attempt == _CONFLICT_TRIES:
                    where = self.path / spec.name
                    raise TransientError(f"Other writers of {where} are always faster: {error}") from error
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - no secret, only to fall out of step
            attempt += 1

    def _commit(self, spec: TableSpec, rows: pa.Table, app_id: str, batch_id: int) -> None:
        delta = self._current(spec) or self._create(spec)
        _add_missing_columns(delta, spec)
        writer = f"{app_id}:{spec.name}"
        done = delta.transaction_version(writer)
        if done is not None and done >= batch_id:
            _LOG.info("%s has micro-batch %d of %s already", spec.name, batch_id, app_id)
            if done == batch_id and spec is STATES:
                merging.merge(delta, spec, rows, CommitProperties())  # of fewer windows perhaps: see below
            elif done == batch_id and spec.name not in APPENDED:
                # A replay in another mode (once, then continuous) may close more windows than the first attempt did.
                # Rows that are there stay; counts of late rows must not be added twice.
                merging.merge_again(delta, spec, rows)
            return
        transactions = [Transaction(writer, batch_id)]
        if spec.name in APPENDED and not _replaces(delta, rows, writer, transactions):
            commit = CommitProperties(app_transactions=transactions)
            write_deltalake(delta, rows, mode="append", commit_properties=commit)
        else:
            merging.merge(delta, spec, rows, CommitProperties(app_transactions=transactions))
        self._keep_small(delta, spec)

    def _keep_small(self, delta: DeltaTable, spec: TableSpec) -> None:
        if delta.version() % self.compact_every:
            return
        try:
            delta.optimize.compact(target_size=TARGET_FILE)
            if spec is STATES:  # each micro-batch replaces them, and nobody asks what they were: files would pile up
                delta.vacuum(STATES_RETENTION_HOURS, dry_run=False, enforce_retention_duration=False)
        except CommitFailedError as error:
            _LOG.info("%s: compaction gave way to another writer: %s", delta.table_uri, error)

    def _current(self, spec: TableSpec) -> DeltaTable | None:
        """The table as it is now. Kept between writes: reading the whole log anew takes longer than a write."""
        try:
            log = (self.path / spec.name / "_delta_log").stat().st_ino
        except FileNotFoundError:
            return None
        kept_log, kept = self._kept.get(spec.name, (None, None))
        if kept is not None and kept_log == log:  # else somebody has removed the folder meanwhile
            try:
                kept.update_incremental()
            except DeltaError:  # another folder that got the same inode
                _LOG.info("%s was made anew by somebody else", kept.table_uri)
            else:
                return kept
        found = self._open(spec)
        if found is not None:
            self._kept[spec.name] = (log, found)
        return found

    def _open(self, spec: TableSpec) -> DeltaTable | None:
        try:
            return DeltaTable(str(self.path / spec.name))
        except TableNotFoundError:
            return None

    def _create(self, spec: TableSpec) -> DeltaTable:
        place = self.path / spec.name
        place.mkdir(parents=True, exist_ok=True)
        settings = {"delta.checkpointInterval": "100"}
        return DeltaTable.create(
            str(place),
            spec.schema,
            mode="ignore",
            partition_by=["monitor"],
            description=spec.grain,
            configuration=settings,
        )

    def _existing(self) -> list[tuple[str, DeltaTable]]:
        found = []
        for name, spec in TABLES.items():
            with self._guard(name):
                delta = self._open(spec)
            if delta is not None:
                found.append((name, delta))
        return found

    @contextlib.contextmanager
    def _guard(self, table: str) -> Iterator[None]:
        try:
            yield
        except (OSError, DeltaError) as error:
            raise OutsideError(
                f"Cannot use the table in {self.path / table}: {error}. Is there room on the disk, may this user write "
                "there, and did hopsmon make that folder?"
            ) from error


def _conditions(
    spec: TableSpec, monitor: str | None, between: tuple[datetime, datetime] | None
) -> list[tuple[str, str, object]] | None:
    conditions: list[tuple[str, str, object]] = [] if monitor is None else [("monitor", "=", monitor)]
    if between is not None:
        conditions += [(spec.event_time, ">=", between[0]), (spec.event_time, "<=", between[1])]
    return conditions or None


def _add_missing_columns(delta: DeltaTable, spec: TableSpec) -> None:
    """A table that an earlier version made gets the columns it lacks; they are null in the rows that are there."""
    there = {field.name for field in delta.schema().fields}
    missing = [field for field in spec.schema if field.name not in there]
    if missing:
        delta.alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)


def _replaces(delta: DeltaTable, rows: pa.Table, writer: str, transactions: list[Transaction]) -> bool:
    """Whether rows may be there already, from a run with another checkpoint; marks in the log keep the answers.

    A monitor that is new to a writer, but has rows in the table, began anew, and may read again what was read before:
    its rows must be merged by key, which costs more than appending them.
    """
    there = {partition["monitor"] for partition in delta.partitions()}
    replaces = False
    for monitor in sorted(set(rows.column("monitor").to_pylist())):
        mark = f"{writer}:{monitor}"
        answer = delta.transaction_version(mark)
        if answer is None:
            answer = _REPLACES if monitor in there else _APPENDS
            transactions.append(Transaction(mark, answer))
        replaces = replaces or answer == _REPLACES
    return replaces


def _spec(name: str) -> TableSpec:
    if name not in TABLES:
        raise UnknownNameError("result table", name, TABLES)
    return TABLES[name]
