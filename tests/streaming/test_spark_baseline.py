"""A baseline of a Spark frame equals that of the same data in memory."""

from __future__ import annotations

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
from hopsmon.streaming.baseline import baseline_of_frame
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
    frame = spark.createDataFrame(pa.Table.from_pandas(data, preserve_index=False)).repartition(3)
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
        baseline_of_frame(spark.createDataFrame(data[["age"]]).limit(0), MODEL)
