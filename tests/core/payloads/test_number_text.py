"""The short cut for numbers: it must read what the general readers read, or leave it to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hopsmon.core.payloads import Decoded, Matrix, decode
from tests.core.payloads.messages import Message, assert_accounted, event, instances, log

KEYS = ["instances", "inputs", "predictions", "outputs", "data", "meta", "name", "platform", "model_name", "id"]
NUMBER = "\0"  # in a template: another number in each message

keys = st.sampled_from(KEYS)
numbers = st.just(NUMBER) | st.integers(-3, 12).map(str) | st.sampled_from(["1.5", "-0.0", "1e3", "9007199254740993"])
flat = st.lists(numbers, max_size=3).map(", ".join).map("[{}]".format)
rows = st.lists(flat, max_size=2).map(", ".join).map("[{}]".format)
odd_texts = st.sampled_from(['"data": [1]', '"instances": [[1, 2]]', "x", "\\", '{"data":[', "[1]"]).map(json.dumps)
ids = st.sampled_from(['"a1"', '"\\u0061"', "7", "null"])
tensor_data = flat | rows


def pairs_as_text(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in pairs) + "}"


tensors = st.builds(
    lambda shape, kind, data, more: pairs_as_text(
        [("name", '"x"'), ("shape", json.dumps(shape)), ("datatype", json.dumps(kind)), ("data", data), *more]
    ),
    st.lists(st.integers(1, 3), min_size=1, max_size=2),
    st.sampled_from(["FP64", "INT32", "BOOL", "BYTES", "FP7"]),
    tensor_data,
    st.lists(st.tuples(keys, tensor_data), max_size=1),
)
leaves = flat | rows | odd_texts | ids | numbers | tensors.map("[{}]".format)
objects = st.lists(st.tuples(keys, leaves), max_size=3).map(pairs_as_text)
values = leaves | objects | objects.map("[{}]".format) | st.builds("[{}, {}]".format, odd_texts, objects)
documents = st.lists(st.tuples(keys, values), min_size=1, max_size=3).map(pairs_as_text) | values
common = st.builds(
    lambda key, value, before, after: pairs_as_text([*before, (key, value), *after]),
    st.sampled_from(KEYS[:4]),
    flat | rows | tensors.map("[{}]".format),
    st.lists(st.tuples(keys, values), max_size=1),
    st.lists(st.tuples(keys, values), max_size=1),
)


@st.composite
def batches(draw: st.DrawFn) -> list[Message]:
    """The same text in all messages but for its numbers; some with another text among them."""
    template = draw(common | documents)
    texts = []
    for _ in range(draw(st.integers(1, 3))):
        text = template
        while NUMBER in text:
            text = text.replace(NUMBER, draw(st.integers(0, 9).map(str) | st.just("2.5")), 1)
        texts.append(text)
    if draw(st.booleans()) and draw(st.booleans()):
        texts.append(draw(common))
    kind = draw(st.sampled_from([None, "request", "response"]))
    return [(text.encode(), None) if kind is None else event(text.encode(), kind=kind) for text in texts]


@contextmanager
def without_short_cut() -> Iterator[None]:
    with (
        patch("hopsmon.core.payloads.formats.read_numbers", lambda bodies: bodies),
        patch("hopsmon.core.payloads.bodies.read_numbers", lambda bodies: bodies),
    ):
        yield


def plain(decoded: Decoded) -> Any:
    found = {key: repr(value) for key, value in instances(decoded).items()}
    return found, [(reject.row, str(reject.reason)) for reject in decoded.rejects], decoded.skipped


@settings(max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
@given(batches())
@example([(b'{"predictions":[],"meta":{"data":[1.0]}}', None)])
@example([(b'{"data":[1,2],"instances":[[]]}', None)])
@example([(b'{"instances":[[1]],"instances":[[2]]}', None)])
@example([(b'{"instances":[[1]],"instances":[[1]]}', None)])
@example([(b'["instances",{"data":[1]}]', None)])
@example([(b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[5],"data":[1]}]}', None)])
def test_the_short_cut_reads_what_the_general_readers_read(messages: list[Message]) -> None:
    decoded = decode(log(*messages), "kserve")
    with without_short_cut():
        assert plain(decoded) == plain(decode(log(*messages), "kserve"))
    assert_accounted(decoded)
    assert "hopsmon_defect" not in {reject.reason for reject in decoded.rejects}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"predictions":[],"meta":{"data":[1.0]}}', "empty"),
        (b'{"data":[1,2],"instances":[[]]}', "empty"),
        (b'["instances",{"data":[1]}]', "bad_shape"),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_numbers_that_stand_elsewhere_are_no_instances(body: bytes, reason: str, times: int) -> None:
    decoded = decode(log(*[body] * times), "kserve")
    assert instances(decoded) == {}
    assert [str(reject.reason) for reject in decoded.rejects] == [reason] * times


@pytest.mark.parametrize(
    ("template", "width"),
    [
        ('{"instances": [[%s, 2.5, 3]]}', 3),
        ('{"instances": [%s, 2]}', 1),
        ('{"id": "a%s", "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}', 2),
        ('{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [[1, %s]]}], "id": "a"}', 2),
    ],
)
def test_the_usual_bodies_take_the_short_cut(template: str, width: int) -> None:
    with patch("hopsmon.core.payloads.bodies.parse_bodies", side_effect=AssertionError):
        (group,) = decode(log(*((template % i).encode() for i in range(5)))).groups
    assert isinstance(group.columns, Matrix)
    assert group.columns.values.shape[1] == width
