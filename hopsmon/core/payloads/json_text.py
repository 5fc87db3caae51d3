"""JSON bodies: bytes -> values, at C speed for good ones, and with a clear reason for each of the others."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, Final

import numpy as np
import orjson

from hopsmon.core.payloads.decoded import Limits, RejectReason, SkipReason
from hopsmon.core.payloads.opened import Bodies, Ledger, UnreadableError
from hopsmon.core.payloads.records import LogRecords

GZIP_MAGIC: Final = b"\x1f\x8b"
MAX_DEPTH: Final = 1_000  # orjson gives up a little above it; no instance is nested like that
STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)  # an open one ends with the text: linear time
LARGEST_INT: Final = 20  # digits; longer whole numbers become floats, as orjson reads them

_FAILED: Final = object()


def parse_bodies(bodies: Bodies, log: LogRecords, limits: Limits, ledger: Ledger) -> Bodies:
    """Parse all bodies; what is empty is skipped, what cannot be parsed is rejected."""
    if bodies.parsed:
        return bodies
    try:
        loads = orjson.loads
        return Bodies(bodies.side, bodies.rows, [loads(text) for text in bodies.contents], parsed=True)
    except orjson.JSONDecodeError:
        return _parse_one_by_one(bodies, log, limits, ledger)


def _parse_one_by_one(bodies: Bodies, log: LogRecords, limits: Limits, ledger: Ledger) -> Bodies:
    docs: list[Any] = []
    tails: dict[int, bytes] = {}
    kept: list[int] = []
    for row, text in zip(bodies.rows.tolist(), bodies.contents, strict=True):
        doc = _try_orjson(text)
        if doc is _FAILED:
            if not text or text.isspace():
                ledger.skip(row, SkipReason.NOT_AN_INFERENCE)
                continue
            try:
                doc, tail = _parse_unusual(text, limits)
            except UnreadableError as error:
                ledger.reject(row, *_explain(error, log.content_type(row)))
                continue
            if tail:
                tails[row] = tail
        docs.append(doc)
        kept.append(row)
    return Bodies(bodies.side, np.array(kept, dtype=np.int64), docs, parsed=True, tails=tails)


def _try_orjson(text: bytes | None) -> Any:
    try:
        return orjson.loads(text)  # type: ignore[arg-type]  # None fails like any other non-JSON
    except orjson.JSONDecodeError:
        return _FAILED


def _explain(error: UnreadableError, content_type: str) -> tuple[RejectReason, str]:
    """The content type is the request's even on responses, so it only explains a body that could not be read."""
    if error.reason is RejectReason.BAD_JSON and content_type and "json" not in content_type:
        return RejectReason.UNSUPPORTED_CONTENT, f"Content type '{content_type}' cannot be read; {error}"
    return error.reason, str(error)


def _parse_unusual(text: bytes, limits: Limits) -> tuple[Any, bytes]:
    """A body strict JSON parsing refused: gzip, a JSON head with binary tensors behind it, or NaN and Infinity."""
    if text.startswith(GZIP_MAGIC):
        text = gunzip(text, limits.max_bytes)
        doc = _try_orjson(text)
        if doc is not _FAILED:
            return doc, b""
    if b'"binary_data_size"' in text:
        return _split_head(text)
    return parse_lenient(text), b""


def gunzip(packed: bytes, max_bytes: int) -> bytes:
    """Unpack, but never to more than `max_bytes`.

    Raises:
        UnreadableError: not gzip, cut short, or larger than that.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(packed, max_bytes + 1)
    except zlib.error as error:
        raise UnreadableError(
            RejectReason.BAD_GZIP, f"The body starts like gzip but cannot be unpacked: {error}."
        ) from error
    if len(text) > max_bytes:
        raise UnreadableError(RejectReason.TOO_LARGE, f"The body unpacks to more than {max_bytes:,} bytes.")
    if not unpacker.eof:
        raise UnreadableError(RejectReason.BAD_GZIP, "The gzip body is cut short.")
    return text


def parse_lenient(text: bytes) -> Any:
    """Parse with Python's own parser, which takes NaN, Infinity and numbers beyond float64.

    Raises:
        UnreadableError: not JSON, or nested too deeply.
    """
    _check_depth(text)
    try:
        # Not json.loads(text): of bytes it takes lone surrogates, which are no text, and no Arrow column holds them.
        content = text.decode(json.detect_encoding(text))
        doc = json.loads(content, parse_int=_bounded_int)
        if "\\u" in content:
            json.dumps(doc, ensure_ascii=False).encode()  # a lone surrogate is no text
    except RecursionError as error:
        raise UnreadableError(RejectReason.TOO_DEEP, "The body is nested too deeply.") from error
    except ValueError as error:
        raise UnreadableError(RejectReason.BAD_JSON, f"The body is not JSON: {error}.") from error
    return doc


def _check_depth(text: bytes) -> None:
    """Nesting depth, found without recursion: brackets outside strings, counted up and down."""
    marks = (
        np.frombuffer(STRINGS.sub(b"", text), dtype=np.uint8) | 0x20
    )  # "[" and "{" (likewise "]", "}") differ by 0x20
    steps = (marks == ord("{")).astype(np.int8) - (marks == ord("}"))
    depth = int(np.cumsum(steps, dtype=np.int32).max(initial=0))
    if depth > MAX_DEPTH:
        raise UnreadableError(
            RejectReason.TOO_DEEP, f"The body is nested {depth:,} deep; at most {MAX_DEPTH:,} is read."
        )


def _bounded_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= LARGEST_INT else float(digits)


def _split_head(text: bytes) -> tuple[Any, bytes]:
    """The JSON value at the start, and the bytes behind it. Read as latin-1, so that positions are bytes."""
    try:
        end = json.JSONDecoder(parse_int=_bounded_int).raw_decode(text.decode("latin-1"))[1]
    except RecursionError as error:
        raise UnreadableError(RejectReason.TOO_DEEP, "The body's JSON head is nested too deeply.") from error
    except ValueError as error:
        raise UnreadableError(
            RejectReason.BAD_JSON, f"The JSON head of a binary tensor body is broken: {error}."
        ) from error
    head = text[:end]
    doc = _try_orjson(head)
    return (parse_lenient(head) if doc is _FAILED else doc), text[end:]
