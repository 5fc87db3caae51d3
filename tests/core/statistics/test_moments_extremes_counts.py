"""Moments stay right where naive sums go wrong; extremes and counts are exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.batch import FloatArray
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.sample import sample_of
from tests.core.statistics.values import numeric_column


def exact(values: FloatArray) -> tuple[float, float]:
    """Mean and sum of squared deviations in rational arithmetic."""
    numbers = [Fraction(value) for value in values.tolist()]
    mean = sum(numbers) / len(numbers)
    return float(mean), float(sum((number - mean) ** 2 for number in numbers))


def merged(values: FloatArray, parts: int) -> Moments:
    total = Moments()
    for part in np.array_split(values, parts):
        total += Moments.of_sorted(np.sort(part))
    return total


@pytest.mark.parametrize("parts", [1, 2, 7, 1000])
@pytest.mark.parametrize(("mean", "spread"), [(0, 1), (1e9, 1e-3), (-1e15, 1.0), (1.7e9, 1e-6), (1e-150, 1e-152)])
def test_mean_and_spread_are_right_to_nine_digits(mean: float, spread: float, parts: int) -> None:
    values = mean + spread * np.random.default_rng(1).normal(size=2000)
    moments = merged(values, parts)
    right_mean, right_m2 = exact(values)
    assert moments.mean == pytest.approx(right_mean, rel=1e-15, abs=1e-9 * spread)
    assert moments.m2 == pytest.approx(right_m2, rel=1e-9)


@pytest.mark.parametrize("parts", [1, 3])
def test_skewed_values_are_no_harder(parts: int) -> None:
    values = np.concatenate((np.zeros(5000), [1e12], np.exp(np.linspace(-50, 20, 500))))
    np.random.default_rng(2).shuffle(values)
    moments = merged(values, parts)
    assert (moments.mean, moments.m2) == pytest.approx(exact(values), rel=1e-12)


@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=50))
def test_standard_deviation_is_the_usual_one(values: list[float]) -> None:
    array = np.sort(np.array(values) + 0.0)
    assert Moments.of_sorted(array).std_dev == pytest.approx(
        np.sqrt(exact(array)[1] / (len(values) - 1)), rel=1e-9, abs=1e-150
    )


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 100), st.integers(1, 100))
def test_equal_values_have_no_spread_at_all(value: float, some: int, more: int) -> None:
    moments = Moments.of_sorted(np.full(some, value)) + Moments.of_sorted(np.full(more, value))
    assert moments == Moments(some + more, value, 0.0)


def test_numbers_near_the_largest_have_a_mean_but_no_spread() -> None:
    values = np.array([-1.7e308, 1.5e308, 1.7e308])
    for moments in (Moments.of_sorted(values), merged(values, 3), merged(values[::-1], 2)):
        assert moments.mean == pytest.approx(0.5e308, rel=1e-12)
        assert moments.m2 == np.inf
        assert moments.std_dev is None


def test_large_numbers_whose_spread_is_representable_have_it() -> None:
    assert Moments.of_sorted(np.array([1e150, 3e150])).std_dev == pytest.approx(np.sqrt(2) * 1e150)


@pytest.mark.parametrize("count", [0, 1])
def test_below_two_values_there_is_no_spread(count: int) -> None:
    moments = Moments.of_sorted(np.ones(count))
    assert (moments.count, moments.std_dev, moments.variance) == (count, None, None)


def test_counts_say_why_values_are_missing() -> None:
    counts = Counts.of(sample_of(numeric_column([1.0, "null", "null", "invalid", float("nan")])))
    assert counts == Counts(rows=5, nulls=2, nonfinite=1, invalid=1)
    assert counts.valid == 1


def test_extremes_leave_out_what_is_not_finite() -> None:
    extremes = Extremes.of(sample_of(numeric_column([2.0, float("inf"), -0.0, float("nan")])))
    assert extremes == Extremes(0.0, 2.0)


def test_extremes_of_nothing_are_none() -> None:
    assert Extremes.of(sample_of(numeric_column([float("inf")]))) == Extremes(None, None)
