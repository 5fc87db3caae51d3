"""Co-moments give the usual covariance of the complete instances."""

from __future__ import annotations

import numpy as np
import pytest

from hopsmon.core.batch import Batch, CategoryColumn, FloatArray, NumericColumn, Side
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.comoments import CoMoments
from hopsmon.errors import ConfigError

NUMBERS = [Feature(name, FeatureType.NUMERIC) for name in ("a", "b")]


def rows(count: int = 1000, mean: float = 0.0) -> FloatArray:
    generator = np.random.default_rng(1)
    return mean + generator.normal(size=(count, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, -0.3], [0.0, 0.0, 1e-3]])


@pytest.mark.parametrize("mean", [0.0, 1e9])
@pytest.mark.parametrize("parts", [1, 2, 50])
def test_covariance_is_the_usual_one(parts: int, mean: float) -> None:
    values = rows(mean=mean)
    total = sum((CoMoments.of_rows(part, "abc") for part in np.array_split(values, parts)), CoMoments())
    centred = values - mean  # exact, or nearly so
    assert total.covariance == pytest.approx(np.cov(centred, rowvar=False), rel=1e-9, abs=1e-13)
    assert total.means - mean == pytest.approx(centred.mean(axis=0), abs=1e-15 * max(mean, 1.0))
    assert total.means + total.means_rest == pytest.approx(values.mean(axis=0), rel=1e-15, abs=1e-15)


def test_instances_with_a_missing_value_are_left_out_and_counted() -> None:
    values = rows(5)
    values[1, 0], values[3, 2] = np.nan, np.inf
    assert CoMoments.of_rows(values, "abc").skipped == 2
    assert CoMoments.of_rows(values, "abc").m2 == pytest.approx(CoMoments.of_rows(values[[0, 2, 4]], "abc").m2)


@pytest.mark.parametrize("column", [None, CategoryColumn(np.array([0, 0], np.int32), ("x",))])
def test_a_feature_without_numbers_leaves_every_instance_out(column: CategoryColumn | None) -> None:
    zeros = np.zeros(2, np.int64)
    columns = {"a": NumericColumn(np.array([1.0, 2.0])), "b": column}
    batch = Batch(Side.REQUEST, zeros, zeros, zeros, {k: v for k, v in columns.items() if v is not None})
    value = CoMoments.of_batch(batch, NUMBERS)
    assert (value.count, value.skipped, value.covariance) == (0, 2, None)


def test_other_features_do_not_add() -> None:
    with pytest.raises(ConfigError, match="a, b, c; c, b, a"):
        CoMoments.of_rows(rows(), "abc") + CoMoments.of_rows(rows(), "cba")


def test_numbers_beyond_float64_do_not_stop_the_stream() -> None:
    huge = CoMoments.of_rows(np.array([[1.7e308, 1.0], [-1.7e308, 2.0]]), "ab")
    assert (huge + huge).count == 4
