"""`hopsmon run`: monitors until the log's end or until stopped, with progress."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.status import Status

from hopsmon import wiring
from hopsmon.cli.building import load_all
from hopsmon.cli.console import Ended, err, out, quiet_batches
from hopsmon.config import MonitorConfig
from hopsmon.sdk import Store

if TYPE_CHECKING:
    from hopsmon.streaming.plan import QueryPlan
    from hopsmon.streaming.progress import Progress, RunReport

DRIFT_FOUND = 3
_MOST_OPEN_SHOWN = 5


def run(
    files: list[Path] = typer.Argument(help="Configuration files of monitors, YAML.", metavar="FILE"),
    once: bool = typer.Option(False, "--once", help="Stop at the end of the log as it is now."),
    fail_on_drift: bool = typer.Option(False, "--fail-on-drift", help="End with exit code 3 if drift was found."),
    reset: bool = typer.Option(False, "--reset", help="Forget the checkpoint and read the log from its start."),
) -> None:
    """Run monitors: read the inference log, close windows, write findings to the store.

    Without --once it keeps going until SIGTERM or Ctrl-C, and then stops
    between two micro-batches; a second Ctrl-C stops at once. The next run goes
    on where this one ended: every message counts once.

    What is new, then stop; exit code 3 tells a scheduler of drift:

    [bold]hopsmon run monitor.yaml --once --fail-on-drift[/bold]

    Two monitors, until stopped:

    [bold]hopsmon run a.yaml b.yaml[/bold]
    """
    configs = load_all(files)
    plans = wiring.query_plans([*configs, *_sharing(configs)])
    for config in configs:
        Store(wiring.home_of(config)).create_monitor(config)
    with wiring.own_session():
        reports = _run(plans, once, reset)
    _tell(reports, configs)
    if fail_on_drift and any(report.drift for report in reports.values()):
        raise Ended(DRIFT_FOUND)


def _run(plans: Sequence[QueryPlan], once: bool, reset: bool) -> dict[str, RunReport]:
    stop = threading.Event()
    spark = wiring.session_for(plans)
    if reset:
        wiring.reset_checkpoints(spark, plans)
    with wiring.stopping_on_signals(stop, err.print), _Watch() as watch:
        return wiring.run_plans(spark, plans, once=once, on_progress=watch.batch, stop=stop)


def _sharing(configs: Sequence[MonitorConfig]) -> list[MonitorConfig]:
    """Other monitors saved in the stores that share a query with these: they share its checkpoint."""
    homes = {home.place: home for home in map(wiring.home_of, configs)}
    given = {(wiring.home_of(config).place, config.name) for config in configs}
    queries = {(wiring.home_of(config).place, config.query_name) for config in configs}
    saved = [(place, monitor.config) for place, home in homes.items() for monitor in Store(home).monitors()]
    return [
        config for place, config in saved if (place, config.query_name) in queries and (place, config.name) not in given
    ]


class _Watch:
    """Progress of a run: a live line on a terminal; elsewhere the engine's log has a line a batch."""

    def __init__(self) -> None:
        self._rows = self._windows = self._drift = self._outliers = 0
        self._status = Status("reading the log …", console=err) if err.is_terminal else None

    def __enter__(self) -> _Watch:
        if self._status is not None:
            quiet_batches()
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def batch(self, query: str, progress: Progress) -> None:
        """Take in one micro-batch."""
        self._rows += progress.rows_in
        self._windows += progress.windows_closed
        self._drift += progress.drift
        self._outliers += progress.outliers
        if self._status is not None:
            self._status.update(
                f"{query}: batch {progress.batch_id}, {self._rows:,} messages ({progress.rows_per_second:,.0f}/s), "
                f"{self._windows:,} windows, {self._drift:,} drift, {self._outliers:,} outliers"
            )


def _tell(reports: Mapping[str, RunReport], configs: Sequence[MonitorConfig]) -> None:
    for name, report in reports.items():
        out.print(
            f"[bold]{name}[/bold]: {report.rows:,} messages in {report.seconds:.1f} s, "
            f"{report.windows:,} windows closed, {report.drift:,} of {report.findings:,} verdicts say drift, "
            f"{report.outliers:,} outliers, {report.rejects:,} rejects, {report.tally.skipped:,} not an inference, "
            f"{report.late:,} late",
            soft_wrap=True,
        )
        for gap in report.gaps:
            out.print(f"  lost: {gap.source} offsets {gap.first} to {gap.last} were never delivered", soft_wrap=True)
        _tell_open(report)
    for place in sorted({wiring.home_of(config).place for config in configs}):
        out.print(f"Next: hopsmon show drift --store {place}", markup=False, soft_wrap=True)


def _tell_open(report: RunReport) -> None:
    """Which windows stay open: they close when later traffic or the clock says they are complete."""
    for monitor, segment, window in report.open_windows[:_MOST_OPEN_SHOWN]:
        out.print(f"  still open: {monitor} {segment or 'all traffic'} {window}", markup=False, soft_wrap=True)
    rest = len(report.open_windows) - _MOST_OPEN_SHOWN
    if rest > 0:
        out.print(f"  … and {rest:,} more windows still open")
