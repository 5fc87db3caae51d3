"""Clocks of others: producers whose clocks are fast, and what they may do to the windows of everybody."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import orjson
import pytest
from pyspark.sql import SparkSession

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.producer import Event, publish
from hopsmon.core.window import WindowSpec
from hopsmon.errors import OutsideError
from hopsmon.streaming.run import run_query
from tests.support.engine import SmallEngine, requests
from tests.support.monitors import FullStore, MemoryStore, kafka_source, monitor, query
from tests.support.traffic import attributes

SPEC = WindowSpec(timedelta(minutes=1), lateness=timedelta(seconds=10))
FINE = (40.0, 3000.0, "Bern")
AHEAD = timedelta(minutes=5)


def engine() -> SmallEngine:
    return SmallEngine(monitor(window=SPEC, max_clock_ahead=AHEAD))


def log(*times: float, read_at: float) -> list[object]:
    """Messages whose producers say when they were sent; nobody else says when they came (CreateTime)."""
    return [requests([FINE] * len(times), times, read_at=read_at)]


def test_a_fast_clock_makes_nobody_else_late() -> None:
    """By its own word its message came four minutes after it was read."""
    one = engine()
    one.run(log(0, 240, 1, 2, 3, read_at=5))
    one.end()
    windows = {row["window_start"].minute: (row["instances"], row["late"]) for row in one.rows("windows")}
    assert windows == {0: (4, 0), 4: (1, 0)}
    assert one.rows("rejects") == []


def test_a_clock_that_is_too_fast_is_a_reject_whose_word_counts_for_nothing() -> None:
    one = engine()
    one.run(log(0, 700, 1, read_at=5))
    one.end()
    (row,) = one.rows("windows")
    assert (row["instances"], row["late"]) == (2, 0)
    assert [reject["reason"] for reject in one.rows("rejects")] == ["implausible_time"]


def test_a_micro_batch_that_is_done_again_later_finds_the_same(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    """Spark keeps when a micro-batch began: a clock that was too fast then is not right because time has passed."""
    name, now = topic(), datetime.now(timezone.utc)
    body = orjson.dumps({"instances": [list(FINE)]})
    times = (now - timedelta(seconds=2), now + AHEAD + timedelta(seconds=20))
    publish(
        kafka.bootstrap_servers,
        name,
        [
            Event(attributes(number, sent, "request"), body, 0, int(sent.timestamp() * 1000))
            for number, sent in enumerate(times)
        ],
    )
    source = kafka_source(kafka.bootstrap_servers, name)
    plan = query(source, tmp_path, [monitor(window=SPEC, max_clock_ahead=AHEAD)], FullStore())
    with pytest.raises(OutsideError, match="disk of /somewhere is full"):
        run_query(spark, plan, once=True)
    while datetime.now(timezone.utc) < now + timedelta(seconds=22):
        time.sleep(0.5)
    plan = replace(plan, store=MemoryStore())
    report = run_query(spark, plan, once=True)
    assert (report.tally.decoded, report.tally.rejected) == (1, 1)
