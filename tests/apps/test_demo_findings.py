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
from hopsmon.demo import findings
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


def _drift(days: int, slice_name: str = "", feature: str = "temp", **by_technique: set[int]) -> pd.DataFrame:
    """A feature's verdicts: by technique, the days on which it says drift."""
    return pd.DataFrame(
        [
            (slice_name, feature, FIRST + timedelta(days=day), technique, 1.0, day in drifting)
            for technique, drifting in by_technique.items()
            for day in range(days)
        ],
        columns=["slice", "feature", "window_start", "technique", "score", "is_drift"],
    )


def test_lasting_and_single_days_are_told_apart_and_since_counts_both() -> None:
    drift = _drift(20, e_detector=set(range(10, 15)), psi={2, 8, 9, 15, 16}, ks={2}, chi2=set())
    lasting, single, since, techniques = findings.verdicts_of(drift)
    assert (lasting, single) == (5 / 20, 5 / 20)
    assert since == pd.Timestamp(FIRST + timedelta(days=8))  # days 8 to 16, by either
    assert set(techniques[:2]) == {"e_detector", "psi"}
    assert techniques[2:] == ("ks",)
    assert findings.verdicts_of(drift.iloc[:0]) == (0.0, 0.0, None, ())


def test_a_technique_that_could_not_judge_a_day_found_nothing_on_it() -> None:
    drift = pd.concat([_drift(10, e_detector=set(range(10))), _drift(5, psi={0})])
    assert findings.verdicts_of(drift)[:2] == (1.0, 0.1)


def test_a_slice_shows_the_features_that_changed_for_a_week() -> None:
    jfk = "origin=JFK"
    drift = pd.concat(
        [
            _drift(20, e_detector=set(range(20))),  # all traffic
            _drift(20, jfk, "seats", e_detector=set(range(10, 20))),
            _drift(20, jfk, "dest", psi=set(range(5, 20))),
            _drift(20, jfk, "temp", psi={1, 3, 5}),
            _drift(20, jfk, "", e_detector=set(range(20))),  # the model as a whole
            _drift(20, "origin=LGA", psi=set()),
        ]
    )
    found = findings.drift_by_slice(drift)
    assert list(found) == [jfk, "origin=LGA"]
    assert list(found[jfk].items()) == [
        ("dest", (0.75, pd.Timestamp(FIRST + timedelta(days=5)))),
        ("seats", (0.5, pd.Timestamp(FIRST + timedelta(days=10)))),
    ]
    assert found["origin=LGA"] == {}


def test_a_missing_extra_is_told_before_the_work_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hopsmon.demo, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'hopsmon\[demo\]'"):
        hopsmon.demo.run_demo(tmp_path, False, Console())
    assert list(tmp_path.iterdir()) == []
