"""The feature log of a feature view: logged by the real client to a real broker, and read back from topic and table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.deployments import LogPlace
from hopsmon.adapters.hopsworks.feature_log import log_of_feature_view, table_of_feature_view
from hopsmon.adapters.hopsworks.feature_log_table import FeatureLogTable
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import Side
from hopsmon.core.payloads import FeatureLog, FeatureLogRows, decode
from hopsmon.core.schema import FeatureType, ModelRef
from hopsmon.core.window import WindowSpec
from hopsmon.errors import ConfigError, OutsideError, TransientError
from hopsmon.streaming.arrow_frames import to_arrow
from hopsmon.streaming.observer import Observer
from hopsmon.streaming.partial import Partial, Tally
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.ports import Rewindable
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.core.payloads.messages import HEADERS, instances

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

    from hopsmon.adapters.kafka.broker import LocalBroker

COLUMNS = {
    "flight_id": "bigint",
    "departs": "timestamp",
    "distance": "double",
    "carrier": "string",
    "late": "boolean",
}
ROWS = 30
LOG = pytest.mark.filterwarnings("ignore:Getting connection details to externally managed Kafka")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kafka: LocalBroker) -> Iterator[HopsworksServer]:
    """A project of its own name, as its topic is on a broker that others use."""
    kafka.create_topic("airline_onlinefs", 2)
    with HopsworksServer(
        tmp_path_factory.mktemp("hopsworks"), "airline", kafka=kafka.bootstrap_servers, version=client_version()
    ) as running:
        number = running.seed.feature_group("flights", COLUMNS, primary_key=["flight_id"], event_time="departs")
        for name in ("flights_fv", "silent_fv", "staged_fv"):
            running.seed.feature_view(name, number, labels=["late"])
        running.seed.feature_logging("flights_fv")
        running.seed.feature_logging("staged_fv", transport="job")
        yield running


@pytest.fixture(scope="module")
def connection(server: HopsworksServer) -> Connection:
    return connect(server.login("python"))


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "flight_id": np.arange(ROWS),
            "departs": pd.date_range("2026-01-01", periods=ROWS, freq="10min", tz="UTC", unit="us"),
            "distance": np.linspace(100, 2000, ROWS),
            "carrier": ["UA", "AA", None] * (ROWS // 3),
        }
    )


@pytest.fixture(scope="module")
def place(connection: Connection) -> LogPlace:
    return log_of_feature_view(connection, "flights_fv", 1)


@pytest.fixture(scope="module")
def messages(connection: Connection, place: LogPlace, flights: pd.DataFrame) -> pa.RecordBatch:
    """What is on the project's topic after a model's answers were logged, and rows of another feature group."""
    import warnings

    import pandas as pd
    from kafka import KafkaConsumer

    view = connection.feature_store.get_feature_view("flights_fv", 1)
    other = connection.feature_store.get_or_create_feature_group(
        "airports", 1, primary_key=["code"], online_enabled=True, stream=True, time_travel_format="HUDI"
    )
    answers = pd.DataFrame({"late": [True, False, False] * (ROWS // 3)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client's, about brokers that are not its own
        view.log(untransformed_features=flights, predictions=answers, model_name="flight_delay", model_version=3)
        other.insert(pd.DataFrame({"code": ["JFK", "LGA"], "runways": [4, 2]}))
    with_time = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 3_000}
    consumer = KafkaConsumer(place.topic, bootstrap_servers=place.bootstrap_servers, **with_time)
    found = sorted(consumer, key=lambda one: (one.partition, one.offset))
    consumer.close()
    headers = [[{"key": key, "value": value} for key, value in one.headers] for one in found]
    return pa.record_batch(
        {
            "value": pa.array([one.value for one in found], pa.binary()),
            "headers": pa.array(headers, HEADERS),
            "topic": pa.array([one.topic for one in found]),
            "partition": pa.array([0] * len(found), pa.int32()),
            "offset": pa.array(range(len(found)), pa.int64()),
            "timestamp": pa.array([one.timestamp * 1000 for one in found], pa.int64()),
            "read_at": pa.array([one.timestamp * 1000 for one in found], pa.int64()),
        }
    )


@LOG
def test_where_the_log_is(place: LogPlace, kafka: LocalBroker) -> None:
    assert (place.topic, place.bootstrap_servers) == ("airline_onlinefs", kafka.bootstrap_servers)
    assert isinstance(place.format, FeatureLog)
    assert place.match == {"feature_group": place.format.feature_group}
    assert place.format.labels == ("late",)
    assert place.sides == (Side.REQUEST, Side.RESPONSE)
    KafkaSource(place.bootstrap_servers, (place.topic,), options=place.options).check()


@LOG
def test_what_the_client_logs_comes_back_by_name(
    place: LogPlace, messages: pa.RecordBatch, flights: pd.DataFrame
) -> None:
    decoded = decode(messages, place.format)
    found = instances(decoded)
    requests = sorted((of for (side, *_), of in found.items() if side == "request"), key=lambda of: of["flight_id"])
    assert [of["distance"] for of in requests] == flights["distance"].tolist()
    assert [of["carrier"] for of in requests] == flights["carrier"].tolist()
    assert [of["departs"] for of in requests] == [one.timestamp() for one in flights["departs"]]
    answers = [found["response", row, 0]["late"] for side, row, _ in found if side == "request"]
    assert sorted(answers) == [False] * 20 + [True] * 10
    assert decoded.rejects == ()
    assert decoded.own_time.sum() == ROWS
    own = [row for side, row, _ in found if side == "request"]
    texts = {(decoded.attributes["service"].at(row), decoded.attributes["model_version"].at(row)) for row in own}
    assert texts == {("flight_delay", "3")}
    assert len({decoded.id_of(row) for row in own}) == ROWS


@LOG
def test_a_monitor_counts_rows_of_others_as_not_its_own(
    place: LogPlace, messages: pa.RecordBatch, flights: pd.DataFrame
) -> None:
    reference = flights[["distance", "carrier"]].assign(late=[True, False, False] * (ROWS // 3))
    model = ModelRef("flight_delay", 3)
    baseline = build_baseline(reference, model, predictions=["late"], types={"late": FeatureType.BOOLEAN})
    plan = MonitorPlan(
        name="flights",
        model=model,
        schema=baseline.schema,
        window=WindowSpec(dt.timedelta(minutes=1)),
        baseline=baseline,
        techniques=(),
        match=place.match,
        format=place.format,
    )
    observer = Observer([plan])
    rows = [*observer.see(messages), *observer.finish()]
    partials = [Partial.from_bytes(payload) for _, _, kind, payload in rows if kind == "partial"]
    assert sum((one.tally for one in partials), Tally()) == Tally(messages=ROWS + 2, decoded=ROWS, foreign=2)
    windows = [summary for one in partials for summary in one.windows.values()]
    assert sum(window.instances for window in windows) == sum(window.predictions for window in windows) == ROWS


def test_a_view_that_does_not_log(connection: Connection) -> None:
    for look in (log_of_feature_view, table_of_feature_view):
        with pytest.raises(ConfigError, match=r"'silent_fv' version 1 does not log.*feature_view\.enable_logging\(\)"):
            look(connection, "silent_fv", 1)


def test_a_log_without_a_topic(connection: Connection) -> None:
    with pytest.raises(ConfigError, match=r"passes no topic: its transport is 'job'.*read_from: feature_group"):
        log_of_feature_view(connection, "staged_fv", 1)


def test_a_table_that_is_no_delta_table(connection: Connection) -> None:
    with pytest.raises(ConfigError, match=r"a table of format HUDI; only one of format DELTA.*read_from: topic"):
        table_of_feature_view(connection, "flights_fv", 1)


def written(location: str, *minutes: int, first: int = 0) -> None:
    """Rows of a log, as its job writes them: one commit, in no order of time."""
    from deltalake import write_deltalake

    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)
    numbers = [first + number for number in range(len(minutes))]
    table = pa.table(
        {
            "log_id": [f"row-{number}" for number in numbers],
            "log_time": pa.array(
                [noon + dt.timedelta(minutes=at, microseconds=1) for at in minutes], pa.timestamp("us", "UTC")
            ),
            "model_name": ["flight_delay"] * len(minutes),
            "model_version": ["3"] * len(minutes),
            "flight_id": numbers,
            "departs": pa.array([noon] * len(minutes), pa.timestamp("us", "UTC")),
            "distance": [100.5 + number for number in numbers],
            "carrier": pa.array([None if number % 2 else "UA" for number in numbers], pa.string()),
            "predicted_late": [number % 3 == 0 for number in numbers],
        }
    )
    write_deltalake(location, table, mode="append")


def read(source: FeatureLogTable, spark: SparkSession, folder: Any) -> pa.RecordBatch:
    """Everything that is new in a log, as one record batch in the order of its offsets."""
    name = f"log_{abs(hash(folder))}"
    stream = source.load(spark).writeStream.format("memory").queryName(name)
    stream.trigger(availableNow=True).option("checkpointLocation", str(folder)).start().awaitTermination()
    from pyspark.sql import functions as F

    rows = spark.table(name).withColumn("timestamp", F.unix_micros("timestamp")).orderBy("offset").drop("headers")
    return to_arrow(rows).combine_chunks().to_batches()[0]


@pytest.fixture
def table(connection: Connection, server: HopsworksServer) -> Any:
    return table_of_feature_view(connection, "staged_fv", 1)


def test_the_table_of_a_log(table: Any, spark: SparkSession, tmp_path: Any) -> None:
    location = tmp_path / "staged"
    source = replace(table.source, location=location.as_uri())
    with pytest.raises(OutsideError, match=r"staged_fv_1_log_1 is not there yet.*materialize_log\(\)"):
        source.check()
    written(str(location), 5, 3, 4)
    written(str(location), 9, 7, 8, first=3)
    source.check()
    batch = read(source, spark, tmp_path / "first")
    assert batch.schema.names == ["value", "topic", "partition", "offset", "timestamp"]
    noon = int(dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc).timestamp() * 1e6)
    assert batch["timestamp"].to_pylist() == [noon + at * 60_000_000 + 1 for at in (3, 4, 5, 7, 8, 9)]
    assert set(batch["topic"].to_pylist()) == {"staged_fv_1_log_1"}
    decoded = decode(batch, table.format)
    found = instances(decoded)
    assert found["request", 0, 0] == {
        "flight_id": 1.0,
        "departs": "2026-01-01T12:00:00.000000Z",
        "distance": 101.5,
        "carrier": None,
    }
    assert [found["response", row, 0]["late"] for row in range(6)] == [False, False, True, False, False, True]
    assert decoded.event_time.tolist() == batch["timestamp"].to_pylist()
    assert decoded.id_of(2) == "row-0"
    since_2000 = [time - 946_684_800_000_000 for time in batch["timestamp"].to_pylist()]
    assert [offset >> 11 for offset in batch["offset"].to_pylist()] == since_2000  # the same whenever it is read


def test_a_table_that_is_not_there_when_the_run_starts(table: Any, spark: SparkSession, tmp_path: Any) -> None:
    with pytest.raises(OutsideError, match="is not there yet"):
        replace(table.source, location=(tmp_path / "nowhere").as_uri()).load(spark)


def test_only_what_is_yet_to_come(table: Any, spark: SparkSession, tmp_path: Any) -> None:
    location = tmp_path / "staged"
    written(str(location), 1, 2)
    source = replace(table.source, location=location.as_uri(), from_start=False, max_files_per_trigger=1)
    stream = source.load(spark).select("offset").writeStream.format("memory").queryName("yet_to_come")
    started = stream.option("checkpointLocation", str(tmp_path / "point")).start()
    started.processAllAvailable()
    written(str(location), 3, first=2)
    started.processAllAvailable()
    started.stop()
    assert spark.table("yet_to_come").count() == 1


def test_a_table_can_be_read_from_a_point_in_time(table: Any, spark: SparkSession, tmp_path: Any) -> None:
    location = tmp_path / "staged"
    written(str(location), 5, 1, 3)
    source = replace(table.source, location=location.as_uri(), from_start=False)
    assert isinstance(table.source, Rewindable)
    moment = dt.datetime(2026, 1, 1, 12, 3, tzinfo=dt.timezone.utc)
    later = read(source.since(moment), spark, tmp_path / "later")
    everything = read(source.since(moment - dt.timedelta(hours=1)), spark, tmp_path / "everything")
    assert later["offset"].to_pylist() == everything["offset"].to_pylist()[1:]


def test_a_table_says_what_it_is(table: Any) -> None:
    source = table.source
    assert source.identity == "feature log: staged_fv_1_log_1"
    assert source.contiguous is False
    assert source.packages == ()  # in a cluster Delta is there
    assert replace(source, external=True).packages[0].startswith("io.delta:delta-spark_")
    assert table.format == FeatureLogRows(("late",))
    assert table.sides == (Side.REQUEST, Side.RESPONSE)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("java.net.ConnectException: Connection refused", TransientError, "does not answer"),
        ("[DELTA_SCHEMA_CHANGED_WITH_STARTING_OPTIONS] …", OutsideError, "columns of .* have changed"),
        ("[DELTA_SOURCE_TABLE_IGNORE_CHANGES] Detected a data update", OutsideError, "another name as `query`"),
        ("[DELTA_TABLE_NOT_FOUND] …", OutsideError, "is not there yet"),
        ("[DELTA_CONFIGURE_SPARK_SESSION_WITH_EXTENSION_AND_CATALOG] …", OutsideError, "not set up for Delta tables"),
    ],
)
def test_failures_of_spark_in_our_words(table: Any, text: str, kind: type[OutsideError], words: str) -> None:
    explained = table.source.explain(text)
    assert type(explained) is kind
    with pytest.raises(kind, match=words):
        raise explained


def test_other_failures_are_not_explained_away(table: Any) -> None:
    assert table.source.explain("ZeroDivisionError: division by zero") is None
