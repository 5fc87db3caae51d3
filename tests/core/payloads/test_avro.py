"""Hopsworks' Avro records: golden ones of all versions, and those of an independent writer."""

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.payloads import decode
from tests.core.payloads.messages import ARRIVAL, AVRO, assert_accounted, event, instances, log, the_only_reject

FLOWERS = {("request", 0, 0): [6.8, 2.8, 4.8, 1.4], ("request", 0, 1): [6.0, 3.4, 4.5, 1.6]}
CLASSES = {("response", 0, 0): [1.0], ("response", 0, 1): [2.0]}
MILLIS, SECONDS = 1_652_883_610_404_000, 1_652_885_019_000_000

SCHEMAS = {v: fastavro.parse_schema(json.loads((AVRO / f"v{v}.avsc").read_text("utf-8"))) for v in (1, 2, 3, 4)}
CONFLUENT = b"\x00\x00\x00\x00\x2a"


def golden(name: str) -> bytes:
    return (AVRO / f"{name}.bin").read_bytes()


def write(version: int, **changes: Any) -> bytes:
    fields = {
        "modelId": 17,
        "servingId": 17,
        "modelName": "iris",
        "modelVersion": 2,
        "requestTimestamp": 1_652_885_019,
        "responseHttpCode": 200,
        "inferenceRequest": '{"instances": [[1]]}',
        "inferenceResponse": '{"predictions": [2]}',
        "servingType": "SKLEARN",
        "modelServer": "PYTHON",
        "servingTool": "DEFAULT",
        "inferenceId": "i-1",
        "messageType": "request",
        "payload": '{"instances": [[1]]}',
        **changes,
    }
    record = io.BytesIO()
    wanted = {field["name"]: fields[field["name"]] for field in SCHEMAS[version]["fields"]}  # type: ignore[index, call-overload]
    fastavro.schemaless_writer(record, SCHEMAS[version], wanted)
    return record.getvalue()


@pytest.mark.parametrize("header", [b"", CONFLUENT])
@pytest.mark.parametrize("format_name", ["auto", "hopsworks"])
@pytest.mark.parametrize(
    ("name", "expected", "time"),
    [
        ("v1", FLOWERS | CLASSES, MILLIS),
        ("v2", FLOWERS | CLASSES, MILLIS),
        ("v3", FLOWERS | CLASSES, MILLIS),
        ("v4-request", FLOWERS, SECONDS),
        ("v4-response", CLASSES, SECONDS),
    ],
)
def test_golden(name: str, expected: Any, time: int, format_name: str, header: bytes) -> None:
    decoded = decode(log(header + golden(name)), format_name)
    assert instances(decoded) == expected
    assert decoded.event_time.tolist() == [time]
    assert decoded.attributes["service"].at(0) == "iris"
    assert decoded.attributes["model_version"].at(0) == "2"
    assert decoded.id_of(0) == ("0f8fad5b-d9cb-469f-a165-70867728950e" if name.startswith("v4") else None)
    assert (decoded.decoded, decoded.rejects) == (1, ())


MOMENTS = {
    "seconds": (1_652_885_019, SECONDS),
    "milliseconds": (1_652_883_610_404, MILLIS),
    "before milliseconds had 12 digits": (99_999_999_999, 99_999_999_999_000_000),
    "1973 in milliseconds": (100_000_000_000, 100_000_000_000_000),
}


@pytest.mark.parametrize("header", [b"", CONFLUENT], ids=["raw", "confluent"])
@pytest.mark.parametrize("format_name", ["auto", "hopsworks"])
@pytest.mark.parametrize("clock", MOMENTS)
@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_clocks_in_seconds_and_in_milliseconds(version: int, clock: str, format_name: str, header: bytes) -> None:
    sent, micros = MOMENTS[clock]
    decoded = decode(log(header + write(version, requestTimestamp=sent)), format_name)
    assert decoded.event_time.tolist() == [micros]
    assert decoded.own_time.tolist() == [True]
    both = {("request", 0, 0): [1.0], ("response", 0, 0): [2.0]}
    assert instances(decoded) == (both if version < 4 else {("request", 0, 0): [1.0]})


def test_clocks_of_all_versions_and_units_in_one_batch() -> None:
    sent = [(version, *MOMENTS[clock]) for version in (1, 2, 3, 4) for clock in ("seconds", "milliseconds")]
    decoded = decode(log(*(write(version, requestTimestamp=time) for version, time, _ in sent)))
    assert decoded.event_time.tolist() == [micros for _, _, micros in sent]
    for group in decoded.groups:
        assert group.event_time.tolist() == decoded.event_time[group.message].tolist()


