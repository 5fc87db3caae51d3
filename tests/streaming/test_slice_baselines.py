"""Slices are judged against their own past: what differs from all traffic by nature is no drift."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.frames import to_arrow
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.techniques import registry
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.plan import MonitorPlan
from tests.support.engine import SmallEngine, requests
from tests.support.monitors import MODEL, monitor

AGES = {"Bern": 30.0, "Zug": 60.0}
MINUTES = 40
PSI_AND_E = tuple(registry.build(name) for name in ("psi", "e_detector"))


def frame(minutes: int, seed: int, ages: dict[str, float] = AGES) -> pd.DataFrame:
    """A hundred rows a minute; the cities' people are of different ages."""
    rng = np.random.default_rng(seed)
    rows = 100 * minutes
    city = rng.choice(list(ages), rows)
    age = rng.normal([ages[one] for one in city], 5.0)
    at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(rows) * 0.6, unit="s")
    return pd.DataFrame({"age": age, "city": city, "at": at})


def built(**settings: Any) -> Baseline:
    timed = {"event_time": "at", "window": timedelta(minutes=1), **settings}
    return build_baseline(to_arrow(frame(60, 1)), MODEL, **timed)


def seen(plan: MonitorPlan, data: pd.DataFrame) -> list[dict[str, Any]]:
    engine = SmallEngine(plan)
    times = (data["at"] - data["at"].iloc[0]).dt.total_seconds().tolist()
    engine.run([requests(data[["age", "city"]].to_numpy().tolist(), times)])
    engine.end()
    return [{**row, "details": orjson.loads(row["details"])} for row in engine.rows("drift")]


def plan(baseline: Baseline) -> MonitorPlan:
    spec = WindowSpec(timedelta(minutes=1), lateness=timedelta(seconds=10))
    return monitor(
        baseline=baseline, schema=baseline.schema, window=spec, slices=("city",), techniques=PSI_AND_E, min_instances=1
    )


def drifting(rows: list[dict[str, Any]], name: str, technique: str) -> int:
    found = [row for row in rows if row["slice"] == name and row["technique"] == technique]
    return len({row["window_start"] for row in found if row["is_drift"]})


def test_a_slice_unlike_the_whole_is_no_drift_and_one_unlike_itself_is() -> None:
    own = plan(built(slices=["city"]))
    quiet = seen(own, frame(MINUTES, 2))
    for name in ("", "city=Bern", "city=Zug"):
        for technique in ("psi", "e_detector"):
            assert drifting(quiet, name, technique) == 0, (name, technique)
    swapped = seen(own, frame(MINUTES, 2, {"Bern": 60.0, "Zug": 30.0}))  # the whole stays as it was
    for technique in ("psi", "e_detector"):
        assert drifting(swapped, "", technique) == 0
        for name in ("city=Bern", "city=Zug"):
            assert drifting(swapped, name, technique) >= MINUTES - 3, (name, technique)


def test_a_slice_s_natural_variation_is_that_of_its_own_windows() -> None:
    rows = seen(plan(built(slices=["city"])), frame(MINUTES, 2))
    bands = {
        name: {
            row["threshold"] for row in rows if (row["slice"], row["technique"], row["feature"]) == (name, "psi", "age")
        }
        for name in ("", "city=Bern")
    }
    assert min(bands["city=Bern"]) > max(bands[""])  # half the rows a window: chance alone gives larger scores
    assert all("compared_with" not in row["details"] for row in rows)


def test_the_rule_for_thresholds_is_the_plans_in_every_slice() -> None:
    own, data = plan(built(slices=["city"])), frame(4, 2)
    least = (registry.build({"psi": {"threshold": 0.001}}),)
    by_rule = {
        rule: seen(replace(own, threshold_rule=rule, techniques=least), data)
        for rule in (ThresholdRule.ROOM, ThresholdRule.QUANTILE)
    }
    for rule, rows in by_rule.items():
        assert {row["slice"] for row in rows} == {"", "city=Bern", "city=Zug"}
        assert {row["details"].get("band_rule") for row in rows if row["feature"] == "age"} == {str(rule)}
    for room, quantile in zip(*by_rule.values(), strict=True):
        assert room["threshold"] > quantile["threshold"] or room["feature"] != "age"


