"""Result tables by the client's Spark engine, as in a job: beside the Python engine, and in an outage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from hopsmon.adapters.hopsworks.connection import connect
from hopsmon.adapters.hopsworks.home import ProjectHome
from hopsmon.adapters.hopsworks.result_rows import Writer
from hopsmon.adapters.hopsworks.result_schema import schema_of
from hopsmon.adapters.hopsworks.spark_tables import SparkTables
from hopsmon.adapters.hopsworks.store import ProjectStore
from hopsmon.config import HopsworksStoreConfig
from hopsmon.errors import TransientError
from hopsmon.streaming.tables import OUTLIERS, WINDOWS
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.result_rows import days, late_only, outlier, put_outliers, put_windows, scores, window

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from hopsmon.testing.hopsworks_server.client import Engine


@pytest.fixture
def elsewhere(spark: SparkSession) -> Iterator[None]:
    """A user in New York, whose session says so."""
    yield
    spark.conf.set("spark.sql.session.timeZone", "UTC")


def store_by(server: HopsworksServer, engine: Engine) -> ProjectStore:
    return ProjectHome(connect(server.login(engine)), HopsworksStoreConfig()).tables


@pytest.mark.usefixtures("elsewhere")
def test_engines_take_turns_in_any_time_zone(server: HopsworksServer, spark: SparkSession) -> None:
    """A monitor begins in a notebook, goes on as a job, and is looked at in the notebook; a micro-batch in each."""
    put_windows(store_by(server, "python"), [window(1), window(2)], 0)
    by_spark = store_by(server, "spark")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    put_windows(by_spark, [window(2), late_only(1, 2)], 1)
    put_windows(by_spark, [window(3)], 2)
    expected = {1: (5, 2, 1, "ok"), 2: (5, 0, 0, "ok"), 3: (5, 0, 0, "ok")}
    assert days(by_spark) == expected
    by_python = store_by(server, "python")
    put_windows(by_python, [window(3)], 2)
    put_windows(by_python, [late_only(3, 1)], 3)
    assert days(by_python) == {**expected, 3: (5, 1, 1, "ok")}


def test_a_commit_that_was_not_told_is_told_when_hopsworks_is_back(
    server: HopsworksServer, spark: SparkSession
) -> None:
    """Delta has it: nothing is written again, and the very commit is registered."""
    store = store_by(server, "spark")
    put_outliers(store, [outlier(1)], 0)
    server.go_away()
    for _ in range(2):
        with pytest.raises(TransientError, match="does not answer"):
            put_outliers(store, [outlier(2), outlier(3)], 1)
    server.come_back()
    version = store.tables()[OUTLIERS.name].version
    put_outliers(store, [outlier(2), outlier(3)], 1)
    assert scores(store) == [(1, 1.0), (2, 1.0), (3, 1.0)]
    assert store.tables()[OUTLIERS.name].version == version
    commits = [one.body for one in server.requests if one.path.endswith("/commits") and one.status == 200]
    assert [int(commit["rowsInserted"]) for commit in commits] == [1, 2]


def test_of_two_drivers_that_append_the_same_micro_batch_one_does(server: HopsworksServer, spark: SparkSession) -> None:
    """One was taken for dead; both have seen that the rows are not there yet."""
    store = store_by(server, "spark")
    put_outliers(store, [outlier(1)], 0)
    group = server.login("spark").get_feature_store().get_feature_group(OUTLIERS.name, 1)
    rows = pa.Table.from_pylist([outlier(2)], schema_of(OUTLIERS))
    for _ in range(2):
        SparkTables().write(group, rows, Writer("app", 1), replacing=False)
    assert len(scores(store)) == 2
    assert WINDOWS.name not in store.tables()
