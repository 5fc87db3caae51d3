"""Hopsworks' feature log, written by an independent Avro library: types, nulls, other groups' rows, changed schemas."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import pickle
import sys
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.batch import Side
from hopsmon.core.payloads import Decoded, FeatureLog, FeatureLogRows, Limits, bind, decode
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.errors import ConfigError
from tests.core.payloads.messages import ARRIVAL, Message, assert_accounted, instances, log

MICROS = {"type": "long", "logicalType": "timestamp-micros"}
COLUMNS = {
    "log_id": "string",
    "td_version": "int",
    "log_time": MICROS,
    "model_name": "string",
    "model_version": "int",
    "request_id": "string",
    "request_parameters": "string",
    "distance": "double",
    "seats": "int",
    "carrier": "string",
    "departs": MICROS,
    "predicted_late": "boolean",
}
NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.timezone.utc)
ROW = {
    "log_id": "a-1",
    "td_version": 1,
    "log_time": NOON,
    "model_name": "flight_delay",
    "model_version": 3,
    "request_id": "r-1",
    "request_parameters": "{}",
    "distance": 1028.5,
    "seats": 149,
    "carrier": "UA",
    "departs": NOON + dt.timedelta(hours=2),
    "predicted_late": True,
}
FEATURES = {"distance": 1028.5, "seats": 149, "carrier": "UA", "departs": NOON.timestamp() + 7200}
PREDICTIONS = {"late": True, "predicted_late": True}


def schema(columns: dict[str, Any]) -> str:
    """As the feature store makes it: every field may be null."""
    fields = [{"name": name, "type": ["null", kind]} for name, kind in columns.items()]
    return json.dumps({"type": "record", "name": "flights_1_log_1", "fields": fields})


def write(row: dict[str, Any], columns: dict[str, Any] | None = None) -> bytes:
    out = io.BytesIO()
    parsed = fastavro.parse_schema(json.loads(schema(columns or COLUMNS)))
    fastavro.schemaless_writer(out, parsed, row)
    return out.getvalue()


def message(value: bytes | None, group: str | None = "17", subject: str = "501", **more: str) -> Message:
    headers = {"projectId": "119", "featureGroupId": group, "subjectId": subject, **more}
    return value, [(name, text.encode()) for name, text in headers.items() if text is not None]


LOG = FeatureLog("17", (("501", schema(COLUMNS)),), ("late",))


def test_a_row_is_a_request_and_its_response() -> None:
    decoded = decode(log(message(write(ROW))), LOG)
    assert instances(decoded) == {("request", 0, 0): FEATURES, ("response", 0, 0): PREDICTIONS}
    assert decoded.event_time.tolist() == [int(NOON.timestamp() * 1e6)]
    assert decoded.own_time.tolist() == [True]
    assert decoded.id_of(0) == "a-1"
    texts = {name: decoded.attributes[name].at(0) for name in ("service", "model_version", "feature_group")}
    assert texts == {"service": "flight_delay", "model_version": "3", "feature_group": "17"}
    assert decoded.decoded == 1


def test_a_row_without_prediction_is_a_request_alone() -> None:
    decoded = decode(log(message(write({**ROW, "predicted_late": None})), message(write(ROW))), LOG)
    assert instances(decoded).keys() == {("request", 0, 0), ("request", 1, 0), ("response", 1, 0)}
    assert_accounted(decoded)


def test_nulls_stay_nulls() -> None:
    empty: dict[str, Any] = dict.fromkeys(FEATURES)
    decoded = decode(log(message(write({**ROW, **empty})), message(write({**ROW, "carrier": ""}))), LOG)
    found = instances(decoded)
    assert found["request", 0, 0] == empty
    assert found["request", 1, 0] == {**FEATURES, "carrier": ""}


def test_without_a_time_or_an_id_of_its_own() -> None:
    decoded = decode(log(message(write({**ROW, "log_time": None, "log_id": None}))), LOG)
    assert decoded.event_time.tolist() == [ARRIVAL]
    assert decoded.own_time.tolist() == [False]
    assert decoded.id_of(0) is None


MOMENT = 1_793_534_400_123_456  # microseconds of NOON, and a little more
LOGICAL = {
    "date": ("int", MOMENT // 86_400_000_000, 86_400_000_000),
    "timestamp-millis": ("long", MOMENT // 1_000, 1_000),
    "timestamp-micros": ("long", MOMENT, 1),
    "timestamp-nanos": ("long", MOMENT * 1_000 + 789, 1),
    "local-timestamp-millis": ("long", MOMENT // 1_000, 1_000),
    "local-timestamp-micros": ("long", MOMENT, 1),
    "local-timestamp-nanos": ("long", MOMENT * 1_000 + 789, 1),
}


def timed(kind: Any, *times: Any) -> Decoded:
    """Rows whose log_time is of this type; the numbers are written as they are."""
    columns = {"log_time": kind, "distance": "double"}
    plain_kind = kind["type"] if isinstance(kind, dict) else kind
    rows = [write({"log_time": time, "distance": 1.5}, {**columns, "log_time": plain_kind}) for time in times]
    return decode(log(*map(message, rows)), FeatureLog("17", (("501", schema(columns)),)))


@pytest.mark.parametrize("logical", LOGICAL)
def test_log_time_of_each_logical_type(logical: str) -> None:
    base, written, micros = LOGICAL[logical]
    decoded = timed({"type": base, "logicalType": logical}, written, None, 0, -1)
    assert decoded.event_time.tolist() == [MOMENT // micros * micros, ARRIVAL + 1_000_000, 0, -micros]
    assert decoded.own_time.tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("kind", "written", "micros"),
    [
        ("long", MOMENT // 1_000_000, MOMENT // 1_000_000 * 1_000_000),
        ("long", MOMENT // 1_000, MOMENT // 1_000 * 1_000),
        ("long", MOMENT, MOMENT),
        ("long", MOMENT * 1_000, MOMENT),
        ("int", MOMENT // 1_000_000, MOMENT // 1_000_000 * 1_000_000),
        ("double", MOMENT // 1_000_000 + 0.5, MOMENT // 1_000_000 * 1_000_000 + 500_000),
        ("string", "2026-11-01T12:00:00.123456Z", MOMENT),
        ("string", "soon", None),
        ("double", float("nan"), None),
        ("boolean", True, None),
    ],
)
def test_log_time_without_a_logical_type_is_told_by_its_magnitude_or_text(
    kind: str, written: Any, micros: int | None
) -> None:
    decoded = timed(kind, written, None)
    assert decoded.event_time.tolist() == [ARRIVAL if micros is None else micros, ARRIVAL + 1_000_000]
    assert decoded.own_time.tolist() == [micros is not None, False]


def test_a_row_with_nothing_to_monitor_is_skipped() -> None:
    only_time = FeatureLog("17", (("501", schema({"log_id": "string"})),))
    assert decode(log(message(write({"log_id": "a"}, {"log_id": "string"}))), only_time).skipped == {
        "not_an_inference": 1
    }
    assert rows_of({}, {"log_id": "a"}).skipped == {"not_an_inference": 2}


def test_json_rows_whose_columns_are_of_odd_types() -> None:
    decoded = rows_of({"log_time": [1], "log_id": {}, "model_name": [2], "model_version": True, "distance": 1.5})
    assert decoded.event_time.tolist() == [ARRIVAL]
    assert decoded.id_of(0) is None
    assert "service" not in decoded.attributes


def test_rows_of_other_feature_groups_are_told_by_their_attribute() -> None:
    others = [message(b"\x02whatever", group="4", subject="77"), message(write(ROW), group="4")]
    decoded = decode(log(others[0], message(write(ROW)), others[1]), LOG)
    assert {key[1] for key in instances(decoded)} == {1}
    assert decoded.skipped == {"not_an_inference": 2}
    groups = decoded.attributes["feature_group"]
    assert [groups.at(row) for row in range(3)] == ["4", "17", "4"]
    assert decoded.rejects == ()
    assert_accounted(decoded)


def test_a_record_without_headers_is_read_if_it_fits() -> None:
    decoded = decode(log(write(ROW), b"\x00\x01\x02"), LOG)
    assert instances(decoded)["request", 0, 0] == FEATURES
    assert [(reject.row, reject.reason) for reject in decoded.rejects] == [(1, "bad_avro")]
    assert decoded.attributes["feature_group"].at(0) == "17"


def test_deletions_and_tombstones_are_no_inferences() -> None:
    decoded = decode(log(message(None), message(write(ROW), operation="delete")), LOG)
    assert decoded.skipped == {"not_an_inference": 2}
    assert_accounted(decoded)


NEWER = {**COLUMNS, "gate": "string"}


def both_schemas() -> FeatureLog:
    return FeatureLog("17", (("501", schema(COLUMNS)), ("502", schema(NEWER))), ("late",))


def test_rows_from_before_a_change_of_the_schema_are_read_by_theirs() -> None:
    newer = {**ROW, "gate": "B7"}
    told = (message(write(newer, NEWER), subject="502"), message(write(ROW)))
    found = instances(decode(log(*told, write(newer, NEWER), write(ROW)), both_schemas()))
    assert [found["request", row, 0].get("gate") for row in range(4)] == ["B7", None, "B7", None]


def test_a_schema_that_nobody_knows_is_a_reject_with_the_next_step() -> None:
    changed = {**NEWER, "terminal": "string"}
    decoded = decode(
        log(message(write({**ROW, "gate": "B7", "terminal": "C"}, changed), subject="503")), both_schemas()
    )
    (reject,) = decoded.rejects
    assert reject.reason == "bad_avro"
    assert "(subjects 501, 502); it says subject 503" in reject.message
    assert "start it again" in reject.message


def test_a_message_above_the_limit() -> None:
    decoded = decode(log(message(write(ROW))), LOG, Limits(max_bytes=10))
    assert [reject.reason for reject in decoded.rejects] == ["too_large"]
    assert_accounted(decoded)


def test_complex_features_are_passed_over() -> None:
    columns = {"log_id": "string", "embedding": {"type": "array", "items": "float"}, "distance": "double"}
    written = write({"log_id": "a", "embedding": b"\x04abcd", "distance": 1.5}, {**columns, "embedding": "bytes"})
    log_of = FeatureLog("17", (("501", schema(columns)),))
    assert instances(decode(log(message(written)), log_of)) == {("request", 0, 0): {"distance": 1.5}}


def test_what_is_not_in_the_row_of_the_models_schema_is_null() -> None:
    decoded = decode(log(message(write(ROW))), LOG)
    model = ModelSchema(
        (Feature("distance", FeatureType.NUMERIC), Feature("gate", FeatureType.CATEGORICAL)),
        (Feature("late", FeatureType.BOOLEAN),),
    )
    batches = {raw.side: bind(raw, model)[0] for raw in decoded.groups}
    assert batches[Side.REQUEST].columns["distance"].values.tolist() == [1028.5]  # type: ignore[union-attr]
    assert batches[Side.REQUEST].columns["gate"].codes.tolist() == [-1]  # type: ignore[union-attr]
    assert batches[Side.RESPONSE].columns["late"].codes.tolist() == [1]  # type: ignore[union-attr]


def test_the_format_is_a_value() -> None:
    again = pickle.loads(pickle.dumps(LOG))
    assert again == LOG
    assert hash(again) == hash(LOG)
    assert decode(log(message(write(ROW))), again).decoded == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Not the Avro schema of a record"),
        ('{"type": "long"}', "Not the Avro schema of a record"),
        ('{"fields": [{"name": "a", "type": ["null", "int", "string"]}]}', "'a' is a union of several types"),
    ],
)
def test_a_schema_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        decode(log(message(b"\x00")), FeatureLog("17", (("501", text),)))


EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
SIMPLE: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "i": ("int", st.integers(-(2**31), 2**31 - 1)),
    "l": ("long", st.integers(-(2**52), 2**52)),
    "f": ("float", st.floats(width=32, allow_nan=False)),
    "d": ("double", st.floats(allow_nan=False)),
    "b": ("boolean", st.booleans()),
    "s": ("string", st.text(max_size=20)),
    "e": ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, st.sampled_from(["A", "B"])),
    "t": (MICROS, st.integers(0, 4 * 10**15).map(lambda micros: EPOCH + dt.timedelta(microseconds=micros))),
    "day": ({"type": "int", "logicalType": "date"}, st.dates(dt.date(1971, 1, 1), dt.date(2100, 1, 1))),
    "m": (
        {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
        st.decimals(-(10**7), 10**7, places=2),
    ),
    "x": (
        {"type": "fixed", "name": "F", "size": 6, "logicalType": "decimal", "precision": 10, "scale": 2},
        st.decimals(-(10**7), 10**7, places=2),
    ),
}


def plain(value: Any) -> Any:
    """A value as a monitor sees it: times in seconds, decimals as floats."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.timestamp()
    if isinstance(value, dt.date):
        return (value - dt.date(1970, 1, 1)).days * 86_400.0
    return value


