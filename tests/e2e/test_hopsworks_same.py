"""The same monitor in a folder and in a project: identical findings, byte for byte, and all else that is written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

import hopsmon
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.hopsworks.store import ProjectStore
from hopsmon.sdk import Monitor, Store
from hopsmon.streaming import batch_writer
from hopsmon.streaming.progress import Progress
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.credit_monitor import SEQUENCES, Results, configuration, results, write_log
from tests.support.traffic import Traffic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LAST = 3  # the number of the log's last micro-batch, one a file
TRAFFIC = Traffic(requests=880, every=timedelta(milliseconds=600), jitter=20.0, shift=9.0, shift_from=500)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the log is."""
    folder = tmp_path_factory.mktemp("credit")
    write_log(folder / "log", TRAFFIC)
    return folder


@pytest.fixture(scope="module")
def expected(log: Path, spark: SparkSession) -> Results:
    """What a monitor writes into a folder."""
    store = hopsmon.connect(log / "store")
    store.create_monitor(configuration(log)).run(once=True, spark=spark)
    return results(store._home.tables)


@contextmanager
def in_project(
    engine: Literal["python", "spark-delta"], log: Path, folder: Path
) -> Iterator[tuple[HopsworksServer, Store, Monitor]]:
    with HopsworksServer(folder / "hopsworks", tls=engine == "spark-delta", version=client_version()) as server:
        store = hopsmon.connect(server.login(engine))
        place = {"hopsworks": {"folder": (folder / "checkpoints").as_uri()}}
        yield server, store, store.create_monitor(configuration(log, store=place))


def assert_same(found: Results, expected: Results) -> None:
    for name, rows in expected.items():
        assert found[name] == rows, name


@pytest.mark.parametrize("engine", ["python", "spark-delta"])
def test_a_monitor_finds_the_same_in_every_home(
    engine: Literal["python", "spark-delta"], spark: SparkSession, log: Path, expected: Results, tmp_path: Path
) -> None:
    with in_project(engine, log, tmp_path) as (_, store, monitor):
        monitor.run(once=True, spark=spark)
        assert_same(results(store._home.tables), expected)


def test_there_is_something_to_compare(expected: Results) -> None:
    assert all(expected.values()), [name for name, rows in expected.items() if not rows]
    verdicts = expected["hopsmon_drift"].values()
    assert {"ks", *SEQUENCES} <= {row["technique"] for row in verdicts if row["is_drift"]}
    windows = expected["hopsmon_windows"].values()
    assert max(row["revision"] for row in windows if row["late"]) > 0  # late rows of windows that were written before


def test_an_outage_in_mid_stream_loses_nothing_and_doubles_nothing(
    spark: SparkSession, log: Path, expected: Results, tmp_path: Path
) -> None:
    """Hopsworks goes after the first micro-batch. The tables stay in reach: the second is in them, and not told of."""
    with in_project("python", log, tmp_path) as (server, store, monitor):

        def interrupt(progress: Progress) -> None:
            if progress.batch_id == 0:
                server.go_away()
                threading.Timer(3.0, server.come_back).start()

        report = monitor.run(once=True, spark=spark, progress=interrupt)
        assert_same(results(store._home.tables), expected)
        told = [one for one in server.requests if one.path.endswith("/commits")]
    assert report.batches == 5
    assert len(told) >= sum(map(bool, expected.values()))


def test_a_long_outage_is_waited_for(
    spark: SparkSession, log: Path, expected: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a micro-batch waits by itself: the query ends, starts again, and does the micro-batch once more."""
    monkeypatch.setattr(batch_writer, "WRITE_TRIES", 1)  # else the outage had to last for half a minute
    stop = threading.Event()
    tries: list[int] = []
    with in_project("python", log, tmp_path) as (server, store, monitor):

        def watch(progress: Progress) -> None:
            if progress.batch_id == 0:
                server.go_away()
                threading.Timer(8.0, server.come_back).start()
            elif progress.batch_id == LAST:
                stop.set()

        monkeypatch.setattr(ProjectStore, "write", counted_in(tries, ProjectStore.write))
        report = monitor.run(spark=spark, progress=watch, stop=stop)
        assert report.batches == LAST + 1
        assert len(tries) > report.batches  # it was in the way of more than one
        report = monitor.run(once=True, spark=spark)
        assert report.rows == 0
        assert_same(results(store._home.tables), expected)


def counted_in(tries: list[int], write: Callable[..., None]) -> Callable[..., None]:
    def counting(store: ProjectStore, tables: Any, app_id: str, batch_id: int) -> None:
        tries.append(batch_id)
        write(store, tables, app_id, batch_id)

    return counting
