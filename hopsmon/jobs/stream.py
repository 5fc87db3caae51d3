"""The job that watches a model: what is new in its log, once (--once) or until it is stopped."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence

from hopsmon.jobs.entry import log, of_a_monitor, parser_of, run
from hopsmon.sdk import connect


def main(arguments: Sequence[str]) -> int:
    """Run a saved monitor, and those that share its query; gives the exit code."""
    parser = of_a_monitor(parser_of(__doc__))
    parser.add_argument("--once", action="store_true", help="end where the log ends now")
    return run(parser, arguments, _work)


def _work(known: argparse.Namespace, stop: threading.Event) -> None:
    store = connect(known.store)
    log.info("monitor %s in %s, %s", known.monitor, store.place, "once" if known.once else "until it is stopped")
    if known.start_time:
        log.info("the scheduler's time is not looked at: the checkpoint knows what is new since the last run")
    report = store.monitor(known.monitor).run(once=known.once, stop=stop)
    log.info("done: %s", report.line())
