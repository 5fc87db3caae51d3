"""A reservoir is a uniform sample, bounded, and the same however the rows are ordered and cut into parts."""

from __future__ import annotations

import subprocess
import sys
from functools import reduce

import numpy as np
import pytest
from scipy import stats

from hopsmon.core.batch import Batch, CategoryColumn, Column, NumericColumn, Side
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.reservoir import CAPACITY, LEAST_CAPACITY, Reservoir, capacity_of
from hopsmon.errors import ConfigError

NUMERIC, LABELS, TEXT = FeatureType.NUMERIC, FeatureType.CATEGORICAL, FeatureType.STRING
FEATURES = [Feature("x", NUMERIC), Feature("c", LABELS)]


def batch_of(columns: dict[str, Column], times: np.ndarray | None = None) -> Batch:
    nothing = np.zeros(len(next(iter(columns.values()))), np.int64)
    return Batch(Side.REQUEST, nothing if times is None else times, nothing, nothing, columns)


def rows_of(count: int, seed: int = 1) -> Batch:
    rng = np.random.default_rng(seed)
    codes = rng.integers(-2, 3, count).astype(np.int32)
    return batch_of({"x": NumericColumn(rng.normal(size=count)), "c": CategoryColumn(codes, ("a", "b", "ü"))})


def numbers_in(sample: Reservoir, name: str = "x") -> np.ndarray:
    return sample.rows.column(name).to_numpy()


