"""`hopsmon run` on real Spark: what it says, what it ends with, and that it stops when asked to."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hopsmon
from tests.apps.conftest import JULY, Run

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WINDOWS = "window: {size: 1h, lateness: 0s}\nlimits: {min_instances: 10}\n"


def write_events(folder: Path, name: str, first_hour: int, temp: float) -> None:
    """Two hours of requests, one every 20 seconds; the temperatures are all near one value."""
    lines = []
    for i in range(360):
        at = JULY.timestamp() + first_hour * 3600 + i * 20
        time_text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        envelope = {"specversion": "1.0", "id": f"{name}-{i}", "source": "s", "time": time_text}
        request = {"type": "org.kubeflow.serving.inference.request"}
        data = {"instances": [{"temp": temp + i % 50, "seats": i % 100, "origin": ("JFK", "LGA", "EWR", "JFK")[i % 4]}]}
        lines.append(json.dumps({**envelope, **request, "data": data}))
    beside = folder / f".{name}"
    beside.write_text("\n".join(lines))
    beside.rename(folder / f"{name}.jsonl")


@pytest.fixture
def drifting(spark: SparkSession, monitor_file: Path) -> Path:
    """A monitor whose log has two hours that are far warmer than the reference."""
    monitor_file.write_text(monitor_file.read_text() + WINDOWS)
    write_events(monitor_file.parent / "events", "warm", 0, 200.0)
    return monitor_file


def test_once_tells_what_it_did_and_drift_can_be_an_exit_code(run: Run, drifting: Path) -> None:
    first = run("run", drifting, "--once", "--fail-on-drift")
    assert first.exit_code == 3, first.output
    assert "flights: 360 messages" in first.stdout
    assert "say drift" in first.stdout
    again = run("run", drifting, "--once", "--fail-on-drift")
    assert again.exit_code == 0, again.output  # nothing new, so no drift found by this run
    assert "flights: 0 messages" in again.stdout
    rows = json.loads(run("show", "drift", "--drift-only", "--json").stdout)
    assert {"psi", "ks"} <= {row["technique"] for row in rows if row["feature"] == "temp"}
    anew = run("run", drifting, "--once", "--reset")
    assert anew.exit_code == 0, anew.output
    assert "flights: 360 messages" in anew.stdout
    assert json.loads(run("show", "drift", "--drift-only", "--json").stdout) == rows  # written again, nothing twice


def test_a_run_is_what_the_sdk_sees(run: Run, drifting: Path) -> None:
    assert run("run", drifting, "--once").exit_code == 0
    monitor = hopsmon.connect(drifting.parent / "monitoring").monitor("flights")
    assert monitor.windows(slice="")["requests"].sum() == 360
    write_events(drifting.parent / "events", "later", 2, 0.0)
    seen: list[int] = []
    report = monitor.run(once=True, progress=lambda batch: seen.append(batch.rows_in))
    assert report.rows == sum(seen) == 360
    assert monitor.windows(slice="")["requests"].sum() == 720


def drifted_features(monitor: hopsmon.Monitor, hours: range) -> set[str]:
    """The features that drift in windows that start in these hours, over all traffic."""
    since, until = (JULY + timedelta(hours=hour) for hour in (hours.start, hours.stop))
    return set(monitor.drift(since=since, until=until, only_drift=True, slice="")["feature"])


def test_an_accepted_change_is_no_drift_in_the_next_run(run: Run, drifting: Path) -> None:
    events = drifting.parent / "events"
    write_events(events, "warmer", 2, 200.0)
    assert run("run", drifting, "--once").exit_code == 0
    monitor = hopsmon.connect(drifting.parent / "monitoring").monitor("flights")
    assert "temp" in drifted_features(monitor, range(4))
    before = set(monitor.drift()["baseline_id"])
    made = monitor.rebaseline(4)
    assert (made.rows, len(made.windows)) == (720, 4)
    write_events(events, "same", 4, 200.0)
    write_events(events, "back", 6, 0.0)
    monitor.run(once=True)
    later = monitor.drift(since=JULY + timedelta(hours=4), slice="")
    assert set(later["baseline_id"]) == {made.id} != before
    assert "temp" in set(later[later["score"].notna()]["feature"])
    assert not drifted_features(monitor, range(4, 6))
    assert "temp" in drifted_features(monitor, range(6, 8))


def test_two_monitors_of_one_query_share_a_run(run: Run, drifting: Path) -> None:
    other = drifting.with_name("other.yaml")
    drifting.write_text(drifting.read_text() + "query: both\n")
    other.write_text(drifting.read_text().replace("name: flights", "name: others"))
    result = run("run", drifting, other, "--once")
    assert result.exit_code == 0, result.output
    assert "both: 360 messages" in result.stdout
    store = hopsmon.connect(drifting.parent / "monitoring")
    assert [len(store.monitor(name).windows(slice="")) for name in ("flights", "others")] == [2, 2]


def test_two_queries_run_side_by_side(run: Run, drifting: Path) -> None:
    other = drifting.with_name("other.yaml")
    other.write_text(drifting.read_text().replace("name: flights", "name: others"))
    result = run("run", drifting, other, "--once")
    assert result.exit_code == 0, result.output
    assert "flights: 360 messages" in result.stdout
    assert "others: 360 messages" in result.stdout


def test_sigterm_stops_between_two_batches_and_ends_with_0(run: Run, drifting: Path) -> None:
    log = drifting.parent / "monitoring" / "hopsmon_windows" / "_delta_log"

    ended = threading.Event()

    def terminate() -> None:
        while not log.is_dir():  # once it is there it runs, so it listens to signals
            if ended.wait(0.1):  # a run that failed before writes nothing
                return
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=terminate, daemon=True)
    thread.start()
    result = run("run", drifting)
    ended.set()
    thread.join()
    assert result.exit_code == 0, result.output
    assert "flights: 360 messages" in result.stdout
    assert "Stopping after this micro-batch" in result.stderr
    assert signal.getsignal(signal.SIGTERM) is before


def test_changed_windows_are_refused_with_the_way_out(run: Run, drifting: Path) -> None:
    assert run("run", drifting, "--once").exit_code == 0
    drifting.write_text(drifting.read_text().replace("size: 1h", "size: 30m"))
    result = run("run", drifting, "--once")
    assert result.exit_code == 1
    assert "window.size" in result.stderr
    assert "--reset" in result.stderr
    assert run("run", drifting, "--once", "--reset").exit_code == 0


def test_changed_thresholds_need_no_new_checkpoint(run: Run, drifting: Path) -> None:
    assert run("run", drifting, "--once").exit_code == 0
    drifting.write_text(drifting.read_text() + "techniques: [{psi: {threshold: 0.2}}]\n")
    assert run("run", drifting, "--once").exit_code == 0


def test_a_log_that_is_not_there_ends_with_2(run: Run, drifting: Path) -> None:
    drifting.write_text(drifting.read_text().replace("path: events", "path: elsewhere"))
    result = run("run", drifting, "--once")
    assert result.exit_code == 2
    assert "There is no folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_broker_that_is_not_there_ends_with_2(run: Run, drifting: Path) -> None:
    kafka = 'kafka: {bootstrap_servers: "127.0.0.1:1", topic: t}'
    drifting.write_text(drifting.read_text().replace("files: {path: events}", kafka))
    result = run("run", drifting, "--once")
    assert result.exit_code == 2, result.output
    assert "127.0.0.1:1" in result.stderr
    assert "Traceback" not in result.stderr
