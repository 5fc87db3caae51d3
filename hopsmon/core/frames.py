"""Frames: data frames and Arrow tables to typed columns. Any frame that speaks Arrow or narwhals; no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import INVALID_CODE, NULL_CODE, Batch, CategoryColumn, Column, NumericColumn, Side
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.errors import ConfigError

_MICROS_PER_SECOND = 1e6
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")  # how pandas writes the names of rows into parquet
_BOOLEAN_LABELS = ("false", "true")
_TRUTH = {"false": 0, "0": 0, "true": 1, "1": 1}
_WHOLE_BELOW = 2.0**63  # larger numbers keep their exponent as a label


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


# What a column of an Arrow type is taken for, first match wins.
_TYPE_RULES: tuple[tuple[Callable[[pa.DataType], bool], FeatureType], ...] = (
    (pa.types.is_boolean, FeatureType.BOOLEAN),
    (pa.types.is_integer, FeatureType.INTEGER),
    (pa.types.is_floating, FeatureType.NUMERIC),
    (pa.types.is_decimal, FeatureType.NUMERIC),
    (pa.types.is_timestamp, FeatureType.TIMESTAMP),
    (pa.types.is_date, FeatureType.TIMESTAMP),
    (pa.types.is_dictionary, FeatureType.CATEGORICAL),
    (_is_text, FeatureType.CATEGORICAL),
    # A column without one value has no type of its own; as numeric it counts as all null.
    (pa.types.is_null, FeatureType.NUMERIC),
)


SPARK_REFUSED = (
    "A Spark DataFrame may not fit into one process: hopsmon.baseline_of_frame(frame, model) builds its"
    " baseline on the cluster; or pass a sample: frame.limit(100_000).toArrow(), or .toPandas() in Spark 3.5."
)


def is_spark(frame: Any) -> bool:
    """Whether a frame is Spark's, told without Spark."""
    return type(frame).__module__.startswith("pyspark")


def to_arrow(frame: Any) -> pa.Table:
    """A pandas, polars or Arrow frame, or any other that narwhals takes, as an Arrow table.

    Raises:
        ConfigError: not a frame, a Spark frame (too large for one process), or its columns have no Arrow type.
    """
    if is_spark(frame):
        raise ConfigError(SPARK_REFUSED)
    try:
        table = _as_table(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"The frame cannot be read as Arrow: {error}") from error
    check_names(table.schema)
    return table


def _as_table(frame: Any) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if hasattr(frame, "__arrow_c_stream__"):
        return _without_index(pa.table(frame))
    return _by_narwhals(frame)


def _without_index(table: pa.Table) -> pa.Table:
    """A pandas index travels as a column; it names rows and is no feature."""
    index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    return table.drop_columns([name for name in index if isinstance(name, str)])


def _by_narwhals(frame: Any) -> pa.Table:
    try:
        import narwhals
    except ImportError as error:
        raise ConfigError(
            f"A {type(frame).__name__} does not speak Arrow (__arrow_c_stream__). `pip install narwhals` may help,"
            " or pass a pyarrow table."
        ) from error
    native = narwhals.from_native(frame)
    eager = native.collect() if isinstance(native, narwhals.LazyFrame) else native
    return eager.to_arrow()


def check_names(schema: pa.Schema) -> None:
    """Raises ConfigError where two columns have one name."""
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise ConfigError(f"The data has columns with the same name: {', '.join(twice)}. Rename or drop them.")


def infer_schema(
    columns: pa.Schema, predictions: Sequence[str] = (), types: Mapping[str, FeatureType | str] | None = None
) -> ModelSchema:
    """A model schema from column types: every column is a feature unless it is named as a prediction.

    float → numeric, int → integer, bool → boolean, text or dictionary → categorical, timestamp or date → timestamp.
    (Text with very many labels becomes `string` when a baseline is built: that takes the data.)

    Args:
        columns: names and types of the columns.
        predictions: columns that are the model's output.
        types: overrides by column name.

    Raises:
        ConfigError: a name that is not a column, an unknown type, or a column type that has no meaning here.
    """
    check_names(columns)
    given = {name: _type_named(name, kind) for name, kind in (types or {}).items()}
    missing = sorted({*predictions, *given} - set(columns.names))
    if missing:
        raise ConfigError(f"No such column: {', '.join(missing)}. The data has: {', '.join(columns.names) or 'none'}.")
    features = [column for column in columns if not _UNNAMED_INDEX.fullmatch(column.name)]
    found = {column.name: Feature(column.name, given.get(column.name) or _type_of(column)) for column in features}
    outputs = tuple(found.pop(name) for name in dict.fromkeys(predictions))
    return ModelSchema(tuple(found.values()), outputs)


def _type_named(column: str, kind: FeatureType | str) -> FeatureType:
    try:
        return FeatureType(kind)
    except ValueError as error:
        known = ", ".join(str(known) for known in FeatureType)
        raise ConfigError(f"Unknown type {str(kind)!r} for column '{column}'. Known: {known}.") from error


