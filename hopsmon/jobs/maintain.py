"""The job that keeps the result tables quick and small: old rows deleted, small files merged, unused ones removed."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta

from hopsmon.jobs.entry import log, parser_of, run
from hopsmon.sdk import connect


def main(arguments: Sequence[str]) -> int:
    """Maintain a store; gives the exit code."""
    parser = parser_of(__doc__)
    parser.add_argument("--keep-days", type=float, metavar="N", help="delete rows that are older (default: keep all)")
    parser.add_argument("--monitor", help="of --keep-days: only this monitor's rows (default: all monitors')")
    parser.add_argument(
        "--retention-hours", type=float, metavar="N", help="how long replaced files stay readable (default: a week)"
    )
    return run(parser, arguments, _work)


def _work(known: argparse.Namespace, stop: threading.Event) -> None:
    store = connect(known.store)
    log.info("maintaining %s", store.place)
    if known.keep_days is not None:
        if known.monitor is not None:
            store.monitor(known.monitor)  # a wrong name would delete nothing without a word
        deleted = store.prune(timedelta(days=known.keep_days), known.monitor)
        _tell({table: {"rows_deleted": rows} for table, rows in deleted.items()})
    if not stop.is_set():
        _tell(store.optimize())
    if not stop.is_set():
        _tell(store.vacuum(retention_hours=known.retention_hours))
    log.info("done%s", ": stopped before its end" if stop.is_set() else "")


def _tell(results: Mapping[str, Mapping[str, int]]) -> None:
    for table, result in results.items():
        log.info("%s: %s", table, ", ".join(f"{value:,} {what.replace('_', ' ')}" for what, value in result.items()))
