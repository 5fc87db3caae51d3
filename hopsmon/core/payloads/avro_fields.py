"""Fields of an Avro record of a feature group: what a writer's schema says of them, and their values as columns.

A feature group's schema is flat: each field is of a simple type, and may be null. Arrays, maps and records ("complex
features") are written as bytes, as Hopsworks does, and are no columns here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from hopsmon.core.batch import BoolArray, FloatArray, IntArray
from hopsmon.core.payloads.avro_cursor import AvroCursor, Span
from hopsmon.core.payloads.decoded import RawColumn
from hopsmon.core.payloads.layout import EXACT_INT
from hopsmon.core.payloads.records import as_text
from hopsmon.core.payloads.times import MISSING, epoch_micros, iso_micros, micros_of_number
from hopsmon.core.schema import Word
from hopsmon.errors import ConfigError

MICROS: Final = 1_000_000  # a second
LONG_BYTES: Final = 8
LARGEST_FLOAT: Final = int(np.finfo(np.float64).max)
SECONDS_OF: Final = {  # by logical type: seconds, and units they have
    "date": (86_400, 1),
    "timestamp-millis": (1, 1_000),
    "timestamp-micros": (1, 1_000_000),
    "timestamp-nanos": (1, 1_000_000_000),
    "local-timestamp-millis": (1, 1_000),
    "local-timestamp-micros": (1, 1_000_000),
    "local-timestamp-nanos": (1, 1_000_000_000),
}


class Kind(Word):
    """How the values of a field are written."""

    WHOLE = "whole"
    REAL = "real"
    TRUTH = "truth"
    TEXT = "text"
    DECIMAL = "decimal"
    LABEL = "label"  # an enum's symbol, by its number
    OPAQUE = "opaque"  # bytes that are no value by themselves


SIMPLE: Final = {  # by Avro's name: the kind, and the bytes of a value that always has so many
    "int": (Kind.WHOLE, 0),
    "long": (Kind.WHOLE, 0),
    "float": (Kind.REAL, 4),
    "double": (Kind.REAL, 8),
    "boolean": (Kind.TRUTH, 1),
    "string": (Kind.TEXT, 0),
    "enum": (Kind.LABEL, 0),
}


@dataclass(frozen=True, slots=True)
class AvroField:
    """One field of a record.

    Attributes:
        nullable: which branch of its union is null; None: it never is.
        width: bytes of a value that always has so many; 0: its length stands before it.
        scale: what a number as written is multiplied with, and divided by: of a decimal, of a time in seconds.
        symbols: the labels of an enum.
    """

    name: str
    kind: Kind
    nullable: int | None = None
    width: int = 0
    scale: tuple[int, int] = (1, 1)
    symbols: tuple[str, ...] = ()


def fields_of(schema: str) -> tuple[AvroField, ...]:
    """The fields of a record schema in Avro's JSON.

    Raises:
        ConfigError: it is no record schema, or a field is of a union of several types.
    """
    try:
        content = orjson.loads(schema)
        return tuple(_field(field["name"], field["type"]) for field in content["fields"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"Not the Avro schema of a record ({error!r}): {schema[:200]}") from error


def _field(name: str, declared: Any) -> AvroField:
    if isinstance(declared, list):
        others = [branch for branch in declared if branch != "null"]
        if len(others) != 1 or len(declared) > 2:
            raise ConfigError(f"The field '{name}' is a union of several types: {declared}. Feature groups have none.")
        nullable = declared.index("null") if "null" in declared else 1  # a union of one type has no second branch
        return _of_type(name, others[0], nullable)
    return _of_type(name, declared, None)


def _of_type(name: str, declared: Any, nullable: int | None) -> AvroField:
    of = declared if isinstance(declared, dict) else {"type": declared}
    base, logical = of["type"], of.get("logicalType", "")
    if isinstance(base, dict | list):  # {"type": {"type": "long", …}}
        return _of_type(name, base, nullable)
    if logical == "decimal":
        return AvroField(name, Kind.DECIMAL, nullable, int(of.get("size", 0)), (1, 10 ** int(of.get("scale", 0))))
    kind, width = SIMPLE.get(base, (Kind.OPAQUE, int(of.get("size", 0))))
    scale = SECONDS_OF.get(logical, (1, 1)) if kind is Kind.WHOLE else (1, 1)
    return AvroField(name, kind, nullable, width, scale, tuple(of.get("symbols", ())))


class AvroColumn:
    """One field of all records, as a cursor passed over it; values are made of the records that are asked for."""

    def __init__(self, field: AvroField, cursor: AvroCursor) -> None:
        self.field = field
        self._cursor = cursor
        self._numbers: FloatArray | IntArray | None = None
        self._span: Span | None = None
        branch = None if field.nullable is None else cursor.read_long()
        self.null: BoolArray = np.zeros(len(cursor.ok), bool) if branch is None else branch == field.nullable
        if branch is not None:
            cursor.ok &= (branch == 0) | (branch == 1)
        self._read(cursor, None if branch is None else ~self.null)

    def _read(self, cursor: AvroCursor, where: BoolArray | None) -> None:
        field = self.field
        if field.kind in (Kind.WHOLE, Kind.LABEL):
            self._numbers = cursor.read_long(where)
        elif field.kind is Kind.REAL:
            data = np.ascontiguousarray(cursor.read_fixed(field.width, where))
            with np.errstate(invalid="ignore"):  # a signalling NaN is NaN
                self._numbers = data.view(f"<f{field.width}")[:, 0].astype(np.float64)
        elif field.kind is Kind.TRUTH:
            self._numbers = cursor.read_fixed(1, where)[:, 0].astype(np.int64)
        elif field.width:
            start = cursor.read_fixed(field.width, where)
            self._numbers = _unscaled(start) if field.kind is Kind.DECIMAL else None
        else:
            self._span = cursor.read_string(where)

    def fits(self) -> BoolArray:
        """Which records' values are such as the field can have."""
        numbers = self._numbers
        if self.field.kind is Kind.TRUTH and numbers is not None:
            return self.null | (numbers <= 1)
        if self.field.kind is Kind.LABEL and numbers is not None:
            return self.null | ((numbers >= 0) & (numbers < len(self.field.symbols)))
        return np.ones(len(self.null), bool)

    def whole(self, records: IntArray) -> IntArray:
        """The numbers of some records as they were written; of those that are null, arbitrary."""
        numbers = np.zeros(len(self.null), np.int64) if self._numbers is None else self._numbers
        return numbers[records].astype(np.int64)

    def values(self, records: IntArray) -> RawColumn | None:
        """The values of some records; times in seconds since the epoch. None: the field has no values for a monitor."""
        null = self.null[records]
        if self.field.kind is Kind.OPAQUE:
            return None
        if self.field.kind in (Kind.REAL, Kind.WHOLE, Kind.DECIMAL):
            return self._amounts(records, null)
        found = self._labels(records)
        return [None if is_null else value for is_null, value in zip(null.tolist(), found, strict=True)]

    def _amounts(self, records: IntArray, null: BoolArray) -> RawColumn:
        times, per = self.field.scale
        if self._numbers is None:  # a decimal of any length
            texts = self._cursor.texts(self._spanned(), records)
            numbers: FloatArray | IntArray = _whole_numbers(texts)
        else:
            numbers = self._numbers[records]
        if (times, per) != (1, 1):
            numbers = numbers * times / per
        if null.any() or (numbers.dtype == np.int64 and len(numbers) and np.abs(numbers).max() >= EXACT_INT):
            return [None if is_null else value for is_null, value in zip(null.tolist(), numbers.tolist(), strict=True)]
        return numbers.astype(np.float64)

    def _labels(self, records: IntArray) -> list[Any]:
        if self.field.kind is Kind.TRUTH:
            return [value == 1 for value in self.whole(records).tolist()]
        if self.field.kind is Kind.LABEL:
            symbols = self.field.symbols
            return [symbols[code] if 0 <= code < len(symbols) else None for code in self.whole(records).tolist()]
        return [text.decode("utf-8", "replace") for text in self._cursor.texts(self._spanned(), records)]

    def micros(self, records: IntArray) -> IntArray:
        """The values of some records as times: microseconds, MISSING where there is none or it says no time.

        By the logical type; numbers without one are told apart by their magnitude, texts are ISO 8601.
        """
        null = self.null[records]
        if self.field.kind is Kind.TEXT:
            return iso_micros(self.texts(records))
        if self.field.kind is Kind.REAL and self._numbers is not None:
            numbers = np.where(null, np.nan, self._numbers[records])
            return np.fromiter(map(micros_of_number, numbers.tolist()), np.int64, len(numbers))
        if self.field.kind is not Kind.WHOLE:
            return np.full(len(records), MISSING)
        numbers = self.whole(records)
        return np.where(null, MISSING, _micros_of(numbers, *self.field.scale))

    def texts(self, records: IntArray) -> pa.StringArray:
        """The values of some records as text, null where there is none or it is empty."""
        if self._span is None:
            numbers = pa.array(self.whole(records), mask=self.null[records])
            return numbers.cast(pa.string())
        column = self._cursor.column(self._span, records)
        return as_text(pa.array(column.to_pylist(), pa.binary(), mask=self.null[records]))

    def _spanned(self) -> Span:
        assert self._span is not None  # noqa: S101  a field has a length before it, or always the same
        return self._span


