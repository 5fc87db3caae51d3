"""Ids and attributes of a whole record batch, put together from its envelopes when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import IntArray
from hopsmon.core.payloads.decoded import Attribute
from hopsmon.core.payloads.opened import Opened, ReadColumn


class LazyAttributes(Mapping[str, Attribute]):
    """Attributes by name; a name no message has is missing."""

    def __init__(self, rows: int, opened: Sequence[Opened]) -> None:
        self._rows = rows
        self._opened = opened
        self._read: dict[str, Attribute | None] = {}

    def __getitem__(self, name: str) -> Attribute:
        if name not in self._read:
            self._read[name] = self._look_up(name)
        attribute = self._read[name]
        if attribute is None:
            raise KeyError(name)
        return attribute

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys(name for part in self._opened for name in part.attributes)
        return (name for name in names if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _look_up(self, name: str) -> Attribute | None:
        parts = [(part.rows, part.attributes[name]) for part in self._opened if name in part.attributes]
        texts = scattered(self._rows, parts)
        return None if texts is None or texts.null_count == self._rows else attribute_of(texts)


def attribute_of(texts: pa.StringArray) -> Attribute:
    """An attribute from the text of each message, null where it has none."""
    encoded = texts.dictionary_encode()
    values = tuple(encoded.dictionary.to_pylist())
    if len(values) == 1 and not texts.null_count:
        return Attribute(None, values)
    return Attribute(pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64), values)


def scattered(rows: int, parts: Sequence[tuple[IntArray, ReadColumn]]) -> pa.StringArray | None:
    """One entry a message of the batch, from the parts that have one, else null; None if no part has."""
    read = [(at, column) for at, column in ((at, read_column()) for at, read_column in parts) if column is not None]
    if not read:
        return None
    if len(read) == 1 and len(read[0][0]) == rows:
        return read[0][1]
    index = np.full(rows, -1)
    at = np.concatenate([part[0] for part in read])
    index[at] = np.arange(len(at))
    return pa.concat_arrays([part[1] for part in read]).take(pa.array(index, mask=index < 0))
