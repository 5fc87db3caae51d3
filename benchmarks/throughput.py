"""Throughput: the whole job over one topic, against a bare read of it and against Spark SQL, in one run."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

from benchmarks import engine
from benchmarks.harness import CONSOLE, Options, Result, Rounds, Target, at_least, parse_options, publish, timed
from benchmarks.messages import ENCODERS, FEATURES, MICROS
from benchmarks.producer import Traffic, decoded_times, fill
from benchmarks.rivals import drain, kafka_stream, spark_sql
from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.streaming.run import run_query
from hopsmon.streaming.tables import WINDOWS

MESSAGES = 1_000_000
RATE = 4_000.0  # events a second of event time: 1M messages lie in 17 windows
WINDOW_MICROS = engine.WINDOW // timedelta(microseconds=1)
LATENESS_MICROS = engine.LATENESS // timedelta(microseconds=1)
# The log ends in the middle of a window, which stays open, for the engine as for Spark SQL.
NEVER_IDLE = timedelta(days=1)
TARGETS: Mapping[str, Target] = {
    "engine_over_bare_read.json_v1": at_least(0.75),
    "engine_over_spark_sql.json_v1": at_least(1.4),
}


class WrongResult(RuntimeError):
    """The engine's windows are not those of the traffic: its time would mean nothing."""


@dataclass(frozen=True, slots=True)
class Arena:
    """Where the contenders meet."""

    spark: SparkSession
    bootstrap: str
    folder: Path


def main(arguments: list[str]) -> None:
    """Measure and publish."""
    options = parse_options("throughput", arguments, tuple(ENCODERS))
    results: list[Result] = []
    seconds: dict[str, Mapping[str, list[float]]] = {}
    with arena(options) as place:
        for wire_format in options.formats:
            traffic = backlog(place.bootstrap, wire_format, options.size(MESSAGES), options.partitions)
            CONSOLE.print(f"filling a topic with {traffic.messages:,} messages of {wire_format} …")
            fill(traffic)
            rounds = Rounds()
            rounds.run(contenders(place, traffic, engine.Setting(options.techniques)), options.rounds)
            results += compare(rounds, wire_format, traffic.messages)
            seconds[wire_format] = rounds.seconds
    details = {"seconds": seconds, "messages": options.size(MESSAGES), "partitions": options.partitions}
    publish(options, results, details)


@contextmanager
def arena(options: Options) -> Iterator[Arena]:
    """Spark, a folder, and a broker: a running one, or one of our own."""
    with tempfile.TemporaryDirectory(prefix="hopsmon-bench-") as folder:
        broker: AbstractContextManager[str] = nullcontext(options.bootstrap) if options.bootstrap else local_broker()
        with broker as bootstrap:
            spark = engine.session()
            try:
                yield Arena(spark, bootstrap, Path(folder))
            finally:
                spark.stop()  # before the broker, or its clients would complain


@contextmanager
def local_broker() -> Iterator[str]:
    """A broker for this run; where clients connect to."""
    with LocalBroker() as broker:
        yield broker.bootstrap_servers


def backlog(
    bootstrap: str,
    wire_format: str,
    messages: int,
    partitions: int = 2,
    rate: float = RATE,
    features: int = len(FEATURES),
) -> Traffic:
    """A log that was written at a steady rate until a minute ago, its first event at the start of a window."""
    span = int(messages / rate * MICROS)
    first = (time.time_ns() // 1_000 - span - 60 * MICROS) // WINDOW_MICROS * WINDOW_MICROS
    topic = f"bench-{wire_format}-{time.time_ns()}"
    return Traffic(
        bootstrap, topic, wire_format, messages, rate, partitions=partitions, first_event=first, features=features
    )


def run_engine(place: Arena, traffic: Traffic, setting: engine.Setting) -> float:
    """Seconds of one run of the engine over a topic, whose windows must be right.

    Raises:
        WrongResult: they are not.
    """
    plan = engine.query(place.bootstrap, traffic.topic, fresh(place.folder), NEVER_IDLE, setting=setting)
    taken = timed(lambda: run_query(place.spark, plan, once=True))
    check(plan.store.read(WINDOWS.name).to_pylist(), decoded_times(traffic), traffic.partitions)
    return taken


def contenders(
    place: Arena, traffic: Traffic, setting: engine.Setting = engine.DEFAULT
) -> Mapping[str, Callable[[], float]]:
    """Engine, bare read and Spark SQL over the same topic, each run with a folder of its own."""

    def bare_read() -> float:
        plan = engine.query(place.bootstrap, traffic.topic, fresh(place.folder), NEVER_IDLE)
        return timed(lambda: drain(plan.source.load(place.spark), Path(plan.checkpoint)))

    def by_spark_sql() -> float:
        messages = kafka_stream(place.spark, place.bootstrap, traffic.topic)
        return timed(lambda: drain(spark_sql(messages, traffic.format), fresh(place.folder)))

    return {"engine": lambda: run_engine(place, traffic, setting), "bare_read": bare_read, "spark_sql": by_spark_sql}


def fresh(folder: Path) -> Path:
    """A new folder for one run."""
    return Path(tempfile.mkdtemp(dir=folder))


def check(
    windows: list[dict[str, object]], times: np.ndarray[tuple[int], np.dtype[np.int64]], partitions: int = 2
) -> None:
    """Every window that is complete has been written, once, with exactly its requests.

    Raises:
        WrongResult: one is missing, or has other numbers.
    """
    starts, counts = np.unique(times // WINDOW_MICROS * WINDOW_MICROS, return_counts=True)
    complete = (
        starts + WINDOW_MICROS + LATENESS_MICROS <= times[-partitions:].min()
    )  # the clock of the slowest partition
    expected = dict(zip(starts[complete].tolist(), counts[complete].tolist(), strict=True))
    found = {int(row["window_start"].timestamp() * MICROS): row["instances"] for row in windows}  # type: ignore[attr-defined]
    if found != expected or len(windows) > len(found):
        raise WrongResult(f"Windows (start: instances) should be {expected}, but are {found}.")


def compare(rounds: Rounds, wire_format: str, messages: int) -> list[Result]:
    """The two ratios of one format, and the messages a second behind them."""
    ratios = [
        Result(name, rounds.speedup("engine", over=rival), "x", TARGETS.get(name))
        for rival in ("bare_read", "spark_sql")
        for name in (f"engine_over_{rival}.{wire_format}",)
    ]
    rates = [
        Result(f"messages_per_second.{name}.{wire_format}", messages / rounds.best(name), "messages/s")
        for name in rounds.seconds
    ]
    return [*ratios, *rates]


if __name__ == "__main__":
    main(sys.argv[1:])
