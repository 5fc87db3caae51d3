"""Demo, its course: data, model, baseline, traffic, monitoring, report; each step says how long it took."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from hopsmon import wiring
from hopsmon.demo import report, watch
from hopsmon.demo.data import load_flights
from hopsmon.demo.model import LAST_TRAINING_MONTH, Scored, train_and_score
from hopsmon.demo.watch import Watched

if TYPE_CHECKING:
    from hopsmon.streaming.progress import Progress

REPLAYED = range(LAST_TRAINING_MONTH + 1, 13)


def play(folder: Path, kafka: bool, console: Console, months: range = REPLAYED) -> Watched:
    """The whole demo; `months` shortens the replay."""
    folder = folder.resolve()
    began = time.monotonic()
    watch.clear(folder)
    with _quiet_log():
        with _step(console, "All flights that left New York in 2013, with the weather"):
            flights = load_flights()
        with _step(console, "A model of 'arrives more than 15 minutes late', trained on January to March"):
            scored = train_and_score(flights)
        del flights
        with _step(console, "What it was trained on, as the monitor's baseline"):
            watch.write_baseline(scored, folder)
        watched = _kafka(scored, months, folder, console) if kafka else _files(scored, months, folder, console)
        baseline = wiring.baseline_of(watched.monitor.config)
        report.tell(report.Told(folder, scored, watched, baseline, kafka), console)
    console.print(f"\nDone in {time.monotonic() - began:.0f} s.")
    return watched


def _files(scored: Scored, months: range, folder: Path, console: Console) -> Watched:
    with _step(console, "The rest of the year as KServe events, in files") as tell:
        sent = watch.send_to_files(scored, months, folder, tell)
    with _step(console, "Spark reads them and the monitor watches") as tell:
        return watch.watch(folder, watch.FILES_LOG, sent, _teller(tell))


def _kafka(scored: Scored, months: range, folder: Path, console: Console) -> Watched:
    with contextlib.ExitStack() as stack:
        with _step(console, "A Kafka broker"):
            broker = stack.enter_context(watch.broker_in(folder))
        with _step(console, "The rest of the year as KServe events, through Kafka") as tell:
            sent = watch.send_to_kafka(scored, months, broker, tell)
        with _step(console, "Spark reads them and the monitor watches") as tell:
            log = watch.KAFKA_LOG.format(servers=broker.bootstrap_servers, topic=watch.TOPIC)
            return watch.watch(folder, log, sent, _teller(tell))


@contextlib.contextmanager
def _step(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Shows what is going on, and at its end how long it took."""
    began = time.monotonic()
    last = ""
    with console.status(f"{what} …") as status:

        def tell(news: str) -> None:
            nonlocal last
            last = news
            status.update(f"{what} … {news}")

        yield tell
    took = f"{time.monotonic() - began:5.1f} s"
    console.print(f"{took}  {what}{f': {last}' if last else ''}", soft_wrap=True)


def _teller(tell: Callable[[str], None]) -> Callable[[Progress], None]:
    rows = windows = drift = 0

    def progress(batch: Progress) -> None:
        nonlocal rows, windows, drift
        rows, windows, drift = rows + batch.rows_in, windows + batch.windows_closed, drift + batch.drift
        tell(f"{rows:,} messages, {windows:,} windows, {drift:,} verdicts of drift")

    return progress


@contextlib.contextmanager
def _quiet_log() -> Iterator[None]:
    """The steps here say what the engine's log lines say; a debug log stays as it is."""
    ours, kafka = logging.getLogger("hopsmon"), logging.getLogger("kafka")
    before = {log: log.level for log in (ours, kafka)}
    if ours.level != logging.DEBUG:
        ours.setLevel(logging.WARNING)
        kafka.setLevel(logging.ERROR)  # it warns when its thread had to wait for a core
    try:
        yield
    finally:
        for log, level in before.items():
            log.setLevel(level)
