"""decode(): one record batch of the inference log -> instances, rejects, and every message accounted for."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import BoolArray, IntArray
from hopsmon.core.payloads.apart import decode_apart
from hopsmon.core.payloads.attributes import LazyAttributes, scattered
from hopsmon.core.payloads.bodies import read_bodies
from hopsmon.core.payloads.decoded import Decoded, Limits, RawInstances, RejectReason
from hopsmon.core.payloads.defects import is_defect
from hopsmon.core.payloads.formats import OpenMessages, format_named
from hopsmon.core.payloads.opened import Ledger, Opened
from hopsmon.core.payloads.records import LogRecords
from hopsmon.core.payloads.times import MISSING


def decode(
    records: pa.RecordBatch,
    format: str | OpenMessages = "auto",
    limits: Limits | None = None,
    attributes: Collection[str] = (),
) -> Decoded:
    """Read one record batch of the log. Never raises on data: what cannot be read is in `rejects`.

    Args:
        records: columns value, headers, timestamp (as `hopsmon.streaming.ports.LogSource` gives them).
        format: "auto" looks at each message; "kserve", "hopsworks" and "hopsmon" (JSON: the 2020 logger) insist;
            or a value such as `FeatureLog`, which knows a schema that the messages do not carry.
        limits: bounds on one message.
        attributes: those that will be asked for; to be read here and now, as a message of which they cannot be read is
            a reject as well.

    Raises:
        UnknownNameError: no such format.
    """
    read = partial(_read, open_messages=format_named(format), limits=limits or Limits(), attributes=attributes)
    try:
        return read(records)
    except Exception as error:
        if not is_defect(error):
            raise
    return decode_apart(records, read)


def _read(records: pa.RecordBatch, open_messages: OpenMessages, limits: Limits, attributes: Collection[str]) -> Decoded:
    log = LogRecords(records)
    ledger = Ledger()
    with _collector_paused():
        _reject_large(log, limits, ledger)
        opened = open_messages(log, np.arange(log.rows), limits, ledger)
        times, own_time = _event_times(log, opened)
        bodies = [part for message in opened for part in message.bodies if len(part.rows)]
        groups = [group for part in bodies for group in read_bodies(part, times, log, limits, ledger)]
    decoded = _settled(log, opened, (times, own_time), groups, ledger)
    for name in attributes:
        decoded.attributes.get(name)
    return decoded


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
        read_ids=lru_cache(maxsize=1)(partial(_ids, log.rows, opened)),
    )


def _ids(rows: int, opened: Sequence[Opened]) -> pa.StringArray | None:
    """Read when somebody looks one up, past all rejects: should they fail, the messages' places in the log must do."""
    try:
        return scattered(rows, [(part.rows, part.ids) for part in opened])
    except Exception as error:
        if not is_defect(error):
            raise
    return None
