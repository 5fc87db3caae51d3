"""kill -9 of a job while a micro-batch's feature groups are written: in the end the rows of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hopsmon
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.streaming.tables import STATES, TABLES
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.credit_monitor import configuration, results, write_log
from tests.support.traffic import Traffic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[2]
SEED = 20210207  # the day of the FOSDEM talk
TRAFFIC = Traffic(requests=440, every=timedelta(milliseconds=600), jitter=20.0, shift=9.0, shift_from=250)
PATIENCE = 600  # seconds


def start(server: HopsworksServer, log: Path) -> subprocess.Popen[bytes]:
    """The job, in a process group of its own, as the cluster would start it again."""
    command = [sys.executable, "-m", "tests.support.credit_monitor", "credit"]
    with log.open("ab") as out:
        environment = {**os.environ, **server.environment}
        return subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, cwd=ROOT, env=environment)


def commits(server: HopsworksServer) -> int:
    return sum(one.method == "POST" and one.path.endswith("/commits") for one in server.requests)


def kill(process: subprocess.Popen[bytes], server: HopsworksServer, goal: int, wait: float, log: Path) -> None:
    """Kill the driver and its Java some seconds after the server knows of so many commits."""
    deadline = time.monotonic() + PATIENCE
    while commits(server) < goal:
        assert process.poll() is None, f"ended before it was killed: {log.read_text(errors='replace')[-3000:]}"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_jobs_give_the_rows_of_an_undisturbed_one(spark: SparkSession, tmp_path: Path) -> None:
    write_log(tmp_path / "log", TRAFFIC, files=2)
    calm = hopsmon.connect(tmp_path / "store")
    calm.create_monitor(configuration(tmp_path)).run(once=True, spark=spark)
    expected = results(calm._home.tables)

    log, rng = tmp_path / "job.log", random.Random(SEED)
    with HopsworksServer(tmp_path / "hopsworks", version=client_version()) as server:
        project = hopsmon.connect(server.login("python"))
        place = {"hopsworks": {"folder": (tmp_path / "checkpoints").as_uri()}}
        project.create_monitor(configuration(tmp_path, store=place))

        # Between the first two tables of the first micro-batch; then, in the next run, somewhere in the second.
        for told, wait in ((1, 0.0), (len(TABLES) + rng.randint(1, len(TABLES) - 1), rng.uniform(0.0, 1.0))):
            goal = commits(server) + told
            kill(start(server, log), server, goal, wait, log)

        process = start(server, log)
        assert process.wait(PATIENCE) == 0, log.read_text(errors="replace")[-3000:]
        found = results(project._home.tables)
    assert newest(found.pop(STATES.name)) == newest(expected.pop(STATES.name))
    for name, rows in expected.items():
        assert found[name] == rows, name


def newest(states: dict[tuple[Any, ...], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The state each series goes on from. Which of two slots that is depends on the number of micro-batches."""
    found = {}
    for row in sorted(states.values(), key=lambda row: row["window_end"]):
        found[row["slice"], row["technique"]] = {name: value for name, value in row.items() if name != "slot"}
    return found
