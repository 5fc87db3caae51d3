"""bind(): by name or by position, and what becomes of each JSON value in each type of column."""

import json
import math
from typing import Any

import numpy as np
import pytest

from hopsmon.core.batch import CategoryColumn, NumericColumn
from hopsmon.core.payloads import bind, decode
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from tests.core.payloads.messages import Message, event, log

NULL, INVALID = "<null>", "<invalid>"


def schema(*kinds: FeatureType) -> ModelSchema:
    return ModelSchema(tuple(Feature(name, kind) for name, kind in zip("abcdef", kinds, strict=False)))


def column_of(values: list[Any], kind: FeatureType) -> list[Any]:
    """The values as one column reads them, with words for what is no value."""
    body = json.dumps({"instances": [[value] for value in values]}).encode()
    (raw,) = decode(log(event(body))).groups
    batch, rejects = bind(raw, schema(kind))
    assert rejects == []
    column = batch.columns["a"]
    if isinstance(column, CategoryColumn):
        assert len(set(column.labels)) == len(column.labels)
        return [{-1: NULL, -2: INVALID}.get(code) or column.labels[code] for code in column.codes.tolist()]
    return numbers_of(column)


def numbers_of(column: NumericColumn) -> list[Any]:
    null = np.zeros(len(column), bool) if column.null is None else column.null
    invalid = np.zeros(len(column), bool) if column.invalid is None else column.invalid
    assert not (null & invalid).any()
    assert np.isnan(column.values[null | invalid]).all()
    words = zip(null.tolist(), invalid.tolist(), column.values.tolist(), strict=True)
    return [NULL if is_null else INVALID if is_invalid else value for is_null, is_invalid, value in words]


@pytest.mark.parametrize("kind", [FeatureType.NUMERIC, FeatureType.INTEGER])
def test_numbers(kind: FeatureType) -> None:
    assert column_of([1, 2.5], kind) == [1.0, 2.5]
    assert column_of([1, None, True, "1.5", -3, 2**70], kind) == [1.0, NULL, INVALID, INVALID, -3.0, float(2**70)]
    assert column_of([None, None], kind) == [NULL, NULL]
    assert column_of(["x"], kind) == [INVALID]
    values = column_of([math.nan, math.inf, 1], kind)
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, 1.0]


@pytest.mark.parametrize("kind", [FeatureType.CATEGORICAL, FeatureType.STRING])
def test_labels(kind: FeatureType) -> None:
    assert column_of(["b", "a", None, "b", ""], kind) == ["b", "a", NULL, "b", ""]
    assert column_of([3, 3.0, 0.5, -0.0], kind) == ["3", "3", "0.5", "0"]
    assert column_of([3, "3", 3.0, True, "true", None], kind) == ["3", "3", "3", "true", "true", NULL]
    assert column_of([math.nan, 1], kind) == [INVALID, "1"]
    assert column_of([math.nan, "x", None], kind) == [INVALID, "x", NULL]
    assert column_of([2**53 + 1, 1e300], kind) == [str(2**53 + 1), "1e+300"]


def test_booleans() -> None:
    assert column_of([True, False, None], FeatureType.BOOLEAN) == ["true", "false", NULL]
    assert column_of([1, 0, 1.0, 2], FeatureType.BOOLEAN) == ["true", "false", "true", INVALID]
    assert column_of(["True", "false", "1", "yes", None, True], FeatureType.BOOLEAN) == [
        *("true", "false", "true", INVALID, NULL, "true"),
    ]


def test_timestamps() -> None:
    kind = FeatureType.TIMESTAMP
    assert (
        column_of([1_600_000_000, 1_600_000_000_000, 1_600_000_000_000_000, 1_600_000_000_000_000_000], kind)
        == [1.6e9] * 4
    )
    texts = [
        "2020-09-13T12:26:40Z",
        "2020-09-13T14:26:40+02:00",
        "2020-09-13T12:26:40",
        "2020-09-13 12:26:40",
        "2020-09-13",
    ]
    assert column_of(texts, kind) == [1.6e9, 1.6e9, 1.6e9, 1.6e9, 1_599_955_200.0]
    assert column_of(["soon", None, 1.5, True, "1970-01-01T00:00:01.5Z"], kind) == [INVALID, NULL, 1.5, INVALID, 1.5]
    assert column_of(["2020-09-13T12:26:40.5", None], kind) == [1_600_000_000.5, NULL]


def bound(body: Any, model: ModelSchema, kind: str = "request") -> dict[str, list[Any]]:
    (raw,) = decode(log(event(json.dumps(body).encode(), kind=kind))).groups
    batch, rejects = bind(raw, model)
    assert rejects == []
    return {
        name: numbers_of(column) if isinstance(column, NumericColumn) else list(column.codes.tolist())
        for name, column in batch.columns.items()
    }


