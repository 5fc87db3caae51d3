"""csv: messages that are one line of comma-separated numbers each, one instance a message."""

from __future__ import annotations

from hopsmon.core.batch import IntArray, Side
from hopsmon.core.payloads.decoded import Limits, RejectReason
from hopsmon.core.payloads.opened import BodySorter, Ledger, Opened
from hopsmon.core.payloads.records import LogRecords


def open_csv(log: LogRecords, rows: IntArray, _limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
    """Hand each line on as the v1 protocol's JSON; what is no number is a reject, with its place in the log."""
    bodies = BodySorter()
    for row, line in zip(rows.tolist(), log.texts(rows), strict=True):
        try:
            numbers = [float(part) for part in (line or b"").split(b",")]
        except ValueError as error:
            ledger.reject(row, RejectReason.BAD_SHAPE, f"Not a line of numbers: {error}")
            continue
        bodies.add(row, Side.REQUEST, {"instances": [numbers]})
    return (Opened(rows, bodies.sorted()),)
