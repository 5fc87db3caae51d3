"""Events a real KServe agent sent, through every content mode, to the values the client sent and got."""

import base64
import json
from typing import Any

import pytest

from hopsmon.core.payloads import decode
from tests.core.payloads.messages import (
    Message,
    assert_accounted,
    capture,
    captured_events,
    instances,
    log,
    the_only_reject,
)

FLOWERS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
NAMED = [dict(zip(COLUMNS, flower, strict=True)) for flower in FLOWERS]
CLASSES = [[1.0], [1.0]]
SKIPPED = "not_an_inference"

EXPECTED: dict[str, Any] = {
    "v1-basic.request": FLOWERS,
    "v1-basic.response": CLASSES,
    "v1-inputs-key.request": FLOWERS,
    "v1-inputs-key.response": CLASSES,
    "v1-named-instances.request": NAMED,
    "v1-named-instances.response": CLASSES,
    "v1-own-ce-id.request": FLOWERS,
    "v1-own-ce-id.response": CLASSES,
    "v1-ce-structured-request.request": "bad_shape",
    "v1-gzip-encoded-response.request": FLOWERS[:1],
    "v1-gzip-encoded-response.response": CLASSES,
    "v1-bad-json.request": "bad_json",
    "v2-basic.request": FLOWERS,
    "v2-basic.response": CLASSES,
    "v2-flat-data.request": FLOWERS,
    "v2-flat-data.response": CLASSES,
    "v2-binary.request": FLOWERS,
    "v2-binary.response": CLASSES,
    "get-v1-model.request": SKIPPED,
    "get-v1-model.response": SKIPPED,
}


def binary(name: str) -> Message:
    """As Knative's broker, or our own sink, writes it: an empty body is a null value."""
    body, headers = capture(name)
    kafka = [(key.lower().replace("ce-", "ce_"), value.encode()) for key, value in headers.items()]
    return body or None, [header for header in kafka if header[0].startswith("ce_") or header[0] == "content-type"]


def structured(name: str, as_base64: bool) -> Message:
    body, headers = capture(name)
    doc: dict[str, Any] = {key[3:].lower(): value for key, value in headers.items() if key.startswith("Ce-")}
    if as_base64:
        doc["data_base64"] = base64.b64encode(body).decode()
    elif body:
        doc["data"] = json.loads(body)
    return json.dumps(doc).encode(), [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def is_json(name: str) -> bool:
    body = capture(name)[0]
    return body.startswith(b"{") and name not in ("v1-bad-json.request", "v2-binary.request", "v2-binary.response")


def test_every_capture_is_expected_here() -> None:
    assert set(captured_events()) == set(EXPECTED)


@pytest.mark.parametrize("format_name", ["auto", "kserve"])
@pytest.mark.parametrize("mode", ["binary", "structured", "structured-base64"])
@pytest.mark.parametrize("name", EXPECTED)
def test_capture(name: str, mode: str, format_name: str) -> None:
    if mode == "structured" and not is_json(name):
        mode = "structured-base64"  # what is no JSON can only travel as base64
    message = binary(name) if mode == "binary" else structured(name, mode == "structured-base64")
    decoded = decode(log(message), format_name)

    assert_accounted(decoded)
    expected = EXPECTED[name]
    if expected == SKIPPED:
        assert decoded.skipped == {SKIPPED: 1}
    elif isinstance(expected, str):
        assert the_only_reject(decoded) == expected
    else:
        assert_values(instances(decoded), name, expected)

    headers = capture(name)[1]
    assert decoded.id_of(0) == headers["Ce-Id"]
    assert decoded.attributes["service"].at(0) == "iris"
    assert decoded.attributes["source"].at(0) == "iris-predictor-6d5c9f7b8-x2x9k"
    assert ("model_version" in decoded.attributes) == ("Ce-Annotations" in headers)
    whole, _, fraction = headers["Ce-Time"].rstrip("Z").partition(".")
    assert str(decoded.event_time.astype("datetime64[us]")[0]) == f"{whole}.{fraction[:6].ljust(6, '0')}"


def assert_values(found: dict[tuple[str, int, int], Any], name: str, expected: list[Any]) -> None:
    side = name.rpartition(".")[2]
    assert list(found) == [(side, 0, i) for i in range(len(expected))]
    # FP32 in the binary extension holds 6.8 as the nearest float32.
    for value, wanted in zip(found.values(), expected, strict=True):
        assert value == pytest.approx(wanted, rel=1e-7 if "binary" in name else 0)


def test_all_captures_in_one_batch() -> None:
    names = list(EXPECTED)
    messages = [binary(name) for name in names] + [structured(name, as_base64=True) for name in names]
    decoded = decode(log(*messages))

    assert_accounted(decoded)
    assert decoded.decoded == 2 * sum(isinstance(expected, list) for expected in EXPECTED.values())
    assert decoded.skipped == {SKIPPED: 4}
    assert decoded.rejected == 4
    found = instances(decoded)
    for row, name in enumerate(names + names):
        if isinstance(EXPECTED[name], list):
            assert_values_of_row(found, row, name)
        assert decoded.id_of(row) == capture(name)[1]["Ce-Id"]


def assert_values_of_row(found: dict[tuple[str, int, int], Any], row: int, name: str) -> None:
    mine = {(side, 0, i): value for (side, at, i), value in found.items() if at == row}
    assert_values(mine, name, EXPECTED[name])


@pytest.mark.parametrize("name", [name for name in EXPECTED if is_json(name) and "structured" not in name])
def test_bare_body_tells_its_side_by_its_keys(name: str) -> None:
    decoded = decode(log(capture(name)[0]))
    if EXPECTED[name] == SKIPPED:
        assert decoded.skipped == {SKIPPED: 1}
    else:
        assert_values(instances(decoded), name, EXPECTED[name])
    assert decoded.event_id is None
    assert decoded.event_time.tolist() == [1_800_000_000_000_000]
