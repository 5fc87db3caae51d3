"""Observer: what one task has seen so far, for every monitor of the query; decodes each message once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from hopsmon.core.payloads import Decoded, OpenMessages, decode
from hopsmon.streaming.flagged import source_of
from hopsmon.streaming.monitor_view import MonitorView
from hopsmon.streaming.partial import PARTIAL
from hopsmon.streaming.plan import MonitorPlan

Row = tuple[str, int, str, bytes]  # monitor, shard, kind, payload

MAX_OPEN_KEYS = 2_000  # (slice, window) pairs kept in a worker before they are handed on: bounds its memory


class Observer:
    """Folds record batches of one task into partials; a new source or too many keys hand on what is there."""

    def __init__(self, plans: Sequence[MonitorPlan], run: str = "") -> None:
        self._views = [MonitorView(plan, run) for plan in plans]
        self._matched: dict[str | OpenMessages, set[str]] = {}
        for plan in plans:
            self._matched.setdefault(plan.format, set()).update(plan.match)
        self._source: str | None = None
        self._first = self._last = -1

    def see(self, run: pa.RecordBatch) -> Iterator[Row]:
        """Take in a record batch of one topic and partition; yields what cannot wait.

        Its columns are those of the log, times in µs, and `read_at`, when the micro-batch began.
        """
        source = source_of(run)
        if source != self._source:
            yield from self.finish()
        if self._source is None:
            self._source, self._first = source, run.column("offset")[0].as_py()
        self._last = run.column("offset")[run.num_rows - 1].as_py()
        decoded: dict[str | OpenMessages, Decoded] = {}
        for view in self._views:
            wire = view.plan.format
            if wire not in decoded:
                decoded[wire] = decode(run, wire, attributes=self._matched[wire])
            for kind, payload in view.see(run, decoded[wire]):
                yield view.plan.name, 0, kind, payload
        if sum(len(view.windows) for view in self._views) > MAX_OPEN_KEYS:
            yield from self.finish()

    def finish(self) -> Iterator[Row]:
        """Hand on the partials of the run of offsets seen since the last time."""
        if self._source is None:
            return
        for view in self._views:
            for shard, partial in view.partials(self._source, self._first, self._last):
                yield view.plan.name, shard, PARTIAL, partial.to_bytes()
        self._source = None
