"""Hopsworks' feature log: one row an inference, with named features and predictions, as Avro or as JSON.

Rows reach the logging feature group through the topic that all feature groups of a project share. They are Avro without
a schema: the record's headers say of which feature group and of which schema ("subject") it is. The schemas are no part
of the messages, so that a format of this kind is a value, made by whoever knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import BoolArray, IntArray, Side
from hopsmon.core.payloads.avro_cursor import AvroCursor
from hopsmon.core.payloads.avro_fields import AvroColumn, AvroField, fields_of
from hopsmon.core.payloads.decoded import Limits, Named, RawColumn, RejectReason, SkipReason
from hopsmon.core.payloads.layout import Block, column
from hopsmon.core.payloads.opened import Bodies, Ledger, Opened, ReadColumn, nobody
from hopsmon.core.payloads.records import LogRecords, as_text
from hopsmon.core.payloads.times import MISSING, iso_micros

GROUP, SUBJECT, OPERATION = "featuregroupid", "subjectid", "operation"  # headers, in lower case
ROW_ID, TIME, MODEL, MODEL_VERSION = "log_id", "log_time", "model_name", "model_version"
ABOUT_THE_ROW: Final = frozenset({ROW_ID, TIME, MODEL, MODEL_VERSION, "td_version", "request_id", "request_parameters"})
PREDICTED: Final = "predicted_"
DELETED: Final = "delete"


@dataclass(frozen=True)
class FeatureLog:
    """The rows of one logging feature group, on a topic with those of others; a format as `decode` takes it.

    Attributes:
        feature_group: id of the logging feature group. Its rows have the attribute feature_group with this value, all
            others have theirs: by matching it a monitor counts them as not its own.
        schemas: Avro schemas by subject id, the newest last: rows are older than a change of the log's columns.
        labels: what the model predicts; the prediction stands in the column "predicted_" and the label.
    """

    feature_group: str
    schemas: tuple[tuple[str, str], ...] = field(repr=False)
    labels: tuple[str, ...] = ()

    def __call__(self, log: LogRecords, rows: IntArray, _limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
        """Read these messages."""
        groups = pc.fill_null(_header(log, GROUP), self.feature_group)
        is_mine = pc.equal(groups, self.feature_group).to_numpy(zero_copy_only=False)[rows]
        others = rows[~is_mine]
        ledger.skip_all(others.tolist(), SkipReason.NOT_AN_INFERENCE)
        opened = [Opened(others, (), attributes={"feature_group": partial(_taken, groups, others)})]
        left = _without_deletions(log, rows[is_mine], ledger)
        subjects = _header(log, SUBJECT)
        for subject, fields in self._newest_first:
            records = _AvroRows(log, left[self._may_be(subjects, left, subject)], fields)
            fit = np.flatnonzero(records.fit())
            if len(fit):
                opened.append(self._opened(records, fit, ledger))
                left = np.setdiff1d(left, records.rows[fit], assume_unique=True)
        for row in left.tolist():
            ledger.reject(row, RejectReason.BAD_AVRO, self._misfit(subjects[row].as_py()))
        return tuple(opened)

    @cached_property
    def _newest_first(self) -> list[tuple[str, tuple[AvroField, ...]]]:
        return [(subject, fields_of(schema)) for subject, schema in reversed(self.schemas)]

    def _may_be(self, subjects: pa.StringArray, rows: IntArray, subject: str) -> BoolArray:
        """Which records are of this subject, or do not say of which known one they are."""
        known = pa.array([name for name, _ in self.schemas], pa.string())
        mine = subjects.take(pa.array(rows))
        is_open = pc.invert(pc.is_in(mine, value_set=known))
        return np.asarray(pc.or_(is_open, pc.fill_null(pc.equal(mine, subject), False)).to_numpy(zero_copy_only=False))

    def _opened(self, records: _AvroRows, fit: IntArray, ledger: Ledger) -> Opened:
        attributes = records.attributes(fit)
        attributes["feature_group"] = partial(pa.repeat, pa.scalar(self.feature_group, pa.string()), len(fit))
        bodies = _bodies(records.rows[fit], records.columns(fit), self.labels, ledger)
        return Opened(records.rows[fit], bodies, records.times(fit), records.texts_of(ROW_ID, fit), attributes)

    def _misfit(self, subject: str | None) -> str:
        known = ", ".join(name for name, _ in self.schemas)
        return (
            f"The record fits no schema of feature group {self.feature_group} that is known (subjects {known}); it "
            f"says subject {subject}. If the log's columns have changed since the monitor was started, start it again."
        )


@dataclass(frozen=True)
class FeatureLogRows:
    """Rows of a logging feature group as JSON objects, as our own reader of its table writes them.

    Attributes:
        labels: as in `FeatureLog`.
    """

    labels: tuple[str, ...] = ()

    def __call__(self, log: LogRecords, rows: IntArray, _limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
        """Read these messages."""
        docs, at = [], []
        rows = _without_deletions(log, rows, ledger)
        for row, text in zip(rows.tolist(), log.texts(rows), strict=True):
            doc = _object_of(text)
            if doc is None:
                ledger.reject(row, RejectReason.BAD_JSON, "The row is no JSON object.")
            else:
                docs.append(doc)
                at.append(row)
        if not docs:
            return ()
        names = dict.fromkeys(name for doc in docs for name in doc)
        columns = {name: column([doc.get(name) for doc in docs]) for name in names}
        mine = np.array(at, dtype=np.int64)
        attributes = {
            "service": partial(_texts, columns, MODEL),
            "model_version": partial(_texts, columns, MODEL_VERSION),
        }
        times = iso_micros(_texts(columns, TIME)) if TIME in columns else np.full(len(docs), MISSING)
        bodies = _bodies(mine, columns, self.labels, ledger)
        return (Opened(mine, bodies, times, partial(_texts, columns, ROW_ID), attributes),)


class _AvroRows:
    """Messages read by one schema; `fit` says which of them are such records."""

    def __init__(self, log: LogRecords, rows: IntArray, fields: Sequence[AvroField]) -> None:
        self.rows = rows
        texts = [text or b"" for text in log.texts(rows)]
        ends = np.cumsum(log.lengths[rows])
        self._cursor = AvroCursor(b"".join(texts), ends - log.lengths[rows], ends)
        self._columns = {one.name: AvroColumn(one, self._cursor) for one in fields}

    def fit(self) -> BoolArray:
        fit = self._cursor.at_end()
        for of in self._columns.values():
            fit = fit & of.fits()
        return fit

    def columns(self, records: IntArray) -> dict[str, RawColumn]:
        """Those that have values for a monitor."""
        found = {name: of.values(records) for name, of in self._columns.items() if name not in ABOUT_THE_ROW}
        return {name: values for name, values in found.items() if values is not None}

    def times(self, records: IntArray) -> IntArray:
        of = self._columns.get(TIME)
        return np.full(len(records), MISSING) if of is None else of.micros(records)

    def attributes(self, records: IntArray) -> dict[str, ReadColumn]:
        return {"service": self.texts_of(MODEL, records), "model_version": self.texts_of(MODEL_VERSION, records)}

    def texts_of(self, name: str, records: IntArray) -> ReadColumn:
        of = self._columns.get(name)
        return nobody if of is None else partial(of.texts, records)


def _bodies(
    rows: IntArray, columns: Mapping[str, RawColumn], labels: Sequence[str], ledger: Ledger
) -> tuple[Bodies, ...]:
    """A row is a request and, where it has a prediction, a response as well. A prediction has its label's name, too."""
    predicted = {label: columns[PREDICTED + label] for label in labels if PREDICTED + label in columns}
    own = {PREDICTED + label for label in predicted} | ABOUT_THE_ROW
    given = {name: values for name, values in columns.items() if name not in own}
    answered = np.zeros(len(rows), bool)
    for values in predicted.values():
        answered |= _is_value(values)
    if not given:
        ledger.skip_all(rows[~answered].tolist(), SkipReason.NOT_AN_INFERENCE)
    outputs = {name: _where(values, answered) for name, values in predicted.items()}
    outputs |= {PREDICTED + name: values for name, values in outputs.items()}
    return (_body(Side.REQUEST, rows, given), _body(Side.RESPONSE, rows[answered], outputs))


