"""The job that judges the windows of a past span again: by --since and --until, or the scheduler's times."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence

from hopsmon.errors import ConfigError, OutsideError
from hopsmon.jobs.entry import log, of_a_monitor, parser_of, run, time_of
from hopsmon.sdk import connect


def main(arguments: Sequence[str]) -> int:
    """Backfill a saved monitor; gives the exit code."""
    parser = of_a_monitor(parser_of(__doc__))
    parser.add_argument("--since", metavar="TIME", help="start of the span, ISO 8601, UTC (default: -start_time)")
    parser.add_argument("--until", metavar="TIME", help="end of the span (default: -end_time, else now)")
    return run(parser, arguments, _work)


def _work(known: argparse.Namespace, stop: threading.Event) -> None:
    since, until = known.since or time_of(known, "start_time"), known.until or time_of(known, "end_time")
    if since is None:
        raise ConfigError("Say where the span starts: --since 2026-01-31T12:00 (and --until).")
    monitor = connect(known.store).monitor(known.monitor)
    log.info("monitor %s in %s, again from %s to %s", known.monitor, monitor.store.place, since, until or "now")
    done = monitor.backfill(since, until, stop=stop)
    log.info("done: %d windows written; %s", done.windows, done.report.line())
    if not done.complete:
        raise OutsideError("Stopped before the span's end. The windows that were written are whole; run it again.")
