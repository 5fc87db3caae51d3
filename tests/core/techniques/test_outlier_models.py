"""Outlier techniques on whole rows, and the p-values of all: flag rates, planted outliers, bad data, repeatability."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.ensemble import IsolationForest as Forest

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, NumericColumn, Side
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.techniques.conformal import Calibration
from hopsmon.core.techniques.encoding import Encoder
from hopsmon.core.techniques.guard import run_instance_technique
from hopsmon.core.techniques.outliers import OUTLIERS
from hopsmon.core.techniques.outliers.iqr import InterquartileRange
from hopsmon.core.techniques.outliers.isolation_forest import IsolationForest
from hopsmon.core.techniques.outliers.knn_distance import KnnDistance
from hopsmon.core.techniques.outliers.mahalanobis import Mahalanobis
from hopsmon.core.techniques.outliers.range import Range
from hopsmon.core.techniques.outliers.rare_combination import RareCombination
from hopsmon.core.techniques.outliers.robust_z import RobustZ
from hopsmon.core.techniques.outliers.z_score import ZScore
from hopsmon.core.techniques.protocols import InstanceScores, InstanceTechnique
from hopsmon.core.techniques.reference_rows import judged_features, reference_rows
from hopsmon.core.techniques.registry import Spec, build
from hopsmon.errors import ConfigError
from tests.core.techniques.cases import Columns, baseline_of, batch_of
from tests.core.techniques.rows_cases import mixed, without_rows

MODELS = ("mahalanobis", "isolation_forest", "knn_distance")
WHOLE_ROWS = (*MODELS, "rare_combination")
every_model = pytest.mark.parametrize("name", MODELS)
every_technique = pytest.mark.parametrize("name", WHOLE_ROWS)


def combined(rng: np.random.Generator, rows: int) -> dict[str, object]:
    """The mixed features, and two labels of which (plane, rail) and (ship, road) do not exist."""
    vehicle = rng.choice(["plane", "ship", "truck"], rows)
    way = np.where(vehicle == "plane", "air", np.where(vehicle == "ship", "sea", rng.choice(["road", "rail"], rows)))
    return {**mixed(rng, rows), "vehicle": vehicle, "way": way}


BASELINE = baseline_of(combined(np.random.default_rng(1), 20_000))
NEW = batch_of(combined(np.random.default_rng(2), 20_000))
EVEN = baseline_of(
    {k: v for k, v in combined(np.random.default_rng(1), 20_000).items() if k != "heavy"}
)  # no long tail


def check(spec: Spec, batch: Batch, baseline: Baseline = BASELINE) -> InstanceScores:
    technique = build(spec)
    assert isinstance(technique, InstanceTechnique)
    return run_instance_technique(technique, batch, baseline)


def planted(**values: object) -> Batch:
    """Ordinary rows, the first of which has these values."""
    columns = combined(np.random.default_rng(3), 50)
    for name, value in values.items():
        plain = pa.array(columns[name]).to_pylist()
        columns[name] = [value, *plain[1:]]
    return batch_of(columns)


@every_technique
def test_of_unchanged_rows_about_alpha_are_flagged(name: str) -> None:
    """1,000 calibration rows: at 0.01, the rate of one baseline is 0.01 ± 0.003; four of these allowed."""
    scores = check({name: {"alpha": 0.01}}, NEW)
    assert scores.flagged.mean() <= 0.01 + 4 * 0.0032
    if name in MODELS:
        assert scores.flagged.mean() >= 0.01 - 3 * 0.0032
    assert scores.p_value is not None
    assert (scores.p_value[scores.flagged] <= 0.01).all()
    if name in MODELS:
        assert (scores.p_value[~scores.flagged] > 0.01).all()
        assert np.mean(scores.p_value <= 0.5) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize(
    ("spec", "values", "driver"),
    [
        ("mahalanobis", {"x0": 2.5, "x1": -2.5}, {"x0", "x1"}),
        ("knn_distance", {"x0": 4.0, "x1": -4.0}, {"x0", "x1"}),
        ({"isolation_forest": {"alpha": 0.005}}, {f"x{n}": 9.0 for n in range(6)}, {f"x{n}" for n in range(6)}),
        ("mahalanobis", {"holes": 9.0}, {"holes"}),
        ("knn_distance", {"holes": -9.0}, {"holes"}),
        ("mahalanobis", {"heavy": float("inf")}, {"heavy"}),
        ("knn_distance", {"heavy": float("inf")}, {"heavy"}),
        ("rare_combination", {"vehicle": "plane", "way": "rail"}, {"vehicle", "way"}),
        ("rare_combination", {"vehicle": "truck", "way": "sea"}, {"vehicle", "way"}),
    ],
)
def test_planted_outliers_are_found_and_explained(spec: Spec, values: dict[str, object], driver: set[str]) -> None:
    scores = check(spec, planted(**values), BASELINE if "heavy" in values else EVEN)
    assert scores.flagged[0], scores.score[0]
    assert np.isfinite(scores.score).all()
    top = [feature for feature, _ in scores.top_features(0, most=len(driver))]
    assert len(driver - set(top)) <= len(driver) // 6  # a forest's shares are rough
    assert scores.p_value is not None
    assert scores.p_value[0] <= 0.005
    assert scores.score[0] > scores.threshold
    assert scores.flagged.sum() <= 3


def test_nothing_by_itself_is_odd_about_an_odd_combination() -> None:
    batch = planted(x0=2.5, x1=-2.5)
    assert not check("z_score", batch).flagged[0]
    assert not check("range", batch).flagged[0]


def halves() -> tuple[np.ndarray, np.ndarray]:
    """What the models see: encoded rows to fit on, and new ones."""
    rows = reference_rows(BASELINE)
    assert rows is not None
    batch = rows.batch()
    fitting = batch.take(np.arange(0, len(batch), 2))
    encoder = Encoder.of(fitting, judged_features(BASELINE))
    return encoder.encode(fitting, infinite_missing=True)[0], encoder.encode(NEW)[0]


def test_scores_are_those_of_the_libraries_and_of_brute_force() -> None:
    fitting, new = halves()
    some = np.arange(500)
    batch, new = NEW.take(some), new[some]
    deviations = new - fitting.mean(axis=0)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", deviations, np.linalg.inv(ledoit_wolf(fitting)[0]), deviations))
    assert check("mahalanobis", batch).score == pytest.approx(expected, rel=1e-5)
    distances = np.sqrt(((new[:, None, :] - fitting[None]) ** 2).sum(axis=2))
    assert check("knn_distance", batch).score == pytest.approx(np.sort(distances, axis=1)[:, 4], rel=1e-6)
    forest = Forest(n_estimators=100, max_samples=256, random_state=20_260_101).fit(fitting)
    assert check("isolation_forest", batch).score == pytest.approx(-forest.score_samples(new))


def test_pairs_are_scored_by_how_often_the_sample_has_them() -> None:
    rng = np.random.default_rng(4)
    columns = {"a": rng.choice(["p", "q"], 3_000), "b": rng.choice(["u", "v"], 3_000)}
    columns["b"][columns["a"] == "p"] = "u"
    baseline = baseline_of(columns)
    sample = baseline.joint["reservoir"]
    assert isinstance(sample, Reservoir)
    a, b = (np.array(sample.rows.column(name).to_pylist()) for name in "ab")
    expected = (a == "p").sum() * (b == "v").sum() / len(a)
    scores = check("rare_combination", batch_of({"a": ["p", "p", "q"], "b": ["v", "u", None]}), baseline)
    usual = (a == "p").sum() * (b == "u").sum() / len(a) / ((a == "p").sum() + 1)
    assert scores.score[:2].tolist() == pytest.approx([expected, usual])
    assert np.isnan(scores.score[2])
    assert scores.flagged.tolist() == [True, False, False]


def test_numbers_are_paired_by_their_bins() -> None:
    rng = np.random.default_rng(4)
    x = rng.exponential(size=5_000)
    baseline = baseline_of({"x": x, "y": x + 0.05 * rng.random(5_000), "k": rng.integers(0, 3, 5_000)})
    scores = check("rare_combination", batch_of({"x": [3.0, 3.0, 0.1], "y": [3.0, 0.1, 3.0], "k": [0, 1, 2]}), baseline)
    assert scores.flagged.tolist() == [False, True, True]
    assert scores.score[1:] == pytest.approx([2_000 / 64] * 2, rel=0.05)  # 250 · 250 of 2,000 expected, none seen
    assert [name for name, _ in scores.top_features(1)][:2] == ["x", "y"]


@every_technique
def test_bad_data_gives_scores_or_none_and_never_an_error(name: str) -> None:
    columns = combined(np.random.default_rng(5), 30)
    everything_missing = {key: pa.nulls(30, pa.array(values).type) for key, values in columns.items()}
    scores = check(name, batch_of(everything_missing))
    assert scores.error is None
    assert np.isnan(scores.score).all()
    assert not scores.flagged.any()
    assert len(check(name, NEW.take(np.array([], np.intp))).score) == 0
    assert check(name, NEW.take(np.array([7]))).score == pytest.approx(check(name, NEW).score[7:8])
    nothing = np.zeros(2, np.int64)
    absent = Batch(Side.REQUEST, nothing, nothing, nothing, {"x0": NumericColumn(np.array([0.1, np.nan]))})
    assert check(name, absent).error is None
    assert np.isfinite(check(name, planted(x0=float("-inf"), x1=1e300, x2=None)).score).all()
    unseen = check(name, planted(vehicle="rocket", way=None, label="zzz"))
    assert np.isfinite(unseen.score).all()


@every_model
def test_a_sample_too_small_for_alpha_says_so(name: str) -> None:
    baseline = baseline_of(mixed(np.random.default_rng(6), 300))
    batch = batch_of({**mixed(np.random.default_rng(7), 5), **{f"x{n}": [99.0] * 5 for n in range(6)}})
    technique = build(name)
    assert isinstance(technique, InstanceTechnique)
    scores = technique.check(batch, baseline)
    assert not scores.flagged.any()
    assert scores.error is not None
    assert "150 held-out reference rows give p-values down to 0.0066, above alpha 0.001" in scores.error
    assert np.isfinite(scores.score).all()
    assert check({name: {"alpha": 0.03}}, batch, baseline).flagged.all()
    tiny = check(name, batch, baseline_of(mixed(np.random.default_rng(6), 10)))
    assert tiny.error is not None
    assert "10 rows" in tiny.error


@every_technique
def test_without_rows_in_the_baseline_the_error_says_what_to_do(name: str) -> None:
    scores = check(name, NEW, without_rows(mixed(np.random.default_rng(8), 100)))
    assert scores.error is not None
    assert "reservoir" in scores.error
    assert np.isnan(scores.score).all()


@every_technique
def test_features_that_do_not_vary_leave_nothing_to_judge(name: str) -> None:
    columns: Columns = {"a": np.ones(500), "t": [None] * 500}
    scores = check(name, batch_of(columns), baseline_of(columns))
    assert not scores.flagged.any()


@every_model
def test_without_scikit_learn_the_error_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    scores = check({name: {"alpha": 0.0123}}, NEW.take(np.arange(3)))  # not fitted before
    assert scores.error is not None
    assert "hopsmon[models]" in scores.error


def scores_of_all() -> list[list[float]]:
    return [check(name, NEW.take(np.arange(20))).score.tolist() for name in WHOLE_ROWS]


def test_scores_are_the_same_in_every_process_and_after_pickling() -> None:
    code = "from tests.core.techniques.test_outlier_models import *; print(json.dumps(scores_of_all()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = scores_of_all()
    assert json.loads(done.stdout) == [pytest.approx(scores, rel=1e-12) for scores in here]
    shipped = pickle.loads(pickle.dumps(BASELINE))
    stored = Baseline.from_json(BASELINE.to_json())
    for baseline in (shipped, stored):
        assert check("mahalanobis", NEW.take(np.arange(20)), baseline).score.tolist() == here[0]


def test_checking_does_not_change_the_batch() -> None:
    batch = NEW.take(np.arange(100))
    before = pickle.dumps(batch)
    for name in OUTLIERS:
        check(name, batch)
    assert pickle.dumps(batch) == before


@pytest.mark.parametrize("name", ["range", "z_score", "robust_z", "iqr", "unseen_category"])
def test_flagged_values_have_the_p_value_of_their_score_among_the_references_rows(name: str) -> None:
    batch = planted(heavy=1e6, vehicle="rocket", label="zzz")
    scores = check(name, batch)
    assert scores.flagged[0]
    assert scores.p_value is not None
    rows = reference_rows(BASELINE)
    assert rows is not None
    own = check(name, rows.batch()).score
    assert len(own) == 2_000
    assert scores.p_value[0] == pytest.approx((1 + np.sum(own >= scores.score[0])) / 2_001)
    bare = check(name, batch, without_rows(combined(np.random.default_rng(1), 2_000)))
    assert bare.p_value is None


def test_a_baseline_of_the_same_data_without_rows_gets_no_p_values_from_the_cache() -> None:
    columns = {"x": np.linspace(0, 1, 500)}
    batch = batch_of({"x": [5.0]})
    with_rows, bare = baseline_of(columns), without_rows(columns)
    assert check("range", batch, with_rows).p_value is not None
    assert check("range", batch, bare).p_value is None


def test_p_values_of_unchanged_rows_are_as_small_as_often_as_they_say() -> None:
    rng = np.random.default_rng(9)
    hits = [
        np.mean(Calibration.of(rng.exponential(size=99)).p_values(rng.exponential(size=200)) <= alpha)
        for alpha in (0.01, 0.05, 0.3)
        for _ in range(400)
    ]
    assert np.mean(np.reshape(hits, (3, 400)), axis=1) == pytest.approx([0.01, 0.05, 0.3], rel=0.15)


def test_the_threshold_flags_just_those_with_a_small_enough_p_value() -> None:
    rng = np.random.default_rng(10)
    for n in (5, 98, 99, 100, 999, 1_000):
        calibration = Calibration.of(rng.integers(0, 300, n).astype(float))
        new = np.arange(-1.0, 302.0, 0.5)
        for alpha in (0.001, 0.01, 0.05, 0.5):
            assert ((new > calibration.threshold(alpha)) == (calibration.p_values(new) <= alpha)).all()
    assert np.isnan(calibration.p_values(np.array([np.nan]))).all()


def test_robust_z_and_iqr_are_those_of_the_data() -> None:
    values = np.r_[np.random.default_rng(11).normal(10, 2, 150), [1e6] * 10]
    baseline = baseline_of({"x": values})
    batch = batch_of({"x": [10.0, 20.0, -30.0, None, np.inf]})
    median = np.median(values)
    mad = np.median(np.abs(values - median))
    robust = RobustZ().check(batch, baseline)
    # The median lies on an edge of the bins; inside of them values are taken to lie evenly.
    assert robust.score[:3] == pytest.approx(
        np.abs([10.0, 20.0, -30.0] - median) / (1.4826022 * mad), rel=0.03, abs=0.03
    )
    assert robust.flagged.tolist() == [False, True, True, False, True]
    q1, q3 = np.quantile(values, [0.25, 0.75], method="inverted_cdf")
    fences = InterquartileRange().check(batch, baseline)
    outside = [max(q1 - value, value - q3, 0.0) / (q3 - q1) for value in (10.0, 20.0, -30.0)]
    assert fences.score[:3] == pytest.approx(outside)
    assert fences.flagged.tolist() == [False, outside[1] > 3, True, False, True]
    assert np.isfinite(robust.score[4])
    assert np.isfinite(fences.score[4])
    assert not ZScore().check(batch, baseline).flagged[:3].any()  # the ten gross errors have inflated stddev


def test_robust_z_and_iqr_keep_their_flag_rates() -> None:
    rng = np.random.default_rng(12)
    names = [f"x{number}" for number in range(10)]
    baseline = baseline_of({name: rng.normal(size=20_000) for name in names})
    batch = batch_of({name: rng.normal(size=100_000) for name in names})
    assert RobustZ().check(batch, baseline).flagged.mean() == pytest.approx(0.0046, abs=0.002)
    assert InterquartileRange().check(batch, baseline).flagged.mean() < 0.0005
    assert InterquartileRange(threshold=1.5).check(batch, baseline).flagged.mean() == pytest.approx(0.068, abs=0.02)


def test_a_feature_that_hardly_varies_has_a_robust_scale_and_no_fences() -> None:
    baseline = baseline_of({"x": [0.0] * 90 + [1.0] * 10})
    batch = batch_of({"x": [0.0, 5.0]})
    assert RobustZ().check(batch, baseline).score[1] == pytest.approx(5 / (0.1 * np.sqrt(np.pi / 2)))
    assert np.isnan(InterquartileRange().check(batch, baseline).score).all()
    assert np.isnan(RobustZ().check(batch, baseline_of({"x": [3.0] * 50})).score).all()


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (RobustZ, {"threshold": 0.0}),
        (InterquartileRange, {"threshold": float("nan")}),
        (Mahalanobis, {"alpha": 0.0}),
        (IsolationForest, {"trees": 0}),
        (KnnDistance, {"neighbours": 0}),
        (RareCombination, {"times": 0.5}),
        (RareCombination, {"alpha": 1.0}),
        (Range, {"tolerance": -1.0}),
    ],
)
def test_parameters_out_of_range_are_refused(make: type, parameters: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        make(**parameters)
