"""Sketches made by the JVM's own DataSketches, as Hopsworks' profiler makes them, are read as they were written."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from hopsmon.core.batch import FloatArray
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.testing.hopsworks_profiles import Form
from hopsmon.testing.hopsworks_sketches import bars
from tests.adapters.hopsworks.statistics_cases import changed, profile_of, told

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VALUES = np.random.default_rng(12).gamma(2.0, 1.5, 30_000)


def sketched(spark: SparkSession, rows: int, parts: int) -> str:
    """The bytes of a sketch of so many values, merged from so many parts."""
    frame = spark.createDataFrame([(value,) for value in VALUES[:rows].tolist()], "x double").repartition(parts)
    (row,) = frame.selectExpr("kll_sketch_agg_double(x, 2048) AS sketch").collect()
    return base64.b64encode(bytes(row.sketch)).decode()


@pytest.mark.parametrize(("rows", "parts"), [(2, 1), (1_000, 1), (30_000, 4)])
def test_a_sketch_of_the_jvm_gives_bins(spark: SparkSession, rows: int, parts: int) -> None:
    written = sketched(spark, rows, parts)

    def as_the_jvm_writes_it(extended: dict[str, Any]) -> None:
        extended["kll"] = {"kllFormat": "datasketches-native-v1", "bytes": written}

    profile = profile_of(pa.array(VALUES[:rows]), Form.HISTOGRAM, histograms=False)
    baseline, sources = told(changed(profile, as_the_jvm_writes_it))
    assert sources["KLL sketch"][0]
    bins, sketch = baseline.features["f"].get(Histogram), baseline.features["f"].get(Quantiles)
    assert bins is not None
    assert sketch is not None
    exact = Histogram.of_sorted(np.sort(VALUES[:rows]), bins.edges)
    assert bins.total == exact.total == sketch.count == rows
    assert np.abs(np.cumsum(bins.counts - exact.counts)).max() <= bins.doubt <= 0.002 * rows


WHOLE = np.random.default_rng(13).integers(5, 24, 2_000).astype(np.float64)


@pytest.mark.parametrize("values", [VALUES[:2_000], VALUES[:2_000] / 50 - 0.1, WHOLE, np.round(VALUES[:2_000], 1)])
def test_bars_are_counted_and_labelled_as_spark_does(spark: SparkSession, values: FloatArray) -> None:
    """By the expressions of Hopsworks' HistogramBuilder, "%.2f" being Java's."""
    low, high = float(values.min()), float(values.max())
    width = (high - low) / 20
    frame = spark.createDataFrame([(value,) for value in values.tolist()], "x double")
    place = f"least(cast(floor((x - double('{low!r}')) / double('{width!r}')) AS int), 19)"
    counted = {row.at: row["count"] for row in frame.selectExpr(f"{place} AS at").groupBy("at").count().collect()}
    ends = [(low + at * width, low + at * width + width) for at in range(20)]
    labelled = spark.createDataFrame(ends, "low double, high double").selectExpr(
        "format_string('%.2f to %.2f', low, high)"
    )
    labels = [row[0] for row in labelled.collect()]
    found = bars(values, 20)
    assert [bar["count"] for bar in found] == [counted.get(at, 0) for at in range(20)]
    assert [bar["value"] for bar in found] == labels