def _type_of(column: pa.Field) -> FeatureType:
    for fits, kind in _TYPE_RULES:
        if fits(column.type):
            return kind
    raise ConfigError(
        f"Column '{column.name}' has type {column.type}, which is no feature type. Drop it, or cast it to a number,"
        " text, boolean or timestamp."
    )


def batches_of(table: pa.Table, schema: ModelSchema) -> list[Batch]:
    """The columns of a table that the schema names, as one batch a side; a side without columns has none."""
    sides = ((Side.REQUEST, schema.features), (Side.RESPONSE, schema.predictions))
    return [_batch(table, side, features) for side, features in sides if features]


def _batch(table: pa.Table, side: Side, features: Iterable[Feature]) -> Batch:
    none = np.zeros(table.num_rows, np.int64)  # reference rows have no message and no event time
    columns = {feature.name: column_of(table, feature) for feature in features}
    return Batch(side, none, none, none, columns)


def column_of(table: pa.Table, feature: Feature) -> Column:
    """One column of a table as the feature's type says.

    Raises:
        ConfigError: no such column, or its type cannot be read as the feature's type.
    """
    at = table.schema.get_field_index(feature.name)
    if at < 0:
        known = ", ".join(table.schema.names)
        raise ConfigError(f"The data has no column '{feature.name}', which the model schema names. It has: {known}.")
    values = table.column(at).combine_chunks()
    array = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values
    read = _READERS[feature.type]
    try:
        return read(array)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise ConfigError(
            f"Column '{feature.name}' has type {array.type}; it cannot be read as {feature.type} ({error})."
        ) from error


def _read_numbers(array: pa.Array) -> NumericColumn:
    if not (_is_number(array.type) or pa.types.is_boolean(array.type) or pa.types.is_null(array.type)):
        raise pa.ArrowTypeError("not a number")
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    return _numbers(array, array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _read_times(array: pa.Array) -> NumericColumn:
    if _is_number(array.type):  # already seconds since the epoch
        return _read_numbers(array)
    if pa.types.is_null(array.type):
        return _read_numbers(array)
    micros = array.cast(pa.timestamp("us", getattr(array.type, "tz", None)), safe=False).cast(pa.int64())
    return _numbers(array, micros.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / _MICROS_PER_SECOND)


def _numbers(array: pa.Array, values: np.ndarray[Any, np.dtype[np.float64]]) -> NumericColumn:
    null = pc.is_null(array).to_numpy(zero_copy_only=False) if array.null_count else None
    return NumericColumn(values, null)


def _read_booleans(array: pa.Array) -> CategoryColumn:
    if not pa.types.is_boolean(array.type):
        return _truth_values(_read_labels(array))
    codes = array.cast(pa.int32()).fill_null(NULL_CODE)
    return CategoryColumn(codes.to_numpy(zero_copy_only=False), _BOOLEAN_LABELS)


def _truth_values(column: CategoryColumn) -> CategoryColumn:
    """Labels "false" and "true" from the ways to write them; any other label is invalid, as it is in a message."""
    table = [_TRUTH.get(label.lower(), INVALID_CODE) for label in column.labels]
    codes = np.array([*table, INVALID_CODE, NULL_CODE], np.int32)[column.codes]  # -2 and -1 count from the end
    return CategoryColumn(codes, _BOOLEAN_LABELS)


def _read_labels(array: pa.Array) -> CategoryColumn:
    if pa.types.is_boolean(array.type):
        return _read_booleans(array)
    if pa.types.is_null(array.type):
        return CategoryColumn(np.full(len(array), NULL_CODE, np.int32), ())
    encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    kind = encoded.type.value_type
    if not (_is_text(kind) or _is_number(kind)):
        raise pa.ArrowTypeError("not text, a number or a boolean")
    values = [_label_or_none(value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.cast(pa.int32()).fill_null(NULL_CODE).to_numpy(zero_copy_only=False)
    labels = dict.fromkeys(value for value in values if value is not None)
    numbers = {label: number for number, label in enumerate(labels)} | {None: NULL_CODE}
    lookup = np.array([*(numbers[value] for value in values), NULL_CODE], np.int32)  # the last entry is for code -1
    return CategoryColumn(lookup[codes], tuple(labels))


def _label_or_none(value: object) -> str | None:
    if value is None or (isinstance(value, float) and not isfinite(value)):  # NaN is how a float column spells null
        return None
    return canonical_label(value)


def canonical_label(value: object) -> str:
    """One spelling for a label however it was written: 3, 3.0 and "3" are all "3"; as payloads spell it.

    >>> [canonical_label(value) for value in (3, 3.0, "3", 2.5, True)]
    ['3', '3', '3', '2.5', 'true']
    """
    if isinstance(value, bool):
        return _BOOLEAN_LABELS[value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_BELOW:
        return str(int(value))
    return str(value)


_Reader: TypeAlias = Callable[[pa.Array], Column]
_READERS: dict[FeatureType, _Reader] = {
    FeatureType.NUMERIC: _read_numbers,
    FeatureType.INTEGER: _read_numbers,
    FeatureType.TIMESTAMP: _read_times,
    FeatureType.BOOLEAN: _read_booleans,
    FeatureType.CATEGORICAL: _read_labels,
    FeatureType.STRING: _read_labels,
}
