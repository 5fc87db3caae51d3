"""The same monitor in a folder and in a project: identical findings, byte for byte, and all else that is written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

import hopsmon
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.credit_monitor import SEQUENCES, configuration, results, write_log
from tests.support.traffic import Traffic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TRAFFIC = Traffic(requests=880, every=timedelta(milliseconds=600), jitter=20.0, shift=9.0, shift_from=500)


@pytest.mark.parametrize("engine", ["python", "spark-delta"])
def test_a_monitor_finds_the_same_in_every_home(
    engine: Literal["python", "spark-delta"], spark: SparkSession, tmp_path: Path
) -> None:
    write_log(tmp_path / "log", TRAFFIC)
    local = hopsmon.connect(tmp_path / "store")
    local.create_monitor(configuration(tmp_path)).run(once=True, spark=spark)
    expected = results(local._home.tables)

    with HopsworksServer(tmp_path / "hopsworks", tls=engine == "spark-delta", version=client_version()) as server:
        project = hopsmon.connect(server.login(engine))
        place = {"hopsworks": {"folder": (tmp_path / "checkpoints").as_uri()}}
        project.create_monitor(configuration(tmp_path, store=place)).run(once=True, spark=spark)
        found = results(project._home.tables)

    for name, rows in expected.items():
        assert found[name] == rows, name
    assert_it_was_worth_comparing(expected)


def assert_it_was_worth_comparing(expected: dict) -> None:
    assert all(expected.values()), [name for name, rows in expected.items() if not rows]
    verdicts = expected["hopsmon_drift"].values()
    assert {"ks", *SEQUENCES} <= {row["technique"] for row in verdicts if row["is_drift"]}
    windows = expected["hopsmon_windows"].values()
    assert sum(row["late"] for row in windows) > 0
    assert max(row["revision"] for row in windows) > 0
