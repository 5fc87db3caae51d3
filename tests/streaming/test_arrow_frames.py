"""Arrow tables into Spark frames and out of them: the same in each line of Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from hopsmon.streaming.arrow_frames import from_arrow, to_arrow
from hopsmon.streaming.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UTC = dt.timezone.utc
IN_SUMMER = dt.datetime(2026, 6, 30, 23, 59, 59, 999_999, UTC)
TWICE = dt.datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # in New York half past one, for the second time
TIME = pa.timestamp("us", tz="UTC")
COLUMNS = {
    "whole": (pa.int64(), [2**60 + 1, None, -1]),
    "small": (pa.int32(), [None, None, 7]),
    "real": (pa.float64(), [0.1 + 0.2, None, float("inf")]),
    "truth": (pa.bool_(), [True, None, False]),
    "text": (pa.string(), ["ä'\"", None, ""]),
    "bytes": (pa.binary(), [b"\x00\xff", None, b""]),
    "time": (TIME, [IN_SUMMER, None, TWICE]),
    "day": (pa.date32(), [dt.date(1969, 12, 31), None, dt.date(2026, 2, 28)]),
    "money": (pa.decimal128(12, 2), [Decimal("12.30"), None, Decimal("-0.01")]),
    "list": (pa.list_(pa.int64()), [[1, None], None, []]),
    "times": (pa.list_(TIME), [[TWICE, None], None, []]),
    "struct": (
        pa.struct([("at", TIME), ("n", pa.int32())]),
        [{"at": IN_SUMMER, "n": None}, None, {"at": None, "n": 1}],
    ),
    "map": (pa.map_(pa.string(), pa.int64()), [[("a", 1), ("b", None)], None, []]),
}
SCHEMA = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])
TABLE = pa.table([pa.array(values, kind) for kind, values in COLUMNS.values()], schema=SCHEMA)


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def session(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """A user's, somewhere."""
    spark.conf.set("spark.sql.session.timeZone", request.param)
    yield spark
    spark.conf.set("spark.sql.session.timeZone", "UTC")


def test_what_goes_in_comes_out(session: SparkSession) -> None:
    found = to_arrow(from_arrow(session, TABLE))
    assert found.to_pylist() == TABLE.to_pylist()
    assert found.schema.field("time").type == TIME
    assert found.schema.equals(to_arrow(from_arrow(session, TABLE.slice(0, 0))).schema)


def test_times_are_the_same_to_spark(session: SparkSession) -> None:
    """Not only to both of ours, whose errors might cancel."""
    (row,) = from_arrow(session, TABLE.slice(0, 1)).selectExpr("unix_micros(time)", "unix_micros(struct.at)").collect()
    assert list(row) == [int(IN_SUMMER.timestamp()) * 1_000_000 + 999_999] * 2


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_each_row_comes_once_and_in_order(spark: SparkSession, rows: int) -> None:
    numbers = pa.table({"n": pa.array(range(rows), pa.int64())})
    frame = from_arrow(spark, numbers)
    assert to_arrow(frame) == to_arrow(frame.coalesce(1)) == numbers
    assert to_arrow(frame.limit(0)) == numbers.slice(0, 0)


def test_what_spark_has_no_type_for_becomes_its_nearest(spark: SparkSession) -> None:
    """As in tables that pandas made."""
    nanos = pa.array([IN_SUMMER, None]).cast(pa.timestamp("ns", tz="Europe/Stockholm"))
    found = to_arrow(from_arrow(spark, pa.table({"time": nanos, "label": pa.array(["a", "a"]).dictionary_encode()})))
    assert found == pa.table({"time": pa.array([IN_SUMMER, None], TIME), "label": ["a", "a"]})


@pytest.mark.parametrize("name", TABLES)
def test_result_tables_keep_their_types(session: SparkSession, name: str) -> None:
    schema = TABLES[name].schema
    for rows in (schema.empty_table(), pa.Table.from_pylist([{}, {}], schema)):
        assert to_arrow(from_arrow(session, rows)).equals(rows)
