"""Latency: steady live traffic; from each request's event time to the moment its row can be seen in the store."""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks import engine
from benchmarks.harness import CONSOLE, Options, Result, at_most, parse_options, publish
from benchmarks.messages import MICROS, request_number
from benchmarks.producer import Traffic, create_topic
from benchmarks.throughput import LATENESS_MICROS, WINDOW_MICROS, Arena, arena
from benchmarks.watcher import Sighting, first_seen, sightings, start_watcher
from hopsmon.core.window import to_datetime
from hopsmon.streaming.plan import QueryPlan
from hopsmon.streaming.run import run_query
from hopsmon.streaming.tables import DRIFT, OUTLIERS, STATISTICS, WINDOWS

REQUESTS = 250_000
RATE = 2_500.0
PLANTED_EVERY = 100
WARM_UP = WINDOW_MICROS / MICROS  # seconds of the same traffic before the requests that are measured …
TAIL = (WINDOW_MICROS + LATENESS_MICROS) / MICROS + 3  # … and after them, so that the event clock closes their windows
CLOSE_IDLE_AFTER = timedelta(seconds=10)  # for the windows of the tail, which are not measured
PATIENCE = 120.0  # seconds until the last window must be there
TARGETS: Mapping[str, float] = {"outliers": 1.2, "statistics": 18.5, "drift": 18.5}
PERCENTILES = (50, 75, 99)

Micros: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Observed:
    """A whole run: when every request was sent, and what was found in the store and when.

    Attributes:
        sent: event time by request number.
        measured: the request numbers the percentiles are over; the others are warm-up and tail.
        outliers: for each flagged request, when its first outlier row was visible.
        windows: for each table, when the first row of a window was visible, by start of window.
        counted: instances by start of window, late ones included.
    """

    sent: Micros
    measured: slice
    outliers: Mapping[int, int]
    windows: Mapping[str, Mapping[int, int]]
    counted: Mapping[int, int]


def main(arguments: list[str]) -> None:
    """Measure and publish."""
    options = parse_options("latency", arguments)
    with arena(options) as place:
        observed = run(place, options)
    details = {
        "requests": {"sent": len(observed.sent), "measured": observed.measured.stop - observed.measured.start},
        "windows": len(observed.counted),
        "flagged": len(observed.outliers),
        "rate": RATE,
    }
    publish(options, results(observed), details)


def run(place: Arena, options: Options) -> Observed:
    """Send the traffic while the job runs and a reader watches the store."""
    warm_up, measured, tail = round(WARM_UP * RATE), options.size(REQUESTS), round(TAIL * RATE)
    total = warm_up + measured + tail
    times, seen = place.folder / "sent.npy", place.folder / "seen.jsonl"
    traffic = Traffic(
        place.bootstrap,
        f"bench-live-{time.time_ns()}",
        "json_v1",
        total,
        RATE,
        planted_every=PLANTED_EVERY,
        times=times,
    )
    create_topic(place.bootstrap, traffic.topic, traffic.partitions)
    plan = engine.query(place.bootstrap, traffic.topic, place.folder, CLOSE_IDLE_AFTER)
    store = place.folder / "store"
    seen.touch()
    watcher = start_watcher(store, (OUTLIERS.name, STATISTICS.name, DRIFT.name, WINDOWS.name), seen)
    try:
        follow(place, plan, traffic)
    finally:
        watcher.terminate()
        watcher.wait()
    return collect(plan, store, np.load(times), slice(warm_up, warm_up + measured), sightings(seen))


def follow(place: Arena, plan: QueryPlan, traffic: Traffic) -> None:
    """Run the job until all traffic has been sent and counted, or patience is over."""
    up, stop = threading.Event(), threading.Event()

    def conduct() -> None:
        try:
            up.wait()
            if stop.is_set():
                return  # the job did not start; what it raised is on its way
            CONSOLE.print(f"the job runs; sending {traffic.messages:,} requests at {traffic.rate:,.0f} a second …")
            if traffic.start().wait() == 0:
                await_windows(plan, traffic.messages)
        finally:
            stop.set()

    conductor = threading.Thread(target=conduct, name="conductor")
    conductor.start()
    try:
        run_query(place.spark, plan, once=False, on_progress=lambda _: up.set(), stop=stop)
    finally:
        stop.set()
        up.set()
        conductor.join()


