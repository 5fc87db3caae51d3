"""Range, z-score and unseen category: which instances are flagged, and because of which features."""

from __future__ import annotations

import numpy as np
import pytest

from hopsmon.core.batch import INVALID_CODE, NULL_CODE, Batch, CategoryColumn, NumericColumn, Side
from hopsmon.core.techniques.guard import run_instance_technique
from hopsmon.core.techniques.outliers.range import Range
from hopsmon.core.techniques.outliers.unseen_category import UnseenCategory
from hopsmon.core.techniques.outliers.z_score import ZScore
from hopsmon.core.techniques.protocols import InstanceScores, InstanceTechnique
from hopsmon.errors import ConfigError
from tests.core.techniques.cases import baseline_of, batch_of

BASELINE = baseline_of(
    {"x": np.linspace(0.0, 10.0, 101), "y": np.linspace(-1.0, 1.0, 101), "c": ["a", "b"] * 50 + ["a"]}
)


def check(technique: InstanceTechnique, **columns: object) -> InstanceScores:
    return run_instance_technique(technique, batch_of(columns), BASELINE)


def about(*drivers: tuple[str, float]) -> list[tuple[str, object]]:
    """Names in this very order, their scores to rounding."""
    return [(name, pytest.approx(score)) for name, score in drivers]


def test_range_flags_what_lies_outside_and_says_how_far() -> None:
    scores = check(Range(), x=[0.0, 10.0, -1.0, 12.0, 5.0], y=[0.0, 0.0, 0.0, 2.0, 0.0])
    assert scores.flagged.tolist() == [False, False, True, True, False]
    assert scores.score.tolist() == pytest.approx([0.0, 0.0, 0.1, 0.5, 0.0])
    assert scores.top_features(3) == about(("y", 0.5), ("x", 0.2))
    assert scores.top_features(2) == about(("x", 0.1))


def test_a_tolerance_widens_the_range() -> None:
    assert check(Range(tolerance=0.15), x=[-1.0, 12.0]).flagged.tolist() == [False, True]


def test_range_gives_the_same_with_and_without_nulls_around() -> None:
    plain = check(Range(), x=[5.0, 12.0, -3.0])
    mixed = check(Range(), x=[5.0, None, 12.0, np.nan, -3.0])
    assert mixed.flagged.tolist() == [False, False, True, False, True]
    assert mixed.score[[0, 2, 4]].tolist() == plain.score.tolist()
    assert np.isnan(mixed.score[[1, 3]]).all()


def test_nulls_are_no_outliers() -> None:
    for technique in (Range(), ZScore(), UnseenCategory()):
        scores = check(technique, x=[None, 5.0], c=[None, "a"])
        assert not scores.flagged.any()


def test_an_infinite_value_is_an_outlier_with_a_finite_score() -> None:
    for technique in (Range(), ZScore()):
        scores = check(technique, x=[np.inf, 5.0, -np.inf])
        assert scores.flagged.tolist() == [True, False, True]
        assert np.isfinite(scores.score).all()
        assert scores.top_features(0)[0][0] == "x"


def test_what_stands_under_a_mask_is_not_looked_at() -> None:
    column = NumericColumn(np.array([1e9, 1e9, 5.0]), np.array([True, False, False]), np.array([False, True, False]))
    zeros = np.zeros(3, np.int64)
    batch = Batch(Side.REQUEST, zeros, zeros, zeros, {"x": column})
    for technique in (Range(), ZScore()):
        assert not technique.check(batch, BASELINE).flagged.any()


def test_a_constant_feature_has_a_range_and_no_z_score() -> None:
    baseline = baseline_of({"x": np.full(100, 3.0)})
    batch = batch_of({"x": [3.0, 5.0]})
    assert Range().check(batch, baseline).score.tolist() == [0.0, 2.0]
    z_scores = ZScore().check(batch, baseline)
    assert np.isnan(z_scores.score).all()
    assert not z_scores.flagged.any()


def test_extreme_ranges_do_not_overflow_into_silence() -> None:
    baseline = baseline_of({"x": [-1.5e308, 1.5e308] * 20})
    scores = Range().check(batch_of({"x": [1.7e308, 0.0]}), baseline)
    assert scores.flagged.tolist() == [True, False]


def test_z_score_is_the_distance_in_standard_deviations() -> None:
    mean, spread = 5.0, np.linspace(0.0, 10.0, 101).std(ddof=1)
    scores = check(ZScore(), x=[mean, mean + 3.9 * spread, mean - 4.1 * spread])
    assert scores.score.tolist() == pytest.approx([0.0, 3.9, 4.1])
    assert scores.flagged.tolist() == [False, False, True]
    assert scores.top_features(2) == about(("x", 4.1))


