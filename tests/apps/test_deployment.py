"""Monitors that run by themselves: as a job of a project, or in a thread of this process; what they say of it."""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hopsmon
from hopsmon import ConfigError
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.errors import TransientError
from hopsmon.sdk import project_operations
from hopsmon.streaming.tables import WINDOWS
from hopsmon.testing.hopsworks_server import HopsworksServer
from hopsmon.testing.hopsworks_server.runners import fails, stays
from hopsmon.wiring.deployment import DeploySettings, jobs_of
from hopsmon.wiring.homes import MONITORS
from tests.apps.conftest import Run
from tests.apps.test_cli_run import WINDOWS as HOURS
from tests.apps.test_cli_run import write_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVERY_FIVE = "0 */5 * ? * * *"
JOB = "hopsmon_flights"
EXECUTIONS = f"/project/119/jobs/{JOB}/executions"
STATUS = f"{EXECUTIONS}/1/status"
MAINTENANCE = "hopsmon_maintain"
EVENTS = "/hopsfs/Resources/events"  # what jobs see of the project
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=client_version()) as running:
        yield running


@pytest.fixture
def monitor(server: HopsworksServer, train: Path) -> hopsmon.Monitor:
    """A monitor that is saved in a project; its baseline with it."""
    builder = hopsmon.connect(server.login()).create_model_monitor("flights", model="flight_delay", model_version=1)
    return builder.with_log(files=EVENTS).with_reference_data(train, predictions=["score"]).save()


def deployed(monitor: hopsmon.Monitor, *args: Any, **settings: Any) -> Any:
    """With a zip: an environment takes the client its time."""
    return monitor.deploy(*args, install="pyfiles", **settings)


def write_window(monitor: hopsmon.Monitor, end: dt.datetime) -> None:
    row: dict[str, object] = {"monitor": "flights", "model_name": "flight_delay", "model_version": "1", "slice": ""}
    row |= {"window_start": end - HOUR, "window_end": end, "closed_at": end + HOUR / 60, "revision": 0, "status": "ok"}
    monitor._home.tables.write({WINDOWS.name: WINDOWS.table([row])}, "test", 0)


