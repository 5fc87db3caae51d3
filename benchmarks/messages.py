"""Messages the benchmarks send: one request with ten numbers, in each wire format the engine reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from io import BytesIO
from typing import TypeAlias

import fastavro
import numpy as np
import orjson

FEATURES = tuple(f"f{k}" for k in range(10))  # unless a benchmark asks for more
MICROS = 1_000_000
CHUNK = 50_000

# What the agent of KServe 0.20 sends with every request, beside the id and the two times.
FIXED_HEADERS: tuple[tuple[str, bytes], ...] = (
    ("ce_specversion", b"1.0"),
    ("ce_type", b"org.kubeflow.serving.inference.request"),
    ("ce_source", b"bench-predictor-6d5c9f7b8-x2x9k"),
    ("ce_inferenceservicename", b"bench"),
    ("ce_namespace", b"models"),
    ("ce_component", b"predictor"),
    ("ce_endpoint", b""),
    ("ce_metadata", b"{}"),
    ("content-type", b"application/json"),
)
AVRO_V4 = {
    "type": "record",
    "name": "inferencelog",
    "fields": [
        {"name": "servingId", "type": "int"},
        {"name": "modelName", "type": "string"},
        {"name": "modelVersion", "type": "int"},
        {"name": "requestTimestamp", "type": "long"},
        {"name": "responseHttpCode", "type": "int"},
        {"name": "inferenceId", "type": "string"},
        {"name": "messageType", "type": "string"},
        {"name": "payload", "type": "string"},
    ],
}
_AVRO_V4 = fastavro.parse_schema(AVRO_V4)

Headers: TypeAlias = list[tuple[str, str | bytes | None]]  # as the Kafka client takes them


@dataclass(frozen=True, slots=True)
class Message:
    """A record's value and headers; its key is null, as through Knative."""

    value: bytes
    headers: Headers


def feature_names(count: int) -> tuple[str, ...]:
    """Names of so many features, in the order of the positional values."""
    return tuple(f"f{k}" for k in range(count))


def event_id(number: int) -> str:
    """The id of request `number`: a UUID's shape, so it costs what a real one costs, yet it can be read back.

    >>> event_id(31)
    '0000001f-0000-4000-8000-000000000000'
    """
    return f"{number:08x}-0000-4000-8000-000000000000"


def request_number(event: str) -> int:
    """Inverse of `event_id`."""
    return int(event[:8], 16)


def rfc3339(micros: int) -> str:
    """A time as the agent writes it, to the nanosecond.

    >>> rfc3339(1_500_000)
    '1970-01-01T00:00:01.500000000Z'
    """
    seconds, rest = divmod(micros, MICROS)
    return f"{_second(seconds)}.{rest:06d}000Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, tz=timezone.utc):%Y-%m-%dT%H:%M:%S}"


def cloud_event_headers(number: int, event_time: int) -> Headers:
    """Headers of Kafka's binary content mode; the agent records a request about a millisecond after its time."""
    return [
        ("ce_id", event_id(number).encode()),
        ("ce_time", rfc3339(event_time).encode()),
        ("ce_recordedtime", rfc3339(event_time + 1_195).encode()),
        *FIXED_HEADERS,
    ]


def json_v1_bare(number: int, event_time: int, row: list[float]) -> Message:  # noqa: ARG001  (one signature for all)
    """The v1 body alone: no headers, the log's own timestamp is the event time."""
    return Message(orjson.dumps({"instances": [row]}), [])


def json_v1(number: int, event_time: int, row: list[float]) -> Message:
    """KServe v1 in a CloudEvent."""
    return Message(orjson.dumps({"instances": [row]}), cloud_event_headers(number, event_time))


def v2(number: int, event_time: int, row: list[float]) -> Message:
    """KServe v2 (open inference protocol) in a CloudEvent: one flat FP64 tensor of shape [1, 10]."""
    tensor = {"name": "input-0", "shape": [1, len(row)], "datatype": "FP64", "data": row}
    return Message(orjson.dumps({"inputs": [tensor]}), cloud_event_headers(number, event_time))


def avro_v4(number: int, event_time: int, row: list[float]) -> Message:
    """Hopsworks' inference log, schema 4: raw Avro without headers, time in whole seconds."""
    record = {
        "servingId": 7,
        "modelName": "bench",
        "modelVersion": 1,
        "requestTimestamp": event_time // MICROS,
        "responseHttpCode": 200,
        "inferenceId": event_id(number),
        "messageType": "request",
        "payload": orjson.dumps({"instances": [row]}).decode(),
    }
    out = BytesIO()
    fastavro.schemaless_writer(out, _AVRO_V4, record)
    return Message(out.getvalue(), [])


ENCODERS: dict[str, Callable[[int, int, list[float]], Message]] = {
    "json_v1": json_v1,
    "json_v1_bare": json_v1_bare,
    "v2": v2,
    "avro_v4": avro_v4,
}


def rows(count: int, seed: int = 0, planted_every: int = 0, features: int = len(FEATURES)) -> Iterator[list[float]]:
    """Standard normal rows to five decimals; every n-th (0: none) carries one value far outside any reference."""
    rng = np.random.default_rng(seed)
    chunk = max(1, CHUNK * len(FEATURES) // features)
    for first in range(0, count, chunk):
        values = rng.normal(size=(min(chunk, count - first), features)).round(5)
        if planted_every:
            planted = np.flatnonzero((np.arange(len(values)) + first) % planted_every == 0)
            values[planted, planted % features] = 25.0
        yield from values.tolist()