def test_z_score_flags_as_many_normal_instances_as_it_says() -> None:
    rng = np.random.default_rng(3)
    names = [f"x{number}" for number in range(10)]
    baseline = baseline_of({name: rng.normal(size=20_000) for name in names})
    batch = batch_of({name: rng.normal(size=100_000) for name in names})
    assert ZScore().check(batch, baseline).flagged.mean() == pytest.approx(0.00063, abs=0.0003)
    assert ZScore(threshold=3.0).check(batch, baseline).flagged.mean() == pytest.approx(0.027, abs=0.003)


def test_range_flags_as_many_unchanged_instances_as_it_says() -> None:
    rng = np.random.default_rng(4)
    names = [f"x{number}" for number in range(50)]
    baseline = baseline_of({name: rng.exponential(size=2_000) for name in names})
    batch = batch_of({name: rng.exponential(size=20_000) for name in names})
    assert Range().check(batch, baseline).flagged.mean() == pytest.approx(50 * 2 / 2_001, rel=0.4)


def test_unseen_labels_are_counted_by_feature() -> None:
    baseline = baseline_of({"c": ["a", "b"], "d": ["u", "v"], "b": [True, True]})
    scores = UnseenCategory().check(
        batch_of({"c": ["a", "z", "z"], "d": ["u", "v", "w"], "b": [True, True, False]}), baseline
    )
    assert scores.score.tolist() == [0.0, 1.0, 3.0]
    assert scores.flagged.tolist() == [False, True, True]
    assert scores.top_features(1) == [("c", 1.0)]
    assert [name for name, _ in scores.top_features(2)] == ["b", "c", "d"]


def test_null_and_invalid_codes_are_not_unseen() -> None:
    column = CategoryColumn(np.array([NULL_CODE, INVALID_CODE, 0, 1], np.int32), ("a", "new"))
    zeros = np.zeros(4, np.int64)
    scores = UnseenCategory().check(Batch(Side.REQUEST, zeros, zeros, zeros, {"c": column}), BASELINE)
    assert scores.flagged.tolist() == [False, False, False, True]


def test_a_label_that_no_instance_has_flags_nobody() -> None:
    column = CategoryColumn(np.array([0, 0], np.int32), ("a", "new"))
    zeros = np.zeros(2, np.int64)
    assert not UnseenCategory().check(Batch(Side.REQUEST, zeros, zeros, zeros, {"c": column}), BASELINE).flagged.any()


def test_labels_too_long_to_keep_are_recognised() -> None:
    long = "x" * 500
    baseline = baseline_of({"c": [long, "a"]})
    scores = UnseenCategory().check(batch_of({"c": [long, long + "y"]}), baseline)
    assert scores.flagged.tolist() == [False, True]


def test_free_text_and_timestamps_are_not_judged() -> None:
    baseline = baseline_of({"id": [f"{n}" for n in range(2_000)], "t": np.arange(2_000)}, t="timestamp")
    batch = batch_of({"id": ["new"], "t": [10**9]}, id="string", t="timestamp")
    for technique in (Range(), ZScore(), UnseenCategory()):
        scores = technique.check(batch, baseline)
        assert not scores.flagged.any()
        assert np.isnan(scores.score).all()


def test_columns_the_baseline_does_not_know_are_left_alone() -> None:
    for technique in (Range(), ZScore(), UnseenCategory()):
        assert np.isnan(check(technique, other=[1e9], new=["z"]).score).all()


def test_an_empty_batch_has_no_scores() -> None:
    batch = batch_of({"x": [1e9], "c": ["z"]}).take(np.array([], np.intp))
    for technique in (Range(), ZScore(), UnseenCategory()):
        assert len(technique.check(batch, BASELINE).score) == 0


def test_checking_does_not_change_the_batch() -> None:
    batch = batch_of({"x": [1e9, 5.0], "y": [0.0, -7.0]})
    for technique in (Range(), ZScore()):
        technique.check(batch, BASELINE)
    x, y = batch.columns["x"], batch.columns["y"]
    assert isinstance(x, NumericColumn)
    assert isinstance(y, NumericColumn)
    assert (x.values.tolist(), y.values.tolist()) == ([1e9, 5.0], [0.0, -7.0])


@pytest.mark.parametrize(
    ("make", "value"), [(Range, -0.1), (Range, float("nan")), (ZScore, 0.0), (ZScore, float("inf"))]
)
def test_parameters_out_of_range_are_refused(make: type, value: float) -> None:
    with pytest.raises(ConfigError, match="must be"):
        make(value)
