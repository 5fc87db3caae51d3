"""Expectations on statistics: what a window's summary says, exactly where it knows it exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hopsmon.core.batch import Side
from hopsmon.core.finding import Reason
from hopsmon.core.statistics.categories import CAPACITY
from tests.core.expectations.cases import batch, finding

NUMBERS = [1.0, 2.0, 4.0, 9.0, None, "wrong"]
WIDE = {"min_value": -1e9, "max_value": 1e9}


@pytest.mark.parametrize(
    ("kind", "observed"),
    [
        ("mean_to_be_between", 4.0),
        ("sum_to_be_between", 16.0),
        ("min_to_be_between", 1.0),
        ("max_to_be_between", 9.0),
        ("median_to_be_between", 3.0),
        ("stdev_to_be_between", float(np.std([1, 2, 4, 9], ddof=1))),
        ("unique_value_count_to_be_between", 4.0),
        ("proportion_of_unique_values_to_be_between", 1.0),
    ],
)
def test_numbers(kind: str, observed: float) -> None:
    kwargs = {"column": "x"}
    found = finding(kind, {**kwargs, **WIDE}, batch(x=NUMBERS))
    assert found.score == pytest.approx(observed)
    assert (found.is_drift, found.n) == (False, 4)
    low = finding(kind, {**kwargs, "min_value": observed + 1}, batch(x=NUMBERS))
    assert (low.is_drift, low.threshold, low.reason) == (True, observed + 1, Reason.EXPECTATION_FAILED)
    strict = finding(kind, {**kwargs, "max_value": found.score, "strict_max": True}, batch(x=NUMBERS))
    assert strict.is_drift
    assert not finding(kind, {**kwargs, "max_value": found.score}, batch(x=NUMBERS)).is_drift
    assert not finding(kind, kwargs, batch(x=NUMBERS)).is_drift  # no bound: the value must only be there


def test_times_are_shown_as_times() -> None:
    bounds = {"column": "t", "min_value": "2026-01-01", "max_value": "2026-12-31"}
    found = finding("max_to_be_between", bounds, batch(t=["2026-03-01T12:00:00Z", None, "2027-01-01"]))
    assert (found.is_drift, found.details["observed_value"]) == (True, "2027-01-01T00:00:00Z")
    assert found.details["on"] == "statistics"


@pytest.mark.parametrize("kind", ["mean", "min", "max", "median", "stdev"])
def test_without_a_number_there_is_nothing_to_judge(kind: str) -> None:
    found = finding(f"{kind}_to_be_between", {"column": "x", **WIDE}, batch(x=[None, "wrong"]))
    assert (found.score, found.reason) == (None, Reason.ALL_NULL)


def test_one_number_has_no_spread_and_no_numbers_have_the_sum_0() -> None:
    assert finding("stdev_to_be_between", {"column": "x", **WIDE}, batch(x=[1.0])).reason is Reason.INSUFFICIENT
    assert finding("sum_to_be_between", {"column": "x", **WIDE}, batch(x=[None])).score == 0.0


def test_rows_are_counted() -> None:
    rows = batch(x=[1.0, 2.0]), batch(x=[3.0])
    assert finding("expect_table_row_count_to_equal", {"value": 3}, *rows).score == 3
    failed = finding("expect_table_row_count_to_be_between", {"min_value": 10}, *rows)
    assert (failed.feature, failed.is_drift, failed.threshold) == (None, True, 10)
    none = finding("expect_table_row_count_to_equal", {"value": 0}, batch(Side.RESPONSE, score=[1.0]))
    assert not none.is_drift


def ranges(*pairs: tuple[float, Any, Any], **more: Any) -> dict[str, Any]:
    wanted = {"quantiles": [share for share, _, _ in pairs], "value_ranges": [[low, high] for _, low, high in pairs]}
    return {"column": "x", "quantile_ranges": wanted, **more}


def test_quantiles() -> None:
    rows = batch(x=[float(number) for number in range(1, 11)])
    met = finding("quantile_values_to_be_between", ranges((0.1, 1, 2), (0.5, None, 6), (0.9, 9, None)), rows)
    assert (met.is_drift, met.details["observed_value"], met.details["on"]) == (False, [2.0, 5.0, 9.0], "statistics")
    failed = finding("quantile_values_to_be_between", ranges((0.1, 1, 2), (0.5, 7, 8)), rows)
    assert (failed.is_drift, failed.score, failed.details["success_details"]) == (True, 1.0, [True, False])
    linear = ranges((0.25, 3.2, 3.3), allow_relative_error="linear")
    assert finding("quantile_values_to_be_between", linear, rows).details["observed_value"] == [3.25]
    close = ranges((0.5, 5.0004, 6))  # within 0.01 % of a bound, which Great Expectations takes for inside
    assert not finding("quantile_values_to_be_between", close, rows).is_drift


def test_of_many_values_quantiles_are_a_sketchs() -> None:
    many = np.random.default_rng(1).permutation(20_000).astype(np.float64)
    found = finding("median_to_be_between", {"column": "x", "min_value": 0}, batch(x=many.tolist()))
    assert found.details["on"] == "sketch"
    assert found.score == pytest.approx(10_000, rel=3 * found.details["relative_error"])
    count = finding("unique_value_count_to_be_between", {"column": "x", "min_value": 0}, batch(x=many.tolist()))
    assert (count.details["on"], count.details["relative_error"]) == ("sketch", 0.033)
    assert count.score == pytest.approx(20_000, rel=0.1)


LABELS = ["a", "a", "b", "Zug", None, ["no label"]]


@pytest.mark.parametrize(
    ("kind", "kwargs", "failed"),
    [
        ("most_common_value_to_be_in_set", {"value_set": ["a", "c"]}, False),
        ("most_common_value_to_be_in_set", {"value_set": ["b"]}, True),
        ("distinct_values_to_contain_set", {"value_set": ["a", "b"]}, False),
        ("distinct_values_to_contain_set", {"value_set": ["a", "c"]}, True),
        ("distinct_values_to_equal_set", {"value_set": ["a", "b", "Zug"]}, False),
        ("distinct_values_to_equal_set", {"value_set": ["a", "b"]}, True),
        ("distinct_values_to_equal_set", {"value_set": ["a", "b", "Zug", "c"]}, True),
        ("unique_value_count_to_be_between", {"min_value": 3, "max_value": 3}, False),
        ("proportion_of_unique_values_to_be_between", {"max_value": 0.75}, False),
    ],
)
def test_labels(kind: str, kwargs: dict[str, Any], failed: bool) -> None:
    found = finding(kind, {"column": "c", **kwargs}, batch(c=LABELS))
    assert (found.is_drift, found.details["success"], found.n) == (failed, not failed, 4)


def test_ties() -> None:
    rows, one = batch(c=["a", "b"]), {"column": "c", "value_set": ["a"]}
    assert finding("most_common_value_to_be_in_set", one, rows).is_drift
    assert not finding("most_common_value_to_be_in_set", {**one, "ties_okay": True}, rows).is_drift


def test_of_too_many_labels_only_what_is_certain_is_said() -> None:
    rows = batch(c=[f"id {number}" for number in range(2 * CAPACITY)])
    common = finding("most_common_value_to_be_in_set", {"column": "c", "value_set": ["id 1"]}, rows)
    assert (common.score, common.reason) == (None, Reason.NO_STATISTIC)
    missing = finding("distinct_values_to_contain_set", {"column": "c", "value_set": ["never"]}, rows)
    assert (missing.score, missing.reason) == (None, Reason.NO_STATISTIC)
    others = finding("distinct_values_to_equal_set", {"column": "c", "value_set": ["id 0"]}, rows)
    assert others.is_drift
    count = finding("unique_value_count_to_be_between", {"column": "c", "min_value": 0}, rows)
    assert count.details["on"] == "sketch"
