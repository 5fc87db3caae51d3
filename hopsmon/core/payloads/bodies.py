"""Bodies -> instances: which protocol a JSON value speaks, which side it is, or that it is no inference at all."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import numpy as np

from hopsmon.core.batch import IntArray, Side
from hopsmon.core.payloads import v1, v2
from hopsmon.core.payloads.decoded import Limits, RawInstances, RejectReason, SkipReason
from hopsmon.core.payloads.json_text import parse_bodies
from hopsmon.core.payloads.layout import Block, numbered
from hopsmon.core.payloads.number_text import read_numbers
from hopsmon.core.payloads.opened import Bodies, Ledger
from hopsmon.core.payloads.protocol import ABOUT_THE_SERVER, KEYS, find_values, is_metadata
from hopsmon.core.payloads.records import LogRecords


def read_bodies(bodies: Bodies, times: IntArray, log: LogRecords, limits: Limits, ledger: Ledger) -> list[RawInstances]:
    """Instances of these bodies, one entry a layout. `times`: the event time of each row of the record batch."""
    return [_instances(side, block, times) for side, block in _blocks(read_numbers(bodies), log, limits, ledger)]


def _instances(side: Side, block: Block, times: IntArray) -> RawInstances:
    message = np.repeat(block.rows, block.counts)
    return RawInstances(side, message, numbered(block.counts), times[message], block.columns)


def _blocks(bodies: Bodies, log: LogRecords, limits: Limits, ledger: Ledger) -> list[tuple[Side, Block]]:
    """Try the short cuts first: they read a whole batch that is alike; all else is sorted message by message."""
    if bodies.block and bodies.side:
        return [(bodies.side, bodies.block)]
    parsed = parse_bodies(bodies, log, limits, ledger)
    if not parsed.contents:
        return []
    blocks = _blocks_of_one_protocol(parsed, ledger)
    return _sorted_blocks(parsed, ledger) if blocks is None else blocks


def _blocks_of_one_protocol(bodies: Bodies, ledger: Ledger) -> list[tuple[Side, Block]] | None:
    """All messages speak v1 under its first key, or carry the same v2 tensors; None: they do not."""
    docs = bodies.contents
    for side, (v1_key, v2_key) in KEYS.items():
        if bodies.side not in (side, None):
            continue
        values = _under(v1_key, docs)
        if values is not None:
            return [(side, block) for block in v1.read(bodies.rows, values, ledger)]
        values = None if bodies.tails else _under(v2_key, docs)
        block = v2.read_uniform(bodies.rows, values) if values is not None else None
        if block and not any(v1_key in doc or is_metadata(doc) for doc in docs):
            return [(side, block)]
        if not bodies.side and any(type(doc) is not dict or v1_key in doc or v2_key in doc for doc in docs):
            return None  # some may be of this side, whose keys come first
    return None


def _under(key: str, docs: list[Any]) -> list[Any] | None:
    """What stands under a key, if it stands in all values."""
    try:
        return list(map(itemgetter(key), docs))
    except (KeyError, TypeError):  # some message has no such key, or is no object
        return None


def _sorted_blocks(bodies: Bodies, ledger: Ledger) -> list[tuple[Side, Block]]:
    heaps: dict[tuple[Side, bool], tuple[list[int], list[Any]]] = {}
    for row, doc in zip(bodies.rows.tolist(), bodies.contents, strict=True):
        found = find_values(doc, bodies.side) if type(doc) is dict else None
        if found is None:
            _set_aside(row, doc, bodies.side, ledger)
            continue
        side, value, is_v2 = found
        heap = heaps.setdefault((side, is_v2), ([], []))
        heap[0].append(row)
        heap[1].append(value)
    blocks = []
    for (side, is_v2), (rows, values) in heaps.items():
        blocks += [(side, block) for block in _read(is_v2, rows, values, bodies.tails, ledger)]
    return blocks


def _read(is_v2: bool, rows: list[int], values: list[Any], tails: Mapping[int, bytes], ledger: Ledger) -> list[Block]:
    at = np.array(rows, dtype=np.int64)
    return v2.read(at, values, tails, ledger) if is_v2 else v1.read(at, values, ledger)


def _set_aside(row: int, doc: Any, side: Side | None, ledger: Ledger) -> None:
    """A body without instances: skip it if it is known to be something else, reject it if it is not."""
    if type(doc) is not dict:
        ledger.reject(row, RejectReason.BAD_SHAPE, f"The body is a JSON {type(doc).__name__}, not an object.")
    elif side is not Side.REQUEST and "error" in doc:
        ledger.skip(row, SkipReason.ERROR_RESPONSE)
    elif not doc or doc.keys() & ABOUT_THE_SERVER:
        ledger.skip(row, SkipReason.NOT_AN_INFERENCE)
    else:
        wanted = " or ".join(f"`{key}`" for one in ((side,) if side else Side) for key in KEYS[one])
        seen = ", ".join(key[:40] for key in list(doc)[:10])
        ledger.reject(row, RejectReason.BAD_SHAPE, f"The body has no {wanted}; it has: {seen}.")
