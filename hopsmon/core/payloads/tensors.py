"""The v2 protocol's tensors: datatypes, shapes, nested or flat data, and the binary extension."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hopsmon.core.payloads.decoded import RejectReason
from hopsmon.core.payloads.opened import UnreadableError

# Little-endian layout of each datatype in the binary extension. BF16 and BYTES have no numpy type of their own.
BINARY: Final[dict[str, str]] = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BF16": "<u2",
}
DATATYPES: Final = frozenset((*BINARY, "BYTES"))
MAX_DIMENSIONS: Final = 32  # as numpy long had it
LENGTH_PREFIX: Final = 4  # bytes before each element of a BYTES tensor


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of one message, row-major: `values[i * width + j]` is value j of instance i."""

    name: str
    datatype: str
    instances: int
    width: int
    values: list[Any]


def read_tensors(entries: Any, tail: bytes) -> list[Tensor]:
    """The tensors of one message; `tail` holds the binary data, tensor after tensor.

    Raises:
        UnreadableError: unknown datatype, a shape that does not fit the data, binary data missing or left over.
    """
    tensors = []
    at = 0
    for entry in entries:
        name, datatype, shape = _head(entry)
        size = _binary_size(entry)
        if size is None:
            values = _json_values(entry.get("data"), name)
        else:
            values = _binary_values(tail[at : at + size], datatype, size, name)
            at += size
        tensors.append(_shaped(name, datatype, shape, as_datatype(values, datatype)))
    if at != len(tail):
        raise _bad_shape(f"{len(tail)} bytes of binary data follow the JSON head, the tensors claim {at}")
    _check_together(tensors)
    return tensors


def shape_of(shape: Any) -> tuple[int, int] | None:
    """(instances, values an instance) of a tensor's shape; None if it is no list of whole numbers above 0."""
    if (
        type(shape) not in (list, tuple)
        or not 0 < len(shape) <= MAX_DIMENSIONS
        or set(map(type, shape)) != {int}
        or min(shape) < 1
    ):
        return None
    return shape[0], prod(shape[1:])


def numbers_shape(entry: dict[str, Any]) -> tuple[int, int] | None:
    """The shape of a sound tensor of numbers with JSON data; None: it is none."""
    try:
        _, datatype, shape = _head(entry)
        is_binary = _binary_size(entry) is not None
    except UnreadableError:
        return None
    return None if is_binary or datatype in ("BOOL", "BYTES") else shape


def as_datatype(values: list[Any], datatype: str) -> list[Any]:
    """Values as their datatype means them: truth values may be written 0 and 1. The rest stays as it was sent."""
    if datatype != "BOOL":
        return values
    return [bool(value) if value in (0, 1) else value for value in values]


def _head(entry: Any) -> tuple[str, str, tuple[int, int]]:
    if type(entry) is not dict:
        raise _bad_shape("a tensor is no JSON object")
    name, datatype = entry.get("name"), entry.get("datatype")
    if type(name) is not str:
        raise _bad_shape("a tensor has no name")
    if type(datatype) is not str or datatype not in DATATYPES:
        seen = datatype[:40] if type(datatype) is str else "none"
        message = f"Tensor '{name[:80]}' has datatype {seen}; known: {', '.join(sorted(DATATYPES))}."
        raise UnreadableError(RejectReason.BAD_DATATYPE, message)
    shape = shape_of(entry.get("shape"))
    if shape is None:
        if type(entry.get("shape")) is list and 0 in entry["shape"]:
            raise UnreadableError(RejectReason.EMPTY, f"Tensor '{name[:80]}' holds no value.")
        raise _bad_shape(f"tensor '{name[:80]}' has no shape of whole numbers above 0")
    return name, datatype, shape


def _binary_size(entry: dict[str, Any]) -> int | None:
    parameters = entry.get("parameters")
    size = parameters.get("binary_data_size") if type(parameters) is dict else None
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise _bad_shape("binary_data_size is no whole number")
    return size


def _json_values(data: Any, name: str) -> list[Any]:
    """The values of `data`, nested or flat, as one flat list. No recursion: nesting may be deep."""
    if type(data) is not list:
        raise _bad_shape(f"tensor '{name[:80]}' has no list of data")
    values: list[Any] = data
    while list in (types := set(map(type, values))):
        if types != {list}:
            raise UnreadableError(RejectReason.RAGGED, f"The data of tensor '{name[:80]}' mixes values and lists.")
        if len(set(map(len, values))) > 1:
            raise UnreadableError(RejectReason.RAGGED, f"The rows of tensor '{name[:80]}' differ in width.")
        values = list(chain.from_iterable(values))
    return values


def _binary_values(raw: bytes, datatype: str, size: int, name: str) -> list[Any]:
    if len(raw) < size:
        raise _bad_shape(f"the binary data of tensor '{name[:80]}' is cut short")
    if datatype == "BYTES":
        return _byte_strings(raw, name)
    layout = np.dtype(BINARY[datatype])
    if size % layout.itemsize:
        raise _bad_shape(f"the binary data of tensor '{name[:80]}' is no whole number of {datatype}")
    numbers: npt.NDArray[Any] = np.frombuffer(raw, layout)
    if datatype == "BF16":  # the upper half of a float32
        numbers = (numbers.astype("<u4") << 16).view("<f4")
    return list(numbers.tolist())


def _byte_strings(raw: bytes, name: str) -> list[str]:
    """Each element: its length in 4 bytes, then the bytes; read as UTF-8."""
    values = []
    at = 0
    while at < len(raw):
        if at + LENGTH_PREFIX > len(raw):
            raise _bad_shape(f"the binary data of tensor '{name[:80]}' is cut short")
        end = at + LENGTH_PREFIX + struct.unpack_from("<I", raw, at)[0]
        if end > len(raw):
            raise _bad_shape(f"the binary data of tensor '{name[:80]}' is cut short")
        values.append(raw[at + LENGTH_PREFIX : end].decode("utf-8", "replace"))
        at = end
    return values


def _shaped(name: str, datatype: str, shape: tuple[int, int], values: list[Any]) -> Tensor:
    instances, width = shape
    if instances * width != len(values):
        raise _bad_shape(f"tensor '{name[:80]}' has {len(values)} values, its shape asks for {instances * width}")
    return Tensor(name, datatype, instances, width, values)


def _check_together(tensors: Sequence[Tensor]) -> None:
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise _bad_shape("two tensors have the same name")
    if len({tensor.instances for tensor in tensors}) > 1:
        seen = ", ".join(f"'{tensor.name[:80]}' {tensor.instances}" for tensor in tensors[:5])
        raise UnreadableError(RejectReason.RAGGED, f"The tensors differ in their number of instances: {seen}.")


def _bad_shape(what: str) -> UnreadableError:
    return UnreadableError(RejectReason.BAD_SHAPE, f"Not a v2 message: {what}.")
