"""BatchWriter: one micro-batch's folded rows, judged and written; what `foreachBatch` calls."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from hopsmon.core.finding import Finding, Reason
from hopsmon.core.payloads import RejectReason
from hopsmon.errors import TransientError
from hopsmon.streaming import judge
from hopsmon.streaming.arrow_frames import to_arrow
from hopsmon.streaming.defects import tell_defects
from hopsmon.streaming.delivery import Deliveries
from hopsmon.streaming.flag_counts import from_ipc
from hopsmon.streaming.flagged import OUTLIERS, REJECTS
from hopsmon.streaming.fold import LATE, STATUS, WINDOW, ClosedWindow, Status
from hopsmon.streaming.fold_state import Gap
from hopsmon.streaming.judge import TableRow
from hopsmon.streaming.listening import Listening
from hopsmon.streaming.partial import Tally
from hopsmon.streaming.plan import MonitorPlan, QueryPlan
from hopsmon.streaming.progress import Progress
from hopsmon.streaming.tables import ALERTS, DRIFT, STATES, STATISTICS, WINDOWS, TableSpec
from hopsmon.streaming.tables import OUTLIERS as OUTLIERS_TABLE
from hopsmon.streaming.tables import REJECTS as REJECTS_TABLE
from hopsmon.streaming.window_judge import WindowJudge

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger("hopsmon.run")

WRITE_TRIES = 5
Folded = tuple[str, str, bytes]  # monitor, kind, payload


class BatchWriter:
    """Judges and writes micro-batches of one query."""

    def __init__(self, plan: QueryPlan, app_id: str, clock: Callable[[], float] = time.time) -> None:
        self._plan = plan
        self._app_id = app_id
        self._clock = clock
        self._monitors = {monitor.name: monitor for monitor in plan.monitors}
        self._judges = {monitor.name: WindowJudge(monitor, plan.store) for monitor in plan.monitors}
        self._deliveries = Deliveries(plan, app_id, clock)
        self._listening = Listening(plan, clock)
        self._told: set[tuple[str, str]] = set()

    def write(self, frame: DataFrame, batch_id: int) -> Progress:
        """Run the micro-batch, judge its closed windows, write its rows; then tell those who want to know."""
        began = time.monotonic()
        folded = to_arrow(frame)
        rows = list(zip(*(folded.column(name).to_pylist() for name in ("monitor", "kind", "payload")), strict=True))
        now = self._clock()
        tables, drift = self._tables(rows, int(now * 1_000_000))
        statuses = [(name, Status.from_bytes(payload)) for name, kind, payload in rows if kind == STATUS]
        gaps = {(gap.source, gap.first): gap for _, status in statuses for gap in status.gaps}.values()
        if gaps and self._plan.source.contiguous:
            tables[REJECTS_TABLE.name] = pa.concat_tables([tables[REJECTS_TABLE.name], self._lost(gaps, now)])
        self._write({name: table for name, table in tables.items() if table.num_rows}, batch_id)
        tell_defects(tables[REJECTS_TABLE.name])
        for window_judge in self._judges.values():
            window_judge.written()
        took = time.monotonic() - began
        self._listening.tell()
        self._deliveries.deliver()
        newest = max((status.newest for _, status in statuses if status.newest is not None), default=None)
        return Progress(
            batch_id=batch_id,
            rows_in=max(messages_by_monitor(statuses).values(), default=0),
            tally=sum((status.tally for _, status in statuses), Tally()),
            duration_seconds=took,
            event_time_lag_seconds=None if newest is None else now - newest / 1_000_000,
            windows_closed=sum(kind == WINDOW for _, kind, _ in rows),
            findings=tables[DRIFT.name].num_rows,
            drift=drift,
            late=sum(
                row["late"] for row in tables[WINDOWS.name].select(["slice", "late"]).to_pylist() if not row["slice"]
            ),
            open_windows=tuple((name, part, window) for name, status in statuses for part, window in status.open),
            gaps=tuple(gaps) if self._plan.source.contiguous else (),
            alerts=tables[ALERTS.name].num_rows,
        )

    def close(self) -> None:
        """The end of a run: whoever is told of results may have the last ones."""
        self._listening.close()
        self._deliveries.close()

    def _tables(self, rows: list[Folded], now: int) -> tuple[dict[str, pa.Table], int]:
        windows: list[TableRow] = []
        statistics: list[TableRow] = []
        drift: list[TableRow] = []
        states: list[TableRow] = []
        alerts: list[TableRow] = []
        self._listening.begin()
        for name, plan in self._monitors.items():
            closed = [payload for of, kind, payload in rows if (of, kind) == (name, WINDOW)]
            for window, findings in self._judges[name].judged(closed):
                self._tell_failures(name, findings)
                windows.append(judge.window_row(plan, window, now))
                statistics += judge.statistics_rows(plan, window)
                drift += judge.drift_rows(plan, window, findings)
                self._listening.see(name, window, findings)
            states += [{**judge.identity(plan, ""), **row} for row in self._judges[name].state_rows()]
            alerts += self._deliveries.planned(name, self._judges[name].alerts())
            late = [ClosedWindow.from_bytes(payload) for of, kind, payload in rows if (of, kind) == (name, LATE)]
            windows += [judge.late_row(plan, window, now) for window in late]
        tables = {
            WINDOWS.name: WINDOWS.table(windows),
            STATISTICS.name: STATISTICS.table(statistics),
            DRIFT.name: DRIFT.table(drift),
            OUTLIERS_TABLE.name: self._bundles(OUTLIERS_TABLE, OUTLIERS, rows, now),
            REJECTS_TABLE.name: self._bundles(REJECTS_TABLE, REJECTS, rows, now),
            STATES.name: STATES.table(states),
            ALERTS.name: ALERTS.table(alerts),
        }
        return tables, sum(row["is_drift"] for row in drift)

    def _tell_failures(self, monitor: str, findings: Iterable[Finding]) -> None:
        """Once a run and technique; the findings say it of every window."""
        for finding in findings:
            if finding.reason is Reason.FAILED and (monitor, finding.technique) not in self._told:
                self._told.add((monitor, finding.technique))
                error = finding.details.get("error")
                log.warning("monitor %s: technique '%s' failed: %s", monitor, finding.technique, error)

    def _bundles(self, spec: TableSpec, wanted: str, rows: Iterable[Folded], now: int) -> pa.Table:
        """The bundles of one kind, with the columns that only the driver knows."""
        parts = [
            complete(from_ipc(payload), spec, self._monitors[name], now)
            for name, kind, payload in rows
            if kind == wanted
        ]
        return pa.concat_tables([spec.schema.empty_table(), *parts])

    def _lost(self, gaps: Iterable[Gap], now: float) -> pa.Table:
        """Offsets that never came, as rejects: every missing message is accounted for."""
        rows = [
            {**judge.identity(monitor, ""), **lost_row(gap, int(now * 1_000_000))}
            for gap in gaps
            for monitor in self._plan.monitors
        ]
        return REJECTS_TABLE.table(rows)

    def _write(self, tables: dict[str, pa.Table], batch_id: int) -> None:
        """Write, trying again while the store says that it may pass."""
        for attempt in range(1, WRITE_TRIES + 1):
            try:
                self._plan.store.write(tables, self._app_id, batch_id)
            except TransientError as error:
                if attempt == WRITE_TRIES:
                    raise
                log.warning("store: %s; trying again in %.0f s", error, error.retry_after)
                time.sleep(error.retry_after)
            else:
                return


def complete(bundle: pa.Table, spec: TableSpec, plan: MonitorPlan, now: int) -> pa.Table:
    """A bundle with the monitor's identity and, where the table has it, the wall clock."""
    fixed = {**judge.identity(plan, ""), "detected_at": now}
    columns = [
        bundle.column(field.name)
        if field.name in bundle.column_names
        else pa.array([fixed[field.name]] * bundle.num_rows, field.type)
        for field in spec.schema
    ]
    return pa.table(columns, schema=spec.schema)


def lost_row(gap: Gap, now: int) -> TableRow:
    """A run of lost offsets as a reject."""
    topic, _, partition = gap.source.rpartition("/")
    text = (
        f"Offsets {gap.first} to {gap.last} of {gap.source} were never delivered: deleted by retention, "
        "compacted, or markers of a transaction."
    )
    log.warning("%s", text)
    return {
        "topic": topic,
        "partition": int(partition),
        "offset": gap.first,
        "event_time": now,
        "reason": str(RejectReason.LOST_OFFSETS),
        "message": text,
    }


def messages_by_monitor(statuses: Iterable[tuple[str, Status]]) -> Counter[str]:
    """Messages read by each monitor; all of a query read the same ones."""
    counts: Counter[str] = Counter()
    for name, status in statuses:
        counts[name] += status.tally.messages
    return counts
