"""A proposed suite holds for the data it was made of, says why, and leaves room."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.expectations.compiling import compile_suite
from hopsmon.core.expectations.propose import propose
from hopsmon.core.expectations.suite import Suite, read_suite
from hopsmon.core.expectations.technique import techniques_of
from hopsmon.core.finding import Finding
from hopsmon.core.frames import batches_of
from hopsmon.core.schema import ModelRef, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import measures_of, run_window_technique
from hopsmon.errors import ConfigError

MODEL = ModelRef("flights", 2)
RNG = np.random.default_rng(3)


def data(rows: int = 5_000, shift: float = 0.0, seed: int = 1) -> pa.Table:
    rng = np.random.default_rng(seed)
    missing = rng.random(rows) < 0.05
    return pa.table(
        {
            "delay": pa.array(rng.normal(shift, 20, rows), mask=missing),
            "distance": rng.integers(100, 4_000, rows),
            "origin": rng.choice(["JFK", "LGA", "EWR"], rows),
            "rare": ["once" if row == 0 else "often" for row in range(rows)],
            "late": rng.random(rows) < 0.2,
            "tail": [f"N{number}" for number in range(rows)],
            "constant": np.ones(rows),
            "empty": pa.nulls(rows, pa.float64()),
        }
    )


BASELINE = build_baseline(data(), MODEL)
SUITE = propose(BASELINE)


def kwargs_of(kind: str, column: str, suite: Suite = SUITE) -> dict[str, Any] | None:
    for one in suite.expectations:
        if one.type == f"expect_column_{kind}" and one.kwargs["column"] == column:
            return {name: value for name, value in one.kwargs.items() if name != "column"}
    return None


def verdicts(suite: Suite, baseline: Baseline, table: pa.Table) -> list[Finding]:
    compiled = compile_suite(suite, baseline.schema)
    assert not compiled.sampled
    assert not compiled.left_out
    techniques = techniques_of(compiled)
    recipe = Recipe(baseline.schema, baseline.features, measures=measures_of(techniques))
    (batch,) = batches_of(table, baseline.schema)
    window = Summary(instances=len(batch), features=recipe.summarise(batch), model=recipe.summarise_model(batch))
    return [one for technique in techniques for one in run_window_technique(technique, window, baseline)]


def test_what_is_proposed() -> None:
    assert SUITE.name == "flights_2"
    assert SUITE.meta == {"proposed_by": "hopsmon", "baseline": BASELINE.id, "rows": 5_000}
    assert kwargs_of("values_to_not_be_null", "distance") == {}
    nulls = kwargs_of("values_to_not_be_null", "delay")
    assert nulls is not None
    assert 0.86 < nulls["mostly"] < 0.9  # 5 % are null, and three standard errors of 100 rows are 6.5 %
    assert kwargs_of("values_to_not_be_null", "empty") is None
    assert kwargs_of("values_to_be_in_set", "origin") == {"value_set": ["EWR", "JFK", "LGA"]}
    rare = kwargs_of("values_to_be_in_set", "rare")
    assert rare is not None
    assert 0.99 < rare["mostly"] < 1
    assert kwargs_of("values_to_be_in_set", "tail") is None
    assert kwargs_of("values_to_be_in_set", "late") is None
    whole = kwargs_of("values_to_be_between", "distance")
    assert whole is not None
    assert (whole["min_value"], whole["mostly"]) == (0, 0.99)  # never negative
    assert isinstance(whole["max_value"], int)
    assert 4_380 <= whole["max_value"] <= 4_400
    assert kwargs_of("values_to_be_between", "constant") == {"min_value": 1.0, "max_value": 1.0, "mostly": 0.99}
    mean = kwargs_of("mean_to_be_between", "delay")
    assert mean is not None
    assert mean["min_value"] == pytest.approx(-8, abs=1)
    assert mean["max_value"] == pytest.approx(8, abs=1)


def test_each_says_why() -> None:
    assert all(one.meta["why"] for one in SUITE.expectations)
    (null,) = [
        one for one in SUITE.expectations if one.type.endswith("not_be_null") and one.kwargs["column"] == "delay"
    ]
    assert "room: 3 standard errors of a window of 100 rows" in null.meta["why"]
    assert read_suite(SUITE.to_json()) == SUITE


@pytest.mark.parametrize("rows", [100, 1_000, 5_000])
def test_data_like_the_baselines_meets_them(rows: int) -> None:
    failed = [one for seed in range(2, 12) for one in verdicts(SUITE, BASELINE, data(rows, seed=seed)) if one.is_drift]
    # Ten windows, and about ten expectations that chance can break: at most one of a hundred does.
    assert len(failed) <= 1
    assert not [one for one in verdicts(SUITE, BASELINE, data()) if one.is_drift]


def test_other_data_does_not() -> None:
    table = data(500, shift=30.0).set_column(2, "origin", pa.array(["BOS"] * 500))
    failed = {(one.technique, one.feature) for one in verdicts(SUITE, BASELINE, table) if one.is_drift}
    assert {
        ("expect_column_mean_to_be_between", "delay"),
        ("expect_column_values_to_be_in_set", "origin"),
    } <= failed


def test_means_of_the_baselines_own_windows_say_how_far_a_mean_goes() -> None:
    """Days differ: the mean of all rows would be a far tighter yardstick than any day meets."""
    from datetime import timedelta

    days = np.repeat(np.arange(30), 200)
    times = pa.array(1_767_225_600 + days * 86_400, pa.int64()).cast(pa.timestamp("s"))
    table = pa.table({"at": times, "load": RNG.normal(100 + 30 * (days % 7), 1.0)})
    baseline = build_baseline(table, MODEL, event_time="at", window=timedelta(days=1))
    suite = propose(baseline)
    mean = kwargs_of("mean_to_be_between", "load", suite)
    assert mean is not None
    assert mean["min_value"] < 99
    assert mean["max_value"] > 281
    (why,) = [one.meta["why"] for one in suite.expectations if one.type == "expect_column_mean_to_be_between"]
    assert "30 windows" in why


def test_a_baseline_that_knows_nothing_proposes_nothing() -> None:
    with pytest.raises(ConfigError, match="there is nothing to expect"):
        propose(Baseline(ModelSchema(()), {"x": FeatureSummary()}, MODEL))
