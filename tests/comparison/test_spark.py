"""Comparisons of Spark frames: their rows are read whole, or the frame is refused with what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import hopsmon
from hopsmon import ConfigError
from hopsmon.comparison import sides
from hopsmon.core.frames import SPARK_REFUSED
from hopsmon.streaming import arrow_frames
from hopsmon.streaming.arrow_frames import from_arrow

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def table(rows: int, seed: int, shift: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(rows), unit="min")
    temp = pa.array(rng.normal(20 + shift, 5, rows), mask=rng.random(rows) < 0.05)
    columns = {"temp": temp, "seats": rng.integers(1, 9, rows), "carrier": rng.choice(["AA", "DL", "UA"], rows)}
    return pa.table({**columns, "late": rng.random(rows) < 0.2, "at": pa.array(at).cast(pa.timestamp("us", "UTC"))})


REFERENCE, MOVED = table(600, 1), table(300, 2, 4.0)
TIMED: dict[str, Any] = {"predictions": ["late"], "event_time": "at", "window": "1h"}


def test_a_spark_frame_is_compared_as_the_same_rows_in_memory(spark: SparkSession) -> None:
    frames = [from_arrow(spark, of) for of in (REFERENCE, MOVED)]
    found, expected = hopsmon.compare(*frames, **TIMED), hopsmon.compare(REFERENCE, MOVED, **TIMED)
    assert found.to_json() == expected.to_json()
    assert {finding.feature for finding in found.findings if finding.is_drift} >= {"temp"}
    assert hopsmon.compare(REFERENCE, frames[1], **TIMED).to_json() == expected.to_json()


@pytest.mark.parametrize("limits", [{"MOST_ROWS": 599}, {"MOST_VALUES": 599 * 5}])
def test_more_rows_than_one_process_should_hold_are_refused_before_they_are_fetched(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    fetched: list[DataFrame] = []
    monkeypatch.setattr(arrow_frames, "to_arrow", fetched.append)
    for name, value in limits.items():
        monkeypatch.setattr(sides, name, value)
    with pytest.raises(ConfigError) as refused:
        hopsmon.compare(from_arrow(spark, REFERENCE), MOVED)
    assert str(refused.value) == f"The reference data: It has more than 599 rows. {SPARK_REFUSED}"
    assert fetched == []


def test_a_spark_frame_without_rows_is_said_to_be_empty(spark: SparkSession) -> None:
    with pytest.raises(ConfigError, match="The current data has no rows"):
        hopsmon.compare(REFERENCE, from_arrow(spark, MOVED).limit(0))