@pytest.mark.parametrize("name", ["v3-error", "v4-response-error"])
def test_error_responses_are_no_predictions(name: str) -> None:
    decoded = decode(log(golden(name)))
    assert decoded.groups == ()
    assert decoded.skipped == {"error_response": 1}
    assert_accounted(decoded)


def test_request_of_v4_counts_whatever_its_code() -> None:
    for code in (0, -1, 200, 500):
        assert decode(log(write(4, responseHttpCode=code))).decoded == 1


def test_the_number_of_the_deployment_tells_models_of_one_topic_apart() -> None:
    decoded = decode(log(write(4, servingId=7), write(1, modelId=8), write(4, servingId=7)))
    serving = decoded.attributes["serving"]
    assert [serving.at(row) for row in range(3)] == ["7", "8", "7"]


def test_all_versions_in_one_batch_keep_their_rows() -> None:
    messages = [write(v, modelName=f"m{v}") for v in (4, 1, 3, 2, 4, 1)] + [CONFLUENT + write(3, modelName="c3")]
    decoded = decode(log(*messages))
    services = decoded.attributes["service"]
    assert [services.at(row) for row in range(7)] == ["m4", "m1", "m3", "m2", "m4", "m1", "c3"]
    assert {(side, row) for side, row, _ in instances(decoded)} == {
        *(("request", row) for row in range(7)),
        *(("response", row) for row in (1, 2, 3, 5, 6)),
    }


def test_half_an_exchange_is_better_than_none() -> None:
    decoded = decode(log(write(3, inferenceResponse="not JSON"), write(3, inferenceResponse="")))
    assert set(instances(decoded)) == {("request", 0, 0), ("request", 1, 0)}
    assert [(reject.row, reject.reason) for reject in decoded.rejects] == [(0, "bad_json")]
    assert (decoded.decoded, decoded.rejected, decoded.skipped) == (2, 0, {})


@pytest.mark.parametrize(
    "changes", [{"modelName": "modèle 🌸"}, {"modelVersion": 2**31 - 1}, {"modelName": "x" * 1024}]
)
def test_odd_but_sound_fields(changes: dict[str, Any]) -> None:
    decoded = decode(log(write(4, **changes)))
    assert decoded.decoded == 1
    assert decoded.attributes["service"].at(0) == changes.get("modelName", "iris")


@pytest.mark.parametrize(
    "text", [b"hello, this is a text", b"\x00", b"\xff" * 30, b"\x80" * 40, golden("v4-request")[:-1]]
)
def test_what_is_no_record_is_rejected(text: bytes) -> None:
    assert the_only_reject(decode(log(text))) == "unknown_format"
    assert the_only_reject(decode(log(text), "hopsworks")) == "bad_avro"


def test_cloudevents_headers_come_before_avro() -> None:
    assert the_only_reject(decode(log(event(golden("v4-request"))))) == "bad_json"


def test_serving_id_that_looks_like_white_space() -> None:
    for serving_id in (5, 16, -5, -7):  # zigzag: line feed, space, tab, carriage return
        assert decode(log(write(4, servingId=serving_id))).decoded == 1


longs = st.integers(1, 2**62)
names = st.text(st.characters(codec="utf-8"), max_size=100)


@given(st.lists(st.tuples(longs, names, st.integers(0, 2**31 - 1), names), min_size=1, max_size=8))
def test_reads_what_an_independent_writer_writes(records: list[tuple[int, str, int, str]]) -> None:
    messages = [
        write(4, requestTimestamp=time, modelName=name, modelVersion=version, inferenceId=event_id)
        for time, name, version, event_id in records
    ]
    decoded = decode(log(*messages), "hopsworks")
    assert decoded.decoded == len(records)
    for row, (_, name, version, event_id) in enumerate(records):
        if "service" in decoded.attributes:
            assert decoded.attributes["service"].at(row) == (name or None)
        assert decoded.attributes["model_version"].at(row) == str(version)
        assert decoded.id_of(row) == (event_id or None)


def test_time_by_magnitude() -> None:
    times = [1_652_885_019, 1_652_885_019_000, 1_652_885_019_000_000, 1_652_885_019_000_000_000]
    decoded = decode(log(*(write(4, requestTimestamp=time) for time in times)))
    assert decoded.event_time.tolist() == [SECONDS] * 4
    assert ARRIVAL not in decoded.event_time
