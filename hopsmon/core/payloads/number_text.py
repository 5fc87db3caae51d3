"""The short cut for the most common bodies: numbers only, in the same frame in every message.

`{"instances": [[1.5, 2]]}` is a frame (`{"instances": [[` and `]]}`) around numbers; a v2 body with one tensor is one,
too. Where all messages share the frame, it is blanked out, and one flat JSON list of numbers is parsed for the whole
batch: no object, list or type check a message. Whatever differs in the least is left to the general readers, which
come to the same values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from hopsmon.core.batch import FloatArray, IntArray, Side
from hopsmon.core.payloads.decoded import Matrix
from hopsmon.core.payloads.layout import EXACT_INT, Block
from hopsmon.core.payloads.opened import Bodies
from hopsmon.core.payloads.protocol import find_values
from hopsmon.core.payloads.tensors import numbers_shape

NUMBERS: Final = re.compile(rb'"(?:instances|predictions|data)"\s*:\s*\[\s*\[?([-+.,0-9eE \t\r\n]+)\]')
MARKS: Final = (1, 2)  # stand for the numbers when a frame is looked at
LONGEST_FRAME: Final = 1_024  # bytes; a longer one is hardly worth its copy
NOT_NUMBERS: Final = (b"[", b"{", b'"', b"t", b"f", b"n")  # what else a JSON value can start with
ENVELOPE_KEYS: Final = frozenset({"specversion", "payload"})

# A v2 body's own id differs from message to message; of one length, as UUIDs are, it stays in its place.
ID: Final = re.compile(rb'"id"\s*:\s*"([-_.:0-9A-Za-z]+)"')
ID_BYTES: Final = np.array([re.fullmatch(rb"[-_.:0-9A-Za-z]", bytes([byte])) is not None for byte in range(256)])

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands around the numbers: bytes before and after them, and what they are.

    width: values an instance; 0: all values of a message are one row. values: of each message; 0: any number.
    """

    side: Side
    head: bytes
    tail: bytes
    width: int
    values: int = 0


def read_numbers(bodies: Bodies) -> Bodies:
    """The bodies with their instances read, if all are such; else as they are."""
    if not bodies.contents or bodies.parsed or bodies.block:
        return bodies
    frame = _frame_of(bodies.contents[0], bodies.side)
    block = None if frame is None else _read(bodies, frame)
    return bodies if frame is None or block is None else replace(bodies, side=frame.side, block=block)


def _frame_of(text: bytes | None, side: Side | None) -> _Frame | None:
    """The frame of the first message: its text with one number in place of all is a JSON value of its own.

    A list of that name may stand anywhere in a message, and its key stand twice. Two marks, one after the other, tell
    that the list found is the one the readers take: no text can have both there already.
    """
    found = NUMBERS.search(text or b"")
    if found is None or text is None:
        return None
    head, tail = text[: found.start(1)], text[found.end(1) :]
    if len(head) + len(tail) > LONGEST_FRAME:
        return None
    described = {_described(head, tail, mark, side) for mark in MARKS}
    return described.pop() if len(described) == 1 else None


def _described(head: bytes, tail: bytes, mark: int, side: Side | None) -> _Frame | None:
    """The frame, if the mark put in it is what a reader would find where the instances stand."""
    try:
        doc = orjson.loads(b"%b%d%b" % (head, mark, tail))
    except orjson.JSONDecodeError:
        return None
    values = find_values(doc, side) if type(doc) is dict else None
    if values is None or (side is None and doc.keys() & ENVELOPE_KEYS):
        return None
    found, value, is_v2 = values
    if value == [[mark]]:
        return _Frame(found, head, tail, width=0)
    if value == [mark]:
        return _Frame(found, head, tail, width=1)
    shape = numbers_shape(value[0]) if is_v2 and len(value) == 1 else None
    if shape is None or value[0].get("data") not in ([mark], [[mark]]):
        return None
    return _Frame(found, head, tail, width=shape[1], values=shape[0] * shape[1])


def _read(bodies: Bodies, frame: _Frame) -> Block | None:
    if None in bodies.contents:
        return None
    lengths = np.fromiter(map(len, bodies.contents), np.int64, len(bodies.rows))
    if lengths.min() <= len(frame.head) + len(frame.tail):
        return None
    ends = np.cumsum(lengths)
    data = np.frombuffer(bytearray().join(bodies.contents), dtype=np.uint8)
    if not (_blank(data, ends - lengths, frame.head) and _blank(data, ends - len(frame.tail), frame.tail)):
        return None
    counts = _values_between(data, ends)
    width, values = frame.width or int(counts[0]), frame.values or (0 if frame.width else int(counts[0]))
    if values and not (counts == values).all():
        return None
    data[ends[:-1] - 1] = ord(",")
    numbers = _parse(data.tobytes(), int(counts.sum()))
    return None if numbers is None else Block(bodies.rows, counts // width, Matrix(numbers.reshape(-1, width)))


def _blank(data: Bytes, starts: IntArray, frame: bytes) -> bool:
    """Overwrite one end of every message with spaces; False if it is not the same in all, but for a v2 id."""
    windows = np.lib.stride_tricks.sliding_window_view(data, len(frame), writeable=True)
    seen = windows[starts]
    is_same = (seen == seen[0]).all(axis=0)
    if not is_same.all():
        found = ID.search(frame)
        span = slice(*found.span(1)) if found else slice(0, 0)
        is_same[span] = True
        if not is_same.all() or not ID_BYTES[seen[:, span]].all():
            return False
    windows[starts] = ord(" ")
    return True


def _values_between(data: Bytes, ends: IntArray) -> IntArray:
    """How many values each message has: its commas, plus one."""
    commas = np.flatnonzero(data == ord(","))
    return np.asarray(np.diff(np.searchsorted(commas, ends), prepend=0) + 1)


def _parse(text: bytes, count: int) -> FloatArray | None:
    """So many numbers; None if there is anything else, or a number float64 does not hold exactly."""
    if any(mark in text for mark in NOT_NUMBERS):
        return None
    try:
        numbers = orjson.loads(b"[" + text + b"]")
    except orjson.JSONDecodeError:
        return None
    if len(numbers) != count:
        return None
    values = np.fromiter(numbers, np.float64, count)
    return values if np.abs(values).max() < EXACT_INT else None
