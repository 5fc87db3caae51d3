"""What stands of many monitors' findings when all of them are asked at once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from math import log10
from pathlib import Path
from typing import Any

import pytest

import hopsmon
from hopsmon import ConfigError, wiring
from hopsmon.streaming.tables import TABLES

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
DRIFT = TABLES["hopsmon_drift"]


def row(monitor: str, hour: int = 0, **changes: Any) -> dict[str, Any]:
    """A finding of drift by ks, in one hour."""
    of = {"monitor": monitor, "model_name": "m", "model_version": "1", "slice": "", "feature": "x", "technique": "ks"}
    window = {"window_start": START + timedelta(hours=hour), "window_end": START + timedelta(hours=hour + 1)}
    verdict = {"score": 0.3, "threshold": 0.1, "is_drift": True, "severity": "warning", "n": 9, "reason": "drift"}
    return {**of, **window, **verdict, "p_value": 1e-9, "p_adjusted": 1e-9, "details": "{}", **changes}


def alarm(monitor: str, times_c: float, hour: int = 0, **changes: Any) -> dict[str, Any]:
    """The e-detector's finding for the model, with evidence of so many c."""
    alone = {"technique": "e_detector", "feature": "", "p_value": None, "p_adjusted": None, "threshold": 4.0}
    return row(monitor, hour, **{**alone, "score": 4 + log10(times_c), "is_drift": times_c >= 1, **changes})


def store_of(folder: Path, *rows: dict[str, Any]) -> hopsmon.Store:
    plain = [{**one, "baseline_id": "b"} for one in rows]
    wiring.home_at(folder).tables.write({DRIFT.name: DRIFT.table(plain)}, "test", 0)
    return hopsmon.connect(folder)


def who(found: Any) -> list[tuple[str, str]]:
    return list(zip(found["monitor"].to_pylist(), found["technique"].to_pylist(), strict=True))


def test_one_of_many_monitors_needs_more_evidence_and_many_that_drift_do_not(tmp_path: Path) -> None:
    quiet = [row(f"quiet{number}", p_value=0.4, is_drift=False, slice="s=1") for number in range(200)]
    lucky = row("lucky", p_value=1e-6)  # e = 500, for 201 hypotheses 4,020 are needed at 5 %
    sure = row("sure", p_value=1e-12)
    assert who(store_of(tmp_path / "one", lucky).standing()) == [("lucky", "ks")]
    assert who(store_of(tmp_path / "two", *quiet, lucky).standing()) == []
    assert who(store_of(tmp_path / "three", *quiet, lucky, sure).standing()) == [("sure", "ks")]
    many = [row(f"moved{number}", p_value=1e-6) for number in range(40)]
    assert len(who(store_of(tmp_path / "four", *quiet, *many).standing())) == 40


def test_of_the_e_detector_the_newest_evidence_of_each_series_counts(tmp_path: Path) -> None:
    calm = [alarm(f"calm{number}", 0.1) for number in range(9)]
    told: dict[str, Any] = {"details": '{"slices":4,"threshold_alone":4.0}', "threshold": 4.6}
    rows = [*calm, alarm("over", 1e6), alarm("over", 0.5, hour=1), alarm("loud", 5.0), alarm("loud", 30.0, hour=2)]
    found = store_of(tmp_path, *rows, alarm("sliced", 20.0, slice="s=1", **told)).standing(technique="e_detector")
    assert who(found) == [("sliced", "e_detector"), ("loud", "e_detector")]
    assert found["window_start"].to_pylist()[1] == START + timedelta(hours=2)
    assert who(hopsmon.connect(tmp_path).standing(until=START + timedelta(hours=2))) == [("sliced", "e_detector")]


def test_what_a_monitor_did_not_call_drift_does_not_stand(tmp_path: Path) -> None:
    small = row("a", p_value=1e-30, is_drift=False)  # surely there, and too small to matter
    unknown = row("b", p_value=None, score=None, is_drift=False)
    assert store_of(tmp_path, small, unknown).standing().num_rows == 0
    assert hopsmon.connect(tmp_path / "nothing").standing().num_rows == 0


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_a_level_that_is_none_is_refused(tmp_path: Path, level: float) -> None:
    with pytest.raises(ConfigError, match="level must be between 0 and 1"):
        hopsmon.connect(tmp_path).standing(level)
