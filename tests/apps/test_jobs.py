"""The jobs as the scheduler starts them: programs with odd arguments, an exit code, and a log of what they did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hopsmon
from hopsmon.adapters.hopsworks.scripts import JOBS, script, script_name
from hopsmon.errors import ConfigError, UnknownNameError
from hopsmon.jobs import backfill, baseline, maintain, stream
from hopsmon.jobs.baseline import source_of
from hopsmon.streaming.jvm import spark_home, use_java
from tests.apps.conftest import JULY
from tests.apps.test_cli_run import WINDOWS, write_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDER = Path(__file__).parents[2] / "jobs"
APPENDED = (
    "-start_time",
    "2013-07-04T00:00:00+00:00",
    "-end_time",
    "2013-07-04T01:00:00+00:00",
    "--unknown",
    "1",
    "-hops_run",
    "7",
)
_PATIENCE = 120


@pytest.fixture
def monitor(monitor_file: Path) -> hopsmon.Monitor:
    """A saved monitor with two hours of a log that is far warmer than the reference."""
    monitor_file.write_text(monitor_file.read_text() + WINDOWS + "techniques: [psi, mean_shift, range]\n")
    write_events(monitor_file.parent / "events", "warm", 0, 200.0)
    return hopsmon.connect(monitor_file.parent / "monitoring").create_monitor(monitor_file)


def place(monitor: hopsmon.Monitor) -> tuple[str, ...]:
    return ("--store", monitor.store.place, "--monitor", monitor.name)


def program(job: str, *arguments: str, before: tuple[str, ...] = (sys.executable,)) -> subprocess.Popen[str]:
    """A job's file as a process of its own, outside of the checkout."""
    command = [*before, str(FOLDER / script_name(job)), *arguments]
    use_java()
    settings = {**os.environ, "SPARK_HOME": str(spark_home()), "PYSPARK_PYTHON": sys.executable}  # of spark-submit
    out = subprocess.PIPE
    return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True, cwd="/", env=settings)


@pytest.mark.parametrize("job", JOBS)
def test_the_scripts_are_what_is_deployed_and_short(job: str) -> None:
    text = (FOLDER / script_name(job)).read_text("utf-8")
    assert text == script(job)
    assert len(text.splitlines()) <= 30


def test_an_unknown_job_names_the_known() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'stream'"):
        script("streams")


def test_a_scheduled_run_reads_what_is_new_and_minds_no_odd_arguments(monitor: hopsmon.Monitor) -> None:
    process = program("stream", *place(monitor), "--once", *APPENDED)
    out, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0, out
    assert "WARNING hopsmon.jobs: unknown arguments, left out: --unknown 1 -hops_run 7" in out
    batches = [line for line in out.splitlines() if " hopsmon.run: batch=" in line]
    assert len(batches) >= 2  # what is there, and what its end closes
    assert "rows=360" in batches[0]
    assert "py4j" not in out
    assert "the checkpoint knows what is new" in out
    assert monitor.windows(slice="")["requests"].sum() == 360


def test_a_submitted_job_runs_in_the_clusters_session_until_sigterm(monitor: hopsmon.Monitor, tmp_path: Path) -> None:
    """Through spark-submit, as on a cluster: Java starts Python, and the settings are not ours."""
    submit = Path(sys.executable).with_name("spark-submit")
    master = ("--master", "local[2]", "--conf", "spark.ui.enabled=false", "--conf", f"spark.local.dir={tmp_path}")
    out = ""
    with program("stream", *place(monitor), before=(str(submit), *master)) as process:
        for line in process.stdout or ():
            out += line
            if "hopsmon.run: batch=0" in line:  # Java would take Python down with it, between any two lines
                os.kill(int(out.partition(", process ")[2].split()[0]), signal.SIGTERM)
    assert process.returncode == 0, out
    assert "with the cluster's settings" in out
    assert "Python workers start cold" in out  # the cluster's session has no warm daemon: said, and no hindrance
    assert "Stopping after this micro-batch" in out
    assert "done: batches=" in out
    assert "rows=360" in out


