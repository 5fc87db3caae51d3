"""State and memory: bytes of state a key holds, and whether the Python workers' memory grows with the log."""

from __future__ import annotations

import sys

from benchmarks import engine
from benchmarks.harness import CONSOLE, Options, Result, at_most, parse_options, publish
from benchmarks.producer import Traffic, fill
from benchmarks.throughput import NEVER_IDLE, Arena, arena, backlog, fresh
from benchmarks.worker_memory import peak_memory
from hopsmon.streaming.run import run_query

FEW, MANY = 1_000_000, 5_000_000
IN_STATE = 200_000  # messages of the run whose state is looked at …
IN_BATCH = 20_000  # … and in each of its micro-batches: 5 s of events, so state is seen with one and two open windows
BATCHED = 250_000  # messages a micro-batch of the runs that have many of them
MIB = 1 << 20


def main(arguments: list[str]) -> None:
    """Measure and publish."""
    options = parse_options("state", arguments)
    with arena(options) as place:
        few, many = (send(place, options.size(messages)) for messages in (FEW, MANY))
        sizes = state_sizes(place, send(place, options.size(IN_STATE)), options.size(IN_BATCH))
        peaks = worker_peaks(place, few, many, options)
    details = {"state_bytes": sizes, "worker_peak_bytes": peaks, "messages": [few.messages, many.messages]}
    publish(options, results(sizes, peaks), details)


def send(place: Arena, messages: int) -> Traffic:
    """A filled topic of KServe v1 events."""
    traffic = backlog(place.bootstrap, "json_v1", messages)
    CONSOLE.print(f"filling a topic with {messages:,} messages …")
    fill(traffic)
    return traffic


def state_sizes(place: Arena, traffic: Traffic, in_batch: int) -> list[int]:
    """Bytes of the largest key's state after each micro-batch, read from the checkpoint by Spark's own reader."""
    plan = engine.query(place.bootstrap, traffic.topic, fresh(place.folder), NEVER_IDLE, in_batch)
    report = run_query(place.spark, plan, once=True)
    return [_largest(place, plan.checkpoint, batch) for batch in range(report.batches)]


def _largest(place: Arena, checkpoint: str, batch: int) -> int:
    from pyspark.sql import functions as F

    state = place.spark.read.format("statestore").option("batchId", batch).load(f"{checkpoint}/spark")
    found = state.select(F.max(F.octet_length("value.groupState.state")).alias("bytes")).collect()[0].bytes
    return int(found or 0)


def worker_peaks(place: Arena, few: Traffic, many: Traffic, options: Options) -> dict[str, list[int]]:
    """Peaks over the short and the long log: read in one micro-batch, and in many."""
    peaks = {}
    for name, max_offsets in (("one_batch", 0), ("many_batches", options.size(BATCHED))):
        peaks[name] = [peak_memory(place.bootstrap, log.topic, max_offsets) for log in (few, many)]
        CONSOLE.print(f"{name}: {' and '.join(f'{peak / MIB:,.0f} MiB' for peak in peaks[name])}")
    return peaks


def results(sizes: list[int], peaks: dict[str, list[int]]) -> list[Result]:
    """The largest state, the worse of the two growths, and what they rest on."""
    growth = {name: many / few for name, (few, many) in peaks.items()}
    return [
        Result("state_bytes_per_key", float(max(sizes)), "bytes", at_most(100_000)),
        Result("worker_rss_growth", max(growth.values()), "x", at_most(1.1)),
        *(Result(f"worker_rss_growth.{name}", value, "x") for name, value in growth.items()),
        *(Result(f"worker_peak_mib.{name}", many / MIB, "MiB") for name, (_, many) in peaks.items()),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
