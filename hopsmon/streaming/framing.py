"""Framing: a JSON head and binary blobs in one value, the form of everything that travels between the stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from hopsmon.errors import HopsmonError

VERSION = 1


def pack(head: Any, blobs: Sequence[bytes] = ()) -> bytes:
    """One version byte, the head's length (4 bytes), the head as JSON with the blobs' lengths, the blobs.

    >>> unpack(pack({"a": 1}, [b"x", b""]))
    ({'a': 1}, [b'x', b''])
    """
    text = orjson.dumps([head, [len(blob) for blob in blobs]])
    return b"".join([bytes([VERSION]), len(text).to_bytes(4, "big"), text, *blobs])


def unpack(data: bytes) -> tuple[Any, list[bytes]]:
    """Inverse of `pack`.

    Raises:
        HopsmonError: the value was written by a newer hopsmon.
    """
    if data[0] != VERSION:
        raise HopsmonError(
            f"Streaming state of version {data[0]} was found, this hopsmon reads version {VERSION}. "
            "It was written by a newer hopsmon: upgrade, or start afresh with --reset."
        )
    at = 5 + int.from_bytes(data[1:5], "big")
    head, lengths = orjson.loads(data[5:at])
    blobs = []
    for length in lengths:
        blobs.append(data[at : at + length])
        at += length
    return head, blobs