def _micros_of(numbers: IntArray, times: int, per: int) -> IntArray:
    """Whole numbers throughout: a time in nanoseconds has more digits than float64."""
    if (times, per) == (1, 1):
        return epoch_micros(numbers)
    if per > MICROS:
        return numbers // (per // MICROS)
    units = times * MICROS // per
    most = np.iinfo(np.int64).max // units  # further times than that are no clock's; they must not come round again
    return np.clip(numbers, -most, most) * units


def _whole_numbers(texts: list[bytes]) -> FloatArray | IntArray:
    """Big-endian two's complement, each of its own length; as float64 where 64 bits are too few for one of them."""
    numbers = [int.from_bytes(text, "big", signed=True) for text in texts]
    if all(len(text) <= LONG_BYTES for text in texts):
        return np.array(numbers, dtype=np.int64)
    return np.array([float(min(max(one, -LARGEST_FLOAT), LARGEST_FLOAT)) for one in numbers])


def _unscaled(data: Any) -> FloatArray:
    """Big-endian two's complement of any width as float64."""
    weights = np.array([math.ldexp(1.0, 8 * power) for power in range(data.shape[1])][::-1])
    unsigned = data.astype(np.float64) @ weights
    return np.asarray(np.where(data[:, 0] >= 0x80, unsigned - math.ldexp(1.0, 8 * data.shape[1]), unsigned))
