"""A cursor over many Avro records at once: each step reads one field of all records with a few numpy operations.

Wire format: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding (int and long: zigzag varints; string
and bytes: length, then the bytes; float and double: little endian). A field that is null has no bytes: it is read of
the records `where` it is none.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hopsmon.core.batch import BoolArray, IntArray

MAX_VARINT: Final = 10  # bytes of a 64-bit varint


class Span(NamedTuple):
    """Where one string of each record lies."""

    start: IntArray
    end: IntArray


class AvroCursor:
    """Reads the same fields from all records; `ok` tells which records still make sense.

    Of a record that ran out of bytes, or holds a negative length, the values read are arbitrary.
    """

    def __init__(self, data: bytes, starts: IntArray, ends: IntArray) -> None:
        self._bytes = data
        self._data = np.frombuffer(data + b"\0", dtype=np.uint8)  # one byte more: a finished record may be looked at
        self._last = len(data)
        self._at = starts.copy()
        self._ends = ends
        self.ok: BoolArray = np.ones(len(starts), dtype=bool)

    def read_long(self, where: BoolArray | None = None) -> IntArray:
        """One int or long of each record."""
        value = np.zeros(len(self._at), dtype=np.uint64)
        open_: BoolArray = np.ones(len(self._at), dtype=bool) if where is None else where.copy()
        for shift in range(0, 7 * MAX_VARINT, 7):
            byte = self._data[np.minimum(self._at, self._last)]
            value |= np.where(open_, byte & 0x7F, 0).astype(np.uint64) << np.uint64(shift)
            self._at = self._at + open_  # not in place: a span may still hold the old array
            open_ &= byte >= 0x80
            if not open_.any():
                break
        self.ok &= ~open_ & (self._at <= self._ends)
        return np.asarray((value >> np.uint64(1)).astype(np.int64) ^ -(value & np.uint64(1)).astype(np.int64))

    def read_string(self, where: BoolArray | None = None) -> Span:
        """One string (or bytes) of each record."""
        length = self.read_long(where)
        self.ok &= (length >= 0) & (length <= self._ends - self._at)
        start = self._at
        self._at = start + np.where(self.ok, length, 0)
        return Span(start, self._at)

    def read_fixed(self, width: int, where: BoolArray | None = None) -> npt.NDArray[np.uint8]:
        """The same number of bytes of each record: [records, width]."""
        self.ok &= (self._at + width <= self._ends) | (False if where is None else ~where)
        found: npt.NDArray[np.uint8] = self._data[np.minimum(self._at[:, None] + np.arange(width), self._last)]
        self._at = self._at + (width if where is None else width * where)
        return found

    def at_end(self) -> BoolArray:
        """Which records were sound and are used up to their last byte."""
        return np.asarray(self.ok & (self._at == self._ends))

    def texts(self, span: Span, records: IntArray) -> list[bytes]:
        """The strings of some records, as bytes."""
        data = self._bytes
        return [data[a:b] for a, b in zip(span.start[records].tolist(), span.end[records].tolist(), strict=True)]

    def column(self, span: Span, records: IntArray) -> pa.BinaryArray:
        """The strings of some records as an Arrow array."""
        return pa.array(self.texts(span, records), pa.binary())
