"""Rewrites: what a second write of a key makes of the row that is there. Stores differ in how, not in what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import pyarrow as pa

from hopsmon.streaming.tables import WINDOWS, TableSpec

ADDED_UP = ("late", "rejected", "outliers", "outliers_left_out")  # what late rows add to their window's row
LATE_ONLY = -1  # the revision of a row that only brings late counts for a window written before

Key: TypeAlias = tuple[Any, ...]


def keys_of(spec: TableSpec, rows: pa.Table) -> list[Key]:
    """The key of each row, in order."""
    return list(zip(*(rows.column(name).to_pylist() for name in spec.key), strict=True))


def once_each(spec: TableSpec, rows: pa.Table) -> pa.Table:
    """Rows with each key once: the last counts, and late counts that came with their window, or twice, are added up."""
    if spec is WINDOWS:
        return _one_a_window(rows)
    last = {key: index for index, key in enumerate(keys_of(spec, rows))}
    return rows if len(last) == rows.num_rows else rows.take(sorted(last.values()))


def _one_a_window(rows: pa.Table) -> pa.Table:
    kept: dict[Key, dict[str, Any]] = {}
    for row in sorted(rows.to_pylist(), key=lambda row: row["revision"] == LATE_ONLY):
        key = tuple(row[name] for name in WINDOWS.key)
        kept[key] = with_late(kept[key], row) if row["revision"] == LATE_ONLY and key in kept else row
    return WINDOWS.table(list(kept.values()))


def with_late(window: Mapping[str, Any], late: Mapping[str, Any]) -> dict[str, Any]:
    """A window's row with late counts; a count that either does not know is not known."""
    sums = {
        name: None if window[name] is None or late[name] is None else window[name] + late[name] for name in ADDED_UP
    }
    revision = window["revision"]
    return {**window, **sums, "revision": revision if revision == LATE_ONLY else revision + 1}


def late_alone(late: Mapping[str, Any]) -> dict[str, Any]:
    """The row of late counts whose window is not there."""
    return {**late, "revision": 0, "status": "partial"}


def conformed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows in exactly the schema: columns in order, those a table of an older version lacks as nulls."""
    there = set(rows.column_names)
    columns = [
        rows.column(field.name).cast(field.type) if field.name in there else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