def test_a_submitted_job_of_an_old_cluster_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it looks for anything else, as what it would find is of no use."""
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    monkeypatch.setattr("pyspark.__version__", "3.4.2")
    assert stream.main(["--store", "/nowhere", "--monitor", "flights"]) == 1
    assert "ERROR hopsmon.jobs: hopsmon needs Spark 3.5 or 4.1; this is 3.4.2." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--monitor", "flihgts"), 1, "Unknown monitor 'flihgts'. Known: flights."),
        (("--monitor", "flights"), 2, "There is no folder"),
    ],
)
def test_failures_end_with_an_exit_code_and_one_line(
    monitor: hopsmon.Monitor, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    monitor.store.create_monitor(monitor.config, log={"files": {"path": "/nowhere"}})
    assert stream.main(["--store", monitor.store.place, "--once", *arguments]) == code
    out = capsys.readouterr().out
    assert said in out
    assert "Traceback" not in out


def test_a_job_that_fails_is_a_failed_process(monitor: hopsmon.Monitor) -> None:
    process = program("stream", "--store", monitor.store.place, "--monitor", "nobody", "--once")
    out, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 1
    assert "ERROR hopsmon.jobs: Unknown monitor 'nobody'" in out


def test_a_monitor_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        stream.main(["--once"])
    assert end.value.code == 2
    assert "--monitor" in capsys.readouterr().err


def test_a_past_span_is_judged_again(
    spark: SparkSession, monitor: hopsmon.Monitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor.run(once=True)
    before = monitor.drift(slice="")
    monitor.store.create_monitor(monitor.config, techniques=[{"psi": {"threshold": 50.0}}])
    at = [(JULY + timedelta(hours=hours)).isoformat() for hours in (0, 1)]
    assert backfill.main([*place(monitor), "-start_time", at[0], "-end_time", at[1], "--unknown", "1"]) == 0
    after = monitor.drift(slice="")
    again, rest = (after[after["window_start"].eq(JULY) == first] for first in (True, False))
    assert set(again["technique"]) == {"psi"}
    assert set(again["threshold"].dropna()) == {50.0}
    assert not again["is_drift"].any()
    assert rest.reset_index(drop=True).equals(before[before["window_start"] > JULY].reset_index(drop=True))
    assert "windows written" in capsys.readouterr().out
    monkeypatch.setenv("HOPS_START_TIME", at[1])  # as job.run(start_time=…) sets it
    assert backfill.main([*place(monitor)]) == 0
    assert set(monitor.drift(slice="")["threshold"].dropna()) == {50.0}
    assert len(monitor.windows(slice="")) == 2
    assert not list(Path(monitor.store.place, "_checkpoints").glob("*backfill*"))


def test_only_what_the_span_needs_is_read(spark: SparkSession, monitor_file: Path) -> None:
    monitor_file.write_text(
        monitor_file.read_text().replace("path: events", "path: events, max_files_per_trigger: 1")
        + WINDOWS
        + "techniques: [psi]\n"
    )
    events = monitor_file.parent / "events"
    for hour in range(0, 12, 2):  # each file has two hours, and arrives at their end
        write_events(events, f"{hour:02}", hour, 200.0)
        arrived = (JULY + timedelta(hours=hour + 2)).timestamp()
        os.utime(events / f"{hour:02}.jsonl", (arrived, arrived))
    monitor = hopsmon.connect(monitor_file.parent / "monitoring").create_monitor(monitor_file)
    monitor.run(once=True)
    before = monitor.windows(slice="")
    done = monitor.backfill(JULY + timedelta(hours=4), JULY + timedelta(hours=6))
    assert (done.complete, done.windows) == (True, 8)  # two hours, of all traffic and of three airports
    assert 0 < done.report.rows <= 3 * 360  # not the two files before it, and only the first that tells it is over
    after = monitor.windows(slice="")
    again = after["window_start"].between(JULY + timedelta(hours=4), JULY + timedelta(hours=5))
    assert (after["closed_at"] > before["closed_at"]).equals(again)
    unchanged = ["window_start", "requests", "instances", "late", "status", "revision"]
    assert after[unchanged].equals(before[unchanged])


def test_a_backfill_that_is_stopped_says_so(spark: SparkSession, monitor: hopsmon.Monitor) -> None:
    stop = threading.Event()
    stop.set()
    assert not monitor.backfill(JULY, stop=stop).complete


def test_a_span_must_have_a_start(monitor: hopsmon.Monitor, capsys: pytest.CaptureFixture[str]) -> None:
    assert backfill.main([*place(monitor)]) == 1
    assert "Say where the span starts" in capsys.readouterr().out
    assert backfill.main([*place(monitor), "--since", "2013-07-04", "--until", "2013-07-04"]) == 1
    assert "an end after its start" in capsys.readouterr().out


def test_a_baseline_is_built_anew_and_compared_with(
    monitor: hopsmon.Monitor, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert baseline.main([*place(monitor)]) == 0
    first = monitor.store.monitor("flights").config.baseline.saved
    assert first is not None
    assert f"done: Baseline({first}, 100 rows" in capsys.readouterr().out
    assert baseline.main([*place(monitor)]) == 1  # what it was built from is no longer in the configuration
    assert "say what to build a new one from" in capsys.readouterr().out
    pairs = [f"data.path={train}", "data.predictions=[score]", "data.exclude=[label, seats]"]
    assert baseline.main([*place(monitor), *(word for pair in pairs for word in ("--source", pair))]) == 0
    now = monitor.store.monitor("flights")
    assert [entry.current for entry in now.baselines()] == [False, True]


def test_pairs_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected KEY=VALUE"):
        source_of(["feature_group"])


def test_old_rows_go_and_files_are_merged(store_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = hopsmon.connect(store_folder)
    count = store.read("drift").num_rows
    assert maintain.main(["--store", str(store_folder), "--keep-days", "36500", "--unknown", "1"]) == 0
    assert store.read("drift").num_rows == count
    assert maintain.main(["--store", str(store_folder), "--keep-days", "30", "--retention-hours", "0"]) == 0
    out = capsys.readouterr().out
    assert f"hopsmon_drift: {count:,} rows deleted" in out
    assert "files removed" in out
    assert "files deleted" in out
    assert store.read("drift").num_rows == 0
    assert not list((store_folder / "hopsmon_drift").rglob("*.parquet"))


def test_only_one_monitors_rows_go_and_it_must_be_one(store_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--store", str(store_folder), "--keep-days", "30", "--monitor", "flihgts"]
    assert maintain.main(arguments) == 1
    assert "Unknown monitor 'flihgts'" in capsys.readouterr().out
    assert hopsmon.connect(store_folder).prune("30d", "nobody")["hopsmon_drift"] == 0
