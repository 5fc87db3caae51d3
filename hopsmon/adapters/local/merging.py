"""Rows merged by key into a Delta table; late counts are added to the window they belong to."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable

from hopsmon.streaming.rewrites import ADDED_UP, LATE_ONLY, once_each
from hopsmon.streaming.tables import WINDOWS, TableSpec

_TIME = 'Timestamp(Microsecond, Some("UTC"))'


def merge(delta: DeltaTable, spec: TableSpec, rows: pa.Table, commit: CommitProperties) -> None:
    """Write rows so that each replaces the one with its key, in one commit."""
    source = once_each(spec, rows)
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
        source = once_each(spec, rows)
        merger = delta.merge(source, _same_row(spec, source), source_alias="source", target_alias="target")
        columns = {_quoted(name): f"source.{_quoted(name)}" for name in spec.schema.names}
        merger.when_not_matched_insert(columns).execute()


def rows_between(spec: TableSpec, monitor: str | None, between: tuple[datetime, datetime]) -> str:
    """A table's rows (of one monitor) with an event time from the first to the second, as a condition."""
    conditions = [] if monitor is None else [f"monitor = {_text(monitor)}"]
    # A plain TIMESTAMP has nanoseconds and no zone; deletes, unlike merges, do not convert it.
    first, last = (f"arrow_cast('{moment.isoformat()}', '{_TIME}')" for moment in between)
    return " AND ".join([*conditions, f"{spec.event_time} >= {first}", f"{spec.event_time} <= {last}"])


def _same_row(spec: TableSpec, rows: pa.Table) -> str:
    """Equal keys; and first, in literals, the monitors and the span of the key, by which whole files are left out."""
    monitors = ", ".join(_text(name) for name in sorted(set(rows.column("monitor").to_pylist())))
    conditions = [f"target.monitor IN ({monitors})"]
    if spec.growing is not None:
        first, last = (_literal(bound.as_py()) for bound in pc.min_max(rows.column(spec.growing)).values())
        conditions.append(f"target.{_quoted(spec.growing)} BETWEEN {first} AND {last}")
    conditions += [f"target.{_quoted(name)} = source.{_quoted(name)}" for name in spec.key]
    return " AND ".join(conditions)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _quoted_keys(columns: dict[str, str]) -> dict[str, str]:
    return {_quoted(name): expression for name, expression in columns.items()}


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal(value: int | datetime) -> str:
    # Text becomes what the column is; TIMESTAMP '…' before it cannot be written to the log until deltalake 1.6.
    return f"'{value.isoformat()}'" if isinstance(value, datetime) else str(value)
