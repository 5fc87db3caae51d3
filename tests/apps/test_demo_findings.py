"""The demo's findings from result tables: small tables made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console

import hopsmon.demo
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.schema import ModelRef
from hopsmon.core.techniques.drift.psi import PopulationStabilityIndex
from hopsmon.demo import findings
from hopsmon.demo.yardstick import Yardstick
from hopsmon.errors import ConfigError

FIRST = datetime(2013, 4, 28, tzinfo=timezone.utc)


def _days(values: list[bool]) -> pd.Series:
    return pd.Series(values, [pd.Timestamp(FIRST + timedelta(days=day)) for day in range(len(values))])


def test_a_drift_is_confirmed_on_the_first_of_a_week_of_days() -> None:
    assert findings.confirmed_since(_days([True] * 6 + [False] + [True] * 7)) == pd.Timestamp("2013-05-05", tz="UTC")
    assert findings.confirmed_since(_days(([True] * 6 + [False]) * 3)) is None


def _statistics(**columns: Sequence[object]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    starts = [pd.Timestamp(FIRST + timedelta(days=day)) for day in range(rows)]
    return pd.DataFrame({"window_start": starts, "slice": "", "invalid": 0, **columns})


def test_a_month_s_mean_weighs_days_by_their_values_and_passes_over_empty_ones() -> None:
    rows = _statistics(mean=[10.0, 40.0, np.nan, 7.0], count=[4, 2, 5, 3], nulls=[1, 1, 5, 0])
    assert findings.monthly_means(rows, "numeric") == {4: pytest.approx((3 * 10 + 1 * 40) / 4), 5: 7.0}


def test_a_yes_no_feature_has_its_share_of_yes() -> None:
    shapes = [json.dumps({"counts": counts}) for counts in ({"true": 3, "false": 1}, {"false": 4}, {})]
    rows = _statistics(histogram=shapes, mean=[np.nan] * 3, count=[4] * 3, nulls=[0, 0, 4])
    assert findings.monthly_means(rows, "boolean") == {4: pytest.approx(3 / 8)}


def test_labels_that_the_baseline_lacks_are_counted_from_their_first_day() -> None:
    baseline = build_baseline(pa.table({"dest": ["LAX", "SFO"] * 50}), ModelRef("m", 1))
    shapes = [{"LAX": 5, "ACK": 0}, {"ACK": 2, "SFO": 1}, {"ACK": 1, "MVY": 1}]
    rows = _statistics(
        feature=["dest"] * 3, feature_type=["categorical"] * 3, histogram=[json.dumps({"counts": c}) for c in shapes]
    )
    found = findings.new_labels(baseline, rows)
    assert [(new.label, new.count, new.first.day) for new in found] == [("ACK", 3, 29), ("MVY", 1, 30)]


def test_an_outlier_counts_for_the_feature_with_the_largest_share() -> None:
    outliers = pa.table(
        {"technique": ["range", "range", "z_score"], "top_features": ['{"temp":0.2,"dewp":0.8}', '{"temp":1.0}', "{}"]}
    )
    assert findings.drivers(outliers) == {"range": {"dewp": 1, "temp": 1}, "z_score": {"no feature alone": 1}}


@pytest.fixture(scope="module")
def training() -> pd.DataFrame:
    """Ten whole days and an evening; `level` differs from day to day, `steady` does not."""
    random = np.random.default_rng(7)
    days = np.repeat(np.arange(10), 200)
    departs = pd.to_datetime("2013-03-01", utc=True) + pd.to_timedelta(days, unit="D") + pd.to_timedelta(12, unit="h")
    frame = pd.DataFrame({"level": random.normal(days, 0.1), "steady": random.normal(0, 1, 2000), "departs": departs})
    evening = frame.tail(3).assign(departs=pd.Timestamp("2013-03-11", tz="UTC"), steady=1e9)
    return pd.concat([frame.assign(origin=np.where(np.arange(2000) % 2, "JFK", "EWR")), evening.assign(origin="JFK")])


@pytest.fixture(scope="module")
def yardstick(training: pd.DataFrame) -> Yardstick:
    baseline = build_baseline(training.drop(columns="departs"), ModelRef("m", 1))
    return Yardstick.of(training, baseline, [PopulationStabilityIndex()], "origin")


def test_the_yardstick_knows_what_drifts_on_the_training_s_own_days(yardstick: Yardstick) -> None:
    assert yardstick.drift_share["", "level"] == 1.0
    assert yardstick.drift_share["", "steady"] == 0.0
    assert {name for name, _ in yardstick.drift_share} == {"", "origin=EWR", "origin=JFK"}


def test_only_a_drift_beyond_the_training_s_own_is_unusual(yardstick: Yardstick) -> None:
    usual = yardstick.usual["", "level", "psi"]
    rows = pd.DataFrame(
        [
            ("", "level", "psi", usual - 0.1, True),
            ("", "level", "psi", usual + 0.1, True),
            ("", "level", "psi", usual + 0.1, False),
            ("", "steady", "psi", 0.3, True),
            ("", "steady", "psi", None, False),
        ],
        columns=["slice", "feature", "technique", "score", "is_drift"],
    )
    assert yardstick.unusual(rows).tolist() == [False, True, False, True, False]


def test_a_missing_extra_is_told_before_the_work_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hopsmon.demo, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'hopsmon\[demo\]'"):
        hopsmon.demo.run_demo(tmp_path, False, Console())
    assert list(tmp_path.iterdir()) == []