@pytest.mark.parametrize("parts", [2, 13, 400])
def test_any_order_and_any_cut_give_the_same_sample(parts: int) -> None:
    batch = rows_of(20_000)
    whole = Reservoir.of_batch(batch, FEATURES)
    rng = np.random.default_rng(parts)
    cuts = np.array_split(rng.permutation(len(batch)), parts)
    samples = [Reservoir.of_batch(batch.take(rows), FEATURES) for rows in cuts]
    assert reduce(lambda a, b: a + b, samples) == whole
    left, right = samples[: parts // 3 + 1], samples[parts // 3 + 1 :]
    assert reduce(lambda a, b: b + a, right) + reduce(lambda a, b: a + b, left) == whole
    assert whole.count == 20_000
    assert whole.rows.num_rows == CAPACITY


def test_a_replay_in_another_process_gives_the_same_sample() -> None:
    code = (
        "from tests.core.statistics.test_reservoir import *;"
        "print(Reservoir.of_batch(rows_of(5_000), FEATURES).to_bytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert bytes.fromhex(done.stdout.strip()) == Reservoir.of_batch(rows_of(5_000), FEATURES).to_bytes()


def test_the_sample_holds_rows_of_the_data() -> None:
    batch = rows_of(5_000)
    sample = Reservoir.of_batch(batch, FEATURES)
    x, c = batch.columns["x"], batch.columns["c"]
    assert isinstance(x, NumericColumn)
    assert isinstance(c, CategoryColumn)
    labels = [c.labels[code] if code >= 0 else None for code in c.codes.tolist()]
    seen = dict(zip(x.values.tolist(), labels, strict=True))
    drawn = [(row["x"], row["c"]) for row in sample.rows.to_pylist()]
    assert len(set(drawn)) == CAPACITY
    assert all(seen[number] == label for number, label in drawn)


def test_every_row_has_the_same_chance() -> None:
    """Which rows are drawn has nothing to do with their values, their times or where they stand: chi-square."""
    count, strata = 200_000, 50
    for times in (None, np.arange(count), np.repeat(np.arange(count // 100), 100)):
        values = np.arange(count, dtype=np.float64)
        sample = Reservoir.of_batch(batch_of({"x": NumericColumn(values)}, times), FEATURES[:1])
        drawn = np.bincount((numbers_in(sample) * strata / count).astype(int), minlength=strata)
        assert stats.chisquare(drawn).pvalue > 0.001
    draws = np.stack(
        [
            numbers_in(Reservoir.of_batch(batch_of({"x": NumericColumn(values + 0.5**seed)}), FEATURES[:1]))
            for seed in range(20)
        ]
    )
    low = (draws < count / 10).mean(axis=1)
    assert stats.chisquare(np.histogram(draws, 100)[0]).pvalue > 0.001
    assert low.std() == pytest.approx(np.sqrt(0.09 / CAPACITY), rel=0.5)


@pytest.mark.parametrize("parts", [1, 100])
def test_equal_rows_count_each(parts: int) -> None:
    """20 flags, mostly off, without event times: 12 % of the rows are equal, and so is their share of the sample."""
    rng = np.random.default_rng(3)
    flags = (rng.random((100_000, 20)) < 0.1).astype(np.float64)
    features = [Feature(f"f{number}", NUMERIC) for number in range(20)]
    batch = batch_of({feature.name: NumericColumn(flags[:, at]) for at, feature in enumerate(features)})
    cuts = np.array_split(np.arange(len(batch)), parts)
    sample = reduce(lambda a, b: a + b, [Reservoir.of_batch(batch.take(rows), features) for rows in cuts])
    drawn = np.column_stack([numbers_in(sample, feature.name) for feature in features])
    for ones in (0, 1, 2, 3):
        share, expected = (drawn.sum(axis=1) == ones).mean(), (flags.sum(axis=1) == ones).mean()
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected / CAPACITY))


def test_one_row_repeated_is_a_sample_of_itself() -> None:
    sample = Reservoir.of_batch(batch_of({"x": NumericColumn(np.full(10_000, 3.0))}), FEATURES)
    assert numbers_in(sample).tolist() == [3.0] * CAPACITY
    assert sample.count == 10_000


def test_it_stays_bounded() -> None:
    sample = Reservoir()
    for seed in range(30):
        sample = sample + Reservoir.of_batch(rows_of(1_000, seed), FEATURES)
    assert (sample.rows.num_rows, len(sample.priorities), sample.count) == (CAPACITY, CAPACITY, 30_000)
    assert len(sample.to_bytes()) < 50_000
    many = [Feature(f"x{number}", NUMERIC) for number in range(300)]
    wide = batch_of({feature.name: NumericColumn(np.arange(3_000.0)) for feature in many})
    assert Reservoir.of_batch(wide, many).rows.num_rows == capacity_of(300) == 666
    assert capacity_of(10_000) == LEAST_CAPACITY


def test_the_event_time_tells_equal_rows_apart() -> None:
    times = np.arange(50_000)
    batch = batch_of({"x": NumericColumn(np.zeros(len(times)))}, times)
    cuts = np.array_split(np.random.default_rng(1).permutation(len(times)), 9)
    samples = [Reservoir.of_batch(batch.take(rows), FEATURES) for rows in cuts]
    assert reduce(lambda a, b: a + b, samples) == Reservoir.of_batch(batch, FEATURES)


def test_missing_values_have_one_spelling() -> None:
    column = NumericColumn(
        np.array([7.0, np.nan, np.inf, -0.0]),
        np.array([True, False, False, False]),
        np.array([False, True, False, False]),
    )
    codes = np.array([-1, -2, 0, 0], np.int32)
    sample = Reservoir.of_batch(batch_of({"x": column, "c": CategoryColumn(codes, ("a",))}), FEATURES)
    found = sorted((repr(row["x"]), row["c"]) for row in sample.rows.to_pylist() if row["c"])
    assert found == [("0.0", "a"), ("inf", "a")]
    assert np.isnan(numbers_in(sample)).sum() == 2
    assert sample.rows.column("c").null_count == 2


def test_absent_columns_are_missing_and_text_is_left_out() -> None:
    batch = batch_of({"x": NumericColumn(np.arange(3.0)), "id": CategoryColumn(np.zeros(3, np.int32), ("secret",))})
    sample = Reservoir.of_batch(batch, [*FEATURES, Feature("id", TEXT), Feature("y", NUMERIC)])
    assert sample.rows.column_names == ["x", "c", "y"]
    assert sample.rows.column("c").null_count == 3
    assert np.isnan(numbers_in(sample, "y")).all()
    assert Reservoir.of_batch(batch, [Feature("id", TEXT)]) == Reservoir(count=3)


def test_samples_of_other_features_do_not_add() -> None:
    mine = Reservoir.of_batch(rows_of(3), FEATURES)
    with pytest.raises(ConfigError, match="x, c; x"):
        mine + Reservoir.of_batch(rows_of(3), FEATURES[:1])


def test_the_digest_is_that_of_the_sample() -> None:
    one, two = (Reservoir.of_batch(rows_of(3_000, seed), FEATURES) for seed in (1, 2))
    assert one.digest == Reservoir.from_bytes(one.to_bytes()).digest != two.digest
