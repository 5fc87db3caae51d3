"""Record batches of the log for the tests, and one plain form of what decoding gives."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from hopsmon.core.payloads import Decoded, Matrix, Named, RawInstances

KSERVE = Path(__file__).parents[2] / "data" / "kserve"
AVRO = Path(__file__).parents[2] / "data" / "avro"

HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
ARRIVAL = 1_800_000_000_000_000  # of row 0; the others follow by a second each

Header: TypeAlias = tuple[str, bytes | None]
Message: TypeAlias = tuple[bytes | None, Sequence[Header] | None]


def log(*messages: Message | bytes | None) -> pa.RecordBatch:
    """A record batch of the log; bytes alone are a message without headers."""
    pairs = [message if isinstance(message, tuple) else (message, None) for message in messages]
    headers = [None if pair[1] is None else [{"key": k, "value": v} for k, v in pair[1]] for pair in pairs]
    rows = len(pairs)
    return pa.record_batch(
        {
            "value": pa.array([pair[0] for pair in pairs], pa.binary()),
            "headers": pa.array(headers, HEADERS),
            "topic": pa.array(["inference"] * rows, pa.string()),
            "partition": pa.array([0] * rows, pa.int32()),
            "offset": pa.array(range(rows), pa.int64()),
            "timestamp": pa.array([ARRIVAL + row * 1_000_000 for row in range(rows)], pa.int64()),
        }
    )


def event(body: bytes | None, kind: str = "request", **attributes: str) -> Message:
    """A CloudEvent in binary mode; attributes replace or complete the usual ones."""
    usual = {
        "specversion": "1.0",
        "id": "id-1",
        "type": f"org.kubeflow.serving.inference.{kind}",
        "source": "iris-predictor",
        "time": "2026-11-23T01:12:46.915767085Z",
        "inferenceservicename": "iris",
        "namespace": "models",
        "component": "predictor",
    }
    headers = [(f"ce_{name}", value.encode()) for name, value in {**usual, **attributes}.items()]
    return body, [*headers, ("content-type", b"application/json")]


def capture(name: str) -> tuple[bytes, dict[str, str]]:
    """One HTTP request as KServe's agent sent it: body and headers."""
    body = (KSERVE / f"{name}.body").read_bytes()
    lines = (KSERVE / f"{name}.headers").read_text("utf-8").splitlines()[1:]
    return body, dict(line.split(": ", 1) for line in lines if ": " in line)


def captured_events() -> list[str]:
    index = json.loads((KSERVE / "index.json").read_text("utf-8"))
    return [name for case in index["cases"].values() for name in case["events"]]


def instances(decoded: Decoded) -> dict[tuple[str, int, int], Any]:
    """Every instance by side, message and number: a list of values, or a dict by name."""
    found: dict[tuple[str, int, int], Any] = {}
    for group in decoded.groups:
        keys = zip([str(group.side)] * len(group.message), group.message.tolist(), group.instance.tolist(), strict=True)
        for key, value in zip(keys, values_of(group), strict=True):
            assert key not in found
            found[key] = value
    return found


def values_of(group: RawInstances) -> list[Any]:
    columns = group.columns
    if isinstance(columns, Matrix):
        return list(columns.values.tolist())
    if isinstance(columns, Named):
        return _by_name(columns.columns)
    return [columns.values[i : i + columns.width] for i in range(0, len(columns.values), columns.width)]


def _by_name(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = zip(*(list(column) for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def the_only_reject(decoded: Decoded) -> str:
    """The reason of the only reject, of a batch of which nothing else came."""
    assert (decoded.decoded, decoded.rejected, decoded.skipped) == (0, 1, {})
    assert len(decoded.rejects[0].message) < 1000
    return str(decoded.rejects[0].reason)


def assert_accounted(decoded: Decoded) -> None:
    assert decoded.rows == decoded.decoded + decoded.rejected + sum(decoded.skipped.values())
