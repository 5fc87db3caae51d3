"""Bodies of the v1 and v2 protocols, in all their shapes."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from hopsmon.core.payloads import Matrix, decode
from tests.core.payloads.messages import event, instances, log, the_only_reject


def values(body: Any, kind: str = "request") -> list[Any]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    decoded = decode(log(event(text, kind=kind)))
    assert decoded.rejects == ()
    found = instances(decoded)
    assert list(found) == [(kind, 0, i) for i in range(len(found))]
    return list(found.values())


def reason(body: Any, kind: str = "request") -> str:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return the_only_reject(decode(log(event(text, kind=kind))))


@pytest.mark.parametrize("key", ["instances", "inputs"])
@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ([[1, 2.5], [3, 4]], [[1, 2.5], [3, 4]]),
        ([[1, None], [True, "JFK"]], [[1, None], [True, "JFK"]]),
        ([1, 2.5], [[1], [2.5]]),
        (["a", None, False], [["a"], [None], [False]]),
        ([{"b64": "aGk="}, {"b64": "aG8="}], [["aGk="], ["aG8="]]),
        ([[{"b64": "aGk="}, 1]], [["aGk=", 1]]),
        ([{"a": 1, "b": "x"}, {"b": "y", "a": 2}], [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        ([{"a": 1, "b": "x"}, {"a": 2}], [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        ([{"a": [1, 2], "b": ["x", None]}], [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        ([{"a": [1, 2]}, {"a": [3]}], [{"a": 1}, {"a": 2}, {"a": 3}]),
        ({"a": [1, 2], "b": [3, 4]}, [{"a": 1, "b": 3}, {"a": 2, "b": 4}]),
        ([{"image": {"b64": "aGk="}, "n": 1}], [{"image": "aGk=", "n": 1}]),
        ([{"label": 1, "probabilities": [0.1, 0.9]}], [{"label": 1, "probabilities": [0.1, 0.9]}]),
    ],
)
def test_v1_requests(key: str, sent: Any, read: list[Any]) -> None:
    assert values({"signature_name": "serving", key: sent}) == read


@pytest.mark.parametrize("key", ["predictions", "outputs"])
@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ([1, 0], [[1], [0]]),
        ([[0.1, 0.9]], [[0.1, 0.9]]),
        (["setosa"], [["setosa"]]),
        ([{"label": "a", "score": 0.5}], [{"label": "a", "score": 0.5}]),
    ],
)
def test_v1_responses(key: str, sent: Any, read: list[Any]) -> None:
    assert values({key: sent}, "response") == read


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"instances": []}, "empty"),
        ({"instances": [[]]}, "empty"),
        ({"instances": [[], []]}, "empty"),
        ({"instances": [{}]}, "empty"),
        ({"instances": [{"a": []}]}, "empty"),
        ({"instances": [[1, 2], [1]]}, "ragged"),
        ({"instances": [[1], 1]}, "ragged"),
        ({"instances": [{"a": 1}, [1]]}, "ragged"),
        ({"instances": [{"a": [1, 2], "b": [1]}]}, "ragged"),
        ({"instances": [{"a": [1]}, {"b": [1]}]}, "ragged"),
        ({"instances": [{str(i): 1} for i in range(100)]}, "ragged"),
        ({"instances": 5}, "bad_shape"),
        ({"instances": None}, "bad_shape"),
        ({"instances": "text"}, "bad_shape"),
        ({"instances": [[[1]]]}, "bad_shape"),
        ({"instances": [[{"x": 1}]]}, "bad_shape"),
        ({"instances": [{"a": [[1]]}]}, "bad_shape"),
        ({"somewhere": [[1]]}, "bad_shape"),
        ([1, 2], "bad_shape"),
        (7, "bad_shape"),
        (None, "bad_shape"),
    ],
)
def test_v1_rejects(body: Any, why: str) -> None:
    assert reason(body) == why


def tensor(data: Any, shape: list[int], datatype: str = "FP64", name: str = "x") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


@pytest.mark.parametrize(
    ("tensors", "read"),
    [
        ([tensor([1, 2, 3, 4], [2, 2])], [[1, 2], [3, 4]]),
        ([tensor([[1, 2], [3, 4]], [2, 2])], [[1, 2], [3, 4]]),
        ([tensor([1, 2], [2])], [[1], [2]]),
        ([tensor([[1], [2]], [2, 1])], [[1], [2]]),
        ([tensor([[[1], [2]], [[3], [4]]], [2, 2, 1])], [[1, 2], [3, 4]]),
        ([tensor(["a", "b"], [2], "BYTES")], [["a"], ["b"]]),
        ([tensor([True, False], [2], "BOOL")], [[True], [False]]),
        ([tensor([1, 0], [2], "BOOL")], [[True], [False]]),
        ([tensor([1, None], [1, 2])], [[1, None]]),
        (
            [tensor([1, 2], [2], name="a"), tensor(["x", "y"], [2, 1], "BYTES", "b")],
            [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        ),
        ([tensor([1], [1], name="a"), tensor([2, 3], [1, 2], name="b")], [{"a": 1, "b[0]": 2, "b[1]": 3}]),
    ],
)
def test_v2(tensors: list[Any], read: list[Any]) -> None:
    assert values({"id": "x", "inputs": tensors, "outputs": [{"name": "wanted"}]}) == read
    assert values({"model_name": "m", "id": "x", "outputs": tensors}, "response") == read


@pytest.mark.parametrize(
    "datatype", ["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"]
)
def test_v2_datatypes(datatype: str) -> None:
    assert values({"inputs": [tensor([1, 2, 3], [3, 1], datatype)]}) == [[1], [2], [3]]
    letter = {"U": "u", "I": "i", "F": "f"}[datatype[0]]
    bits = int("".join(filter(str.isdigit, datatype)))
    raw = np.array([1, 2, 3], dtype=f"<{letter}{bits // 8}").tobytes()
    assert values(binary(datatype, [3, 1], raw)) == [[1], [2], [3]]


def binary(datatype: str, shape: list[int], raw: bytes, claimed: int | None = None) -> bytes:
    head: dict[str, Any] = {"name": "é", "shape": shape, "datatype": datatype}
    head["parameters"] = {"binary_data_size": len(raw) if claimed is None else claimed}
    return json.dumps({"inputs": [head]}, ensure_ascii=False).encode() + raw


@pytest.mark.parametrize(
    ("datatype", "raw", "read"),
    [
        ("BOOL", b"\x01\x00", [[True], [False]]),
        ("BF16", struct.pack("<HH", 0x3F80, 0xC040), [[1.0], [-3.0]]),
        ("BYTES", b"\x02\x00\x00\x00hi\x03\x00\x00\x00\xc3\xa9!", [["hi"], ["é!"]]),
        ("UINT64", struct.pack("<QQ", 2**63, 1), [[2**63], [1]]),
        ("FP64", struct.pack("<dd", float("inf"), -0.5), [[float("inf")], [-0.5]]),
    ],
)
def test_v2_binary(datatype: str, raw: bytes, read: list[Any]) -> None:
    assert values(binary(datatype, [2], raw)) == read


def test_v2_binary_beside_json_tensors() -> None:
    head = {
        "inputs": [
            tensor(["x"], [1], "BYTES", "a"),
            {**tensor(None, [1], "FP32", "b"), "parameters": {"binary_data_size": 4}},
        ]
    }
    assert values(json.dumps(head).encode() + struct.pack("<f", 0.5)) == [{"a": "x", "b": 0.5}]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"inputs": [tensor([1], [1], "FP128")]}, "bad_datatype"),
        ({"inputs": [tensor([1, 2, 3], [2, 2])]}, "bad_shape"),
        ({"inputs": [tensor([1], [-1])]}, "bad_shape"),
        ({"inputs": [tensor([1], [])]}, "bad_shape"),
        ({"inputs": [tensor([1], [1.0])]}, "bad_shape"),  # type: ignore[list-item]
        ({"inputs": [tensor([1], [10**18] * 40)]}, "bad_shape"),
        ({"inputs": [tensor([], [0, 4])]}, "empty"),
        ({"inputs": [tensor([[1, 2], [3]], [2, 2])]}, "ragged"),
        ({"inputs": [tensor([[1, 2], 3], [2, 2])]}, "ragged"),
        ({"inputs": [tensor([1], [1], name="a"), tensor([1, 2], [2], name="b")]}, "ragged"),
        ({"inputs": [tensor([1], [1]), tensor([2], [1])]}, "bad_shape"),
        ({"inputs": [{"name": "x", "shape": [1], "datatype": "FP64"}]}, "bad_shape"),
        ({"inputs": [{"shape": [1], "datatype": "FP64", "data": [1]}]}, "bad_shape"),
        ({"inputs": [tensor([1], [1]), 7]}, "bad_shape"),
        (binary("FP32", [2], b"\0" * 4), "bad_shape"),
        (binary("FP32", [2], b"\0" * 8, claimed=4), "bad_shape"),
        (binary("FP32", [2], b"\0" * 8, claimed=16), "bad_shape"),
        (binary("FP32", [2], b"\0" * 7), "bad_shape"),
        (binary("FP32", [2], b"\0" * 8, claimed=-8), "bad_shape"),
        (binary("BYTES", [1], b"\x09\0\0\0hi"), "bad_shape"),
        (binary("BYTES", [1], b"\x09\0"), "bad_shape"),
    ],
)
def test_v2_rejects(body: Any, why: str) -> None:
    assert reason(body) == why


HUGE_SHAPES = [
    [2**63],
    [2**63, 1],
    [1, 2**63],
    [2**64, 2],
    [2**32, 2**32],
    [2**62, 4],
    [1, 2**40, 2**40],
    [-(2**63)],
    [-1, -1],
]


@pytest.mark.parametrize("data", [[], [1], [[1]]], ids=repr)
@pytest.mark.parametrize("shape", HUGE_SHAPES, ids=repr)
def test_a_shape_that_no_array_can_have_spoils_its_own_message_only(shape: list[int], data: list[Any]) -> None:
    good, bad = ({"inputs": [tensor(*of)]} for of in (([1], [1, 1]), (data, shape)))
    for bodies in ([bad], [good, bad], [bad, good, bad], [bad] * 3):
        decoded = decode(log(*(event(json.dumps(body).encode()) for body in bodies)))
        assert {row for _, row, _ in instances(decoded)} == {row for row, body in enumerate(bodies) if body is good}
        rejects = [(reject.row, reject.reason) for reject in decoded.rejects]
        assert rejects == [(row, "bad_shape") for row, body in enumerate(bodies) if body is bad]


def test_a_batch_of_numbers_is_one_matrix() -> None:
    messages = [event(b'{"instances": [[%d, 2.5]]}' % i) for i in range(5)]
    (group,) = decode(log(*messages)).groups
    assert isinstance(group.columns, Matrix)
    assert group.columns.values[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert group.message.tolist() == [0, 1, 2, 3, 4]


def test_whole_numbers_float64_cannot_hold_stay_whole() -> None:
    assert values({"instances": [[2**53 + 1]]}) == [[2**53 + 1]]
    assert values({"instances": [["x", 2**63 + 1]]}) == [["x", 2**63 + 1]]
