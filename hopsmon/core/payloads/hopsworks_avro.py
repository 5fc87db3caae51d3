"""Hopsworks' Avro record `inferencelog`, schema versions 1 to 4, with or without a Confluent header.

The messages carry no schema: each version is tried from the newest on, and a record is taken for a version only if it
uses all its bytes and its fields make sense. v1–v3 hold request and response of one exchange, v4 one of the two.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import BoolArray, IntArray, Side
from hopsmon.core.payloads.avro_cursor import AvroCursor, Span
from hopsmon.core.payloads.decoded import RejectReason, SkipReason
from hopsmon.core.payloads.opened import Bodies, Ledger, Opened, nobody
from hopsmon.core.payloads.records import LogRecords, as_text
from hopsmon.core.payloads.times import epoch_micros

HEAD: Final = {"id": int, "modelName": str, "modelVersion": int, "requestTimestamp": int, "responseHttpCode": int}
EXCHANGE: Final = {**HEAD, "inferenceRequest": str, "inferenceResponse": str}
VERSIONS: Final = {
    4: {**HEAD, "inferenceId": str, "messageType": str, "payload": str},
    3: {**EXCHANGE, "modelServer": str, "servingTool": str},
    2: {**EXCHANGE, "servingType": str},
    1: EXCHANGE,
}
CONFLUENT_HEADER: Final = 5  # bytes: a zero and the schema's id
LONGEST_NAME: Final = 1_024  # bytes; more means that another schema was read as this one
INT_LIMIT: Final = 2**31
PER_SIDE: Final = 4  # the version with one record a side; older ones hold the whole exchange
NO_CODE: Final = -1
FIRST_CODE: Final = 100
SUCCESS: Final = 2  # hundred
PAST_CODES: Final = 600


def open_messages(log: LogRecords, rows: IntArray, ledger: Ledger, reason: RejectReason) -> tuple[Opened, ...]:
    """Read these messages; those no version fits are rejected for `reason`."""
    opened = []
    left = rows
    for header in (0, CONFLUENT_HEADER):
        for version in VERSIONS:
            records = _Records(log, left, version, header)
            fit = records.fit()
            if fit.any():
                opened.append(records.open(np.flatnonzero(fit), ledger))
                left = left[~fit]
    seen = "The message fits no version (4, 3, 2, 1) of Hopsworks' Avro schema `inferencelog`"
    more = "." if reason is RejectReason.BAD_AVRO else ", is no JSON object and has no CloudEvents headers."
    ledger.reject_all(left.tolist(), reason, seen + more)
    return tuple(opened)


class _Records:
    """Messages read as if they were records of one version; `fit` says which of them are."""

    def __init__(self, log: LogRecords, rows: IntArray, version: int, header: int) -> None:
        texts = [text or b"" for text in log.texts(rows)]
        ends = np.cumsum(log.lengths[rows])
        self._rows = rows
        self._version = version
        self._cursor = AvroCursor(b"".join(texts), ends - log.lengths[rows] + header, ends)
        if header:
            self._cursor.ok &= np.fromiter((text[:1] == b"\0" for text in texts), bool, len(texts))
        self._is_response = np.zeros(len(rows), dtype=bool)
        self._numbers: dict[str, IntArray] = {}
        self._texts: dict[str, Span] = {}
        for name, kind in VERSIONS[version].items():
            if kind is int:
                self._numbers[name] = self._cursor.read_long()
            else:
                self._texts[name] = self._cursor.read_string()

    def fit(self) -> BoolArray:
        """Which messages use all their bytes and have sensible fields."""
        number = self._numbers
        name = self._texts["modelName"]
        fit = self._cursor.at_end() & (number["requestTimestamp"] > 0) & (name.end - name.start <= LONGEST_NAME)
        fit &= (number["modelVersion"] >= 0) & (number["modelVersion"] < INT_LIMIT) & (np.abs(number["id"]) < INT_LIMIT)
        fit &= (number["responseHttpCode"] >= NO_CODE) & (number["responseHttpCode"] < PAST_CODES)
        if self._version == PER_SIDE:
            self._keep_sides(fit)
        return np.asarray(fit)

    def _keep_sides(self, fit: BoolArray) -> None:
        """Drop the records whose message type names no side, and remember which are responses."""
        records = np.flatnonzero(fit)
        types = pc.utf8_lower(self._text("messageType", records))
        is_request, is_response = (_is(types, str(side)) for side in (Side.REQUEST, Side.RESPONSE))
        fit[records] = is_request | is_response
        self._is_response[records] = is_response

    def open(self, records: IntArray, ledger: Ledger) -> Opened:
        """Take those messages apart."""
        rows = self._rows[records]
        bodies = self._sides(records, ledger) if self._version == PER_SIDE else self._exchanges(records, ledger)
        return Opened(
            rows=rows,
            bodies=bodies,
            times=epoch_micros(self._numbers["requestTimestamp"][records]),
            ids=partial(self._text, "inferenceId", records) if self._version == PER_SIDE else nobody,
            attributes={
                "service": partial(self._text, "modelName", records),
                "model_version": partial(self._numbers_as_text, "modelVersion", records),
                "serving": partial(self._numbers_as_text, "id", records),
            },
        )

    def _sides(self, records: IntArray, ledger: Ledger) -> tuple[Bodies, ...]:
        is_response = self._is_response[records]
        failed = is_response & self._is_error(records)
        ledger.skip_all(self._rows[records[failed]], SkipReason.ERROR_RESPONSE)
        return (
            self._bodies(Side.REQUEST, "payload", records[~is_response]),
            self._bodies(Side.RESPONSE, "payload", records[is_response & ~failed]),
        )

    def _exchanges(self, records: IntArray, ledger: Ledger) -> tuple[Bodies, ...]:
        failed = self._is_error(records)
        ledger.skip_all(self._rows[records[failed]], SkipReason.ERROR_RESPONSE)
        answered = records[~failed]
        return (
            self._bodies(Side.REQUEST, "inferenceRequest", answered),
            self._bodies(Side.RESPONSE, "inferenceResponse", answered),
        )

    def _bodies(self, side: Side, field: str, records: IntArray) -> Bodies:
        return Bodies(side, self._rows[records], list(self._cursor.texts(self._texts[field], records)))

    def _is_error(self, records: IntArray) -> BoolArray:
        """An HTTP code that is none (0, -1) says nothing; one beside 2xx says that nothing was predicted."""
        codes = self._numbers["responseHttpCode"][records]
        return np.asarray((codes >= FIRST_CODE) & (codes // 100 != SUCCESS))

    def _numbers_as_text(self, field: str, records: IntArray) -> pa.StringArray:
        return pa.array(self._numbers[field][records]).cast(pa.string())

    def _text(self, field: str, records: IntArray) -> pa.StringArray:
        return as_text(self._cursor.column(self._texts[field], records))


def _is(texts: pa.StringArray, word: str) -> BoolArray:
    return np.asarray(pc.fill_null(pc.equal(texts, word), False).to_numpy(zero_copy_only=False))
