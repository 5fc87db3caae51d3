"""A baseline of a Spark frame equals that of the same data in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.errors import ConfigError
from hopsmon.streaming.arrow_frames import from_arrow
from hopsmon.streaming.baseline import baseline_of_frame, in_lots
from tests.support.monitors import MODEL
from tests.support.traffic import reference


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    frame = reference(rows=3_000)
    frame["children"] = [i % 4 for i in range(len(frame))]
    frame["member"] = frame["age"] > 45
    frame.loc[::50, "income"] = None
    frame["since"] = pd.date_range("2024-01-01", periods=len(frame), freq="h", tz="UTC")
    return frame


def test_spark_and_memory_agree(spark: SparkSession, data: pd.DataFrame) -> None:
    frame = from_arrow(spark, pa.Table.from_pandas(data, preserve_index=False)).repartition(3)
    ours = baseline_of_frame(frame, MODEL, predictions=["score"])
    theirs = build_baseline(data, MODEL, predictions=["score"])
    assert ours.rows == theirs.rows
    assert {f.name: f.type for f in ours.schema.all} == {f.name: f.type for f in theirs.schema.all}
    for feature in theirs.schema.all:
        mine, other = ours.features[feature.name], theirs.features[feature.name]
        assert mine.get(Counts) == other.get(Counts)
        assert mine.get(Categories) == other.get(Categories)
        if feature.type.is_numeric:
            moments, wanted = mine.get(Moments), other.get(Moments)
            assert moments is not None
            assert wanted is not None
            assert moments.mean == pytest.approx(wanted.mean, rel=1e-9)
            histogram = mine.get(Histogram)
            assert histogram is not None
            assert sum(histogram.counts) == wanted.count  # every value in a bin: the edges reach min and max


def test_an_empty_frame_is_refused(spark: SparkSession, data: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="no rows"):
        baseline_of_frame(from_arrow(spark, pa.Table.from_pandas(data[["age"]])).limit(0), MODEL)


def test_windows_of_spark_and_memory_agree(spark: SparkSession, data: pd.DataFrame) -> None:
    """The frame is in no order of time and in several partitions: each window is in all of them."""
    at = pd.Series(pd.date_range("2026-03-02", periods=len(data), freq="10min", tz="UTC"))
    timed = data.drop(columns="since").assign(at=at.sample(frac=1, random_state=1).reset_index(drop=True))
    settings: dict[str, Any] = {"event_time": "at", "window": timedelta(hours=1), "season": "hour_of_day"}
    frame = from_arrow(spark, pa.Table.from_pandas(timed, preserve_index=False)).repartition(3)
    ours = baseline_of_frame(frame, MODEL, predictions=["score"], **settings)
    theirs = build_baseline(timed, MODEL, predictions=["score"], **settings)
    assert len(ours.windows) == 500
    assert [window.start for window in ours.windows] == [window.start for window in theirs.windows]
    assert (ours.season, ours.window_micros) == (theirs.season, theirs.window_micros)
    for mine, other in zip(ours.windows, theirs.windows, strict=True):
        assert (mine.summary.instances, mine.summary.predictions) == (6, 6)
        for name in ("children", "member", "city"):  # few values or labels: the same bins
            for kind in (Counts, Categories, Histogram):
                assert mine.summary.features[name].get(kind) == other.summary.features[name].get(kind)
    assert sum(window.summary.instances for window in ours.windows) == ours.rows


def test_rows_without_a_time_are_counted_over_all_partitions(spark: SparkSession, data: pd.DataFrame) -> None:
    odd = data[["age"]].assign(at=["2026-03-02T10:00:00Z", "soon", None] * (len(data) // 3))
    frame = from_arrow(spark, pa.Table.from_pandas(odd, preserve_index=False)).repartition(3)
    with pytest.raises(ConfigError, match=r"2,000 of 3,000 rows have no event time \(1,000 null, 1,000 unreadable"):
        baseline_of_frame(frame, MODEL, event_time="at", window=timedelta(hours=1))


def test_a_partition_is_read_in_lots_of_bounded_size() -> None:
    batches = [pa.record_batch({"x": pa.array(range(size), pa.int64())}) for size in (3, 0, 4, 1, 2)]
    assert [len(lot) for lot in in_lots(batches, 5)] == [7, 3]
    assert list(in_lots([])) == []


def test_slices_of_spark_and_memory_agree(spark: SparkSession, data: pd.DataFrame) -> None:
    at = pd.Series(pd.date_range("2026-03-02", periods=len(data), freq="10min", tz="UTC"))
    timed = data.drop(columns="since").assign(at=at)
    settings: dict[str, Any] = {"event_time": "at", "window": timedelta(days=1), "slices": ["city", "member"]}
    frame = from_arrow(spark, pa.Table.from_pandas(timed, preserve_index=False)).repartition(3)
    ours = baseline_of_frame(frame, MODEL, predictions=["score"], **settings)
    theirs = build_baseline(timed, MODEL, predictions=["score"], **settings)
    assert list(ours.slices) == list(theirs.slices)
    assert {"city=Bern", "member=true"} < set(ours.slices)
    for name, other in theirs.slices.items():
        mine = ours.slices[name]
        assert mine.rows == other.rows
        assert [window.start for window in mine.windows] == [window.start for window in other.windows]
        for one, same in zip(mine.windows, other.windows, strict=True):
            assert one.summary.instances == same.summary.instances
            assert one.summary.features["city"].get(Categories) == same.summary.features["city"].get(Categories)