def await_windows(plan: QueryPlan, sent: int) -> None:
    """Wait until the windows hold all that was sent."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and sum(counts(plan).values()) < sent:
        time.sleep(1)


def counts(plan: QueryPlan) -> dict[int, int]:
    """Instances by start of window; late ones count too: they are accounted for, not lost."""
    found = plan.store.read(WINDOWS.name).select(["window_start", "instances", "late"]).to_pylist()
    counted: dict[int, int] = defaultdict(int)  # a window that stands there twice counts twice, and so is found out
    for row in found:
        counted[_micros(row["window_start"])] += row["instances"] + row["late"]
    return dict(counted)


def collect(plan: QueryPlan, store: Path, sent: Micros, measured: slice, seen: list[Sighting]) -> Observed:
    """What was visible when, from the files of every version of every table."""
    outliers: dict[int, int] = {}
    for (event,), visible in first_seen(store, seen, OUTLIERS.name, ["event_id"]):
        outliers[request_number(str(event))] = visible
    windows = {
        table: {_micros(start): visible for (start,), visible in first_seen(store, seen, table, ["window_start"])}
        for table in (STATISTICS.name, DRIFT.name)
    }
    return Observed(sent, measured, outliers, windows, counts(plan))


def _micros(time_of_day: object) -> int:
    return (time_of_day - to_datetime(0)) // timedelta(microseconds=1)  # type: ignore[operator, no-any-return]


def results(observed: Observed) -> list[Result]:
    """Percentiles of every kind of row, and what was lost."""
    latencies = {
        "outliers": outlier_latencies(observed),
        "statistics": window_latencies(observed, STATISTICS.name),
        "drift": window_latencies(observed, DRIFT.name),
    }
    return [*(row for name, seconds in latencies.items() for row in percentiles(name, seconds)), *losses(observed)]


def percentiles(kind: str, seconds: npt.NDArray[np.float64]) -> list[Result]:
    """p50, p75, p99; only p75 has a target, as only it was published for the experiment of 2020."""
    return [
        Result(
            f"latency_p{percent}.{kind}",
            _percentile(seconds, percent),
            "s",
            at_most(TARGETS[kind]) if percent == 75 else None,
        )
        for percent in PERCENTILES
    ]


def _percentile(seconds: npt.NDArray[np.float64], percent: int) -> float | None:
    """A time that was reached, not one between two (one of them may be infinite); None where it never came."""
    found = float(np.percentile(seconds, percent, method="higher")) if len(seconds) else np.inf
    return found if np.isfinite(found) else None


def outlier_latencies(observed: Observed) -> npt.NDArray[np.float64]:
    """Of the measured requests that were flagged."""
    flagged = [number for number in observed.outliers if observed.measured.start <= number < observed.measured.stop]
    return np.array([(observed.outliers[number] - observed.sent[number]) / MICROS for number in flagged])


def window_latencies(observed: Observed, table: str) -> npt.NDArray[np.float64]:
    """Of every measured request: until its window's rows were visible. A window that never came is infinitely late."""
    sent = observed.sent[observed.measured]
    starts, place = np.unique(sent // WINDOW_MICROS * WINDOW_MICROS, return_inverse=True)
    visible = np.array([observed.windows[table].get(int(start), np.inf) for start in starts])
    return np.asarray((visible[place] - sent) / MICROS)


def losses(observed: Observed) -> list[Result]:
    """Requests that are in no window or in two, and planted outliers nobody flagged: both must be 0."""
    starts, sent = np.unique(observed.sent // WINDOW_MICROS * WINDOW_MICROS, return_counts=True)
    expected = dict(zip(starts.tolist(), sent.tolist(), strict=True))
    wrong = sum(
        abs(expected.get(start, 0) - observed.counted.get(start, 0))
        for start in expected.keys() | observed.counted.keys()
    )
    planted = range(0, len(observed.sent), PLANTED_EVERY)
    missed = sum(number not in observed.outliers for number in planted)
    return [
        Result("latency_requests_miscounted", float(wrong), "requests", at_most(0)),
        Result("latency_outliers_missed", float(missed), "requests", at_most(0)),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
