"""JSON values -> a typed column. A value of a wrong type is invalid, None is null; nothing is converted silently."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import INVALID_CODE, NULL_CODE, CategoryColumn, Column, FloatArray, NumericColumn
from hopsmon.core.payloads.decoded import RawColumn
from hopsmon.core.payloads.layout import NUMBERS
from hopsmon.core.payloads.times import MISSING, epoch_seconds, iso_micros
from hopsmon.core.schema import FeatureType

NULL: Final = type(None)
WHOLE_BELOW: Final = float(2**63)  # larger numbers keep their exponent as a label
TRUTH: Final = {"false": 0, "0": 0, "true": 1, "1": 1}  # how senders write the two labels of a boolean feature


def typed_column(values: RawColumn, feature_type: FeatureType) -> Column:
    """One column as its feature's type reads it."""
    if feature_type is FeatureType.TIMESTAMP:
        return _timestamps(values)
    if feature_type.is_numeric:
        return _numbers(values)
    column = _label_numbers(values) if isinstance(values, np.ndarray) else _labels(values)
    return _truth_values(column) if feature_type is FeatureType.BOOLEAN else column


def null_column(rows: int, feature_type: FeatureType) -> Column:
    """A column of nulls, for a feature no message names."""
    if feature_type.is_numeric:
        return NumericColumn(np.full(rows, np.nan), null=np.ones(rows, dtype=bool))
    return CategoryColumn(np.full(rows, NULL_CODE, dtype=np.int32), ())


def _numbers(values: RawColumn) -> NumericColumn:
    if isinstance(values, np.ndarray):
        return NumericColumn(values)
    types = set(map(type, values))
    if types <= NUMBERS:
        return NumericColumn(np.fromiter(values, np.float64, len(values)))
    numbers = np.fromiter((v if type(v) in NUMBERS else np.nan for v in values), np.float64, len(values))
    null = np.fromiter((v is None for v in values), bool, len(values)) if NULL in types else None
    if types <= {*NUMBERS, NULL}:
        return NumericColumn(numbers, null)
    invalid = np.fromiter((type(v) not in NUMBERS and v is not None for v in values), bool, len(values))
    return NumericColumn(numbers, null, invalid)


def _timestamps(values: RawColumn) -> NumericColumn:
    """Seconds since the epoch, from numbers of any unit or ISO 8601 text (without an offset: UTC)."""
    column = _numbers(values)
    seconds = epoch_seconds(column.values)
    if column.invalid is None or isinstance(values, np.ndarray):
        return NumericColumn(seconds, column.null)
    micros = iso_micros(pa.array([v if type(v) is str else None for v in values], pa.string()))
    is_read = micros != MISSING
    return NumericColumn(np.where(is_read, micros / 1e6, seconds), column.null, column.invalid & ~is_read)


def number_label(number: float) -> str:
    """One text for a number, however it was sent: 3 and 3.0 are both "3".

    >>> number_label(3.0), number_label(3), number_label(0.1), number_label(-0.0)
    ('3', '3', '0.1', '0')
    """
    if isinstance(number, int) or (number == np.trunc(number) and abs(number) < WHOLE_BELOW):
        return str(int(number))
    return repr(number)


def _label_numbers(values: FloatArray) -> CategoryColumn:
    distinct, codes = np.unique(values, return_inverse=True)  # NaN counts as one value, the last
    finite = np.isfinite(distinct)
    table = np.where(finite, np.cumsum(finite) - 1, INVALID_CODE).astype(np.int32)
    return CategoryColumn(table[codes], tuple(map(number_label, distinct[finite].tolist())))


def _labels(values: list[Any]) -> CategoryColumn:
    types = set(map(type, values))
    texts = values if types <= {str, NULL} else list(map(_label, values))
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    codes = pc.fill_null(encoded.indices, NULL_CODE).to_numpy()
    if not types <= {*NUMBERS, str, bool, NULL} or float in types:
        invalid = np.fromiter((text is None and v is not None for text, v in zip(texts, values, strict=True)), bool)
        codes = np.where(invalid, INVALID_CODE, codes)
    return CategoryColumn(codes.astype(np.int32), tuple(encoded.dictionary.to_pylist()))


def _label(value: Any) -> str | None:
    """The label of one value; None for null and for what is no label (NaN, lists, objects)."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    return number_label(value) if kind is int or (kind is float and np.isfinite(value)) else None


def _truth_values(column: CategoryColumn) -> CategoryColumn:
    """Labels "false" and "true" from the ways to write them; any other label is invalid."""
    table = [TRUTH.get(label.lower(), INVALID_CODE) for label in column.labels]
    codes = np.array([*table, INVALID_CODE, NULL_CODE], dtype=np.int32)[column.codes]  # -2 and -1 count from the end
    return CategoryColumn(codes, ("false", "true"))
