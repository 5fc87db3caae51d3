"""Backfill: a past span of a log into windows again; their rows take the place of those that stand there.

The windows are the same as they were, whatever was read before them: the log is read from where the span's first event
may have arrived, and nothing that arrived earlier can have closed one of its windows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.streaming import checkpoint
from hopsmon.streaming.plan import MonitorPlan, QueryPlan
from hopsmon.streaming.ports import LogSource, ResultTables, Rewindable
from hopsmon.streaming.progress import Progress, RunReport
from hopsmon.streaming.rewrites import LATE_ONLY
from hopsmon.streaming.tables import DRIFT, OUTLIERS, REJECTS, STATISTICS, TABLES, TIME, WINDOWS, TableSpec

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_INSTANT = timedelta(microseconds=1)
_OF_A_WINDOW = ("model_name", "model_version", "slice", "window_start", "window_end")


@dataclass(frozen=True, slots=True)
class Span:
    """From a point in time to before another one. Windows belong to it that lie wholly inside."""

    since: datetime
    until: datetime

    def of(self, spec: TableSpec, rows: pa.Table) -> pa.Table:
        """The rows that belong to the span, by their windows or their own time."""
        since, until = _scalar(self.since), _scalar(self.until)
        if "window_start" in spec.key:
            return rows.filter((pc.field("window_start") >= since) & (pc.field("window_end") <= until))
        return rows.filter((pc.field(spec.event_time) >= since) & (pc.field(spec.event_time) < until))


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did.

    Attributes:
        windows: windows of all traffic and of slices that were written.
        complete: whether all of the span's windows that the log has were; not if it was stopped before.
    """

    span: Span
    windows: int
    complete: bool
    report: RunReport


