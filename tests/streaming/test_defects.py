"""A message on which hopsmon fails stops no query: it is a reject, and the log says so once a micro-batch."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa
import pytest

from hopsmon.core.batch import IntArray
from hopsmon.core.payloads import Limits
from hopsmon.core.payloads.formats import open_auto
from hopsmon.core.payloads.opened import Ledger, Opened
from hopsmon.core.payloads.records import LogRecords
from hopsmon.streaming.defects import tell_defects
from hopsmon.streaming.flag_counts import from_ipc
from hopsmon.streaming.flagged import REJECTS
from hopsmon.streaming.observer import Observer, Row
from hopsmon.streaming.partial import PARTIAL, Partial
from hopsmon.streaming.tables import REJECTS as REJECTS_TABLE
from tests.core.payloads.messages import event, log
from tests.support.monitors import monitor

GOOD = event(b'{"instances": [[40.0, 3000.0, "Bern"]]}')
POISON = event(b'{"instances": [["poison"]]}')


def brittle(records: LogRecords, rows: IntArray, limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
    """A format that fails on poison."""
    if any(b"poison" in (text or b"") for text in records.texts(rows)):
        raise OverflowError("Python int too large to convert to C long")
    return open_auto(records, rows, limits, ledger)


def late_attribute(records: LogRecords, rows: IntArray, limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
    """A format with an attribute that is read later, and fails on poison."""

    def read() -> pa.StringArray:
        if any(b"poison" in (text or b"") for text in records.texts(rows)):
            raise TypeError("no text")
        return pa.array(["iris"] * len(rows), pa.string())

    (opened,) = open_auto(records, rows, limits, ledger)
    return (Opened(opened.rows, opened.bodies, opened.times, opened.ids, {"service": read}),)


def seen(messages: list[Any], **changes: Any) -> list[Row]:
    observer = Observer([monitor(**changes), monitor("other", **changes)])
    batch = log(*messages)
    return [*observer.see(batch.append_column("read_at", batch.column("timestamp"))), *observer.finish()]


@pytest.mark.parametrize("changes", [{"format": brittle}, {"format": late_attribute, "match": {"service": "iris"}}])
def test_one_poison_message_among_good_ones(changes: dict[str, Any]) -> None:
    rows = seen([GOOD, POISON, GOOD], **changes)
    for name in ("credit", "other"):
        (bundle,) = (from_ipc(payload) for of, _, kind, payload in rows if (of, kind) == (name, REJECTS))
        found = bundle.select(["offset", "reason", "payload"]).to_pylist()
        assert found == [{"offset": 1, "reason": "hopsmon_defect", "payload": POISON[0]}]
        (partial,) = (Partial.from_bytes(payload) for of, _, kind, payload in rows if (of, kind) == (name, PARTIAL))
        assert (partial.tally.messages, partial.tally.decoded, partial.tally.rejected) == (3, 2, 1)
        assert sum(summary.instances for summary in partial.windows.values()) == 2


def rejects(*reasons: str) -> pa.Table:
    rows = [
        {
            "monitor": "credit",
            "topic": "inference",
            "partition": 0,
            "offset": offset,
            "reason": reason,
            "message": f"message {offset}",
        }
        for offset, reason in enumerate(reasons)
    ]
    return REJECTS_TABLE.table(rows)


def test_one_warning_a_micro_batch(caplog: pytest.LogCaptureFixture) -> None:
    table = rejects("bad_json", "hopsmon_defect", "hopsmon_defect")
    with caplog.at_level(logging.WARNING, "hopsmon.run"):
        tell_defects(pa.concat_tables([table, table]))  # of two monitors
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith("2 message(s) of this micro-batch are rejects")
    assert "'hopsmon_defect'" in said
    assert said.endswith("inference/0/1: message 1")


@pytest.mark.parametrize("reasons", [[], ["bad_json", "empty"]])
def test_no_warning_without_a_defect(reasons: list[str], caplog: pytest.LogCaptureFixture) -> None:
    tell_defects(rejects(*reasons))
    assert caplog.records == []
