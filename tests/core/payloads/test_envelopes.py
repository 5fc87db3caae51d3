"""Envelopes: whose message it is, when, which id, which side."""

import json
from typing import Any

import pyarrow as pa
import pytest

from hopsmon.core.payloads import decode
from hopsmon.errors import UnknownNameError
from tests.core.payloads.messages import ARRIVAL, assert_accounted, event, instances, log, the_only_reject

BODY = b'{"instances": [[1.5, 2.5]]}'
AT = 1_795_396_366_915_767  # 2026-11-23T01:12:46.915767Z


def test_headers_are_found_whatever_their_case_order_and_number() -> None:
    shouting = [(key.upper(), value) for key, value in reversed(event(BODY, id="a")[1] or ())]
    dashed = [(key.replace("_", "-"), value) for key, value in event(BODY, id="b")[1] or ()]
    more = [("traceparent", b"00-1"), *(event(BODY, id="c")[1] or ()), ("ce_id", b"a second one is not read")]
    decoded = decode(log((BODY, shouting), (BODY, dashed), (BODY, more), (BODY, []), BODY))
    assert decoded.event_id is not None
    assert decoded.event_id.to_pylist() == ["a", "b", "c", None, None]
    assert decoded.event_time.tolist() == [AT, AT, AT, ARRIVAL + 3_000_000, ARRIVAL + 4_000_000]
    assert decoded.attributes["service"].at(2) == "iris"
    assert decoded.attributes["service"].at(3) is None
    assert decoded.attributes["namespace"].equals("models", 5).tolist() == [True, True, True, False, False]
    assert decoded.decoded == 5


def test_attribute_all_messages_share_is_kept_once() -> None:
    decoded = decode(log(event(BODY), event(BODY, component="transformer")))
    service, component = decoded.attributes["service"], decoded.attributes["component"]
    assert (service.codes, service.values) == (None, ("iris",))
    assert [component.at(0), component.at(1)] == ["predictor", "transformer"]
    assert service.equals("iris", 2).tolist() == [True, True]
    assert service.equals("wine", 2).tolist() == [False, False]
    assert set(decoded.attributes) == {"service", "namespace", "component", "source"}


def test_sliced_batch_reads_its_own_headers() -> None:
    whole = log(*(event(b'{"instances": [[%d]]}' % i, id=f"id-{i}") for i in range(10)))
    decoded = decode(whole.slice(4, 3))
    assert decoded.event_id is not None
    assert decoded.event_id.to_pylist() == ["id-4", "id-5", "id-6"]
    assert list(instances(decoded).values()) == [[4.0], [5.0], [6.0]]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-11-23T01:12:46.915767085Z", AT),
        ("2026-11-23T01:12:46.9157Z", AT - 67),
        ("2026-11-23T01:12:46Z", AT - 915_767),
        ("2026-11-23T03:12:46.915767+02:00", AT),
        ("2026-11-22T19:42:46.915767-05:30", AT),
        ("2026-11-23t01:12:46.915767z", AT),
        ("2026-11-23T01:12:46.9157670859999Z", AT),
        ("2300-01-01T00:00:00Z", 10_413_792_000_000_000),
        ("1969-12-31T23:59:59.5Z", -500_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("2026-11-23T01:12:46", ARRIVAL),
        ("2026-13-23T01:12:46Z", ARRIVAL),
        ("2026-11-23T25:12:46Z", ARRIVAL),
        ("soon", ARRIVAL),
        ("", ARRIVAL),
    ],
)
def test_event_time(text: str, micros: int) -> None:
    assert decode(log(event(BODY, time=text))).event_time[0] == micros
    doc = {"specversion": "1.0", "type": "x.request", "time": text, "data": json.loads(BODY)}
    assert decode(log(json.dumps(doc).encode())).event_time[0] == micros


def test_one_odd_time_leaves_the_others_alone() -> None:
    without = (BODY, [header for header in event(BODY)[1] or () if header[0] != "ce_time"])
    decoded = decode(log(event(BODY), event(BODY, time="soon"), without, event(BODY)))
    assert decoded.event_time.tolist() == [AT, ARRIVAL + 1_000_000, ARRIVAL + 2_000_000, AT]
    assert decoded.groups[0].event_time.tolist() == decoded.event_time.tolist()


@pytest.mark.parametrize(
    "prefix", ["org.kubeflow.serving.inference", "io.seldon.serving.inference", "io.kserve.inference"]
)
@pytest.mark.parametrize(("kind", "body"), [("request", BODY), ("response", b'{"predictions": [[1.5, 2.5]]}')])
def test_types_of_all_senders(prefix: str, kind: str, body: bytes) -> None:
    decoded = decode(log(event(body, type=f"{prefix}.{kind}")))
    assert instances(decoded) == {(kind, 0, 0): [1.5, 2.5]}


def test_the_type_decides_the_side_not_the_body() -> None:
    assert the_only_reject(decode(log(event(BODY, kind="response")))) == "bad_shape"


def test_unknown_type_is_rejected() -> None:
    assert the_only_reject(decode(log(event(BODY, type="io.seldon.serving.feedback")))) == "bad_envelope"