def _body(side: Side, rows: IntArray, columns: Mapping[str, RawColumn]) -> Bodies:
    of = rows if columns else rows[:0]
    return Bodies(side, of, [], block=Block(of, np.ones(len(of), np.int64), Named(columns)))


def _is_value(values: RawColumn) -> BoolArray:
    if isinstance(values, np.ndarray):
        return np.ones(len(values), bool)
    return np.fromiter((value is not None for value in values), bool, len(values))


def _where(values: RawColumn, mask: BoolArray) -> RawColumn:
    if isinstance(values, np.ndarray):
        return values[mask]
    return [value for value, is_wanted in zip(values, mask.tolist(), strict=True) if is_wanted]


def _without_deletions(log: LogRecords, rows: IntArray, ledger: Ledger) -> IntArray:
    """Tombstones, and rows that somebody takes out of the log, are no inferences."""
    deleted = pc.fill_null(pc.equal(_header(log, OPERATION), DELETED), False).to_numpy(zero_copy_only=False)
    gone = (log.lengths[rows] == 0) | deleted[rows]
    ledger.skip_all(rows[gone].tolist(), SkipReason.NOT_AN_INFERENCE)
    return np.asarray(rows[~gone])


def _header(log: LogRecords, name: str) -> pa.StringArray:
    """One header of all messages as text, null where there is none."""
    found = log.headers.column(name)
    return pa.nulls(log.rows, pa.string()) if found is None else as_text(found)


def _taken(texts: pa.StringArray, rows: IntArray) -> pa.StringArray:
    return texts.take(pa.array(rows))


def _object_of(text: bytes | None) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text or b"")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _texts(columns: Mapping[str, RawColumn], name: str) -> pa.StringArray | None:
    """One column as text, numbers as whole ones; None: there is no such column."""
    if name not in columns:
        return None
    return pa.array([_text(one) for one in columns[name]], pa.string())


def _text(value: Any) -> str | None:
    """None: it is neither a text nor a number."""
    if isinstance(value, int | float):
        return f"{value:.0f}"
    return value if isinstance(value, str) else None
