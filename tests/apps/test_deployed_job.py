"""A deployed job as the cluster runs it: the scheduler starts the uploaded script with the uploaded package."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import hopsmon
from hopsmon.adapters.hopsworks.deploying import PROPERTIES
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.streaming.jvm import jars_for, use_java
from hopsmon.testing.hopsworks_server import HopsworksServer
from hopsmon.testing.hopsworks_server.runners import RunsScript
from hopsmon.wiring import deployable
from tests.apps.test_cli_run import write_events
from tests.conftest import delta

JOB = "hopsmon_flights"
JULY = dt.datetime(2013, 7, 4, tzinfo=dt.timezone.utc)
_PATIENCE = 600


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    """Its jobs are processes that see what a job of the image sees: Delta's jars, and a catalogue of their own."""
    folder = tmp_path_factory.mktemp("hopsworks")
    settings = {
        **PROPERTIES,  # what the job's configuration has; its runner here does not hand it on
        "spark.ui.showConsoleProgress": "false",
        "spark.jars": ",".join(jar.as_uri() for jar in jars_for([delta()])),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": (folder / "catalogue").as_uri(),
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:catalogue;create=true",
        "spark.ui.enabled": "false",
    }
    use_java()
    with HopsworksServer(folder, version=client_version()) as running:
        submit = " ".join(f"--conf {name}={value}" for name, value in settings.items())
        environment = {
            "PYSPARK_SUBMIT_ARGS": f"--master local[2] {submit} pyspark-shell",
            "PYSPARK_PYTHON": sys.executable,
        }
        running.job_runner = RunsScript({**running.environment, **environment})
        yield running


def test_the_scheduler_runs_what_was_deployed(
    server: HopsworksServer, train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # not the checkout, where Python would find hopsmon by itself
    monkeypatch.setattr(deployable, "MOUNTS", (str(tmp_path),))  # the cluster is this machine
    events = tmp_path / "events"
    events.mkdir()
    write_events(events, "warm", 0, 200.0)
    monitor = (
        hopsmon.connect(server.login("python"))
        .create_model_monitor("flights", model="flight_delay", model_version=1)
        .with_log(files=events)
        .with_reference_data(train, predictions=["score"], exclude=["label"])
        .with_detection_window("1h", watermark="0s")
        .compare_on_distribution("PSI", threshold=0.2)
        .compare_on("mean", threshold=0.3, relative=True, feature_name="temp")
        .with_settings(store={"hopsworks": {"folder": (tmp_path / "checkpoints").as_uri()}})
        .save()
    )
    monitor.deploy("0 */15 * ? * * *", install="pyfiles")
    server.fire(JOB, JULY, JULY + dt.timedelta(minutes=15))
    out = finished(server, monitor)
    assert monitor.status().state == "succeeded", out
    assert ".zip/hopsmon/__init__.py" in out
    assert "hopsmon.run: batch=0 rows=360" in out
    assert monitor.windows()["requests"].sum() == 360
    drifted = monitor.drift(only_drift=True)
    assert set(drifted["technique"]) == {"psi", "mean_change"}
    assert set(drifted["feature"]) == {"temp"}


def finished(server: HopsworksServer, monitor: hopsmon.Monitor) -> str:
    """What the newest run said, when it has ended."""
    deadline = time.monotonic() + _PATIENCE
    while monitor.status().state == "running" and time.monotonic() < deadline:
        time.sleep(1)
    number = monitor.runs()["id"].max()
    logs = server.dataset(f"Logs/Spark/{JOB}/{number}")
    return "\n".join((logs / name).read_text() for name in ("stdout.log", "stderr.log"))
