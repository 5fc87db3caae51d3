"""The 2020 inference logger: JSON `{"type": "request"|"response", "id", "time": unix seconds, "payload": {…}}`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import IntArray, Side
from hopsmon.core.payloads.decoded import RejectReason
from hopsmon.core.payloads.layout import json_type
from hopsmon.core.payloads.opened import BodySorter, Ledger, Opened
from hopsmon.core.payloads.times import MISSING, micros_of_number, rfc3339_micros


def is_ours(doc: dict[str, Any]) -> bool:
    """Whether a JSON object is this logger's."""
    return "payload" in doc and "type" in doc


def open_documents(rows: IntArray, docs: list[Any], ledger: Ledger) -> Opened:
    """Take the messages apart; a payload that is a text holds the body as JSON."""
    bodies = BodySorter()
    for row, doc in zip(rows.tolist(), docs, strict=True):
        kind, payload = doc.get("type"), doc.get("payload")
        word = kind.lower() if isinstance(kind, str) else json_type(kind)
        if word not in ("request", "response"):
            message = f"`type` is '{word[:200]}', neither 'request' nor 'response'."
            ledger.reject(row, RejectReason.BAD_ENVELOPE, message)
            continue
        bodies.add(row, Side(word), payload.encode() if isinstance(payload, str) else payload)
    return Opened(
        rows=rows,
        bodies=bodies.sorted(),
        times=_times(docs),
        ids=partial(_ids, docs),
    )


def _ids(docs: list[dict[str, Any]]) -> pa.StringArray:
    return pa.array([_id(doc.get("id")) for doc in docs], pa.string())


def _id(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def _times(docs: list[dict[str, Any]]) -> IntArray:
    """Numbers by magnitude, texts as RFC 3339."""
    values = [doc.get("time") for doc in docs]
    numbers = [micros_of_number(v) if isinstance(v, int | float) else MISSING for v in values]
    micros = np.array(numbers, dtype=np.int64)
    texts = pa.array([v if isinstance(v, str) else None for v in values], pa.string())
    return micros if texts.null_count == len(texts) else np.where(micros == MISSING, rfc3339_micros(texts), micros)
