"""A deployment watched from its name to its alerts and its job: client, broker, Spark and Delta are real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

import hopsmon
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.sdk import Monitor
from hopsmon.testing.hopsworks_server import HopsworksServer
from hopsmon.testing.hopsworks_server.runners import stays
from tests.support import hopsworks_flights as flights

DAYS = ("2013-04-15", "2013-04-20")  # the first warm ones
EVERY_TEN_MINUTES = "0 */10 * ? * * *"


@dataclass(frozen=True)
class Watched:
    server: HopsworksServer
    project: Any
    monitor: Monitor
    records: int


@pytest.fixture(scope="module", params=["outside", "inside"])
def watched(
    request: pytest.FixtureRequest, spark: SparkSession, kafka: LocalBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """The flights' deployment, watched once over some days of its log; with either way to log in."""
    outside = request.param == "outside"
    folder, topic = tmp_path_factory.mktemp(request.param), f"flightdelay-inference-{request.param}"
    kafka.create_topic(topic, 1)
    # Of drift long ago nobody is told; and yesterday's window is open until its watermark has passed, at 01:00.
    yesterday = pd.Timestamp.now("UTC").normalize() - pd.Timedelta(days=1)
    log = flights.Log(DAYS, moved=(yesterday - pd.Timestamp(DAYS[1], tz="UTC")).to_pytimedelta())
    records = log.publish(kafka.bootstrap_servers, topic)
    with (
        HopsworksServer(folder, tls=outside, kafka=kafka.bootstrap_servers, version=client_version()) as server,
        pytest.MonkeyPatch.context() as environment,
    ):
        flights.seed(server, topic)
        environment.setenv("HOPSMON_CHECKPOINTS", (folder / "checkpoints").as_uri())  # of this machine, not of the job
        project = server.login(engine="spark-delta" if outside else "spark")
        monitor = (
            hopsmon.connect(project)
            .create_model_monitor("flight_delay", deployment=flights.DEPLOYMENT)
            .with_reference_training_dataset()
            .with_detection_window("1d", watermark="1h")
            .with_predictions(*flights.PREDICTION_TYPES)
            .with_alerts(receiver=flights.RECEIVER, max_age="30d")
            .save()
        )
        monitor.run(once=True, spark=spark)
        yield Watched(server, project, monitor, records)


def test_every_record_is_in_a_window(watched: Watched) -> None:
    windows = watched.monitor.windows(slice="")
    told = windows[["requests", "responses", "rejected", "late"]].sum()
    expected = flights.Log(DAYS).flights
    assert (told["requests"], told["responses"]) == (watched.records / 2, watched.records / 2)
    assert windows["instances"].sum() == windows["predictions"].sum() == len(expected)
    assert (told["rejected"], told["late"], len(watched.monitor.rejects())) == (0, 0, 0)


def test_april_is_warmer_than_the_training(watched: Watched) -> None:
    drifted = watched.monitor.drift(only_drift=True, slice="")
    assert {"temp", "dewp"} <= set(drifted["feature"])
    assert set(drifted["baseline_id"]) == {watched.monitor.drift()["baseline_id"].iloc[0]}


def test_results_are_feature_groups_that_the_client_reads(watched: Watched) -> None:
    store = watched.project.get_feature_store()
    group = store.get_feature_group("hopsmon_drift", 1)
    assert {"monitor", "feature", "technique"} <= set(group.primary_key)
    assert (group.event_time, group.time_travel_format) == ("window_end", "DELTA")
    assert all(column.description for column in group.columns)
    if watched.server.tls:  # inside, the client reads by Hive
        read = group.read()
        assert read.count() == len(watched.monitor.drift())


def test_drift_has_fired_the_projects_alert(watched: Watched) -> None:
    alerts = watched.monitor.alerts()
    assert "firing" in set(alerts["state"])
    sent = [one for one in watched.server.requests if (one.method, one.path.rpartition("/")[2]) == ("POST", "alerts")]
    assert sent
    assert "temp" in json.dumps(sent[0].body)


def test_the_monitor_becomes_a_job(watched: Watched) -> None:
    monitor, jobs = watched.monitor, watched.project.get_job_api()
    deployed = monitor.deploy(schedule=EVERY_TEN_MINUTES)
    (name,) = [job.name for job in jobs.get_jobs() if "flight_delay" in job.name]
    assert name in str(deployed)
    job = jobs.get_job(name)
    assert job.job_schedule.cron_expression == EVERY_TEN_MINUTES
    monitor.pause()
    assert not jobs.get_job(name).job_schedule.enabled
    monitor.resume()
    assert jobs.get_job(name).job_schedule.enabled
    watched.server.job_runner = stays
    monitor.start()
    assert monitor.status().state == "running"
    assert monitor.stop().steps[0].startswith("stopping run 1, ")
    assert monitor.status().state == "stopped"
    monitor.undeploy()
    assert jobs.get_job(name) is None
    assert len(monitor.windows()) > 0


def test_a_second_run_finds_nothing_new(watched: Watched, spark: SparkSession) -> None:
    before = watched.monitor.drift()
    report = watched.monitor.run(once=True, spark=spark)
    assert report.rows == 0
    assert len(watched.monitor.drift()) == len(before)
