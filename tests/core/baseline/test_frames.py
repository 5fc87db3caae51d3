"""Frames of every make become the same typed columns; what cannot be read is a ConfigError that names the column."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hopsmon.core.batch import INVALID_CODE, NULL_CODE, CategoryColumn, NumericColumn
from hopsmon.core.frames import batches_of, canonical_label, column_of, infer_schema, to_arrow
from hopsmon.core.payloads.typed import number_label
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.errors import ConfigError

TABLE = pa.table({"x": pa.array([1.5, None, 3.0]), "c": pa.array(["a", "b", None])})


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(TABLE, id="table"),
        pytest.param(TABLE.to_batches()[0], id="record batch"),
        pytest.param(pa.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches()), id="reader"),
        pytest.param(TABLE.to_pandas(), id="pandas"),
        pytest.param(pl.DataFrame(TABLE), id="polars"),
        pytest.param(pl.DataFrame(TABLE).lazy(), id="lazy polars"),
    ],
)
def test_any_frame_becomes_the_same_columns(frame: object) -> None:
    table = to_arrow(frame)
    x, c = column_of(table, Feature("x", FeatureType.NUMERIC)), column_of(table, Feature("c", FeatureType.CATEGORICAL))
    assert isinstance(x, NumericColumn)
    assert x.null is not None
    assert x.null.tolist() == [False, True, False]
    assert x.values[[0, 2]].tolist() == [1.5, 3.0]
    assert np.isnan(x.values[1])
    assert isinstance(c, CategoryColumn)
    assert [None if code < 0 else c.labels[code] for code in c.codes] == ["a", "b", None]


def test_a_pandas_index_is_no_feature() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index(["p", "q"], name="flight"))
    assert to_arrow(frame).column_names == ["x"]
    stored = pa.Table.from_pandas(frame.rename_axis(None)).schema
    assert "__index_level_0__" in stored.names
    assert [feature.name for feature in infer_schema(stored).features] == ["x"]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        pytest.param(pa.array([1.0]), "numeric", id="double"),
        pytest.param(pa.array([1.0], pa.float32()), "numeric", id="float"),
        pytest.param(pa.array([decimal.Decimal("1.10")]), "numeric", id="decimal"),
        pytest.param(pa.array([1], pa.uint8()), "integer", id="uint8"),
        pytest.param(pa.array([True]), "boolean", id="bool"),
        pytest.param(pa.array(["a"]), "categorical", id="string"),
        pytest.param(pa.array(["a"], pa.large_string()), "categorical", id="large string"),
        pytest.param(pa.array(["a"]).dictionary_encode(), "categorical", id="dictionary"),
        pytest.param(pa.array([dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)]), "timestamp", id="timestamp"),
        pytest.param(pa.array([dt.date(2026, 1, 1)]), "timestamp", id="date"),
        pytest.param(pa.nulls(1), "numeric", id="null"),
    ],
)
def test_types_are_inferred_from_columns(array: pa.Array, expected: str) -> None:
    table = pa.table({"f": array})
    schema = infer_schema(table.schema)
    assert [str(feature.type) for feature in schema.features] == [expected]
    assert len(batches_of(table, schema)[0].columns["f"]) == 1


def test_predictions_and_given_types_are_kept_apart_from_features() -> None:
    schema = infer_schema(pa.schema([("a", pa.int64()), ("y", pa.float64())]), ["y"], {"a": "categorical"})
    assert schema == ModelSchema((Feature("a", FeatureType.CATEGORICAL),), (Feature("y", FeatureType.NUMERIC),))


@pytest.mark.parametrize(
    ("predictions", "types", "message"),
    [
        (["z"], {}, r"No such column: z\. The data has: a, y"),
        ([], {"z": "numeric"}, "No such column: z"),
        ([], {"a": "number"}, "Unknown type 'number' for column 'a'. Known: numeric"),
    ],
)
def test_wrong_names_and_types_are_configuration_errors(
    predictions: list[str], types: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        infer_schema(pa.schema([("a", pa.int64()), ("y", pa.float64())]), predictions, types)


def test_an_unsupported_type_names_the_column() -> None:
    with pytest.raises(ConfigError, match=r"Column 'l' has type list<.*>, which is no feature type"):
        infer_schema(pa.schema([("l", pa.list_(pa.int64()))]))


def test_a_column_that_cannot_be_read_as_its_type_names_both() -> None:
    with pytest.raises(ConfigError, match="Column 'c' has type string; it cannot be read as numeric"):
        column_of(TABLE, Feature("c", FeatureType.NUMERIC))
    with pytest.raises(ConfigError, match="The data has no column 'z'"):
        column_of(TABLE, Feature("z", FeatureType.NUMERIC))


@pytest.mark.parametrize(
    "frame",
    [
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
    ],
    ids=["arrow", "pandas"],
)
def test_columns_of_one_name_are_refused(frame: object) -> None:
    with pytest.raises(ConfigError, match=r"(?i)duplicate column names|same name: a"):
        to_arrow(frame)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be read as Arrow"):
        to_arrow(42)
    with pytest.raises(ConfigError, match="cannot be read as Arrow"):
        to_arrow(pd.DataFrame({"a": [1, "x", object()]}))


def test_timestamps_become_seconds_whatever_their_zone_and_unit() -> None:
    berlin = dt.timezone(dt.timedelta(hours=1))
    at = dt.datetime(1970, 1, 1, 1, 0, 1, 500_000, tzinfo=berlin)
    for kind in (pa.timestamp("ms", "UTC"), pa.timestamp("ns", "+01:00")):
        column = column_of(pa.table({"t": pa.array([at, None], kind)}), Feature("t", FeatureType.TIMESTAMP))
        assert isinstance(column, NumericColumn)
        assert column.values[0] == 1.5
        assert column.null is not None
        assert column.null.tolist() == [False, True]


def test_nan_stays_apart_from_null() -> None:
    column = column_of(pa.table({"x": pa.array([np.nan, None, np.inf])}), Feature("x", FeatureType.NUMERIC))
    assert isinstance(column, NumericColumn)
    assert column.null is not None
    assert column.null.tolist() == [False, True, False]
    assert column.values[2] == np.inf


def test_chunked_dictionaries_with_different_codes_are_one_set_of_labels() -> None:
    chunks = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", None, "c"]).dictionary_encode()]
    column = column_of(pa.table({"c": pa.chunked_array(chunks)}), Feature("c", FeatureType.CATEGORICAL))
    assert isinstance(column, CategoryColumn)
    assert [None if code == NULL_CODE else column.labels[code] for code in column.codes] == ["a", "b", "b", None, "c"]


def test_booleans_written_as_numbers_and_text_are_read_as_in_messages() -> None:
    column = column_of(pa.table({"b": pa.array([0, 1, 2, None])}), Feature("b", FeatureType.BOOLEAN))
    assert isinstance(column, CategoryColumn)
    assert column.labels == ("false", "true")
    assert column.codes.tolist() == [0, 1, INVALID_CODE, NULL_CODE]


@pytest.mark.parametrize("number", [3, 2.0, -0.0, 0.1, 1e300, 2**53, 2.0**62, 1e22])
def test_a_number_has_the_same_label_in_the_reference_and_in_a_message(number: float) -> None:
    assert canonical_label(number) == number_label(number)


def test_a_nan_label_is_null() -> None:
    column = column_of(pa.table({"c": pa.array([1.0, np.nan])}), Feature("c", FeatureType.CATEGORICAL))
    assert isinstance(column, CategoryColumn)
    assert column.labels == ("1",)
    assert column.codes.tolist() == [0, NULL_CODE]
