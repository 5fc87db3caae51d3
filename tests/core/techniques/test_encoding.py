"""Rows become a matrix in which every feature has the same say, whatever it holds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.batch import Batch, CategoryColumn, Column, NumericColumn, Side
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.techniques.encoding import LIMIT, Encoder
from tests.core.techniques.cases import Columns, batch_of

TYPES = {"n": FeatureType.NUMERIC, "c": FeatureType.CATEGORICAL, "b": FeatureType.BOOLEAN}
numbers = st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=20)


def encoder_of(columns: Columns, also: Columns | None = None) -> Encoder:
    features = [Feature(name, TYPES[name[0]]) for name in columns]
    return Encoder.of(batch_of(columns), features, None if also is None else batch_of(also))


def test_numbers_are_standardised_and_missing_ones_are_the_median() -> None:
    values = [1.0, 2.0, 3.0, 10.0, None]
    encoder = encoder_of({"n": values})
    matrix, known = encoder.encode(batch_of({"n": values}))
    kept = np.array([1.0, 2.0, 3.0, 10.0])
    assert matrix[:4, 0] == pytest.approx((kept - 4) / kept.std(ddof=1))
    assert matrix[4, 0] == pytest.approx((2.5 - 4) / kept.std(ddof=1))
    assert matrix[:4, 1].tolist() == [0.0] * 4
    assert matrix[4, 1] > 0
    assert known.tolist() == [True] * 4 + [False]
    assert encoder.blocks == (slice(0, 2),)


def test_two_random_rows_are_as_far_apart_in_a_label_as_in_a_number() -> None:
    rng = np.random.default_rng(1)
    for shares in ([0.5, 0.5], [0.7, 0.2, 0.1], [1 / 15] * 15):
        labels = rng.choice([f"l{number}" for number in range(len(shares))], 4_000, p=shares)
        matrix, _ = encoder_of({"c": labels}).encode(batch_of({"c": labels}))
        apart = ((matrix[:2_000] - matrix[2_000:]) ** 2).sum(axis=1).mean()
        assert apart == pytest.approx(2.0, abs=0.15)


def test_rare_and_unseen_labels_share_a_column() -> None:
    encoder = encoder_of({"c": ["a"] * 500 + ["b"] * 500 + ["rare"]})
    matrix, known = encoder.encode(batch_of({"c": ["a", "b", "rare", "new", None]}))
    assert matrix.shape == (5, 3)
    assert (matrix > 0).astype(int).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert known.tolist() == [True] * 4 + [False]


def test_what_only_the_window_misses_gets_a_column_where_asked() -> None:
    reference, window = {"n": [1.0, 2.0], "c": ["a", "b"]}, {"n": [None, 2.0], "c": [None, "b"]}
    assert encoder_of(reference).width == 4
    assert encoder_of(reference, also=window).width == 6


def test_what_never_varies_is_left_out() -> None:
    encoder = encoder_of({"n": [3.0] * 9, "n2": [None] * 9, "n3": [*range(9)], "c": [None] * 9, "c2": ["a"] * 9})
    assert encoder.names == ("n3",)
    assert encoder_of({"c": ["a", "a"]}, also={"c": ["a", None]}).names == ("c",)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1.0, 1e300, 1.7e308])
def test_extreme_numbers_neither_overflow_nor_vanish(scale: float) -> None:
    values = np.array([-1.0, 0.5, 1.0]) * scale
    matrix, _ = encoder_of({"n": values}).encode(batch_of({"n": values}))
    assert matrix[:, 0] == pytest.approx(np.array([-1.1208971, 0.3202563, 0.8006408]), rel=1e-3)


def test_an_infinite_value_is_far_away_or_missing() -> None:
    encoder = encoder_of({"n": [0.0, 1.0, 2.0]})
    batch = batch_of({"n": [np.inf, -np.inf, 1e300]})
    assert encoder.encode(batch)[0][:, 0].tolist() == [LIMIT, -LIMIT, LIMIT]
    matrix, known = encoder.encode(batch, infinite_missing=True)
    assert matrix[:, 0].tolist() == [0.0, 0.0, LIMIT]
    assert known.tolist() == [False, False, True]


def test_columns_that_are_absent_or_of_another_kind_are_missing() -> None:
    encoder = encoder_of({"n": [1.0, None, 2.0], "c": ["a", None, "b"], "b": [True, False, None]})
    nothing = np.zeros(2, np.int64)
    swapped: dict[str, Column] = {"n": CategoryColumn(np.zeros(2, np.int32), ("a",)), "c": NumericColumn(np.ones(2))}
    columns: dict[str, Column]
    for columns in ({}, swapped):
        matrix, known = encoder.encode(Batch(Side.REQUEST, nothing, nothing, nothing, columns))
        assert matrix.shape == (2, encoder.width)
        assert not known.any()
        assert (matrix[0] == matrix[1]).all()


@given(reference=numbers, new=numbers)
def test_the_matrix_is_always_finite(reference: list[float | None], new: list[float | None]) -> None:
    features = [Feature("n", FeatureType.NUMERIC)]
    encoder = Encoder.of(batch_of({"n": pa.array(reference, pa.float64())}), features)
    batch = batch_of({"n": pa.array(new, pa.float64())})
    for infinite_missing in (False, True):
        matrix, _ = encoder.encode(batch, infinite_missing)
        assert np.isfinite(matrix).all()
        assert (np.abs(matrix) <= LIMIT).all()