@pytest.mark.parametrize("slices", [(), ("other",)])
def test_without_a_baseline_of_slices_windows_are_held_against_all_traffic_and_it_is_said(
    slices: tuple[str, ...],
) -> None:
    data = frame(3, 2)
    settings: dict[str, Any] = {"slices": ["city"] if slices else []}
    baseline = built(**settings)
    if slices:  # a value that the reference lacks
        data["city"] = data["city"].replace("Zug", "Genf")
    rows = [row for row in seen(plan(baseline), data) if row["slice"] == ("city=(other)" if slices else "city=Zug")]
    followed = [row for row in rows if row["technique"] == "e_detector"]
    assert len(followed) == 3  # one a window
    for row in followed:
        assert (row["feature"], row["score"], row["reason"]) == ("", None, "baseline_missing")
        assert row["details"]["build_with"] == "hopsmon baseline --slice city"
    judged = [row for row in rows if row["technique"] == "psi" and row["feature"] == "age"]
    assert len(judged) == 3
    assert all(row["details"]["compared_with"] == "all traffic" for row in judged)
    assert slices or all(row["score"] > 1.0 for row in judged)  # of another age than all


def test_sliding_windows_ask_sequence_techniques_only_where_they_see_the_window() -> None:
    sliding = replace(
        plan(built()), window=WindowSpec(timedelta(minutes=1), timedelta(seconds=30), lateness=timedelta(seconds=10))
    )
    rows = [row for row in seen(sliding, frame(3, 2)) if row["slice"] == "city=Zug"]
    starts = {row["window_start"].second for row in rows if row["technique"] == "e_detector"}
    assert starts == {0}
    assert {row["window_start"].second for row in rows if row["technique"] == "psi"} == {0, 30}


def test_a_label_that_only_other_slices_had_is_unseen_in_this_one() -> None:
    def of(cities: dict[str, float], minutes: int, seed: int) -> pd.DataFrame:
        data = frame(minutes, seed, cities)
        return data.assign(shop=np.where(data["city"] == "Bern", "market", "mall"))

    data = of(AGES, 60, 1)
    timed: dict[str, Any] = {"event_time": "at", "window": timedelta(minutes=1), "slices": ["city"]}
    baseline = build_baseline(to_arrow(data[["age", "city", "shop", "at"]]), MODEL, **timed)
    spec = WindowSpec(timedelta(minutes=1), lateness=timedelta(seconds=10))
    techniques = tuple(registry.build(name) for name in ("unseen_categories", "e_detector"))
    own = monitor(
        baseline=baseline, schema=baseline.schema, window=spec, slices=("city",), techniques=techniques, min_instances=1
    )
    later = of(AGES, 5, 2)
    moved = (later["city"] == "Bern") & (np.arange(len(later)) % 2 == 0)
    later.loc[moved, "shop"] = "mall"  # well known in Zug, and never seen in Bern
    engine = SmallEngine(own)
    times = (later["at"] - later["at"].iloc[0]).dt.total_seconds().tolist()
    engine.run([requests(later[["age", "city", "shop"]].to_numpy().tolist(), times)])
    engine.end()
    rows = [row for row in engine.rows("drift") if row["feature"] == "shop"]
    assert drifting(rows, "city=Bern", "unseen_categories") == 5
    assert drifting(rows, "city=Bern", "e_detector") >= 3
    assert drifting(rows, "city=Zug", "unseen_categories") == drifting(rows, "", "unseen_categories") == 0


def test_of_a_hundred_slices_one_alone_is_found() -> None:
    ages = {f"c{number:03}": 20.0 + number / 4 for number in range(100)}
    reference = frame(600, 1, ages)
    baseline = build_baseline(to_arrow(reference.drop(columns="at")), MODEL, slices=["city"])
    own = baseline.of_slice("city=c042")
    assert own is not None
    assert own.among == 100
    moved = frame(120, 2, {**ages, "c042": 80.0})
    rows = seen(plan(baseline), moved.assign(at=reference["at"].iloc[: len(moved)].to_numpy()))
    alarmed = {
        row["slice"] for row in rows if row["technique"] == "e_detector" and not row["feature"] and row["is_drift"]
    }
    assert alarmed - {""} == {"city=c042"}
