"""Baselines from scans of the data itself: by Spark through the real client, and through Arrow without Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from hopsmon.adapters.hopsworks.baselines import baseline_of
from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.hopsworks.references import Columns, FeatureGroupRef, Scan, TrainingDatasetRef
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.schema import ModelRef
from hopsmon.core.season import Season
from hopsmon.errors import ConfigError, OutsideError
from hopsmon.testing.hopsworks_server import HopsworksServer

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

MODEL = ModelRef("flight_delay", 3)
COLUMNS = {
    "flight_id": "bigint",
    "departs": "timestamp",
    "distance": "double",
    "fare": "decimal(8,2)",
    "carrier": "string",
    "late": "boolean",
}
HOURS = Scan(window=dt.timedelta(hours=2))
# The client warns of what is none of ours: no query service, versions it counts up.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Client initialisation failed",
    "ignore:Incremented version",
    "ignore:is_datetime64tz_dtype",
)


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    import pandas as pd

    draw = np.random.default_rng(3)
    rows = 600
    return pd.DataFrame(
        {
            "flight_id": np.arange(rows),
            "departs": pd.date_range("2026-01-01", periods=rows, freq="10min", unit="us"),
            "distance": draw.normal(1000, 200, rows).round(),
            "carrier": draw.choice(["UA", "AA", "DL"], rows),
            "late": draw.random(rows) < 0.2,
        }
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    """Seen from outside: only so the client's Spark engine reads without a Hive metastore."""
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), tls=True, version=client_version()) as running:
        yield running


@pytest.fixture(scope="module")
def by_spark(server: HopsworksServer, spark: SparkSession) -> Connection:
    return connect(server.login("spark-delta"))


@pytest.fixture(scope="module")
def commits(server: HopsworksServer, by_spark: Connection, flights: pd.DataFrame) -> list[int]:
    """The flights in a feature group with a feature view, by two commits; when they were made."""
    from deltalake import DeltaTable, write_deltalake

    number = server.seed.feature_group("flights", COLUMNS, primary_key=["flight_id"], event_time="departs")
    server.seed.feature_view("flights_fv", number, labels=["late"])
    location = by_spark.feature_store.get_feature_group("flights", 1).location
    table = pa.Table.from_pandas(flights, preserve_index=False)
    fares = pc.divide(table["distance"], 10).cast(pa.decimal128(8, 2))
    table = table.append_column("fare", fares).set_column(
        1, "departs", table["departs"].cast(pa.timestamp("us", "UTC"))
    )
    for part in (table.slice(0, 400), table.slice(400)):
        write_deltalake(location, part.select(list(COLUMNS)), mode="append")
    times = sorted(int(one["timestamp"]) for one in DeltaTable(location).history())
    for time in times:
        server.seed.commit(number, time)
    return times


def moment(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.timezone.utc)


def names(baseline: Baseline) -> tuple[list[str], list[str]]:
    return [one.name for one in baseline.schema.features], [one.name for one in baseline.schema.predictions]


def test_a_feature_group(by_spark: Connection, commits: list[int]) -> None:
    scan = Scan(window=dt.timedelta(hours=2), slices=("carrier",))
    baseline = baseline_of(by_spark, FeatureGroupRef("flights"), MODEL, Columns(predictions=("late",)), scan)
    assert names(baseline) == (["distance", "fare", "carrier"], ["late"])
    assert baseline.rows == 600
    assert len(baseline.windows) == 50  # 100 hours
    assert sorted(baseline.slices) == ["carrier=AA", "carrier=DL", "carrier=UA"]
    assert baseline.provenance.source == "Hopsworks project demo: data of feature group 'flights' version 1"
    assert "Left out as a primary key: flight_id." in baseline.provenance.notes


def test_what_was_there_at_a_commit(by_spark: Connection, commits: list[int]) -> None:
    ref = FeatureGroupRef("flights", to_commit=moment(commits[0]))
    baseline = baseline_of(by_spark, ref, MODEL, Columns(exclude=("late",)), Scan())
    assert baseline.rows == 400
    assert baseline.windows == ()
    assert f"commits from … to {moment(commits[0]).isoformat()}" in baseline.provenance.source


def test_from_a_commit_on_without_a_change_feed(by_spark: Connection, commits: list[int]) -> None:
    ref = FeatureGroupRef("flights", from_commit=moment(commits[1]))
    with pytest.raises(ConfigError, match=r"keeps no change data feed.*Leave from_commit out"):
        baseline_of(by_spark, ref, MODEL, Columns(), Scan())


def files(server: HopsworksServer, version: int, **parts: pd.DataFrame) -> None:
    """Write a training dataset's files; of one without splits under the feature view's name."""
    for name, part in parts.items():
        folder = server.dataset(f"demo_Training_Datasets/flights_fv_1_{version}/{name}")
        folder.mkdir(parents=True)
        part.to_parquet(folder / "part-0.parquet", coerce_timestamps="us")


