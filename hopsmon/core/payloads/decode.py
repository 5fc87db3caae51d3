"""decode(): one record batch of the inference log -> instances, rejects, and every message accounted for."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import BoolArray, IntArray
from hopsmon.core.payloads.attributes import LazyAttributes, scattered
from hopsmon.core.payloads.bodies import read_bodies
from hopsmon.core.payloads.decoded import Decoded, Limits, RawInstances, RejectReason
from hopsmon.core.payloads.formats import OpenMessages, format_named
from hopsmon.core.payloads.opened import Ledger, Opened
from hopsmon.core.payloads.records import LogRecords
from hopsmon.core.payloads.times import MISSING


def decode(records: pa.RecordBatch, format: str | OpenMessages = "auto", limits: Limits | None = None) -> Decoded:
    """Read one record batch of the log. Never raises on data: what cannot be read is in `rejects`.

    Args:
        records: columns value, headers, timestamp (as `hopsmon.streaming.ports.LogSource` gives them).
        format: "auto" looks at each message; "kserve", "hopsworks" and "hopsmon" (JSON: the 2020 logger) insist;
            or a value such as `FeatureLog`, which knows a schema that the messages do not carry.
        limits: bounds on one message.

    Raises:
        UnknownNameError: no such format.
    """
    open_messages = format_named(format)
    limits = limits or Limits()
    log = LogRecords(records)
    ledger = Ledger()
    with _collector_paused():
        _reject_large(log, limits, ledger)
        opened = open_messages(log, np.arange(log.rows), limits, ledger)
        times, own_time = _event_times(log, opened)
        bodies = [part for message in opened for part in message.bodies if len(part.rows)]
        groups = [group for part in bodies for group in read_bodies(part, times, log, limits, ledger)]
    return _settled(log, opened, (times, own_time), groups, ledger)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause cyclic garbage collection: parsing makes many containers and no cycles, and scanning them costs a third."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _reject_large(log: LogRecords, limits: Limits, ledger: Ledger) -> None:
    for row in np.flatnonzero(log.lengths > limits.max_bytes).tolist():
        message = f"The message has {log.lengths[row]:,} bytes; at most {limits.max_bytes:,} are read."
        ledger.reject(row, RejectReason.TOO_LARGE, message)
    log.forget(np.flatnonzero(log.lengths > limits.max_bytes))


def _event_times(log: LogRecords, opened: Sequence[Opened]) -> tuple[IntArray, BoolArray]:
    """The time each message carries, else when it arrived; and which ones carry one."""
    times: IntArray = log.arrival.copy()
    own = np.zeros(log.rows, dtype=bool)
    for part in opened:
        if part.times is not None:
            own[part.rows] = part.times != MISSING
            times[part.rows] = np.where(own[part.rows], part.times, log.arrival[part.rows])
    return times, own


def _settled(
    log: LogRecords,
    opened: Sequence[Opened],
    times: tuple[IntArray, BoolArray],
    groups: list[RawInstances],
    ledger: Ledger,
) -> Decoded:
    is_decoded = np.zeros(log.rows, dtype=bool)
    for group in groups:
        is_decoded[group.message] = True
    rejected, skipped = ledger.settle(is_decoded)
    return Decoded(
        rows=log.rows,
        decoded=int(is_decoded.sum()),
        rejected=rejected,
        skipped=skipped,
        groups=tuple(groups),
        rejects=tuple(ledger.rejects),
        event_time=times[0],
        own_time=times[1],
        attributes=LazyAttributes(log.rows, opened),
        read_ids=lru_cache(maxsize=1)(partial(scattered, log.rows, [(part.rows, part.ids) for part in opened])),
    )
