"""Rows merged by key into a Delta table; late counts are added to the window they belong to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable

from hopsmon.streaming.tables import WINDOWS, TableSpec

ADDED_UP = ("late", "rejected", "outliers", "outliers_left_out")  # what late rows add to their window's row
_TIME = 'Timestamp(Microsecond, Some("UTC"))'
LATE_ONLY = -1  # the revision of a row that only brings late counts for a window written before


def merge(delta: DeltaTable, spec: TableSpec, rows: pa.Table, commit: CommitProperties) -> None:
    """Write rows so that each replaces the one with its key, in one commit."""
    source = _one_a_window(rows) if spec is WINDOWS else _last_of_each(spec, rows)
    merger = delta.merge(
        source,
        _same_row(spec, source),
        source_alias="source",
        target_alias="target",
        commit_properties=commit,
    )
    names = spec.schema.names
    columns = {_quoted(name): f"source.{_quoted(name)}" for name in names}
    if spec is WINDOWS:
        late = {
            **{name: f"target.{name} + source.{name}" for name in ADDED_UP},
            "revision": "target.revision + 1",
        }
        merger = merger.when_matched_update(late, predicate=f"source.revision = {LATE_ONLY}")
        merger = merger.when_matched_update(columns)
        first = {"revision": "0", "status": "'partial'"}
        merger = merger.when_not_matched_insert({**columns, **_quoted_keys(first)}, f"source.revision = {LATE_ONLY}")
        merger = merger.when_not_matched_insert(columns)
    else:
        merger = merger.when_matched_update(columns).when_not_matched_insert(columns)
    merger.execute()


def merge_again(delta: DeltaTable, spec: TableSpec, rows: pa.Table) -> None:
    """Write rows of a micro-batch that was written before: what is there stays as it is, what is new is added."""
    if spec is WINDOWS:
        rows = rows.filter(pc.field("revision") != LATE_ONLY)
    if rows.num_rows:
        source = _last_of_each(spec, rows)
        merger = delta.merge(source, _same_row(spec, source), source_alias="source", target_alias="target")
        columns = {_quoted(name): f"source.{_quoted(name)}" for name in spec.schema.names}
        merger.when_not_matched_insert(columns).execute()


def rows_between(spec: TableSpec, monitor: str | None, between: tuple[datetime, datetime]) -> str:
    """A table's rows (of one monitor) with an event time from the first to the second, as a condition."""
    conditions = [] if monitor is None else [f"monitor = {_text(monitor)}"]
    # A plain TIMESTAMP has nanoseconds and no zone; deletes, unlike merges, do not convert it.
    first, last = (f"arrow_cast('{moment.isoformat()}', '{_TIME}')" for moment in between)
    return " AND ".join([*conditions, f"{spec.event_time} >= {first}", f"{spec.event_time} <= {last}"])


def conformed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows in exactly the schema: columns in order, those a table of an older version lacks as nulls."""
    there = set(rows.column_names)
    columns = [
        rows.column(field.name).cast(field.type) if field.name in there else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _same_row(spec: TableSpec, rows: pa.Table) -> str:
    """Equal keys; and first, in literals, the monitors and the span of time, by which whole files are left out."""
    monitors = ", ".join(_text(name) for name in sorted(set(rows.column("monitor").to_pylist())))
    when = "window_start" if "window_start" in spec.key else spec.event_time
    span = pc.min_max(rows.column(when)).as_py()
    conditions = [f"target.monitor IN ({monitors})"]
    if not spec.moves and span["min"] is not None and not rows.column(when).null_count:
        conditions.append(f"target.{when} >= {_time(span['min'])} AND target.{when} <= {_time(span['max'])}")
    conditions += [f"target.{_quoted(name)} = source.{_quoted(name)}" for name in spec.key]
    return " AND ".join(conditions)


def _one_a_window(rows: pa.Table) -> pa.Table:
    """Rows with each window once: late counts that came with their window, or twice, are added up."""
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted(rows.to_pylist(), key=lambda row: row["revision"] == LATE_ONLY):
        key = tuple(row[name] for name in WINDOWS.key)
        if row["revision"] == LATE_ONLY and key in kept:
            before = kept[key]
            for name in ADDED_UP:
                before[name] = None if before[name] is None or row[name] is None else before[name] + row[name]
            before["revision"] += before["revision"] != LATE_ONLY
        else:
            kept[key] = row
    return WINDOWS.table(list(kept.values()))


def _last_of_each(spec: TableSpec, rows: pa.Table) -> pa.Table:
    """Rows with each key once; a merge takes no two for one."""
    keys = zip(*(rows.column(name).to_pylist() for name in spec.key), strict=True)
    last = {key: index for index, key in enumerate(keys)}
    return rows if len(last) == rows.num_rows else rows.take(sorted(last.values()))


def _quoted(name: str) -> str:
    return f'"{name}"'


def _quoted_keys(columns: dict[str, str]) -> dict[str, str]:
    return {_quoted(name): expression for name, expression in columns.items()}


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _time(value: Any) -> str:
    # Text, which becomes what the column is: TIMESTAMP '…' before it cannot be written to the log until deltalake 1.6.
    return f"'{value.isoformat()}'"