@pytest.fixture(scope="module")
def whole(server: HopsworksServer, commits: list[int], flights: pd.DataFrame) -> TrainingDatasetRef:
    version = server.seed.training_dataset("flights_fv")
    files(server, version, flights_fv_1=flights.assign(fare=flights["distance"] / 10))
    return TrainingDatasetRef("flights_fv", 1, version)


@pytest.fixture(scope="module")
def split(server: HopsworksServer, commits: list[int], flights: pd.DataFrame) -> TrainingDatasetRef:
    version = server.seed.training_dataset("flights_fv", {"train": 0.75, "test": 0.25})
    every = flights.assign(fare=flights["distance"] / 10)
    files(server, version, train=every[:450], test=every[450:])
    return TrainingDatasetRef("flights_fv", 1, version)


def expected(flights: pd.DataFrame, **more: Any) -> Baseline:
    """What the same rows give without Hopsworks."""
    table = flights.assign(fare=flights["distance"] / 10)
    return build_baseline(
        table[["distance", "fare", "carrier", "late", "departs"]], MODEL, event_time="departs", **more
    )


def test_a_training_dataset(by_spark: Connection, whole: TrainingDatasetRef, flights: pd.DataFrame) -> None:
    baseline = baseline_of(by_spark, whole, MODEL, Columns(predictions=("late",)), HOURS)
    known = expected(flights, predictions=["late"], window=dt.timedelta(hours=2))
    assert names(baseline) == names(known)
    assert (baseline.rows, len(baseline.windows)) == (known.rows, len(known.windows))
    for name, summary in known.features.items():
        counted = ("counts", "categories", "histogram")
        assert {one: baseline.features[name].statistics.get(one) for one in counted} == {
            one: summary.statistics.get(one) for one in counted
        }


def test_a_split(by_spark: Connection, split: TrainingDatasetRef) -> None:
    from dataclasses import replace

    assert baseline_of(by_spark, split, MODEL, Columns(), Scan()).rows == 450
    test = baseline_of(by_spark, replace(split, split="test"), MODEL, Columns(predictions=("late",)), HOURS)
    assert test.rows == 150
    assert names(test)[1] == ["late"]
    assert test.provenance.source.endswith("feature view 'flights_fv' version 1, split test")


@pytest.fixture(scope="module")
def in_memory(by_spark: Connection, whole: TrainingDatasetRef, split: TrainingDatasetRef) -> TrainingDatasetRef:
    """A training dataset that a notebook has read without writing it anywhere."""
    view = by_spark.feature_store.get_feature_view("flights_fv", 1)
    view.training_data(statistics_config=False)
    return TrainingDatasetRef("flights_fv", 1, max(one.version for one in view.get_training_datasets()))


def test_a_training_dataset_without_files(by_spark: Connection, in_memory: TrainingDatasetRef) -> None:
    baseline = baseline_of(by_spark, in_memory, MODEL, Columns(), HOURS)
    assert names(baseline)[0] == ["distance", "fare", "carrier"]
    assert (baseline.rows, len(baseline.windows)) == (600, 50)
    assert any("Read anew from the feature groups" in note for note in baseline.provenance.notes)
    with pytest.raises(ConfigError, match=r"keeps no files, so its label late cannot be read again.*read: statistics"):
        baseline_of(by_spark, in_memory, MODEL, Columns(predictions=("late",)), HOURS)


def test_a_season_without_times(by_spark: Connection, whole: TrainingDatasetRef) -> None:
    scan = Scan(event_time="", window=dt.timedelta(hours=2), season=Season.HOUR_OF_DAY)
    with pytest.raises(ConfigError, match="hour_of_day needs the time of each row"):
        baseline_of(by_spark, whole, MODEL, Columns(), scan)


def test_files_that_are_gone(server: HopsworksServer, by_spark: Connection, commits: list[int]) -> None:
    version = server.seed.training_dataset("flights_fv")
    with pytest.raises(OutsideError, match=r"data of training dataset \d+ .* 'spark-delta': .*PATH_NOT_FOUND"):
        baseline_of(by_spark, TrainingDatasetRef("flights_fv", 1, version), MODEL, Columns(), Scan())


@pytest.fixture(scope="module")
def by_python(server: HopsworksServer, by_spark: Connection, in_memory: TrainingDatasetRef) -> Connection:
    """The last of this file: its login ends Spark's."""
    return connect(server.login("python"))


def test_without_spark_the_baseline_is_the_same(
    by_python: Connection, whole: TrainingDatasetRef, flights: pd.DataFrame
) -> None:
    baseline = baseline_of(by_python, whole, MODEL, Columns(predictions=("late",)), HOURS)
    known = expected(flights, predictions=["late"], window=dt.timedelta(hours=2))
    assert names(baseline) == names(known)
    assert baseline.id == known.id


def test_without_spark_a_feature_group_needs_the_query_service(by_python: Connection) -> None:
    with pytest.raises(OutsideError, match=r"client's engine 'python'.*hopsworks\.login\(engine='spark-delta'\)"):
        baseline_of(by_python, FeatureGroupRef("flights"), MODEL, Columns(), Scan())
