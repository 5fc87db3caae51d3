"""What the statistics' tests share: columns to summarise, a reference to do it by, and what "the same" means."""

from __future__ import annotations

from functools import reduce

import numpy as np
from hypothesis import strategies as st

from hopsmon.core.batch import INVALID_CODE, NULL_CODE, Batch, CategoryColumn, Column, NumericColumn, Side
from hopsmon.core.expectations.rows import NumbersMeet, counted
from hopsmon.core.expectations.values import Between, Bounds
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.comoments import CoMoments
from hopsmon.core.statistics.expectation_counts import ExpectationCounts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.sample import sample_of
from hopsmon.core.statistics.table import STATISTICS

LABELS = ("false", "true", "", "Zürich", "日本", "3", "never seen in the reference")
EDGES = np.array([-1e9, -1.0, 0.0, 0.0 + 5e-324, 2.5, 1e300])
REFERENCE = FeatureSummary(
    {
        "histogram": Histogram(EDGES, np.arange(5)),
        "categories": Categories(dict.fromkeys(LABELS[:-1], 1)),
    }
)

# Magnitudes that go wrong: zeros of both signs, the smallest and largest numbers, the edges themselves.
finite = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, 5e-324, -5e-324, 1e300, -1e300, 1.7e308, -1.7e308, 1e9, 1e9 + 1e-3, *EDGES]),
)
numbers = st.one_of(finite, st.sampled_from([float("nan"), float("inf"), float("-inf")]))
cells = st.one_of(numbers, st.sampled_from(["null", "invalid"]))
codes = st.sampled_from([INVALID_CODE, NULL_CODE, *range(len(LABELS))])

NUMBERS = [Feature(name, FeatureType.NUMERIC) for name in ("a", "b")]
MODEL_STATISTICS = ("comoments", "reservoir", "expectations")


def numeric_column(values: list[float | str]) -> NumericColumn:
    """A column of numbers, "null" and "invalid"."""
    return NumericColumn(
        np.array([np.nan if isinstance(value, str) else value for value in values], np.float64),
        np.array([value == "null" for value in values], np.bool_),
        np.array([value == "invalid" for value in values], np.bool_),
    )


def category_column(values: list[int]) -> CategoryColumn:
    return CategoryColumn(np.array(values, np.int32), LABELS)


def columns_for(name: str) -> st.SearchStrategy[Column]:
    """Columns that the statistic of that name makes sense for."""
    if any(kind.is_numeric for kind in STATISTICS[name].feature_types) or name in MODEL_STATISTICS:
        return st.lists(cells, max_size=30).map(numeric_column)
    return st.lists(codes, max_size=30).map(category_column)


def statistic_of(name: str, column: Column) -> Statistic:
    """The statistic of one column; co-moments are those of the column and its square root, a reservoir has its sign.

    Of expectations there is one, that numbers lie between 0 and 1.
    """
    if name == "comoments":
        return _comoments(column)
    if name == "reservoir":
        return _reservoir(column)
    if name == "expectations":
        return _expectation_counts(column)
    value = STATISTICS[name].of(sample_of(column), REFERENCE)
    assert value is not None
    return value


def _comoments(column: Column) -> CoMoments:
    assert isinstance(column, NumericColumn)
    values = np.where(np.abs(column.values) < 1e70, column.values, np.nan)
    nothing = np.zeros(len(values), np.int64)
    both = {"a": NumericColumn(values), "b": NumericColumn(np.sqrt(np.abs(values)))}
    return CoMoments.of_batch(Batch(Side.REQUEST, nothing, nothing, nothing, both), NUMBERS)


def _reservoir(column: Column) -> Reservoir:
    assert isinstance(column, NumericColumn)
    nothing = np.zeros(len(column), np.int64)
    signs = CategoryColumn(np.where(np.isnan(column.values), NULL_CODE, column.values > 0).astype(np.int32), ("-", "+"))
    batch = Batch(Side.REQUEST, nothing, nothing, nothing, {"a": column, "c": signs})
    return Reservoir.of_batch(batch, [*NUMBERS, Feature("c", FeatureType.CATEGORICAL)])


def _expectation_counts(column: Column) -> ExpectationCounts:
    nothing = np.zeros(len(column), np.int64)
    batch = Batch(Side.REQUEST, nothing, nothing, nothing, {"a": column})
    return ExpectationCounts({"key": counted(NumbersMeet(Between(Bounds(0.0, 1.0))), batch, NUMBERS[:1])})


def total(parts: list[Statistic]) -> Statistic:
    return reduce(lambda a, b: a + b, parts)


def same(a: Statistic, b: Statistic, scale: float) -> bool:
    """Equal: exactly, or to rounding for sums. `scale` is the largest magnitude among the values."""
    if isinstance(a, Moments) and isinstance(b, Moments):
        return a.count == b.count and _near(a.mean, b.mean, scale) and _near(a.m2, b.m2, 0)
    if isinstance(a, Quantiles) and isinstance(b, Quantiles):  # so few values that the sketch still holds them all
        return all(np.array_equal(x, y) for x, y in zip(a.retained(), b.retained(), strict=True))
    if isinstance(a, CoMoments) and isinstance(b, CoMoments):
        if not (a.names and b.names):
            return a == b
        close = [_near(x, y, scale) for x, y in zip(a.means, b.means, strict=True)]
        spread = np.sqrt(np.diag(a.m2))
        near = np.abs(a.m2 - b.m2) <= 1e-9 * (np.outer(spread, spread) + np.abs(a.m2)) + 1e-300
        return (a.count, a.skipped) == (b.count, b.skipped) and all(close) and bool(near.all())
    if isinstance(a, Reservoir) and isinstance(b, Reservoir):  # equal rows are told apart within their part only
        return a.count == b.count and _rows(a) == _rows(b)
    return a == b


def _rows(sample: Reservoir) -> list[str]:
    """The rows in an order of their own."""
    return sorted(repr(list(row.values())) for row in sample.rows.to_pylist())


def _near(a: float, b: float, scale: float) -> bool:
    # Below 1e-300 squares of deviations lose digits, down to none: float64 ends there.
    return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b), scale) or max(abs(a), abs(b)) < 1e-300
