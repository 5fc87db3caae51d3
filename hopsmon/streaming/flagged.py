"""Flagged instances and unreadable messages as rows, bundled per record batch: they pass the fold untouched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from hopsmon.core.batch import INVALID_CODE, Batch, BoolArray, CategoryColumn, Column, IntArray
from hopsmon.core.payloads import Decoded, Reject
from hopsmon.core.techniques.guard import run_instance_technique
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.streaming.failures import report
from hopsmon.streaming.flag_counts import Bundle, first_of_each, most_of_a_piece, to_ipc
from hopsmon.streaming.patience import patient
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.tables import OUTLIERS as OUTLIERS_TABLE
from hopsmon.streaming.tables import REJECTS as REJECTS_TABLE

Rows: TypeAlias = npt.NDArray[np.intp]

OUTLIERS, REJECTS, FAILED = "outliers", "rejects", "failed"
PAYLOAD_BYTES = 4096
_ADDED_LATER = {"monitor", "model_name", "model_version", "slice", "detected_at"}  # by judge, on the driver
OUTLIER_SCHEMA = pa.schema([field for field in OUTLIERS_TABLE.schema if field.name not in _ADDED_LATER])
_NO_ROWS: Rows = np.empty(0, np.intp)
REJECT_SCHEMA = pa.schema([field for field in REJECTS_TABLE.schema if field.name not in _ADDED_LATER])


@dataclass(frozen=True, slots=True)
class Pairs:
    """Flagged (instance, technique) pairs of a batch, in the order of the log: rows of the batch, and techniques."""

    rows: Rows
    techniques: Rows

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, scored: Sequence[InstanceScores]) -> Pairs:
        flagged = [np.flatnonzero(scores.flagged) for scores in scored]
        rows = np.concatenate([_NO_ROWS, *flagged])
        techniques = np.repeat(np.arange(len(flagged)), [len(of) for of in flagged])
        order = np.argsort(rows, kind="stable")
        return cls(rows[order], techniques[order])

    def take(self, keep: BoolArray) -> Pairs:
        return Pairs(self.rows[keep], self.techniques[keep])


class Flagger:
    """Runs one monitor's instance techniques in one task, and hands on at most `max_outliers` rows a window.

    The fold, which sees all tasks, cuts again; here the driver is spared what it would cut.
    """

    def __init__(self, plan: MonitorPlan, run: str) -> None:
        self._plan = plan
        owner = f"{run}/{plan.name}"
        self._techniques = [patient(one, plan.technique_seconds, owner) for one in plan.instance_techniques]
        self._most = most_of_a_piece(plan.window, plan.max_outliers)
        self._passed: Counter[int] = Counter()  # rows by piece
        self._bundles = 0

    def see(self, batch: Batch, run: pa.RecordBatch, decoded: Decoded) -> tuple[int, list[tuple[str, bytes]]]:
        """How many (instance, technique) pairs are flagged, the bundle of their rows, and what techniques failed."""
        scored = [run_instance_technique(technique, batch, self._plan.baseline) for technique in self._techniques]
        payloads = list(self._failures(scored, batch))
        pairs = Pairs.of(scored)
        if len(pairs):
            pieces = self._plan.window.last_start(batch.event_time[pairs.rows])
            kept = pairs.take(self._first(pieces))
            rows = self._table(kept, scored, batch, run, decoded) if len(kept) else None
            self._bundles += 1
            bundle = Bundle((source_of(run), run.column("offset")[0].as_py(), self._bundles), _counts(pieces), rows)
            payloads.append((OUTLIERS, bundle.to_bytes()))
        return len(pairs), payloads

    def _failures(self, scored: Sequence[InstanceScores], batch: Batch) -> Iterator[tuple[str, bytes]]:
        failed = [
            (technique.name, scores.error)
            for technique, scores in zip(self._techniques, scored, strict=True)
            if scores.error is not None
        ]
        if failed:
            counts = _counts(self._plan.window.last_start(batch.event_time))
            yield FAILED, report([(piece, name, n, error) for name, error in failed for piece, n in counts.items()])

    def _first(self, pieces: IntArray) -> BoolArray:
        """Which pairs' rows their pieces may still hand on."""
        keep = first_of_each(pieces, {piece: self._most - self._passed[piece] for piece in _counts(pieces)})
        self._passed.update(_counts(pieces[keep]))
        return keep

    def _table(
        self, pairs: Pairs, scored: Sequence[InstanceScores], batch: Batch, run: pa.RecordBatch, decoded: Decoded
    ) -> pa.Table:
        """The rows of hopsmon_outliers, as far as the executor knows them."""
        instances, of_instance = np.unique(pairs.rows, return_inverse=True)
        flagged = batch.take(instances)
        ids, values = event_ids(flagged.message, run, decoded), instances_as_json(flagged)
        message = pa.array(flagged.message[of_instance])
        each = [(scored[technique], row) for row, technique in zip(pairs.rows, pairs.techniques, strict=True)]
        columns = {
            "event_id": [ids[at] for at in of_instance],
            "instance": flagged.instance[of_instance],
            "technique": [self._techniques[technique].name for technique in pairs.techniques],
            "event_time": flagged.event_time[of_instance],
            "score": [float(scores.score[row]) for scores, row in each],
            "threshold": [scores.threshold for scores, _ in each],
            "p_value": [_p_value(scores, row) for scores, row in each],
            "top_features": _top_features(pairs, scored),
            "values": [values[at] for at in of_instance],
            **{name: run.column(name).take(message) for name in ("topic", "partition", "offset")},
        }
        return pa.table(columns, schema=OUTLIER_SCHEMA)


def _top_features(pairs: Pairs, scored: Sequence[InstanceScores], most: int = 3) -> list[str]:
    """What `InstanceScores.top_features` says of each pair, as JSON; all pairs of a technique at once."""
    found = [""] * len(pairs)
    for technique in np.unique(pairs.techniques).tolist():
        at = np.flatnonzero(pairs.techniques == technique)
        names = sorted(scored[technique].contributions)
        parts = [scored[technique].contributions[name][pairs.rows[at]] for name in names]
        left = np.array(parts) if parts else np.empty((0, len(at)))
        left[~(np.isfinite(left) & (left > 0))] = 0.0
        tops: list[dict[str, float]] = [{} for _ in at]
        for _ in range(min(most, len(names))):
            best = left.argmax(axis=0)  # the first of equals, in the order of names
            for number, feature in enumerate(best.tolist()):
                if left[feature, number] > 0:
                    tops[number][names[feature]] = float(left[feature, number])
                    left[feature, number] = 0.0
        for number, top in zip(at.tolist(), tops, strict=True):
            found[number] = orjson.dumps(top).decode()
    return found


def _counts(pieces: IntArray) -> dict[int, int]:
    found, counts = np.unique(pieces, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _p_value(scores: InstanceScores, row: int) -> float | None:
    """None where the technique has none, or none for this instance."""
    value = np.nan if scores.p_value is None else scores.p_value[row]
    return None if np.isnan(value) else float(value)


def source_of(run: pa.RecordBatch) -> str:
    """`topic/partition` of a record batch, all of which has one."""
    return f"{run.column('topic')[0].as_py()}/{run.column('partition')[0].as_py()}"


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
