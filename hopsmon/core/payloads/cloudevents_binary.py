"""KServe CloudEvents in Kafka's binary mode: attributes in `ce_*` headers, the value is the HTTP body.

These headers are looked at before the content type: KServe's logger hands the client's content type on, so a client
that sends `application/cloudevents+json` gets an event with both, and only the headers are KServe's own word.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import BoolArray, IntArray, Side
from hopsmon.core.payloads.decoded import RejectReason
from hopsmon.core.payloads.opened import Bodies, Ledger, Opened
from hopsmon.core.payloads.records import LogRecords, as_text
from hopsmon.core.payloads.times import rfc3339_micros

# Our names for the CloudEvents attributes and extensions KServe sets.
ATTRIBUTES: Final = {
    "service": "inferenceservicename",
    "namespace": "namespace",
    "component": "component",
    "source": "source",
}


def side_of_type(event_type: str) -> Side | None:
    """The side an event type names, by its last word: KServe's, Seldon's and older prefixes all end alike.

    >>> side_of_type("org.kubeflow.serving.inference.request") is Side.REQUEST
    True
    """
    word = event_type.rpartition(".")[2].lower()
    return Side(word) if word in ("request", "response") else None


def is_ours(log: LogRecords) -> BoolArray:
    """Which messages carry CloudEvents headers."""
    return log.headers.has("ce_id") | log.headers.has("ce_type")


def open_messages(log: LogRecords, rows: IntArray, ledger: Ledger) -> Opened:
    """Read the headers of these messages."""
    times = _column(log, "ce_time", rows)
    attributes = {ours: partial(_column, log, f"ce_{theirs}", rows) for ours, theirs in ATTRIBUTES.items()}
    attributes["model_version"] = partial(_model_versions, log, rows)
    return Opened(
        rows=rows,
        bodies=_bodies_by_side(log, rows, ledger),
        times=None if times is None else rfc3339_micros(times),
        ids=partial(_column, log, "ce_id", rows),
        attributes=attributes,
    )


def _column(log: LogRecords, header: str, rows: IntArray) -> pa.StringArray | None:
    column = log.headers.column(header)
    if column is None:
        return None
    return as_text(column if len(rows) == log.rows else column.take(pa.array(rows)))


def _bodies_by_side(log: LogRecords, rows: IntArray, ledger: Ledger) -> tuple[Bodies, ...]:
    types = _column(log, "ce_type", rows)
    if types is None:
        return (Bodies(None, rows, log.texts(rows)),)
    encoded = types.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy()
    sides: list[tuple[Side | None, list[int]]] = [(Side.REQUEST, []), (Side.RESPONSE, []), (None, [-1])]
    for code, name in enumerate(encoded.dictionary.to_pylist()):
        side = side_of_type(name)
        if side is None:
            message = f"CloudEvents type '{name[:200]}' ends neither in 'request' nor in 'response'."
            ledger.reject_all(rows[codes == code].tolist(), RejectReason.BAD_ENVELOPE, message)
        else:
            sides[0 if side is Side.REQUEST else 1][1].append(code)
    bodies = []
    for side, wanted in sides:
        mine = rows[np.isin(codes, wanted)]
        if len(mine):
            bodies.append(Bodies(side, mine, log.texts(mine)))
    return tuple(bodies)


def _model_versions(log: LogRecords, rows: IntArray) -> pa.StringArray | None:
    annotations = _column(log, "ce_annotations", rows)
    if annotations is None:
        return None
    encoded = annotations.dictionary_encode()
    versions = pa.array([model_version(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return None if versions.null_count == len(versions) else versions.take(encoded.indices)


def model_version(annotations: object) -> str | None:
    """The model version where KServe's `metadataAnnotations` send one: an annotation named `…/model-version`.

    >>> model_version('{"example.org/model-version": "3"}')
    '3'
    """
    if isinstance(annotations, str):
        try:
            annotations = orjson.loads(annotations)
        except orjson.JSONDecodeError:
            return None  # a free text of the sender; the event itself is readable without it
    if not isinstance(annotations, dict):
        return None
    found = (value for key, value in annotations.items() if key.rpartition("/")[2] == "model-version")
    return next((value for value in found if isinstance(value, str)), None)
