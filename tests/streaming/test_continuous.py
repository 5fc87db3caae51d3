"""Continuous runs: windows close when traffic stops, outages are waited out, a stop falls between two batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import pytest
from pyspark.sql import SparkSession

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.producer import publish
from hopsmon.core.window import WindowSpec
from hopsmon.errors import ConfigError, OutsideError, TransientError
from hopsmon.streaming import checkpoint
from hopsmon.streaming.plan import QueryPlan
from hopsmon.streaming.progress import RunReport
from hopsmon.streaming.run import run_query
from tests.support.monitors import FullStore, MemoryStore, kafka_source, monitor, query
from tests.support.traffic import Traffic

PATIENCE = 120.0  # seconds; generous, and only reached when something is wrong


@contextmanager
def running(spark: SparkSession, plan: QueryPlan) -> Iterator[list[RunReport | BaseException]]:
    """The query in a thread; at the end of the block it is stopped and its report is in the list."""
    stop = threading.Event()
    ended: list[RunReport | BaseException] = []

    def run() -> None:
        try:
            ended.append(run_query(spark, plan, once=False, stop=stop))
        except BaseException as error:  # noqa: BLE001 - told to the test
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_for(condition: Callable[[], bool], ended: list[RunReport | BaseException]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert not ended, f"the run ended: {ended}"
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.1)


def instances(store: MemoryStore) -> int:
    return sum(row["instances"] for row in store.rows("hopsmon_windows"))


def now_minus(seconds: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(seconds=seconds)


def test_the_last_window_closes_without_new_traffic_and_a_stop_is_clean(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path)
    assert isinstance(plan.store, MemoryStore)
    store = plan.store
    publish(kafka.bootstrap_servers, name, Traffic(requests=60, start=now_minus(200)).events())
    with running(spark, plan) as ended:
        wait_for(lambda: instances(store) == 60, ended)
    (report,) = ended
    assert isinstance(report, RunReport)
    assert report.rows == 120
    assert report.open_windows == ()


def test_a_broker_that_goes_away_is_waited_for(spark: SparkSession, tmp_path: Path) -> None:
    """The run outlives the outage, and every message of before and after counts once."""
    with LocalBroker() as broker:
        broker.create_topic("log")
        quick = {"kafka.default.api.timeout.ms": "4000", "kafka.request.timeout.ms": "3000"}
        plan = query(kafka_source(broker.bootstrap_servers, "log", options=quick), tmp_path)
        assert isinstance(plan.store, MemoryStore)
        store = plan.store
        publish(broker.bootstrap_servers, "log", Traffic(requests=30, start=now_minus(400)).events())
        with running(spark, plan) as ended:
            wait_for(lambda: instances(store) == 30, ended)
            broker.stop()
            time.sleep(8)
            broker.start()
            publish(broker.bootstrap_servers, "log", Traffic(requests=30, start=now_minus(200), seed=9).events())
            wait_for(lambda: instances(store) == 60, ended)
        assert isinstance(ended[0], RunReport), ended


def test_a_broker_that_is_down_at_the_start_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r"127\.0\.0\.1:1"):
        run_query(spark, query(kafka_source("127.0.0.1:1", "log"), tmp_path), once=False)


def test_a_missing_topic_is_named_and_the_nearest_offered(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    with pytest.raises(OutsideError, match=f"has no topic '{name}x'.*Did you mean '{name}'"):
        run_query(spark, query(kafka_source(kafka.bootstrap_servers, f"{name}x"), tmp_path), once=True)


@pytest.mark.parametrize("on_data_loss", ["fail", "report"])
def test_a_topic_that_is_deleted_in_mid_stream_ends_the_run_and_says_so(
    spark: SparkSession,
    kafka: LocalBroker,
    topic: Callable[..., str],
    tmp_path: Path,
    on_data_loss: Literal["fail", "report"],
) -> None:
    name = topic()
    source = replace(kafka_source(kafka.bootstrap_servers, name), on_data_loss=on_data_loss, section="log.deployment")
    soon = WindowSpec(timedelta(minutes=1), close_idle_after=timedelta(seconds=1))
    plan = query(source, tmp_path, [monitor(window=soon)])
    store = plan.store
    assert isinstance(store, MemoryStore)
    publish(kafka.bootstrap_servers, name, Traffic(requests=30, start=now_minus(200)).events())
    with running(spark, plan) as ended:
        wait_for(lambda: instances(store) == 30, ended)
        kafka.delete_topic(name)
        until = time.monotonic() + PATIENCE
        while not ended and time.monotonic() < until:
            time.sleep(0.1)
    (error,) = ended
    assert isinstance(error, OutsideError)
    assert not isinstance(error, TransientError)
    assert name in str(error)
    assert "Create it again, or give the deployment's inference logger another topic." in str(error)


def test_other_windows_need_another_checkpoint(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    publish(kafka.bootstrap_servers, name, Traffic(requests=10).events())
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path)
    run_query(spark, plan, once=True)
    first = plan.monitors[0]
    run_query(
        spark, replace(plan, monitors=(replace(first, min_instances=5, techniques=first.techniques[:1]),)), once=True
    )
    wider = replace(first, window=replace(first.window, size=timedelta(minutes=2)))
    with pytest.raises(ConfigError, match=r"window.size: then 0:01:00, now 0:02:00"):
        run_query(spark, replace(plan, monitors=(wider,)), once=True)


def test_a_first_run_that_is_killed_while_it_claims_its_checkpoint(spark: SparkSession, tmp_path: Path) -> None:
    plan = query(kafka_source("127.0.0.1:1", "log"), tmp_path)
    folder = Path(plan.checkpoint)
    folder.mkdir(parents=True)
    (folder / f"{checkpoint.FILE}.part").write_bytes(b'{"id": "12')
    name, _ = checkpoint.claim(spark, plan)
    # And one between taking away the old file and putting the new one there.
    (folder / checkpoint.FILE).rename(folder / f"{checkpoint.FILE}.new")
    assert checkpoint.claim(spark, plan)[0] == name
    two = replace(plan, monitors=(*plan.monitors, replace(plan.monitors[0], name="second")))
    assert checkpoint.claim(spark, two)[0] == name
    assert (folder / checkpoint.FILE).is_file()


def test_a_failing_store_ends_the_run_with_its_own_words(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    publish(kafka.bootstrap_servers, name, Traffic(requests=90).events())
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path, [monitor()], FullStore())
    with pytest.raises(OutsideError, match="make room"):
        run_query(spark, plan, once=True)
    healthy = replace(plan, store=MemoryStore())
    run_query(spark, healthy, once=True)
    assert isinstance(healthy.store, MemoryStore)
    assert instances(healthy.store) == 90  # nothing was lost by the failure
