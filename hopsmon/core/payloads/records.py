"""The record batch as the log gives it: values, arrival times, and headers by name for all messages at once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import BoolArray, IntArray


class LogRecords:
    """One record batch of the log: value binary, headers, timestamp (arrival, microseconds or an Arrow timestamp)."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.rows: int = batch.num_rows
        column = batch.column("value")
        self.values: list[bytes | None] = column.to_pylist()
        self.lengths: IntArray = pc.fill_null(pc.binary_length(column), 0).to_numpy().astype(np.int64)
        self.headers = Headers(batch.column("headers") if "headers" in batch.schema.names else None, self.rows)
        self.arrival = arrival_times(batch)

    def texts(self, rows: IntArray) -> list[bytes | None]:
        """The values of some rows."""
        values = self.values
        return values if len(rows) == self.rows else [values[row] for row in rows.tolist()]

    def forget(self, rows: IntArray) -> None:
        """Drop these values, so that no reader looks at them; to the readers they are empty."""
        self.lengths[rows] = 0
        for row in rows.tolist():
            self.values[row] = None

    @property
    def has_content_types(self) -> bool:
        """Whether any message has a content-type header."""
        return self._content_types is not None

    def content_type(self, row: int) -> str:
        """The content-type header of one message in lower case, without parameters; empty if there is none."""
        if self._content_types is None:
            return ""
        value = self._content_types[row].as_py() or b""
        return str(value.decode("latin-1").partition(";")[0].strip().lower())

    @cached_property
    def _content_types(self) -> pa.Array | None:
        return self.headers.column("content_type")


class Headers:
    """Headers of all messages of a batch, without a Python object a header.

    Names are compared in lower case with "-" and "_" alike: `ce_id` in the Kafka binding, `ce-id` where a bridge
    handed HTTP headers on as they were. Of a name that stands twice in one message the first counts.
    """

    def __init__(self, column: pa.Array | None, rows: int) -> None:
        self._rows = rows
        self._codes: dict[str, list[int]] = {}
        if column is None or pa.types.is_null(column.type) or column.null_count == rows:
            return
        keys, self._values = column.flatten().flatten()
        lengths = pc.fill_null(column.value_lengths(), 0).to_numpy()
        names = _repeated_names(keys, lengths)
        self._layout: _SameForAll | _Mixed = _SameForAll(rows, len(names)) if names else _Mixed(keys, lengths)
        for code, name in enumerate(names or self._layout.names):
            if name is not None:
                self._codes.setdefault(name.lower().replace("-", "_"), []).append(code)

    def has(self, name: str) -> BoolArray:
        """Which messages have a header of that name, be it empty."""
        codes = self._codes.get(name)
        if codes is None:
            return np.zeros(self._rows, dtype=bool)
        return self._layout.positions(codes) >= 0

    def column(self, name: str) -> pa.Array | None:
        """The binary value of one header for every message, null where it is missing; None: no message has it."""
        codes = self._codes.get(name)
        if codes is None:
            return None
        index = self._layout.positions(codes)
        return self._values.take(pa.array(index, mask=index < 0 if index.min() < 0 else None))


class _SameForAll:
    """Every message has the same header names in the same order, as one producer writes them."""

    names: tuple[str, ...] = ()

    def __init__(self, rows: int, width: int) -> None:
        self._rows = rows
        self._width = width

    def positions(self, codes: list[int]) -> IntArray:
        """For each message the position of the header in the flat list of all headers."""
        return np.arange(codes[0], self._rows * self._width, self._width)


class _Mixed:
    """Header names differ from message to message: each distinct name has a code, found by hashing."""

    def __init__(self, keys: pa.StringArray, lengths: IntArray) -> None:
        encoded = keys.dictionary_encode()
        self.names: list[str | None] = encoded.dictionary.to_pylist()
        self._codes = pc.fill_null(encoded.indices, -1).to_numpy()
        self._rows = len(lengths)
        self._owners = np.repeat(np.arange(self._rows), lengths)

    def positions(self, codes: list[int]) -> IntArray:
        """For each message the position of the header in the flat list of all headers, -1 where it has none."""
        found = np.flatnonzero(self._codes == codes[0] if len(codes) == 1 else np.isin(self._codes, codes))
        index = np.full(self._rows, -1)
        index[self._owners[found[::-1]]] = found[::-1]  # from the last to the first: the first stays
        return index


def _repeated_names(keys: pa.StringArray, lengths: IntArray) -> list[str]:
    """The names of one message if those of every other are the same bytes; else nothing."""
    rows = len(lengths)
    width = int(lengths[0]) if rows else 0
    if not width or keys.null_count or keys.type != pa.string() or not (lengths == width).all():
        return []
    ends = np.frombuffer(keys.buffers()[1], dtype=np.int32)[keys.offset : keys.offset + len(keys) + 1]
    sizes = np.diff(ends).reshape(rows, width)
    if not (sizes == sizes[0]).all():
        return []
    data = np.frombuffer(keys.buffers()[2], dtype=np.uint8)[ends[0] : ends[-1]].reshape(rows, -1)
    return list(keys[:width].to_pylist()) if (data == data[0]).all() else []


def arrival_times(batch: pa.RecordBatch) -> IntArray:
    """When each message arrived, in microseconds."""
    column = batch.column("timestamp")
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    return np.asarray(pc.fill_null(column, 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def as_text(column: pa.Array) -> pa.StringArray:
    """Header bytes as text; bytes that are no UTF-8 are read with replacement characters, empty values as null."""
    try:
        text = column.cast(pa.string())
    except pa.ArrowInvalid:
        text = pa.array([None if v is None else v.decode("utf-8", "replace") for v in column.to_pylist()], pa.string())
    return _empty_to_null(text)


def _empty_to_null(text: pa.StringArray) -> pa.StringArray:
    empty = pc.equal(pc.binary_length(text), 0)
    return pc.if_else(empty, pa.scalar(None, pa.string()), text) if pc.any(empty).as_py() else text