def run_backfill(
    spark: SparkSession,
    plan: QueryPlan,
    tables: ResultTables,
    span: Span,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Backfilled:
    """Read the span again and write its windows; `plan` has one monitor, and a checkpoint that nothing else uses.

    Sequence techniques start afresh with the span. Neither what they and the open alert keep nor alerts are written, so
    that the monitor's own run goes on undisturbed. A backfill that was stopped begins again from its start.
    """
    from hopsmon.streaming.run import run_query

    (monitor,) = plan.monitors
    store = SpanStore(tables, monitor.name, span)
    ended = _Ended(stop or threading.Event())

    def watch(progress: Progress) -> None:
        if on_progress is not None:
            on_progress(progress)
        if store.passed:
            ended.set()

    plan = replace(plan, source=rewound(plan.source, monitor, span), store=store, audiences={})
    checkpoint.reset(spark, plan)
    report = run_query(spark, plan, once=True, on_progress=watch, stop=ended)
    checkpoint.reset(spark, plan)
    return Backfilled(span, store.windows, store.passed or not ended.is_set(), report)


def rewound(source: LogSource, monitor: MonitorPlan, span: Span) -> LogSource:
    """The log from where the span's first event may have arrived; the whole log where it cannot be read from a time.

    An event that is further ahead of its arrival is a reject.
    """
    return source.since(span.since - monitor.max_clock_ahead) if isinstance(source, Rewindable) else source


class _Ended(threading.Event):
    """Set when the span has passed, or when somebody asks for a stop."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self._stop = stop

    def is_set(self) -> bool:
        return super().is_set() or self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wakes up for the stop; the span passes between two micro-batches, when nobody waits."""
        return super().is_set() or self._stop.wait(timeout)


class SpanStore:
    """A store to which one monitor's query writes a span again.

    As windows close in order of time, each micro-batch's closed windows cover a stretch of it: what stood there goes,
    also rows that do not come again, and the new rows come. So a backfill that ends early, or finds that the log is
    gone, takes nothing away. Outliers, which come before their windows close, are held back until then.

    All that is needed of a stretch is read before any of it goes, and kept until it is written: a store that fails in
    between loses nothing. A process that is killed in between leaves that micro-batch's stretch without some of its
    rows: the same backfill again brings them back, but what was counted of late rows is gone if its windows were.
    """

    def __init__(self, tables: ResultTables, monitor: str, span: Span) -> None:
        self.passed = False  # a window after the span has closed, so all of its own have
        self.windows = 0
        self._tables = tables
        self._monitor = monitor
        self._span = span
        self._through: datetime | None = None  # the end of the newest window that was written
        self._held = OUTLIERS.schema.empty_table()
        self._late: set[tuple[Any, ...]] = set()  # windows that stood there: their late rows were counted
        self._ready: Mapping[str, pa.Table] = {}
        self._ready_for: int | None = None
        self._going: list[tuple[str, tuple[datetime, datetime]]] = []  # what is still to be taken away, of which table

    def read(self, table: str, monitor: str | None = None) -> pa.Table:  # noqa: ARG002 - the port's
        """Nothing: the span is judged afresh, whatever the monitor has seen since."""
        return TABLES[table].schema.empty_table()

    def write(self, tables: Mapping[str, pa.Table], app_id: str, batch_id: int) -> None:
        """Write what belongs to the span. The same micro-batch again takes nothing more away."""
        if batch_id != self._ready_for:
            self._ready = self._prepared({name: TABLES[name].schema.empty_table() for name in TABLES} | dict(tables))
            self._ready_for = batch_id
        while self._going:
            name, between = self._going[0]
            self._tables.delete(name, self._monitor, between)
            self._going.pop(0)
        self._tables.write(self._ready, app_id, batch_id)

    def _prepared(self, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        is_late = pc.field("revision") == LATE_ONLY
        closed, late = (tables[WINDOWS.name].filter(condition) for condition in (~is_late, is_late))
        self.passed = self.passed or closed.filter(pc.field("window_start") >= _scalar(self._span.until)).num_rows > 0
        mine = {spec.name: self._span.of(spec, tables[spec.name]) for spec in (STATISTICS, DRIFT, REJECTS)}
        windows = self._span.of(WINDOWS, closed)
        held = pa.concat_tables([self._held, self._span.of(OUTLIERS, tables[OUTLIERS.name])])
        rows: list[dict[str, Any]] = []
        if windows.num_rows:
            newest = pc.max(windows["window_end"]).as_py()
            rows = self._in_place_of(windows, newest)
            is_done = pc.field(OUTLIERS.event_time) < _scalar(newest)
            mine[OUTLIERS.name], held = held.filter(is_done), held.filter(~is_done)
        self._held = held
        self.windows += windows.num_rows
        rows += [row for row in self._span.of(WINDOWS, late).to_pylist() if _window(row) not in self._late]
        return mine | {WINDOWS.name: WINDOWS.table(rows)}

    def _in_place_of(self, windows: pa.Table, newest: datetime) -> list[dict[str, Any]]:
        """The rows that come in the place of what stands up to the end of the newest window; notes what shall go.

        Late rows are in no statistic and may come long after the span: what was counted of them stays counted, and
        windows of which only late rows were seen stay.
        """
        new = {_window(row): row for row in windows.to_pylist()}
        if self._through is not None and newest <= self._through:
            return list(new.values())
        start, end = (pc.min(windows[name]).as_py() for name in ("window_start", "window_end"))
        if self._through is not None:
            start, end = self._through, self._through + _INSTANT
        for row in self._tables.read(WINDOWS.name, self._monitor, between=(end, newest)).to_pylist():
            key = _window(row)
            self._late.add(key)
            if key in new:
                new[key] |= {name: row[name] for name in ("late", "revision")}
            elif row["status"] == "partial":
                new[key] = row
        self._going = [
            (OUTLIERS.name, (start, newest - _INSTANT)),
            # The windows last: their late counts stand nowhere else.
            *((spec.name, (end, newest)) for spec in (STATISTICS, DRIFT, WINDOWS)),
        ]
        self._through = newest
        return list(new.values())


def _window(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _OF_A_WINDOW)


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, TIME)