TWO = schema(FeatureType.NUMERIC, FeatureType.NUMERIC)


def test_names_decide_where_there_are_names() -> None:
    assert bound({"instances": [{"b": 1, "a": 2, "z": 9}]}, TWO) == {"a": [2.0], "b": [1.0]}
    assert bound({"instances": [{"b": [1, "x"]}]}, TWO) == {"a": [NULL, NULL], "b": [1.0, INVALID]}
    assert bound({"instances": [{"b": 1, "a": {"x": [1]}}]}, TWO) == {"a": [INVALID], "b": [1.0]}


def test_names_of_a_feature_store_are_the_senders_written_small() -> None:
    names = ("sepal_length", "class")
    flower = ModelSchema(tuple(Feature(name, FeatureType.NUMERIC) for name in names))
    assert bound({"instances": [{"Class": 1, "Sepal Length": 2}]}, flower) == {"sepal_length": [2.0], "class": [1.0]}
    assert bound({"instances": [{"class": 1, "CLASS": 3}]}, flower) == {"sepal_length": [NULL], "class": [1.0]}
    assert bound(tensors(CLASS=1, SEPAL_LENGTH=2), flower) == {"sepal_length": [2.0], "class": [1.0]}


def test_two_columns_of_one_small_name_stay_apart() -> None:
    flower = ModelSchema((Feature("class", FeatureType.NUMERIC), Feature("b", FeatureType.NUMERIC)))
    assert bound({"instances": [{"Class": 1, "CLASS": 3, "b": 2}]}, flower) == {"class": [NULL], "b": [2.0]}


def test_a_missing_name_is_null_in_columns_of_labels_too() -> None:
    assert bound({"instances": [{"b": 1}]}, schema(FeatureType.STRING, FeatureType.NUMERIC)) == {"a": [-1], "b": [1.0]}


def tensors(**columns: Any) -> dict[str, Any]:
    return {"inputs": [{"name": n, "shape": [1], "datatype": "FP64", "data": [v]} for n, v in columns.items()]}


def test_tensors_bind_by_name_or_else_by_position() -> None:
    assert bound(tensors(b=1, a=2), TWO) == {"a": [2.0], "b": [1.0]}
    assert bound(tensors(x=1, y=2), TWO) == {"a": [1.0], "b": [2.0]}


def test_one_prediction_needs_no_name() -> None:
    model = ModelSchema((), (Feature("delayed", FeatureType.NUMERIC),))
    output = {"name": "output-0", "shape": [2], "datatype": "INT64", "data": [1, 0]}
    assert bound({"model_name": "m", "outputs": [output]}, model, "response") == {"delayed": [1.0, 0.0]}
    assert bound({"predictions": [{"score": 0.5}]}, model, "response") == {"delayed": [0.5]}
    assert bound({"predictions": [0.5]}, model, "response") == {"delayed": [0.5]}


def test_a_side_the_schema_does_not_describe_has_no_columns() -> None:
    (raw,) = decode(log(event(b'{"predictions": [[1, 2], [3, 4]]}', kind="response"))).groups
    batch, rejects = bind(raw, TWO)
    assert (len(batch), dict(batch.columns), rejects) == (2, {}, [])


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        ({"instances": [[1, 2, 3], [4, 5, 6]]}, "wrong_width", "has 3 values; the model's schema has 2: a, b"),
        ({"instances": [["x"]]}, "wrong_width", "has 1 values; the model's schema has 2: a, b"),
        ({"instances": [{"x": 1, "y": 2}]}, "unknown_columns", "None of the columns (x, y)"),
        (tensors(x=1, y=2, z=3), "unknown_columns", "None of the columns (x, y, z)"),
    ],
)
def test_what_cannot_be_the_models(body: Any, reason: str, words: str) -> None:
    (raw,) = decode(log(b"[]", event(json.dumps(body).encode()))).groups
    batch, rejects = bind(raw, TWO)
    assert len(batch) == 0
    assert [(reject.row, reject.reason) for reject in rejects] == [(1, reason)]
    assert words in rejects[0].message


def test_where_each_instance_came_from() -> None:
    messages: list[Message | bytes] = [
        event(b'{"instances": [[1, 2], [3, 4]]}', time="2026-01-01T00:00:00Z"),
        b"x",
        event(b'{"instances": [[5, "6"]]}'),
    ]
    (raw,) = decode(log(*messages)).groups
    batch, _ = bind(raw, TWO)
    assert batch.message.tolist() == [0, 0, 2]
    assert batch.instance.tolist() == [0, 1, 0]
    assert batch.event_time.tolist()[:2] == [1_767_225_600_000_000] * 2