ROWS = st.lists(st.fixed_dictionaries({name: st.none() | values for name, (_, values) in SIMPLE.items()}), max_size=8)


@given(ROWS)
def test_every_type_comes_back_as_it_was_written(rows: list[dict[str, Any]]) -> None:
    columns = {name: kind for name, (kind, _) in SIMPLE.items()}
    log_of = FeatureLog("17", (("501", schema(columns)),))
    decoded = decode(log(*(message(write(row, columns)) for row in rows)), log_of)
    found = instances(decoded)
    assert decoded.rejects == ()
    for number, row in enumerate(rows):
        for name, value in row.items():
            assert found["request", number, 0][name] == plain(value), name


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_arbitrary_bytes_are_rejected_or_read_and_never_raise(values: list[bytes]) -> None:
    decoded = decode(log(*(message(value) for value in values), message(write(ROW))), LOG)
    assert instances(decoded)["request", len(values), 0] == FEATURES
    assert_accounted(decoded)


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_arbitrary_bytes_by_a_schema_of_all_types(values: list[bytes]) -> None:
    log_of = FeatureLog("17", (("501", schema({name: kind for name, (kind, _) in SIMPLE.items()})),))
    decoded = decode(log(*(message(value) for value in values)), log_of)
    assert_accounted(decoded)
    assert "hopsmon_defect" not in {reject.reason for reject in decoded.rejects}


