"""statistic_change: Hopsworks' comparison of one statistic, by a difference and a threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.natural import NaturalVariation
from hopsmon.core.reference_parts import ReferenceWindow
from hopsmon.core.techniques.drift.statistic_change import MEASURES, change
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.registry import build
from hopsmon.core.verdicts import Judge
from hopsmon.errors import ConfigError, UnknownNameError
from tests.core.techniques.cases import baseline_of, judge, window_of, window_technique

REFERENCE = [1.0, 2.0, 3.0, 4.0] * 25  # mean 2.5, population variance 1.25
WINDOW = [2.0, 4.0, 6.0, 8.0] * 10  # mean 5, population variance 5


def of(statistic: str, window: Any = WINDOW, reference: Any = REFERENCE, **parameters: Any) -> Finding:
    given: Any = {"statistic": statistic, **parameters}
    return judge("statistic_change", reference, window, **given)


@pytest.mark.parametrize(
    ("statistic", "value", "reference"),
    [
        ("mean", 5.0, 2.5),
        ("std_dev", 5.0**0.5, 1.25**0.5),
        ("sample_std_dev", (200 / 39) ** 0.5, (125 / 99) ** 0.5),
        ("min", 2.0, 1.0),
        ("max", 8.0, 4.0),
        ("completeness", 1.0, 1.0),
        ("approx_num_distinct_values", 4.0, 4.0),
    ],
)
def test_each_statistic_is_what_hopsworks_calls_it(statistic: str, value: float, reference: float) -> None:
    finding = of(statistic, threshold=100.0)
    assert finding.details["value"] == pytest.approx(value)
    assert finding.details["reference_value"] == pytest.approx(reference)
    assert finding.score == pytest.approx(abs(value - reference))
    assert (finding.is_drift, finding.p_value, finding.n) == (False, None, 40)


def test_the_difference_may_be_relative() -> None:
    assert of("mean", relative=True, threshold=1.0).score == pytest.approx(1.0)
    assert of("mean", reference=[-value for value in REFERENCE], relative=True).score == pytest.approx(3.0)


def test_relative_to_zero_a_change_is_as_large_as_can_be_and_none_is_none() -> None:
    assert change(1e-9, 0.0, relative=True) == np.finfo(np.float64).max
    assert change(0.0, 0.0, relative=True) == 0.0


def test_at_the_threshold_is_drift_unless_strict() -> None:
    assert of("mean", threshold=2.5).is_drift
    assert not of("mean", threshold=2.5, strict=True).is_drift
    assert of("mean", threshold=2.4, strict=True).severity is Severity.WARNING
    assert of("mean", threshold=1.25).severity is Severity.CRITICAL


def test_a_specific_value_takes_the_references_place() -> None:
    finding = of("mean", specific_value=5.5, threshold=1.0)
    assert (finding.score, finding.is_drift, finding.details["reference_value"]) == (0.5, False, 5.5)
    assert of("count", specific_value=50, threshold=0.1, relative=True).score == pytest.approx(0.2)


def windowed(baseline: Baseline, windows: int) -> Baseline:
    """As if it had been built of so many equal windows."""
    summary = window_of({"f": REFERENCE}, baseline)
    return replace(baseline, windows=tuple(ReferenceWindow(start, summary) for start in range(windows)), rows=100)


@pytest.mark.parametrize(("statistic", "expected"), [("count", 25.0), ("sum", 62.5), ("num_non_null_values", 25.0)])
def test_what_grows_with_the_rows_is_compared_with_the_baselines_windows(statistic: str, expected: float) -> None:
    baseline = windowed(baseline_of({"f": REFERENCE}), 4)
    technique = window_technique({"statistic_change": {"statistic": statistic, "threshold": 1.0}})
    (finding,) = run_window_technique(technique, window_of({"f": WINDOW}, baseline), baseline)
    assert finding.details["reference_value"] == expected


def test_without_windows_of_its_own_the_baseline_says_nothing_about_counts() -> None:
    finding = of("count", threshold=1.0)
    assert (finding.score, finding.reason) == (None, Reason.NO_STATISTIC)
    assert finding.details["missing_in"] == ["baseline"]


def test_nulls_count_as_missing_and_labels_have_them_too() -> None:
    half = [None, "a"] * 20
    finding = of("completeness", half, ["a", "b"] * 50, threshold=0.5)
    assert (finding.score, finding.is_drift) == (0.5, True)
    assert of("num_null_values", half, ["a"] * 100, specific_value=0, threshold=5.0).score == 20.0


def test_only_numbers_have_a_mean() -> None:
    baseline = baseline_of({"x": REFERENCE, "c": ["a", "b"] * 50})
    window = window_of({"x": WINDOW, "c": ["a"] * 40}, baseline)
    technique = window_technique({"statistic_change": {"statistic": "mean"}})
    assert [finding.feature for finding in run_window_technique(technique, window, baseline)] == ["x"]


def test_few_rows_say_nothing_except_that_they_are_few() -> None:
    few = WINDOW[:20]
    assert of("mean", few).reason is Reason.INSUFFICIENT
    assert of("mean", few, min_rows=20, threshold=1.0).is_drift
    assert of("count", few, specific_value=100, threshold=50.0).is_drift


def test_a_window_of_nulls_has_no_mean() -> None:
    assert of("mean", [None] * 40, kind="numeric").reason is Reason.ALL_NULL


def test_neither_corrections_nor_natural_variation_change_the_verdict() -> None:
    baseline = windowed(baseline_of({"f": REFERENCE}), 30)
    technique = window_technique({"statistic_change": {"statistic": "mean", "threshold": 0.001}})
    window = window_of({"f": [value + 0.01 for value in REFERENCE]}, baseline)
    assert NaturalVariation.of(technique, baseline).windows == 30
    findings, _ = Judge([technique], baseline).judge(window, None, {})
    assert [(finding.is_drift, finding.threshold, finding.p_adjusted) for finding in findings] == [(True, 0.001, None)]


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"threshold": -1.0}, "threshold must be at least 0"),
        ({"threshold": 0.0}, "strict: true"),
        ({"specific_value": "many"}, "specific_value must be a number, got 'many'"),
        ({"min_rows": 0}, "min_rows must be at least 1"),
        ({"features": "f"}, "features must be a list of names"),
    ],
)
def test_senseless_parameters_are_refused(parameters: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        build({"statistic_change": parameters})


def test_an_unknown_statistic_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'std_dev'"):
        build({"statistic_change": {"statistic": "stddev"}})


@pytest.mark.parametrize("statistic", MEASURES)
def test_any_change_is_said_by_a_strict_zero(statistic: str) -> None:
    assert not of(statistic, REFERENCE, threshold=0.0, strict=True, specific_value=None).is_drift
