"""What cannot be read: each with its reason and a message, and nothing raised."""

import gzip
import json
import math

import pytest

from hopsmon.core.payloads import Limits, decode
from tests.core.payloads.messages import assert_accounted, event, instances, log, the_only_reject

BODY = b'{"instances": [[1.5, 2.5]]}'


@pytest.mark.parametrize(
    "text", [b"{", b'{"instances": [[1.5', b'{"instances": [[1, ]]}', b'{"a": "\xff"}', b'{"a": "\\ud800"}']
)
def test_broken_json(text: bytes) -> None:
    assert the_only_reject(decode(log(event(text)))) == "bad_json"
    assert the_only_reject(decode(log(text))) == "bad_json"


def test_nan_and_infinity_are_numbers_that_are_not_finite() -> None:
    decoded = decode(log(event(b'{"instances": [[NaN, Infinity, -Infinity, 1e999, 1]]}'), event(BODY)))
    nan, *others = instances(decoded)["request", 0, 0]
    assert math.isnan(nan)
    assert others == [math.inf, -math.inf, math.inf, 1]
    assert decoded.decoded == 2


def test_numbers_without_end() -> None:
    decoded = decode(log(event(b'{"instances": [[NaN, ' + b"9" * 5_000 + b"]]}")))
    assert instances(decoded)["request", 0, 0][1] == math.inf


@pytest.mark.parametrize("depth", [1_100, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting(depth: int, opening: str, closing: str) -> None:
    text = f'{{"instances": {opening * depth}1{closing * depth}}}'.encode()
    for message in (
        text,
        event(text),
        text[:-1],
        text.replace(b"1", b"NaN"),
        text.replace(b"1", b'"binary_data_size"'),
    ):
        assert the_only_reject(decode(log(message))) == "too_deep"


def test_nesting_that_still_parses_is_of_no_known_shape() -> None:
    for body in (
        b'{"instances": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"inputs": ' + b'[{"shape":' * 400 + b"[1]" + b"}]" * 400 + b"}",
    ):
        assert the_only_reject(decode(log(event(body)))) == "bad_shape"


def test_brackets_in_text_are_no_nesting() -> None:
    decoded = decode(log(event(json.dumps({"instances": [["[" * 5_000, '"\\']]}).encode()[:-1] + b', "x": NaN}')))
    assert decoded.decoded == 1


def test_unclosed_quotes_take_no_longer_than_others() -> None:
    assert the_only_reject(decode(log(event(b'{"' + b'\\"' * 500_000)))) == "bad_json"


def test_large_messages() -> None:
    limits = Limits(max_bytes=100)
    large = b'{"instances": [[' + b"1," * 100 + b"1]]}"
    decoded = decode(log(event(large), large, event(BODY), BODY), limits=limits)
    assert [(reject.row, reject.reason) for reject in decoded.rejects] == [(0, "too_large"), (1, "too_large")]
    assert decoded.id_of(0) == "id-1"
    assert (decoded.decoded, decoded.rejected, decoded.skipped) == (2, 2, {})


def test_gzip() -> None:
    decoded = decode(log(event(gzip.compress(BODY)), gzip.compress(BODY), event(BODY)))
    assert list(instances(decoded).values()) == [[1.5, 2.5]] * 3


PACKED = gzip.compress(BODY, mtime=0)


@pytest.mark.parametrize(
    "text",
    [PACKED[:-4], PACKED[:12], b"\x1f\x8bxyz", b"\x1f\x8b"],
    ids=["no trailer", "half", "odd header", "magic only"],
)
def test_broken_gzip(text: bytes) -> None:
    assert the_only_reject(decode(log(event(text)))) == "bad_gzip"


def test_gzip_of_what_is_no_json() -> None:
    assert the_only_reject(decode(log(event(gzip.compress(b"hello"))))) == "bad_json"


def test_gzip_that_unpacks_without_end() -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    assert the_only_reject(decode(log(event(bomb)), limits=Limits(max_bytes=1_000_000))) == "too_large"


@pytest.mark.parametrize(
    "content_type", ["application/grpc", "application/grpc+proto", "multipart/form-data; boundary=x"]
)
def test_content_nobody_can_read(content_type: str) -> None:
    headers = [*(event(b"")[1] or ())[:-1], ("content-type", content_type.encode())]
    body = b"\x00\x00\x00\x00\x05\x0a\x03abc"
    assert the_only_reject(decode(log((body, headers)))) == "unsupported_content"


def test_grpc_without_an_event_around_it() -> None:
    body = (b"\x00\x00\x00\x00\x05\x0a\x03abc", [("Content-Type", b"application/grpc")])
    assert the_only_reject(decode(log(body))) == "unsupported_content"


def test_content_type_of_the_request_does_not_hide_a_json_response() -> None:
    headers = [*(event(b"", kind="response")[1] or ())[:-1], ("content-type", b"application/octet-stream")]
    assert decode(log((b'{"predictions": [1]}', headers))).decoded == 1


def test_batched_cloudevents() -> None:
    message = (b"[]", [("content-type", b"application/cloudevents-batch+json")])
    assert the_only_reject(decode(log(message))) == "unsupported_content"


@pytest.mark.parametrize("text", [b"[" * 990 + b"]" * 990, b'{"a":' * 990 + b"1" + b"}" * 990])
@pytest.mark.parametrize("key", [b'"payload"', b'"specversion"'])
def test_a_type_that_is_no_text(text: bytes, key: bytes) -> None:
    assert the_only_reject(decode(log(b'{"type": %b, %b: 1}' % (text, key)))) == "bad_envelope"


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [["\xed\xa0\x80"]]}',
        '{"instances": [["\\ud800"]]}'.encode("utf-16"),
        b'{"instances": [[NaN, "\xed\xa0\x80"]]}',
        b'{"instances": [[NaN, "\\udc00"]]}',
    ],
)
def test_lone_surrogates_are_no_text(body: bytes) -> None:
    assert the_only_reject(decode(log(event(body)))) == "bad_json"