def test_what_was_deployed_and_where_to_look(
    server: HopsworksServer, monitor: hopsmon.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hopsmon")
    done = deployed(monitor, EVERY_FIVE, driver_memory=4096)
    assert (done.job, done.mode, done.schedule) == (JOB, "scheduled", EVERY_FIVE)
    lines = str(done).splitlines()
    assert repr(done) == str(done)
    assert lines[0] == f"Monitor flights is job {JOB}, which runs at {EVERY_FIVE}."
    assert f"  job {JOB}: made" in lines
    assert lines[-1] == f"  look: http://{server.host}:{server.port}/p/119/jobs/named/{JOB}"
    assert all(line.strip() in caplog.text for line in lines[1:-1])
    assert all(one.status < 400 for one in server.requests if one.method != "GET")


def test_a_continuous_job_keeps_its_mode_until_another_is_said(monitor: hopsmon.Monitor) -> None:
    first = deployed(monitor, mode="continuous")
    by_hand = "which is started by hand: monitor.start(), and then runs until it is stopped."
    assert str(first).splitlines()[0] == f"Monitor flights is job {JOB}, {by_hand}"
    again = deployed(monitor, EVERY_FIVE)
    assert str(again).splitlines()[0].endswith(f"which runs until it is stopped, kept alive at {EVERY_FIVE}.")
    assert (again.mode, deployed(monitor, mode="scheduled").mode) == ("continuous", "scheduled")


def test_how_it_stands(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    assert monitor.status().state == "not deployed"
    assert "monitor.deploy() makes its job" in str(monitor.status())
    deployed(monitor, EVERY_FIVE)
    assert monitor.status().state == "never run"
    server.job_runner = stays
    server.fire(JOB, dt.datetime.now(dt.timezone.utc))
    end = dt.datetime.now(dt.timezone.utc).replace(microsecond=0) - HOUR
    write_window(monitor, end)
    status = monitor.status()
    assert (status.state, status.job, status.mode, status.schedule) == ("running", JOB, "scheduled", EVERY_FIVE)
    assert (status.paused, status.next_run is not None) == (False, True)
    assert status.lag is not None
    assert HOUR <= status.lag < 2 * HOUR
    lines = repr(status).splitlines()
    assert lines[0] == "Monitor flights: running"
    assert any(line.startswith("  last run: 1, running, from ") for line in lines)
    assert any(line.startswith(f"  last window: until {end:%Y-%m-%d %H:%M:%S}Z, 1h") for line in lines)
    assert lines[-1].startswith("  look: http")
    server.job_runner = fails
    monitor.stop()
    monitor.start()
    assert monitor.status().state == "failed"


def test_the_runs_are_a_data_frame(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    deployed(monitor, EVERY_FIVE)
    server.fire(JOB, dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc), dt.datetime(2026, 11, 2, tzinfo=dt.timezone.utc))
    server.job_runner = fails
    monitor.start()
    runs = monitor.runs()
    assert list(runs["outcome"]) == ["failed", "succeeded"]
    assert list(runs["arguments"]) == [
        "--monitor flights --once",
        "--monitor flights --once -start_time 2026-11-01T00:00:00+00:00 -end_time 2026-11-02T00:00:00+00:00",
    ]
    assert str(runs["submitted"].dt.tz) == "UTC"


def test_a_job_that_is_started_is_made_first_and_never_waited_for(
    server: HopsworksServer, monitor: hopsmon.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.job_runner = stays  # a run that was waited for would never end
    zipped = partial(DeploySettings, install="pyfiles")
    monkeypatch.setattr(project_operations, "DeploySettings", zipped)
    told = monitor.start()
    assert f"job {JOB}: made" in told.steps
    assert told.steps[-1] == f"started job {JOB}: run 1"
    assert "runs already, since" in str(monitor.start())
    assert "schedule: 0 0 * ? * * *" in monitor.schedule("0 0 * ? * * *").steps


def test_another_schedule_changes_nothing_else(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    deployed(monitor, mode="continuous", properties={"spark.a": "1"})
    before = len(server.requests)
    assert monitor.schedule(EVERY_FIVE).steps == (f"schedule: {EVERY_FIVE}",)
    changed = [f"{one.method} {one.path}" for one in server.requests[before:] if one.method != "GET"]
    assert changed == [f"POST /project/119/jobs/{JOB}/schedule/v2"]
    with pytest.raises(ConfigError, match="it has 5 fields, not 7"):
        monitor.schedule("*/5 * * * *")


def test_stopping_a_scheduled_run_leaves_the_schedule(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    server.job_runner = stays
    deployed(monitor, EVERY_FIVE)
    assert monitor.stop().steps == ("nothing runs", f"its schedule goes on: {EVERY_FIVE}; monitor.pause() pauses it")
    monitor.start()
    assert monitor.stop().steps[0].startswith("stopping run 1, which runs since ")
    assert monitor.status().state == "stopped"
    assert not monitor.status().paused


def test_stopping_a_continuous_run_pauses_what_keeps_it_alive(
    server: HopsworksServer, monitor: hopsmon.Monitor
) -> None:
    server.job_runner = stays
    deployed(monitor, EVERY_FIVE, mode="continuous")
    monitor.start()
    assert "its schedule is paused, which would start it again" in str(monitor.stop())
    assert monitor.status().paused
    assert server.fire(JOB, dt.datetime.now(dt.timezone.utc)) is None
    assert f"it is kept alive again: {EVERY_FIVE}" in monitor.start().steps
    assert not monitor.status().paused


def test_schedules_are_paused_resumed_and_taken_away(monitor: hopsmon.Monitor) -> None:
    deployed(monitor)
    with pytest.raises(ConfigError, match=r"has no schedule: monitor.schedule\('0 \*/15"):
        monitor.pause()
    deployed(monitor, EVERY_FIVE)
    assert f"schedule {EVERY_FIVE} is paused" in str(monitor.pause())
    assert "schedule: 0 */5 * ? * * *, paused" in str(monitor.status())
    assert monitor.resume().steps == (f"schedule {EVERY_FIVE} is resumed",)
    assert monitor.schedule(None).steps == ("its schedule is taken away; monitor.start() starts it",)
    assert monitor.schedule(None).steps == ("it has no schedule",)


@pytest.mark.parametrize("ask", ["stop", "pause", "resume", "runs"])
def test_what_is_not_deployed_says_so(monitor: hopsmon.Monitor, ask: str) -> None:
    with pytest.raises(ConfigError, match=r"Monitor flights is not deployed: monitor.deploy\(\) makes its job"):
        getattr(monitor, ask)()


def test_a_job_goes_and_the_results_stay(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    server.job_runner = stays
    write_window(monitor, dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc))
    deployed(monitor, EVERY_FIVE)
    monitor.start()
    told = monitor.undeploy()
    assert told.steps[0] == "stopped run 1"
    assert monitor.status().state == "not deployed"
    assert f"DELETE /project/119/jobs/{JOB}" in [f"{one.method} {one.path}" for one in server.requests]
    assert len(monitor.windows()) == 1
    assert monitor.undeploy().steps[0] == f"there is no job {JOB}"
    assert "1 result rows deleted" in str(monitor.undeploy(keep_results=False))
    assert len(monitor.windows()) == 0
    assert monitor.store.monitor("flights").config == monitor.config


@pytest.mark.parametrize("keep_results", [True, False])
def test_nothing_starts_again_what_undeploying_has_stopped(
    server: HopsworksServer, monitor: hopsmon.Monitor, monkeypatch: pytest.MonkeyPatch, keep_results: bool
) -> None:
    class TakesItsTime:
        """Ends when it was looked at twice after it was asked to; the clock of the schedule ticks as it is asked."""

        def __init__(self, run: Any) -> None:
            self.inner = stays(run)
            self.looks: int | None = None

        def phase(self) -> Any:
            if self.looks is not None:
                self.looks += 1
            if self.looks == 2:
                self.inner.stop()
            return self.inner.phase()

        def stop(self) -> None:
            if self.looks is None:
                self.looks = 0
                ticks.append(bool(server._state.schedules))

        def end(self) -> None:
            self.inner.end()

    ticks: list[bool] = []
    monkeypatch.setattr(project_operations, "_LOOK_EVERY", 0.0)
    server.job_runner = TakesItsTime
    deployed(monitor, EVERY_FIVE, mode="continuous")
    monitor.start()
    monitor.undeploy(keep_results=keep_results)
    assert ticks == [False]  # what keeps it alive was gone before
    asked = [f"{one.method} {one.path}" for one in server.requests]
    stopped, deleted = (asked.index(one) for one in (f"PUT {STATUS}", f"DELETE /project/119/jobs/{JOB}"))
    assert f"GET {EXECUTIONS}" in asked[stopped:deleted]


def test_results_go_only_after_the_run_has_ended(
    server: HopsworksServer, monitor: hopsmon.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn:
        """Runs on, however often it is asked to stop."""

        def __init__(self, run: Any) -> None:
            self.inner = stays(run)

        def phase(self) -> Any:
            return self.inner.phase()

        def stop(self) -> None:
            pass

        def end(self) -> None:
            self.inner.end()

    monkeypatch.setattr(project_operations, "_STOPS_WITHIN", 0.0)
    server.job_runner = Stubborn
    write_window(monitor, dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc))
    deployed(monitor)
    monitor.start()
    with pytest.raises(TransientError, match="still stopping"):
        monitor.undeploy(keep_results=False)
    assert len(monitor.windows()) == 1


def test_somebody_elses_job_is_left_alone(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    deployed(monitor)
    other = monitor.store.create_monitor(monitor.config, name="a.b")
    deployed(other)
    clash = monitor.store.create_monitor(monitor.config, name="a_b")
    with pytest.raises(ConfigError, match="has a job 'hopsmon_a_b' that does not run monitor 'a_b'"):
        deployed(clash)
    with pytest.raises(ConfigError, match="does not run monitor"):
        clash.undeploy()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"mode": "always"}, "Unknown mode 'always'. Allowed: scheduled, continuous."),
        ({"install": "pyfile"}, "Did you mean 'pyfiles'?"),
        ({"memory": 1}, "Unknown resource 'memory'. Allowed: driver_cores, driver_memory, executors"),
        ({"driver_memory": "4g"}, "driver_memory must be a whole number above 0, in MB; got '4g'."),
        ({"executors": 0}, "executors must be a whole number above 0; got 0."),
    ],
)
def test_wrong_settings_are_refused(monitor: hopsmon.Monitor, settings: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        monitor.deploy(**settings)
    assert error in str(caught.value)


def test_what_only_this_machine_has_is_refused(
    server: HopsworksServer, monitor: hopsmon.Monitor, tmp_path: Path
) -> None:
    local = monitor.store.create_monitor(monitor.config, log={"files": {"path": str(tmp_path)}})
    before = len(server.requests)
    with pytest.raises(
        ConfigError, match=r"log.files.path: '.*' is a place of this machine, not below /hopsfs: upload"
    ):
        deployed(local)
    secret = {"kafka.ssl.truststore.password": f"file:{tmp_path}/password"}
    kafka = {"bootstrap_servers": "broker:9092", "topic": "log", "options": secret}
    of_a_file = monitor.store.create_monitor(monitor.config, log={"kafka": kafka})
    with pytest.raises(ConfigError) as caught:
        deployed(of_a_file)
    assert f"log.kafka.options.kafka.ssl.truststore.password: file:{tmp_path}/password is a file of this" in str(
        caught.value
    )
    assert "refer to file:/hopsfs/Resources/" in str(caught.value)
    assert not [one for one in server.requests[before:] if "/jobs" in one.path]


@pytest.mark.parametrize("folder", ["file:///var/lib/hopsmon", "/var/lib/hopsmon"])
def test_checkpoints_of_this_machine_are_refused(monitor: hopsmon.Monitor, folder: str) -> None:
    """Each run of the job would find an empty disk there, and read the whole log again, or none of it."""
    settings = monitor.config.to_mapping()["store"]["hopsworks"]
    here = monitor.store.create_monitor(monitor.config, store={"hopsworks": {**settings, "folder": folder}})
    with pytest.raises(
        ConfigError, match=f"store.hopsworks.folder: '{folder}' is .* leave it out.*HOPSMON_CHECKPOINTS"
    ):
        deployed(here)
    for shared in ("s3://bucket/hopsmon", "hdfs:///Projects/demo/Resources", "file:///hopsfs/Resources/hopsmon"):
        deployed(monitor.store.create_monitor(monitor.config, store={"hopsworks": {**settings, "folder": shared}}))


def test_monitors_of_one_query_have_one_job(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    first = monitor.store.create_monitor(monitor.config, name="first", query="both")
    second = monitor.store.create_monitor(monitor.config, name="second", query="both")
    together = "Job hopsmon_first of first runs second too, as they share the query 'both'"
    assert "the job also runs second: they share its query" in deployed(first, EVERY_FIVE).steps
    for refused in (partial(deployed, second), second.start, partial(second.schedule, EVERY_FIVE)):
        with pytest.raises(ConfigError, match=f"{together}. A second job .* give second a query of its own"):
            refused()
    assert together in str(second.status())
    assert second.undeploy().steps[0] == together
    with pytest.raises(ConfigError, match="its results would come again"):
        second.undeploy(keep_results=False)
    assert jobs_of(monitor.config).config("hopsmon_first") is not None
    assert "nothing runs second any more either: they shared its query" in first.undeploy().steps
    assert "there is no job hopsmon_second" in second.undeploy(keep_results=False).steps
    monitor.store._home.documents.write(f"{MONITORS}/newer.yaml", b"{name: newer, of_a_later_hopsmon: 1}")
    assert "the job also runs first: they share its query" in deployed(second).steps
    assert "job hopsmon_second, schedule and list of runs: gone" in second.undeploy(keep_results=False).steps
    assert "the job also runs first: they share its query" in deployed(second).steps


def test_a_job_with_a_suite_needs_its_library(monitor: hopsmon.Monitor, tmp_path: Path) -> None:
    kept = {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "temp"}, "meta": {}}
    suite = tmp_path / "suite.json"
    suite.write_text(json.dumps({"expectation_suite_name": "flights", "expectations": [kept], "meta": {}}))
    without = deployed(monitor).steps
    with_suite = deployed(monitor.store.create_monitor(monitor.config, expectations={"file": str(suite)})).steps
    assert not any("great-expectations" in step for step in without)
    assert any("it must have" in step and "great-expectations" in step for step in with_suite)


def test_variables_that_the_job_must_have_are_told(monitor: hopsmon.Monitor) -> None:
    secret = {"kafka.ssl.truststore.password": "env:TRUST", "kafka.ssl.key.password": "file:/hopsfs/Resources/key"}
    kafka = {"bootstrap_servers": "broker:9092", "topic": "log", "options": secret}
    done = deployed(monitor.store.create_monitor(monitor.config, log={"kafka": kafka}))
    assert "the job must have the environment variable TRUST, which the configuration refers to" in done.steps


def test_a_job_keeps_the_tables_of_all_monitors_in_order(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    assert "store.deploy_maintenance() merges them" in str(deployed(monitor))
    done = monitor.store.deploy_maintenance(keep="90d")
    everything = "keeps the result tables of all monitors quick and small: it runs at 0 0 3 ? * * *."
    assert str(done).splitlines()[0] == f"Job {MAINTENANCE} {everything}"
    (config,) = [one.body for one in server.requests if one.method == "PUT" and one.path.endswith(MAINTENANCE)]
    assert config["appPath"] == "hdfs:///Projects/demo/Resources/hopsmon/jobs/hopsmon_maintain.py"
    assert config["defaultArgs"] == "--store hopsworks: --keep-days 90"
    assert server.dataset("Resources/hopsmon/jobs/hopsmon_maintain.py").is_file()
    before = len(server.requests)
    assert f"job {MAINTENANCE}: is there" in monitor.store.deploy_maintenance(keep="90d").steps
    assert {one.method for one in server.requests[before:]} == {"GET"}
    assert "deploy_maintenance" not in str(deployed(monitor))


def test_a_monitors_job_is_not_taken_for_maintenance(monitor: hopsmon.Monitor) -> None:
    clash = monitor.store.create_monitor(monitor.config, name="maintain")
    with pytest.raises(ConfigError, match=f"Job '{MAINTENANCE}' is the maintenance of all monitors: give monitor main"):
        deployed(clash)
    jobs = jobs_of(monitor.config)
    jobs.put(MAINTENANCE, {**jobs.defaults(), "appPath": "hdfs:///Projects/demo/Resources/mine.py"})
    with pytest.raises(ConfigError, match="that is not hopsmon's"):
        monitor.store.deploy_maintenance()


def test_without_the_results_the_rest_is_told(server: HopsworksServer, monitor: hopsmon.Monitor) -> None:
    deployed(monitor)
    write_window(monitor, dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc))
    (table,) = server.folder.rglob("hopsmon_windows_1")
    for part in table.rglob("*.parquet"):
        part.unlink()
    status = monitor.status()
    assert status.state == "never run"
    assert "results: Feature group 'hopsmon_windows'" in status.note


@pytest.fixture
def local(monitor_file: Path) -> hopsmon.Monitor:
    monitor_file.write_text(monitor_file.read_text() + HOURS + "techniques: [psi]\n")
    write_events(monitor_file.parent / "events", "warm", 0, 200.0)
    return hopsmon.connect(monitor_file.parent / "monitoring").create_monitor(monitor_file)


@pytest.mark.parametrize(
    ("asked", "given", "cron"),
    [
        ("deploy", (), "*/15 * * * *"),
        ("deploy", ("0 30 6 ? * MON *",), "30 6 * * MON"),
        ("schedule", ("0 6 * * *",), "0 6 * * *"),
        ("pause", (), "*/15 * * * *"),
        ("resume", (), "*/15 * * * *"),
        ("runs", (), "*/15 * * * *"),
        ("undeploy", (), "*/15 * * * *"),
    ],
)
def test_in_a_folder_cron_does_it(local: hopsmon.Monitor, asked: str, given: tuple[str, ...], cron: str) -> None:
    with pytest.raises(ConfigError, match="is a folder, and nobody runs jobs there") as caught:
        getattr(local, asked)(*given)
    file = Path(local.store.place, "_monitors", "flights.yaml")
    assert f"\n  {cron} hopsmon run {file} --once\n" in str(caught.value)
    assert file.is_file()


def test_in_a_folder_it_runs_beside_the_notebook(spark: SparkSession, local: hopsmon.Monitor) -> None:
    assert local.status().state == "not running in this process"
    assert local.status().note == "no window yet"
    assert local.stop().steps == ("does not run in this process",)
    assert "runs in this process until monitor.stop()" in str(local.start())
    again = hopsmon.connect(local.store.place).monitor("flights")  # another object, the same monitor
    assert again.start().steps == ("runs already, in this process",)
    written = threading.Event()
    while not written.wait(0.2):
        if len(local.results("windows").read()):
            written.set()
        assert again.status().state == "running in this process", again.status()
    assert again.stop().steps[0].startswith("stopped: batches=")
    status = local.status()
    assert status.state == "not running in this process"
    assert status.results is not None


def test_in_a_folder_a_run_that_fails_says_so(local: hopsmon.Monitor) -> None:
    broken = local.store.create_monitor(local.config, log={"files": {"path": "/nowhere"}})
    broken.start()
    for thread in threading.enumerate():
        if thread.name == "hopsmon flights":
            thread.join()
    assert "failed: There is no folder /nowhere" in broken.status().note


def test_in_a_folder_a_run_that_ends_by_a_defect_says_so(
    local: hopsmon.Monitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def defect(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("of what")

    monkeypatch.setattr(hopsmon.Monitor, "run", defect)
    local.start()
    for thread in threading.enumerate():
        if thread.name == "hopsmon flights":
            thread.join()
    assert local.status().note.endswith("failed by a defect: ZeroDivisionError: of what")
    assert "Traceback" in caplog.text


def test_in_a_folder_cron_maintains(local: hopsmon.Monitor) -> None:
    with pytest.raises(ConfigError, match=r"\n  0 3 \* \* \* hopsmon optimize --store /"):
        local.store.deploy_maintenance()


def test_a_result_table_is_read_as_hopsworks_users_do(run: Run, store_folder: Path, train: Path) -> None:
    builder = hopsmon.connect(store_folder).create_model_monitor("flights", model="flight_delay")
    monitor = builder.with_log(files="events").with_reference_data(train).save()
    assert monitor.results().read().equals(monitor.drift())
    assert len(monitor.results("drift").read(only_drift=True)) == 4


IN_A_PROJECT = """
name: flights
model: {name: flight_delay, version: 1}
log: {files: {path: /hopsfs/Resources/events}}
baseline: {data: {path: train.parquet, predictions: [score], exclude: [label]}}
store: {hopsworks: {}}
"""


@pytest.fixture
def project_file(server: HopsworksServer, monitor_file: Path) -> Path:
    server.login()
    monitor_file.write_text(IN_A_PROJECT)
    return monitor_file


def test_the_command_line_deploys_asks_and_undeploys(server: HopsworksServer, run: Run, project_file: Path) -> None:
    server.job_runner = stays
    resources = ("--driver-memory", "4096", "--property", "spark.ui.enabled=false")
    result = run("deploy", project_file, "--schedule", EVERY_FIVE, "--install", "pyfiles", *resources, "--start")
    assert result.exit_code == 0, result.output
    assert f"Monitor flights is job {JOB}, which runs at {EVERY_FIVE}." in result.stdout
    assert f"started job {JOB}: run 1" in result.stdout
    (config,) = [one.body for one in server.requests if (one.method, one.path) == ("PUT", f"/project/119/jobs/{JOB}")]
    assert config["spark.driver.memory"] == 4096
    assert config["properties"].endswith("spark.ui.enabled=false")
    result = run("status", project_file)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Monitor flights: running\n")
    result = run("deploy-maintenance", "--store", "hopsworks:demo")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"Job {MAINTENANCE} keeps")
    result = run("undeploy", project_file)
    assert result.exit_code == 0, result.output
    assert "stopped run 1" in result.stdout
    assert run("status", project_file).stdout.startswith("Monitor flights: not deployed\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--mode", "always"), "Unknown mode 'always'. Allowed: scheduled, continuous."),
        (("--schedule", "*/5 * * * *"), "here it is '0 */5 * ? * * *'"),
        (("--property", "x"), "--property x: expected NAME=VALUE"),
    ],
)
def test_wrong_words_end_with_1(run: Run, project_file: Path, words: tuple[str, ...], said: str) -> None:
    result = run("deploy", project_file, *words)
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_folders_monitor_is_not_deployed(run: Run, monitor_file: Path) -> None:
    result = run("deploy", monitor_file, "--schedule", "0 0 6 ? * * *")
    assert result.exit_code == 1
    assert "0 6 * * * hopsmon run " in result.stderr
    assert "no window yet" in run("status", monitor_file).stdout
