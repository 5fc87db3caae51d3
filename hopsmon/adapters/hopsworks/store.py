"""The result tables as feature groups of a project."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.delta_rs_tables import DeltaRsTables
from hopsmon.adapters.hopsworks.offline import UNSEEN, OfflineTables
from hopsmon.adapters.hopsworks.result_failures import Conflict, using
from hopsmon.adapters.hopsworks.result_groups import ResultGroups
from hopsmon.adapters.hopsworks.result_rows import Where, Writer, changes, needed
from hopsmon.adapters.hopsworks.result_schema import frame_schema, schema_of
from hopsmon.adapters.hopsworks.spark_tables import SparkTables
from hopsmon.config import HopsworksStoreConfig
from hopsmon.errors import OutsideError, TransientError, UnknownNameError
from hopsmon.streaming.ports import TableSize
from hopsmon.streaming.rewrites import conformed
from hopsmon.streaming.tables import TABLES, TableSpec

_LOG = logging.getLogger(__name__)
_RETENTION_HOURS = 168  # a week, as Delta has it
_CONFLICT_TRIES = 5
T = TypeVar("T")


class ProjectStore:
    """Feature groups by the tables' names; Delta tables offline, and online where that is configured.

    A micro-batch's rows are made final first, with what is stored: then writing them twice is writing them once. The
    tables are written at the same time, as each takes Spark seconds whatever it holds.
    """

    def __init__(self, connection: Connection, settings: HopsworksStoreConfig) -> None:
        """A store in a project; nothing is created before the first write."""
        self._tables: OfflineTables = SparkTables() if connection.has_spark else DeltaRsTables()
        self._groups = ResultGroups(connection, settings, self._tables)
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)  # several queries may share the store
        self._name = connection.name

    def __repr__(self) -> str:
        return f"ProjectStore({self._name!r})"

    def write(self, tables: Mapping[str, pa.Table], app_id: str, batch_id: int) -> None:
        """Write one micro-batch's rows to every table that has rows; the same (app_id, batch_id) twice changes nothing.

        Raises:
            UnknownNameError: no such result table.
            ConfigError: a feature group of that version is there, and not hopsmon's.
            OutsideError: a table could not be written; the same call goes on where it failed.
        """
        work = [(_spec(name), rows) for name, rows in tables.items() if rows.num_rows]
        if not work:
            return
        writer = Writer(app_id, batch_id)
        with ThreadPoolExecutor(len(work), "hopsmon-write") as pool:
            written = [pool.submit(self._write, spec, rows, writer) for spec, rows in work]
        errors = [error for future in written if (error := future.exception()) is not None]
        if errors:
            raise min(errors, key=lambda error: isinstance(error, TransientError))  # what will not pass by itself first

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
        group = self._groups.find(spec)
        if group is None:
            return schema.empty_table()
        wanted = schema if spec.event_time in schema.names else schema.append(spec.schema.field(spec.event_time))
        with self._using(spec):
            rows = self._tables.read(group, wanted.names, _where(spec, monitor, between))
        return conformed(rows, wanted).sort_by([(spec.event_time, "ascending")]).select(schema.names)

    def delete(self, table: str, monitor: str | None, between: tuple[datetime, datetime]) -> int:
        """Delete a table's rows (of one monitor) with an event time from the first to the second; gives their number.

        Raises:
            OutsideError: the table could not be written; nothing was deleted.
        """
        spec = _spec(table)
        group = self._groups.find(spec)
        if group is None:
            return 0
        names = dict.fromkeys((*spec.key, spec.event_time))
        schema = pa.schema([spec.schema.field(name) for name in names])

        def delete() -> int:
            rows = conformed(self._tables.read(group, schema.names, _where(spec, monitor, between)), schema)
            if rows.num_rows:
                self._tables.delete(group, rows)
            return int(rows.num_rows)

        return self._tried(spec, delete)

    def tables(self) -> dict[str, TableSize]:
        """The size of each table that exists."""
        sizes = {}
        for spec, group in self._existing():
            with self._using(spec):
                size = self._tables.size(group)
            if size is not None:
                sizes[spec.name] = size
        return sizes

    def optimize(self) -> dict[str, dict[str, int]]:
        """Merge each table's small files; gives how many files went and came, by table."""
        done = {}
        for spec, group in self._existing():
            removed, added = self._tried(spec, partial(self._tables.optimize, group))
            done[spec.name] = {"files_removed": removed, "files_added": added}
        return done

    def vacuum(self, retention_hours: float | None = None, dry_run: bool = False) -> dict[str, dict[str, int]]:
        """Delete files no version younger than the retention needs (default: a week); gives their number by table."""
        hours = _RETENTION_HOURS if retention_hours is None else math.ceil(retention_hours)
        done = {}
        for spec, group in self._existing():
            with self._using(spec):
                count = self._tables.vacuum(group, hours, dry_run=dry_run)
            done[spec.name] = {"files_to_delete" if dry_run else "files_deleted": count}
        return done

    def _write(self, spec: TableSpec, rows: pa.Table, writer: Writer) -> None:
        try:
            self._tried(spec, lambda: self._commit(spec, rows, writer))
        except OutsideError:
            self._groups.forget(spec)
            raise

    def _commit(self, spec: TableSpec, rows: pa.Table, writer: Writer) -> None:
        group = self._groups.ready(spec)
        columns, where = needed(spec, rows)
        schema = pa.schema([schema_of(spec).field(name) for name in columns])
        stored = conformed(self._tables.read(group, columns, where), schema)
        todo = changes(spec, stored, rows.select(spec.schema.names).cast(spec.schema), writer)
        if todo.written.num_rows:
            self._tables.write(group, todo.written, writer, replacing=todo.replacing)
        elif todo.rows.num_rows:
            _LOG.info("%s has micro-batch %s already", spec.name, writer)
            self._tables.register(group)  # the crash may have come between the commit and this
        if group.online_enabled and todo.rows.num_rows:
            online = conformed(todo.rows, frame_schema(spec, group))
            group.insert(self._tables.frame(online), storage="online", validation_options=dict(UNSEEN))

    def _tried(self, spec: TableSpec, change: Callable[[], T]) -> T:
        """What a change of a table gives; tried again where another writer was faster."""
        attempt = 1
        while True:
            try:
                with self._locks[spec.name], self._using(spec):
                    return change()
            except Conflict:
                if attempt == _CONFLICT_TRIES:
                    raise
            time.sleep(random.uniform(0.1, 0.5) * attempt)  # noqa: S311 - no secret, only to fall out of step
            attempt += 1

    def _existing(self) -> Iterator[tuple[TableSpec, Any]]:
        for spec in TABLES.values():
            group = self._groups.find(spec)
            if group is not None:
                yield spec, group

    def _using(self, spec: TableSpec) -> Any:
        return using(f"Feature group '{spec.name}' of project '{self._name}'")


def _where(spec: TableSpec, monitor: str | None, between: tuple[datetime, datetime] | None) -> Where:
    monitors = () if monitor is None else (monitor,)
    return Where(monitors) if between is None else Where(monitors, spec.event_time, *between)


def _spec(name: str) -> TableSpec:
    if name not in TABLES:
        raise UnknownNameError("result table", name, TABLES)
    return TABLES[name]
