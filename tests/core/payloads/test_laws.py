"""Laws of decoding: nothing is raised or lost, and a message reads the same whatever its neighbours are."""

import gzip
import json
import re
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hopsmon.core.payloads import Decoded, FeatureLogRows, Limits, OpenMessages, RejectReason, bind, decode
from hopsmon.core.payloads.formats import FORMATS
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from tests.core.payloads.messages import (
    AVRO,
    Message,
    assert_accounted,
    capture,
    captured_events,
    event,
    instances,
    log,
)
from tests.core.payloads.test_feature_log import LOG, ROW, message, write

SCHEMAS = [
    ModelSchema(tuple(Feature(name, kind) for name in "ab"), tuple(Feature(name, kind) for name in "p"))
    for kind in FeatureType
]

numbers = st.integers(-(2**70), 2**70) | st.floats(width=64) | st.integers(-9, 9)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=5)
rows = st.integers(1, 3).flatmap(lambda k: st.lists(st.lists(numbers, min_size=k, max_size=k), min_size=1, max_size=3))
names = st.sampled_from(["a", "b", "c"])
v1_values = (
    rows
    | st.lists(scalars, max_size=3)
    | st.lists(st.lists(scalars, max_size=3), max_size=3)
    | st.lists(st.dictionaries(names, scalars, max_size=3), max_size=3)
    | st.lists(st.dictionaries(names, st.lists(scalars, max_size=2), max_size=2), max_size=2)
    | scalars
)
datatypes = st.sampled_from(["FP64", "FP32", "INT64", "BOOL", "BYTES", "FP7"])
shapes = st.lists(st.integers(0, 3) | st.sampled_from([-1, 2**31, 2**32, 2**62, 2**63, 2**64]), max_size=3)


@st.composite
def tensors(draw: st.DrawFn) -> dict[str, Any]:
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
    size = shape[0] * (shape[1] if len(shape) > 1 else 1)
    data: list[Any] = draw(
        st.lists(numbers, min_size=size, max_size=size) | st.lists(scalars, min_size=size, max_size=size)
    )
    if len(shape) > 1 and draw(st.booleans()):
        data = [data[i : i + shape[1]] for i in range(0, size, shape[1])]
    return {"name": draw(names), "shape": draw(st.just(shape) | shapes), "datatype": draw(datatypes), "data": data}


OTHERS: list[dict[str, Any]] = [
    {"name": "m", "platform": "p"},
    {"name": "m", "platform": "p", "model_name": "m"},
    {"inputs": [[1]]},
    {"predictions": [[1]]},
    {"outputs": [{"name": "wanted"}]},
    {"shape": [1], "data": [1]},
]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["instances", "inputs", "predictions", "outputs", "v2 inputs", "v2 outputs", "ready"]))
    value: Any = draw(st.lists(tensors(), max_size=2)) if kind.startswith("v2") else draw(v1_values)
    more = draw(st.sampled_from([{}, {}, {"id": "x1"}, {"id": "y2"}, *OTHERS]))
    return {**more, kind.removeprefix("v2 "): value}


@st.composite
def envelopes(draw: st.DrawFn) -> Message:
    doc = draw(documents())
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    body = json.dumps(doc, separators=separators).encode()
    envelope = draw(st.sampled_from(["bare", "binary", "structured", "logger", "gzip"]))
    kind = draw(st.sampled_from(["request", "response"]))
    if envelope == "binary":
        return event(
            body, kind=kind, id=draw(st.text(max_size=3)), time=draw(st.sampled_from(["x", "2026-01-01T00:00:00Z"]))
        )
    if envelope == "structured":
        return json.dumps({"specversion": "1.0", "type": f"x.{kind}", "data": doc}).encode(), None
    if envelope == "logger":
        return json.dumps({"type": kind, "payload": doc, "time": draw(scalars)}).encode(), None
    return (gzip.compress(body) if envelope == "gzip" else body), None


JSON_VALUE = re.compile(rb'[:\[,]\s*("[^"\\]*"|-?[0-9][0-9.eE+-]*|true|false|null|\[|\{\})')

SAMPLES: list[Message] = [
    *((capture(name)[0], event(b"", kind=name.rpartition(".")[2])[1]) for name in captured_events()),
    *((file.read_bytes(), None) for file in sorted(AVRO.glob("*.bin"))),
    message(write(ROW)),
    (json.dumps({**ROW, "log_time": "2026-11-01T12:00:00Z", "departs": "2026-11-01T14:00:00Z"}).encode(), None),
]
ALL_FORMATS = [*sorted(FORMATS), LOG, FeatureLogRows(("late",))]


@st.composite
def damaged(draw: st.DrawFn) -> Message:
    """A good message with a byte changed, a piece cut out, or its end missing."""
    body, headers = draw(st.sampled_from(SAMPLES) | envelopes())
    text = bytearray(body or b"")
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(len(text) - 1, 0)))
        if draw(st.booleans()):
            text[at : at + 1] = bytes([draw(st.integers(0, 255))])
        else:
            del text[at : at + draw(st.sampled_from([1, 2, 10, 10_000]))]
    return bytes(text), headers


HUGE = ["9223372036854775808", "18446744073709551616", "99999999999999999999", "1e999", "9" * 400]
ODD = [
    "-1",
    "0",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "[[]]",
    "[1]",
    '"x"',
    '"\\ud800"',
    '"\xed\xa0\x80"',
    "[" * 990 + "]" * 990,
]
odd_values = st.sampled_from(HUGE + ODD)