def test_client_that_speaks_cloudevents_cannot_forge_the_event() -> None:
    forged = b'{"specversion": "1.0", "id": "forged", "type": "x.request", "data": {"instances": [[9]]}}'
    headers = [*(event(forged)[1] or ())[:-1], ("content-type", b"application/cloudevents+json")]
    decoded = decode(log((forged, headers)))
    assert decoded.id_of(0) == "id-1"
    assert the_only_reject(decoded) == "bad_shape"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (None, "request"),
        (b"", "request"),
        (b"  ", "request"),
        (b"{}", "request"),
        (b'{"ready":true}', "response"),
        (b'{"name":"iris","ready":true}', "response"),
        (b'{"live": true}', "response"),
        (b'{"status":"alive"}', "response"),
        (b'{"models":["iris"]}', "response"),
        (b'{"name":"kserve","version":"0.20.0","extensions":[]}', "response"),
        (b'{"name":"iris","versions":[],"platform":"sklearn","inputs":[],"outputs":[]}', "response"),
        (
            b'{"name":"iris","platform":"sklearn","inputs":[{"name":"a","datatype":"FP32","shape":[-1,4]}],"outputs":[]}',
            "response",
        ),
    ],
)
def test_calls_that_predict_nothing_are_skipped(body: bytes | None, kind: str) -> None:
    decoded = decode(log(event(body, kind=kind)))
    assert decoded.skipped == {"not_an_inference": 1}
    assert decoded.rejects == ()
    assert_accounted(decoded)


def test_tombstones_without_headers_are_skipped() -> None:
    assert decode(log(None, b"")).skipped == {"not_an_inference": 2}


def test_error_in_a_response_is_no_prediction() -> None:
    assert decode(log(event(b'{"error": "no"}', kind="response"))).skipped == {"error_response": 1}


def test_model_version_from_an_annotation() -> None:
    annotations = ['{"example.org/model-version": "3"}', "{}", '{"a": 1, "model-version": "4"}', "not JSON", "[1]"]
    decoded = decode(log(*(event(BODY, annotations=text) for text in annotations)))
    versions = decoded.attributes["model_version"]
    assert [versions.at(row) for row in range(5)] == ["3", None, "4", None, None]


def structured(**changes: Any) -> bytes:
    doc = {"specversion": "1.0", "id": "s-1", "type": "x.inference.request", "data": {"instances": [[1.5, 2.5]]}}
    return json.dumps({**doc, **changes}).encode()


@pytest.mark.parametrize("data", ['{"instances": [[1.5, 2.5]]}', {"instances": [[1.5, 2.5]]}])
def test_structured_data_as_object_or_text(data: Any) -> None:
    assert instances(decode(log(structured(data=data)))) == {("request", 0, 0): [1.5, 2.5]}


def test_structured_attributes() -> None:
    doc = structured(source="pod", inferenceservicename="iris", annotations={"x/model-version": "2"})
    decoded = decode(log(doc, structured(id="s-2", namespace="models")))
    assert decoded.event_id is not None
    assert decoded.event_id.to_pylist() == ["s-1", "s-2"]
    assert decoded.attributes["model_version"].at(0) == "2"
    assert decoded.attributes["namespace"].at(0) is None
    assert decoded.attributes["namespace"].at(1) == "models"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "x.feedback"}, "bad_envelope"),
        ({"type": 7}, "bad_envelope"),
        ({"data": None, "data_base64": "%%%"}, "bad_envelope"),
        ({"data": None, "data_base64": 7}, "bad_envelope"),
        ({"data": [1]}, "bad_shape"),
        ({"data": 1}, "bad_shape"),
        ({"data": "no json"}, "bad_json"),
    ],
)
def test_structured_rejects(changes: dict[str, Any], reason: str) -> None:
    assert the_only_reject(decode(log(structured(**changes)))) == reason


def test_structured_without_data_is_no_inference() -> None:
    assert decode(log(structured(data=None))).skipped == {"not_an_inference": 1}


def test_2020_logger() -> None:
    messages = [
        {"type": "request", "id": "a", "time": 1_600_000_000, "payload": {"instances": [[1, 2]]}},
        {"type": "response", "id": "a", "time": 1_600_000_000.25, "payload": {"predictions": [0.5]}},
        {"type": "request", "id": 7, "time": 1_600_000_000_123, "payload": '{"instances": [[3, 4]]}'},
        {"type": "request", "time": "2020-09-13T12:26:40Z", "payload": {"instances": [[5, 6]]}},
        {"type": "request", "time": None, "payload": {"instances": [[7, 8]]}},
        {"type": "audit", "payload": {}},
        {"type": "request", "payload": None},
    ]
    decoded = decode(log(*(json.dumps(message).encode() for message in messages)))
    assert instances(decoded) == {
        ("request", 0, 0): [1, 2],
        ("response", 1, 0): [0.5],
        ("request", 2, 0): [3, 4],
        ("request", 3, 0): [5, 6],
        ("request", 4, 0): [7, 8],
    }
    second = 1_600_000_000_000_000
    times = [second, second + 250_000, second + 123_000, second, ARRIVAL + 4_000_000]
    assert decoded.event_time.tolist()[:5] == times
    assert decoded.event_id is not None
    assert decoded.event_id.to_pylist()[:5] == ["a", "a", "7", None, None]
    assert [(reject.row, reject.reason) for reject in decoded.rejects] == [(5, "bad_envelope")]
    assert decoded.skipped == {"not_an_inference": 1}
    assert_accounted(decoded)


def test_arrival_may_be_an_arrow_timestamp() -> None:
    batch = log(BODY)
    stamped = batch.set_column(5, "timestamp", batch.column("timestamp").cast(pa.timestamp("us", "UTC")))
    assert decode(stamped).event_time.tolist() == [ARRIVAL]


def test_headers_may_be_missing_altogether() -> None:
    assert decode(log(BODY, BODY).drop_columns(["headers"])).decoded == 2


def test_unknown_format_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'kserve'"):
        decode(log(BODY), "kserv")


def test_empty_batch() -> None:
    decoded = decode(log())
    assert (decoded.rows, decoded.decoded, decoded.groups, decoded.event_id) == (0, 0, (), None)
