"""The whole engine on a real broker and real Spark: every message counted once, whatever the cuts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.producer import publish
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.run import run_query
from tests.support.monitors import MemoryStore, kafka_source, monitor, query
from tests.support.traffic import START, Traffic

Topic = Callable[..., str]


def run_once(spark: SparkSession, broker: LocalBroker, name: str, folder: Path, **settings: Any) -> MemoryStore:
    plan = query(kafka_source(broker.bootstrap_servers, name, **settings), folder)
    run_query(spark, plan, once=True)
    assert isinstance(plan.store, MemoryStore)
    return plan.store


def by_window(store: MemoryStore) -> dict[Any, tuple[int, ...]]:
    names = ("requests", "responses", "instances", "predictions", "rejected", "late", "unpaired")
    return {row["window_start"]: tuple(row[name] for name in names) for row in store.rows("hopsmon_windows")}


def test_every_message_is_in_its_window(spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path) -> None:
    name = topic(partitions=2)
    traffic = Traffic(requests=300, per_request=2)
    publish(kafka.bootstrap_servers, name, traffic.events(partitions=2))
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path)
    report = run_query(spark, plan, once=True)
    store = plan.store
    assert isinstance(store, MemoryStore)

    minutes = Counter(time.replace(second=0, microsecond=0) for time in traffic.times())
    assert by_window(store) == {minute: (n, n, 2 * n, 2 * n, 0, 0, 0) for minute, n in minutes.items()}
    assert report.rows == 600
    assert report.tally.decoded == 600
    assert report.open_windows == ()

    frame = traffic.frame()
    first = frame[frame["request"] < 60]
    rows = {
        row["feature"]: row
        for row in store.rows("hopsmon_statistics")
        if row["window_start"] == START.replace(second=0)
    }
    assert rows["age"]["mean"] == pytest.approx(first["age"].mean(), rel=1e-9)
    assert rows["age"]["stddev"] == pytest.approx(first["age"].std(), rel=1e-9)
    assert rows["income"]["max"] == first["income"].max()
    assert rows["age"]["p50"] == pytest.approx(np.quantile(first["age"], 0.5, method="inverted_cdf"))
    assert rows["score"]["count"] == 120


def drift_of(store: MemoryStore, technique: str, feature: str) -> dict[Any, bool]:
    return {
        row["window_start"]: row["is_drift"]
        for row in store.rows("hopsmon_drift")
        if row["technique"] == technique and row["feature"] == feature
    }


def test_a_shift_is_found_where_it_is(spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path) -> None:
    name = topic()
    traffic = Traffic(requests=360, per_request=4, shift=15.0, shift_from=180)
    publish(kafka.bootstrap_servers, name, traffic.events())
    store = run_once(spark, kafka, name, tmp_path)
    verdicts = drift_of(store, "ks", "age")
    assert [verdicts[start] for start in sorted(verdicts)] == [False] * 3 + [True] * 3
    assert not any(drift_of(store, "ks", "income").values())


@pytest.mark.parametrize(
    ("partitions", "per_trigger", "tasks"), [(1, None, None), (2, 37, None), (8, 100, None), (1, None, 4)], ids=str
)
def test_windows_are_the_same_however_the_log_is_cut(
    spark: SparkSession,
    kafka: LocalBroker,
    topic: Topic,
    tmp_path: Path,
    *,
    partitions: int,
    per_trigger: int | None,
    tasks: int | None,
) -> None:
    traffic = Traffic(requests=240, jitter=8.0)
    name = topic(partitions=partitions)
    publish(kafka.bootstrap_servers, name, traffic.events(partitions))
    store = run_once(spark, kafka, name, tmp_path, max_offsets_per_trigger=per_trigger, min_partitions=tasks)
    minutes = Counter(time.replace(second=0, microsecond=0) for time in traffic.times())
    assert {start: row[2] for start, row in by_window(store).items()} == dict(minutes)
    assert sum(row[5] for row in by_window(store).values()) == 0


def test_sliding_windows_and_slices(spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path) -> None:
    name = topic()
    traffic = Traffic(requests=180, responses=False)
    publish(kafka.bootstrap_servers, name, traffic.events())
    spec = WindowSpec(timedelta(minutes=1), timedelta(seconds=30), timedelta(seconds=5), timedelta(seconds=1))
    plan = query(
        kafka_source(kafka.bootstrap_servers, name),
        tmp_path,
        [monitor(window=spec, slices=("city",), shards=2)],
    )
    run_query(spark, plan, once=True)
    assert isinstance(plan.store, MemoryStore)
    found = {
        (row["slice"], (row["window_start"] - START).total_seconds()): row["instances"]
        for row in plan.store.rows("hopsmon_windows")
    }
    cities = traffic.frame()["city"].to_numpy()
    for start in range(-30, 180, 30):
        inside = cities[max(start, 0) : max(start + 60, 0)]
        assert found["", start] == len(inside)
        for city in set(inside):
            assert found[f"city={city}", start] == int((inside == city).sum())


def test_two_monitors_share_one_pass(spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path) -> None:
    name = topic()
    publish(kafka.bootstrap_servers, name, Traffic(requests=90, service="credit").events())
    publish(kafka.bootstrap_servers, name, Traffic(requests=60, service="other").events())
    monitors = [monitor("mine", match={"service": "credit"}), monitor("theirs", match={"service": "other"})]
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path, monitors)
    report = run_query(spark, plan, once=True)
    assert isinstance(plan.store, MemoryStore)
    requests = Counter[str]()
    for row in plan.store.rows("hopsmon_windows"):
        requests[row["monitor"]] += row["requests"]
    assert requests == {"mine": 90, "theirs": 60}
    assert report.rows == 300  # each message is read once
    assert report.tally.foreign == 300


def test_the_next_run_goes_on_where_the_last_ended(
    spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path
) -> None:
    name = topic()
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path)
    events = list(Traffic(requests=240).events())
    publish(kafka.bootstrap_servers, name, events[:200])
    run_query(spark, replace(plan, monitors=(monitor(window=far_ahead()),)), once=True)
    publish(kafka.bootstrap_servers, name, events[200:])
    report = run_query(spark, replace(plan, monitors=(monitor(window=far_ahead()),)), once=True)
    assert report.rows == 280
    assert isinstance(plan.store, MemoryStore)
    windows = by_window(plan.store)
    assert sorted(windows) == [START + timedelta(minutes=i) for i in range(3)]  # the fourth waits for more
    assert all(row[0] == 60 for row in windows.values())
    assert [window.start for _, _, window in report.open_windows] == [
        int((START + timedelta(minutes=3)).timestamp()) * 10**6
    ]


def test_a_monitor_that_was_away_reports_no_gap_when_it_comes_back(
    spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path
) -> None:
    name = topic()
    both = query(kafka_source(kafka.bootstrap_servers, name), tmp_path, [monitor("stays"), monitor("leaves")])
    events = list(Traffic(requests=180, responses=False).events())
    gaps = []
    for number, monitors in enumerate((both.monitors, both.monitors[:1], both.monitors)):
        publish(kafka.bootstrap_servers, name, events[60 * number : 60 * (number + 1)])
        gaps += run_query(spark, replace(both, monitors=monitors), once=True).gaps
    assert gaps == []
    assert isinstance(both.store, MemoryStore)
    requests = Counter[str]()
    for row in both.store.rows("hopsmon_windows"):
        requests[row["monitor"]] += row["requests"] if row["revision"] == 0 else 0
    assert requests == {"stays": 180, "leaves": 120}


def far_ahead() -> WindowSpec:
    """A window whose wall-clock end never comes, as if the log were live."""
    return WindowSpec(timedelta(minutes=1), lateness=timedelta(seconds=10), close_idle_after=timedelta(days=36_500))