@st.composite
def altered(draw: st.DrawFn) -> Message:
    """A good message with some of its JSON's values replaced."""
    body, headers = draw(st.sampled_from(SAMPLES) | envelopes())
    places = list(JSON_VALUE.finditer(body or b""))
    wanted = draw(st.lists(st.sampled_from(places), max_size=3, unique=True)) if places else []
    text = bytearray(body or b"")
    for place in sorted(wanted, key=lambda found: -found.start(1)):
        text[place.start(1) : place.end(1)] = draw(odd_values).encode("latin-1")
    return bytes(text), headers


header_values = (
    st.none() | st.binary(max_size=20) | st.sampled_from([b"x.request", b"2026-01-01T00:00:00Z", b"application/grpc"])
)
header_names = st.sampled_from(["ce_id", "CE-Type", "ce_time", "content-type", "ce_annotations", "other"]) | st.text(
    max_size=3
)
anything = st.tuples(
    st.none() | st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b"\x00" * 6, b"\x1f\x8b"]),
    st.none() | st.lists(st.tuples(header_names, header_values), max_size=4),
)
batches = st.lists(envelopes() | damaged() | altered() | anything, max_size=6)


def assert_reads(messages: list[Message], format_name: str | OpenMessages) -> Decoded:
    decoded = decode(log(*messages), format_name, Limits(max_bytes=1_000))
    assert decoded.rows == len(messages)
    assert_accounted(decoded)
    assert RejectReason.DEFECT not in {reject.reason for reject in decoded.rejects}
    assert not {reject.row for reject in decoded.rejects if len(reject.message) > 2_000}
    known = {row for _, row, _ in instances(decoded)}
    assert decoded.decoded == len(known)
    assert decoded.rejected == len({reject.row for reject in decoded.rejects} - known)
    assert len(decoded.event_time) == len(messages)
    assert decoded.event_id is None or len(decoded.event_id) == len(messages)
    for attribute in decoded.attributes.values():
        assert any(attribute.at(row) for row in range(len(messages)))
    return decoded


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(batches, st.sampled_from(ALL_FORMATS))
@example([(b'{"type": ' + b"[" * 990 + b"]" * 990 + b', "payload": 1}', None)], "auto")
@example([(b'{"type": ' + b"[" * 990 + b"]" * 990 + b', "specversion": "1.0"}', None)], "auto")
@example([(b'{"log_time": [1], "a": 1}', None)], FeatureLogRows())
@example([(b'{"model_name": {}, "log_id": [1], "a": 1}', None)], FeatureLogRows())
@example([(b'["instances", {"data": [1]}]', None)], "kserve")
def test_every_message_counts_once_and_nothing_is_raised(
    messages: list[Message], format_name: str | OpenMessages
) -> None:
    assert_reads(messages, format_name)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(batches, st.sampled_from(sorted(FORMATS)))
@example([event(b'{"instances": [[1]]}'), event(b'{"instances": [[1, ]]}')], "auto")
@example([event(b'{"instances": [[ ]]}'), event(b'{"instances": [[1]]}')], "auto")
@example([event(b'{"instances": [[1]]}'), event(b'{"instances": [[1], [2]]}')], "auto")
@example([event(b'{"instances": [[1]]}'), event(b'{"instances": [[9007199254740993]]}')], "auto")
@example([(b'{"id": "a", "inputs": [], "instances": [[1]]}', None)], "auto")
@example([(b'{"inputs": [[1]], "predictions": [[2, "x"]]}', None), (b"{}", None)], "auto")
@example([(b'{"name": "a", "platform": "b", "instances": [["x"]]}', None), (b"{}", None)], "auto")
@example([(b'{"instances": [{"shape": "round"}]}', None), (b"{}", None)], "auto")
def test_a_message_reads_the_same_whatever_its_neighbours_are(messages: list[Message], format_name: str) -> None:
    together = assert_reads(messages, format_name)
    for row, one in enumerate(messages):
        alone = assert_reads([one], format_name)
        mine = {(side, 0, i): value for (side, at, i), value in instances(together).items() if at == row}
        assert repr_of(mine) == repr_of(instances(alone))
        assert [r.reason for r in together.rejects if r.row == row] == [r.reason for r in alone.rejects]
        assert together.id_of(row) == alone.id_of(0)
        assert together.event_time[row] - alone.event_time[0] in (
            0,
            row * 1_000_000,
        )  # that of the message, or of arrival


def repr_of(found: dict[tuple[str, int, int], Any]) -> dict[tuple[str, int, int], Any]:
    """Values so that NaN equals NaN, and 1 equals 1.0 (types of one column depend on its other values)."""
    return {
        key: {n: plain(v) for n, v in (value.items() if isinstance(value, dict) else enumerate(value))}
        for key, value in found.items()
    }


def plain(value: Any) -> Any:
    return repr(float(value)) if type(value) in (int, float) else repr(value)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(batches, st.sampled_from(SCHEMAS), st.sampled_from(ALL_FORMATS))
@example([(b'{"instances": [["x", NaN], [99999999999999999999, 1]]}', None)], SCHEMAS[0], "auto")
@example([(b'{"instances": [["x", NaN], [99999999999999999999, 1]]}', None)], SCHEMAS[-1], "auto")
@example([(b'{"instances": [["\xed\xa0\x80", 1]]}', None)], SCHEMAS[-1], "auto")
def test_binding_gives_each_instance_or_a_reject(
    messages: list[Message], schema: ModelSchema, format_name: str | OpenMessages
) -> None:
    for raw in decode(log(*messages), format_name).groups:
        batch, rejects = bind(raw, schema)
        assert RejectReason.DEFECT not in {reject.reason for reject in rejects}
        bound, rejected = set(batch.message.tolist()), {reject.row for reject in rejects}
        assert bound | rejected == set(raw.message.tolist())
        assert not bound & rejected
        assert all(len(column) == len(batch) for column in batch.columns.values())
        assert len(batch.columns) == (0 if rejects else 2 if raw.side == "request" else 1)
