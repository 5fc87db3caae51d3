"""CloudEvents in structured mode: the value is a JSON object with the attributes and `data` or `data_base64`."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any, Final

import pyarrow as pa

from hopsmon.core.batch import IntArray, Side
from hopsmon.core.payloads.cloudevents_binary import ATTRIBUTES, model_version, side_of_type
from hopsmon.core.payloads.decoded import RejectReason
from hopsmon.core.payloads.layout import json_type
from hopsmon.core.payloads.opened import BodySorter, Ledger, Opened, UnreadableError
from hopsmon.core.payloads.times import rfc3339_micros

CONTENT_TYPE: Final = "application/cloudevents+json"


def is_ours(doc: dict[str, Any]) -> bool:
    """Whether a JSON object is a CloudEvent."""
    return "specversion" in doc


def open_documents(rows: IntArray, docs: list[Any], ledger: Ledger) -> Opened:
    """Take the events apart; the bodies become bytes or, where `data` is a JSON object, stay values."""
    bodies = BodySorter()
    for row, doc in zip(rows.tolist(), docs, strict=True):
        try:
            bodies.add(row, _side(doc), _body(doc))
        except UnreadableError as error:
            ledger.reject(row, error.reason, str(error))
    attributes = {ours: partial(_texts, docs, theirs) for ours, theirs in ATTRIBUTES.items()}
    attributes["model_version"] = partial(_model_versions, docs)
    times = _texts(docs, "time")
    return Opened(
        rows=rows,
        bodies=bodies.sorted(),
        times=None if times is None else rfc3339_micros(times),
        ids=partial(_texts, docs, "id"),
        attributes=attributes,
    )


def _model_versions(docs: list[dict[str, Any]]) -> pa.StringArray | None:
    versions = [model_version(doc.get("annotations")) for doc in docs]
    return pa.array(versions, pa.string()) if any(versions) else None


def _side(doc: dict[str, Any]) -> Side | None:
    event_type = doc.get("type")
    if event_type is None:
        return None
    side = side_of_type(event_type) if isinstance(event_type, str) else None
    if side is None:
        seen = event_type[:200] if isinstance(event_type, str) else json_type(event_type)
        message = f"CloudEvents type '{seen}' ends neither in 'request' nor in 'response'."
        raise UnreadableError(RejectReason.BAD_ENVELOPE, message)
    return side


def _body(doc: dict[str, Any]) -> Any:
    """The body: a JSON value as it is, text and base64 as bytes, None where the event has no data."""
    data = doc.get("data")
    packed = doc.get("data_base64")
    if data is None and packed is not None:
        try:
            return base64.b64decode(packed, validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise UnreadableError(RejectReason.BAD_ENVELOPE, f"`data_base64` is not base64: {error}.") from error
    return data.encode() if isinstance(data, str) else data


def _texts(docs: list[dict[str, Any]], key: str) -> pa.StringArray | None:
    values = [value if isinstance(value := doc.get(key), str) and value else None for doc in docs]
    return pa.array(values, pa.string()) if any(values) else None
