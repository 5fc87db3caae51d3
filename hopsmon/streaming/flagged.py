"""Flagged instances and unreadable messages as rows, bundled per record batch: they pass the fold untouched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from hopsmon.core.batch import INVALID_CODE, Batch, CategoryColumn, Column, IntArray
from hopsmon.core.payloads import Decoded, Reject
from hopsmon.core.techniques.guard import run_instance_technique
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.streaming.framing import pack
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.tables import OUTLIERS as OUTLIERS_TABLE
from hopsmon.streaming.tables import REJECTS as REJECTS_TABLE

OUTLIERS, REJECTS, FAILED = "outliers", "rejects", "failed"
PAYLOAD_BYTES = 4096
_ADDED_LATER = {"monitor", "model_name", "model_version", "slice", "detected_at"}  # by judge, on the driver
OUTLIER_SCHEMA = pa.schema([field for field in OUTLIERS_TABLE.schema if field.name not in _ADDED_LATER])
REJECT_SCHEMA = pa.schema([field for field in REJECTS_TABLE.schema if field.name not in _ADDED_LATER])


def outlier_rows(
    plan: MonitorPlan, batch: Batch, run: pa.RecordBatch, decoded: Decoded
) -> tuple[int, list[tuple[str, bytes]]]:
    """How many (instance, technique) pairs were flagged, the bundle of their rows, and what techniques failed."""
    columns: dict[str, list[Any]] = {name: [] for name in OUTLIER_SCHEMA.names}
    bundles = []
    for technique in plan.instance_techniques:
        scores = run_instance_technique(technique, batch, plan.baseline)
        if scores.error is not None:
            bundles.append((FAILED, pack([technique.name, scores.error])))
        rows = np.flatnonzero(scores.flagged)
        if len(rows):
            _append(columns, technique.name, scores, batch, rows)
            _append_places(columns, batch.message[rows], run, decoded)
    count = len(columns["technique"])
    if count:
        bundles.append((OUTLIERS, to_ipc(pa.table(columns, schema=OUTLIER_SCHEMA))))
    return count, bundles


def _append(
    columns: dict[str, list[Any]], technique: str, scores: InstanceScores, batch: Batch, rows: np.ndarray
) -> None:
    flagged = batch.take(rows)
    columns["instance"] += flagged.instance.tolist()
    columns["technique"] += [technique] * len(rows)
    columns["event_time"] += flagged.event_time.tolist()
    columns["score"] += scores.score[rows].tolist()
    columns["threshold"] += [scores.threshold] * len(rows)
    columns["p_value"] += [None] * len(rows)
    columns["top_features"] += [orjson.dumps(dict(scores.top_features(int(row)))).decode() for row in rows]
    columns["values"] += instances_as_json(flagged)


def _append_places(columns: dict[str, list[Any]], messages: IntArray, run: pa.RecordBatch, decoded: Decoded) -> None:
    columns["event_id"] += event_ids(messages, run, decoded)
    for name in ("topic", "partition", "offset"):
        columns[name] += run.column(name).take(pa.array(messages)).to_pylist()


def event_ids(messages: IntArray, run: pa.RecordBatch, decoded: Decoded) -> list[str]:
    """The events' own ids; where a message has none, its place in the log."""
    ids = []
    for message in messages.tolist():
        own = decoded.id_of(message)
        ids.append(own if own is not None else place_of(message, run))
    return ids


def place_of(message: int, run: pa.RecordBatch) -> str:
    """topic/partition/offset of a message."""
    return "/".join(str(run.column(name)[message].as_py()) for name in ("topic", "partition", "offset"))


def instances_as_json(batch: Batch) -> list[str]:
    """Each instance as a JSON object of its values; what is not a number or label is null."""
    names = list(batch.columns)
    values = [_plain(column) for column in batch.columns.values()]
    return [orjson.dumps(dict(zip(names, row, strict=True))).decode() for row in zip(*values, strict=True)]


def _plain(column: Column) -> list[Any]:
    if isinstance(column, CategoryColumn):
        labels = column.labels
        return [labels[code] if code >= 0 else "(invalid)" if code == INVALID_CODE else None for code in column.codes]
    finite = np.isfinite(column.values)
    values: list[Any] = column.values.tolist()
    return values if finite.all() else [value if ok else None for value, ok in zip(values, finite, strict=True)]


def reject_rows(rejects: Sequence[Reject], run: pa.RecordBatch, times: IntArray) -> Iterator[tuple[str, bytes]]:
    """The bundle of reject rows; a message that failed twice (both sides of one record) is one row."""
    if not rejects:
        return
    by_row = {reject.row: reject for reject in reversed(rejects)}
    rows = sorted(by_row)
    at = pa.array(rows, pa.int64())
    payloads = [(value or b"")[:PAYLOAD_BYTES] for value in run.column("value").take(at).to_pylist()]
    columns = {
        "topic": run.column("topic").take(at),
        "partition": run.column("partition").take(at),
        "offset": run.column("offset").take(at),
        "event_time": times[rows],
        "reason": [str(by_row[row].reason) for row in rows],
        "message": [by_row[row].message for row in rows],
        "payload": payloads,
    }
    yield REJECTS, to_ipc(pa.table(columns, schema=REJECT_SCHEMA))


def to_ipc(table: pa.Table) -> bytes:
    """A small table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def from_ipc(data: bytes) -> pa.Table:
    """Inverse of `to_ipc`."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()