def test_utf_16_and_byte_order_marks_are_read() -> None:
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        assert instances(decode(log(event(BODY.decode().encode(encoding))))) == {("request", 0, 0): [1.5, 2.5]}


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"inputs": [[1]], "predictions": [[2, "x"]]}', {("request", 0, 0): [1]}),
        (b'{"name": "a", "platform": "b", "instances": [["x"]]}', {("request", 0, 0): ["x"]}),
        (b'{"instances": [{"shape": "round"}]}', {("request", 0, 0): {"shape": "round"}}),
        (b'{"instances": [{"datatype": "x", "n": 1}]}', {("request", 0, 0): {"datatype": "x", "n": 1}}),
    ],
)
@pytest.mark.parametrize("company", [[], [b"{}"], [b'{"predictions": [1]}'], [b'{"instances": [[1]]}']], ids=repr)
def test_which_key_counts_does_not_depend_on_other_messages(body: bytes, read: object, company: list[bytes]) -> None:
    found = instances(decode(log(body, *company)))
    assert {key: value for key, value in found.items() if key[1] == 0} == read


def test_bodies_that_only_make_sense_together_stay_apart() -> None:
    decoded = decode(
        log(
            event(b'{"instances": [[1]]}'), event(b'{"instances": [[2, '), event(b"3]]}"), event(b'{"instances": [[]]}')
        )
    )
    assert instances(decoded) == {("request", 0, 0): [1]}
    assert [reject.reason for reject in decoded.rejects] == ["bad_json", "bad_json", "empty"]


def test_headers_that_are_no_utf8() -> None:
    headers = [(key, b"\xff\xfe" if key in ("ce_id", "ce_source") else value) for key, value in event(BODY)[1] or ()]
    decoded = decode(log((BODY, headers), event(BODY)))
    assert decoded.decoded == 2
    assert decoded.id_of(0) == "��"
    assert decoded.attributes["source"].at(1) == "iris-predictor"
    assert_accounted(decoded)


def test_headers_without_a_value() -> None:
    headers = [(key, None if key in ("ce_time", "ce_source") else value) for key, value in event(BODY)[1] or ()]
    decoded = decode(log((BODY, headers)))
    assert decoded.decoded == 1
    assert "source" not in decoded.attributes