@pytest.mark.parametrize("scale", [0, 2])
@pytest.mark.parametrize("length", [8, 9, 127, 128, 129, 400])
def test_decimals_of_any_length(length: int, scale: int) -> None:
    columns = {"m": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": scale}, "n": "int"}
    unscaled = [b"\x7f" + b"\xff" * (length - 1), b"\x80" + b"\0" * (length - 1), b"\x05"]
    rows = [write({"m": text, "n": 1}, {**columns, "m": "bytes"}) for text in unscaled]
    decoded = decode(log(*map(message, rows)), FeatureLog("17", (("501", schema(columns)),)))
    assert decoded.rejects == ()
    largest, smallest, five = (instances(decoded)["request", row, 0]["m"] for row in range(3))
    exact = 2.0 ** (8 * length - 1) if length <= 128 else sys.float_info.max
    assert [largest, smallest] == pytest.approx([exact / 10**scale, -exact / 10**scale])
    assert five == 5 / 10**scale


@pytest.mark.parametrize("written", [2**62, -(2**62), 2**63 - 1])
@pytest.mark.parametrize("logical", ["timestamp-millis", "local-timestamp-millis"])
def test_times_beyond_64_bits_do_not_come_round_again(logical: str, written: int) -> None:
    (micros,) = timed({"type": "long", "logicalType": logical}, written).event_time.tolist()
    assert abs(micros) > 2**62


def rows_of(*docs: Any) -> Decoded:
    return decode(log(*(json.dumps(doc).encode() for doc in docs)), FeatureLogRows(("late",)))


def test_rows_as_json() -> None:
    row = {**ROW, "log_time": "2026-11-01T12:00:00.000001Z", "departs": "2026-11-01T14:00:00Z"}
    decoded = rows_of(row, {name: value for name, value in row.items() if name not in ("carrier", "predicted_late")})
    found = instances(decoded)
    assert found["request", 0, 0] == {**FEATURES, "departs": "2026-11-01T14:00:00Z"}
    assert found["request", 1, 0] == {**FEATURES, "departs": "2026-11-01T14:00:00Z", "carrier": None}
    assert found["response", 0, 0] == PREDICTIONS
    assert ("response", 1, 0) not in found
    assert decoded.event_time.tolist() == [int(NOON.timestamp() * 1e6) + 1] * 2
    assert decoded.id_of(1) == "a-1"
    assert decoded.attributes["service"].at(0) == "flight_delay"
    assert decoded.attributes["model_version"].at(0) == "3"


def test_rows_that_are_no_objects() -> None:
    decoded = decode(log(b"[1]", b"{", None, b'{"distance": 1.5}'), FeatureLogRows())
    assert [(reject.row, reject.reason) for reject in decoded.rejects] == [(0, "bad_json"), (1, "bad_json")]
    assert instances(decoded) == {("request", 3, 0): {"distance": 1.5}}
    assert decoded.own_time.tolist() == [False] * 4
    assert np.array_equal(decoded.event_time, ARRIVAL + np.arange(4) * 1_000_000)
    assert_accounted(decoded)
