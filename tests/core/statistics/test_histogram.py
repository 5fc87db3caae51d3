"""Bins follow the reference: equal shares, a bin a value where values are few, frequent values apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.batch import FloatArray, NumericColumn
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.histogram import Histogram, quantile_edges
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.sample import CategorySample, sample_of
from hopsmon.errors import ConfigError
from tests.core.statistics.values import finite


def counted(values: list[float], edges: list[float]) -> Histogram:
    reference = FeatureSummary({"histogram": Histogram(np.array(edges), np.zeros(len(edges) - 1, np.int64))})
    histogram = Histogram.of(sample_of(NumericColumn(np.array(values, np.float64))), reference)
    assert histogram is not None
    return histogram


def own(values: FloatArray, bins: int = 20) -> Histogram:
    """The histogram of values in their own bins."""
    ordered = np.sort(values + 0.0)
    return Histogram.of_sorted(ordered, quantile_edges(ordered, bins))


def test_bins_are_closed_on_the_left_and_the_last_on_both_sides() -> None:
    histogram = counted([-1, 0, 0.5, 1, 2, 2.5, np.inf, np.nan], [0, 1, 2])
    assert (histogram.underflow, histogram.counts.tolist(), histogram.overflow) == (1, [2, 2], 1)
    assert histogram.total == 6


def test_shares_are_those_of_underflow_bins_and_overflow() -> None:
    assert counted([-1, 0, 1, 5], [0, 1, 2]).shares().tolist() == [0.25, 0.25, 0.25, 0.25]
    assert counted([], [0, 1, 2]).shares().tolist() == [0, 0, 0, 0]


def test_no_reference_means_no_histogram() -> None:
    sample = sample_of(NumericColumn(np.array([1.0])))
    assert Histogram.of(sample, None) is None
    assert Histogram.of(sample, FeatureSummary()) is None


def test_labels_have_no_histogram() -> None:
    reference = FeatureSummary({"histogram": Histogram(np.array([0.0, 1.0]), np.array([1]))})
    assert Histogram.of(CategorySample((), np.array([], np.int64), 0), reference) is None


def test_other_edges_do_not_add() -> None:
    with pytest.raises(
        ConfigError, match=r"1 bins over 0\.0 to 1\.0 and 1 bins over 0\.0 to 2\.0.*different baselines"
    ):
        counted([0.5], [0, 1]) + counted([0.5], [0, 2])


def test_many_different_values_fill_the_bins_equally() -> None:
    values = np.random.default_rng(3).lognormal(size=10_000)
    assert own(values).counts.tolist() == pytest.approx([500] * 20, abs=2)


def test_few_values_get_a_bin_each() -> None:
    histogram = own(np.repeat([1.0, 2.0, 3.0, 10.0], [5, 1, 7, 2]))
    assert histogram.edges.tolist() == [1.0, 1.5, 2.5, 6.5, 10.0]
    assert histogram.counts.tolist() == [5, 1, 7, 2]


def test_a_constant_reference_has_one_bin_that_holds_only_it() -> None:
    edges = quantile_edges(np.full(100, 3.25))
    assert edges.tolist() == [3.25, 3.25]
    histogram = counted([3.0, 3.25, 3.25, np.nextafter(3.25, 4)], edges.tolist())
    assert (histogram.underflow, histogram.counts.tolist(), histogram.overflow) == (1, [2], 1)


@pytest.mark.parametrize("heavy", [0.0, 0.5, 1.0], ids=["smallest", "middle", "largest"])
def test_a_frequent_value_has_a_bin_of_its_own(heavy: float) -> None:
    histogram = own(np.concatenate((np.full(9_000, heavy), np.linspace(0, 1, 1_001))))
    assert len(histogram.counts) >= 2
    assert histogram.counts.max() == pytest.approx(9_001, abs=1)


def test_without_values_there_are_no_bins() -> None:
    assert len(quantile_edges(np.empty(0))) == 0
    assert Histogram.of_sorted(np.array([1.0]), quantile_edges(np.empty(0))) == Histogram()


def test_a_sketch_gives_about_the_same_edges() -> None:
    values = np.sort(np.random.default_rng(4).normal(size=50_000))
    kept, weights = Quantiles.of_values(values, k=2048).retained()
    histogram = Histogram.of_sorted(values, quantile_edges(kept, weights=weights))
    assert histogram.counts.sum() == pytest.approx(50_000, rel=0.01)
    assert histogram.counts == pytest.approx(np.full(20, 2_500), abs=4 * 0.0014 * 50_000)


@given(st.lists(finite, min_size=1, max_size=200), st.integers(1, 25))
def test_edges_hold_their_own_reference(values: list[float], bins: int) -> None:
    array = np.array(values)
    histogram = own(array, bins)
    assert histogram.counts.sum() == len(values)
    assert len(histogram.counts) <= bins
    assert (np.diff(histogram.edges[:-1]) > 0).all()
    distinct = np.unique(array)
    if len(distinct) <= bins:
        assert np.count_nonzero(histogram.counts) == len(histogram.counts) == len(distinct)


def test_edges_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        quantile_edges(np.array([1.0, 2.0]))[0] = 7


@given(st.lists(finite, min_size=2, max_size=30, unique=True), st.integers(0, 2**62))
def test_edges_and_counts_survive_bytes_exactly(edges: list[float], count: int) -> None:
    histogram = Histogram(np.sort(edges), np.full(len(edges) - 1, count), count, 1)
    back = Histogram.from_bytes(histogram.to_bytes())
    assert back.edges.tolist() == histogram.edges.tolist()
    assert back.counts.tolist() == histogram.counts.tolist()
    assert (back.underflow, back.overflow) == (count, 1)
