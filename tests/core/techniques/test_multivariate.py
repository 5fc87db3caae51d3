"""Multivariate drift: quiet without it, finds what no feature shows alone, names the features, says what is missing."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial.distance import cdist, pdist
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Reason, Severity
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.multivariate import MULTIVARIATE
from hopsmon.core.techniques.multivariate.domain_classifier import mann_whitney
from hopsmon.core.techniques.multivariate.mahalanobis_mean import hotelling
from hopsmon.core.techniques.multivariate.mmd import kernel_of, mmd_squared, permutation_test
from hopsmon.core.techniques.multivariate.pca_reconstruction import residuals, welch
from hopsmon.core.techniques.registry import Spec, build
from hopsmon.errors import ConfigError
from tests.core.techniques.cases import baseline_of, window_technique
from tests.core.techniques.rows_cases import correlated, judge_rows, mixed, sampled, without_rows
from tests.support import peer_values

SPECS: tuple[Spec, ...] = (
    "mahalanobis_mean",
    "pca_reconstruction",
    "mmd",
    {"mmd": {"kernel": "energy", "rows": 250}},
    {"domain_classifier": {"model": "logistic"}},
    "domain_classifier",
)
every_technique = pytest.mark.parametrize("spec", SPECS, ids=str)
BLOCKS = tuple(slice(number, number + 1) for number in range(6))
REFERENCE = baseline_of(mixed(np.random.default_rng(1), 2_000))


@pytest.mark.parametrize(
    ("spec", "draws"),
    [*((spec, 400) for spec in SPECS[:2]), *((spec, 60) for spec in SPECS[2:5]), (SPECS[5], 12)],
    ids=str,
)
def test_without_drift_small_p_values_are_as_rare_as_they_say(spec: Spec, draws: int) -> None:
    rng = np.random.default_rng(2)
    p_values = []
    for _ in range(draws):
        finding = judge_rows(spec, mixed(rng, 600), mixed(rng, 300))
        assert not finding.is_drift
        assert finding.p_value is not None
        p_values.append(finding.p_value)
    assert np.sum(np.array(p_values) < 0.01) <= max(2, 0.02 * draws)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


@every_technique
def test_a_shift_is_found_and_its_feature_named(spec: Spec) -> None:
    finding = judge_rows(spec, REFERENCE, mixed(np.random.default_rng(3), 500, shift=0.8))
    if spec == "pca_reconstruction":  # the shift goes along the components as well: less of it is left over
        assert finding.p_value is not None
        assert finding.p_value < 0.01
    else:
        assert finding.is_drift
        assert (finding.reason, finding.severity != Severity.NONE) == (Reason.DRIFT, True)
    contributions = finding.details["contributions"]
    assert next(iter(contributions)) == "x0"
    assert sum(contributions.values()) == pytest.approx(1.0, abs=1e-3)
    assert (finding.n, finding.details["reference_n"], finding.details["rows_seen"]) == (500, 2_000, 500)
    assert {type(value) for value in finding.details.values()} <= {int, float, str, list, dict}
    assert type(finding.score) is type(finding.p_value) is float


@pytest.mark.parametrize("spec", ["pca_reconstruction", "mmd", SPECS[3], "domain_classifier"], ids=str)
def test_a_change_of_correlation_alone_is_found(spec: Spec) -> None:
    rng = np.random.default_rng(4)
    finding = judge_rows(spec, REFERENCE, mixed(rng, 500, correlation=0.0))
    assert finding.is_drift
    contributions = finding.details["contributions"]
    assert sum(share for name, share in contributions.items() if name.startswith("x")) > 0.9


def test_means_alone_do_not_show_a_change_of_correlation() -> None:
    window = mixed(np.random.default_rng(4), 500, correlation=0.0)
    assert not judge_rows({"domain_classifier": {"model": "logistic"}}, REFERENCE, window).is_drift
    assert not judge_rows("mahalanobis_mean", REFERENCE, window).is_drift


@every_technique
def test_labels_and_missing_values_count_too(spec: Spec) -> None:
    rng = np.random.default_rng(5)
    window = mixed(rng, 800)
    window["label"] = rng.choice(list("abcd"), 800, p=[0.1, 0.1, 0.3, 0.5])
    window["holes"] = pa.array(rng.normal(size=800), mask=rng.random(800) < 0.6)
    finding = judge_rows(spec, REFERENCE, window)
    assert finding.p_value is not None
    assert finding.p_value < 1e-4
    assert {"label", "holes"} & set(list(finding.details["contributions"])[:2])


@every_technique
def test_the_reference_itself_is_no_drift(spec: Spec) -> None:
    columns = mixed(np.random.default_rng(6), 1_000)
    finding = judge_rows(spec, columns, columns)
    assert not finding.is_drift
    assert finding.reason is Reason.OK


def findings_of_all() -> list[list[Any]]:
    window = mixed(np.random.default_rng(7), 300, shift=0.3)
    findings = [judge_rows(spec, REFERENCE, window) for spec in SPECS]
    return [[f.score, f.p_value, list(f.details.get("contributions", {}))] for f in findings]


def test_findings_are_the_same_in_every_process() -> None:
    code = "from tests.core.techniques.test_multivariate import *; print(json.dumps(findings_of_all()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for there, here in zip(json.loads(done.stdout), findings_of_all(), strict=True):
        assert there[:2] == pytest.approx(here[:2], rel=1e-9)
        assert there[2] == here[2]


@every_technique
def test_the_order_of_rows_and_merges_makes_no_difference(spec: Spec) -> None:
    columns = mixed(np.random.default_rng(8), 600, shift=0.5)
    table = pa.table(columns)
    parts = [table.slice(400), table.slice(0, 100), table.slice(100, 300)]
    summaries = [sampled(dict(zip(part.column_names, part.columns, strict=True)), REFERENCE) for part in parts]
    merged = summaries[0] + summaries[1] + summaries[2]
    technique = window_technique(spec)
    assert run_window_technique(technique, merged, REFERENCE) == run_window_technique(
        technique, sampled(columns, REFERENCE), REFERENCE
    )


@every_technique
def test_what_is_missing_is_said(spec: Spec) -> None:
    technique = window_technique(spec)
    columns = mixed(np.random.default_rng(9), 400)
    bare = without_rows(columns)
    (finding,) = run_window_technique(technique, sampled(columns, bare), bare)
    assert (finding.reason, finding.details["missing_in"]) == (Reason.NO_STATISTIC, ["baseline"])
    (finding,) = run_window_technique(technique, Summary(), bare)
    assert finding.details["missing_in"] == ["window", "baseline"]
    for rows in (0, 1, 99):
        few = {name: values[:rows] for name, values in columns.items()}
        (finding,) = run_window_technique(technique, sampled(few, REFERENCE), REFERENCE)
        assert (finding.reason, finding.n, finding.score) == (Reason.INSUFFICIENT, rows, None)
    constant: dict[str, object] = {"a": np.ones(300), "c": ["u"] * 300, "t": [None] * 300}
    assert judge_rows(spec, constant, constant).reason is Reason.CONSTANT_REFERENCE
    gone = {**constant, "c": [*["u"] * 150, *[None] * 150]}
    assert judge_rows(spec, constant, gone).score is not None
    schema = ModelSchema((Feature("s", FeatureType.STRING),))
    text = Baseline(schema, {}, ModelRef("m"), joint={"reservoir": Reservoir(count=3)})
    (finding,) = run_window_technique(technique, Summary(model=text.joint), text)
    assert finding.reason is Reason.EMPTY_REFERENCE


@every_technique
def test_windows_that_are_broken_give_finite_numbers(spec: Spec) -> None:
    columns = mixed(np.random.default_rng(10), 300)
    broken: list[Mapping[str, object]] = [
        {**columns, "x0": np.full(300, np.nan), "label": pa.nulls(300, pa.string())},
        {**columns, "x0": np.where(np.arange(300) % 3, np.inf, 1e300), "heavy": np.full(300, -np.inf)},
        {name: pa.concat_arrays([pa.array(values)[:1]] * 300) for name, values in columns.items()},
    ]
    for window in broken:
        finding = judge_rows(spec, REFERENCE, window)
        assert finding.reason in (Reason.OK, Reason.DRIFT), finding.details
        assert finding.score is not None
        assert np.isfinite(finding.score)


def test_t_squared_is_hotellings_on_many_rows() -> None:
    rng = np.random.default_rng(11)
    window, reference = correlated(rng, 700, shift=0.1), correlated(rng, 1_900)
    test = hotelling(window, reference, BLOCKS)
    delta = window.mean(axis=0) - reference.mean(axis=0)
    assert test.distance == pytest.approx(np.sqrt(delta @ np.linalg.solve(ledoit_wolf(reference)[0], delta)), rel=1e-6)
    pooled = (699 * np.cov(window.T) + 1_899 * np.cov(reference.T)) / 2_598
    squared = 700 * 1_900 / 2_600 * delta @ np.linalg.solve(pooled, delta)
    exact = stats.f.sf(squared * (2_600 - 7) / (6 * 2_598), 6, 2_600 - 7)
    assert np.log(test.p_value) == pytest.approx(np.log(exact), rel=0.05)


def test_reconstruction_errors_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(12)
    fitting, rows = correlated(rng, 500, 0.5), correlated(rng, 50, 0.0)
    for variance in (0.3, 0.65, 0.95):
        enough = PCA(n_components=variance, svd_solver="full").fit(fitting).n_components_
        model = PCA(n_components=min(enough, rows.shape[1] - 1), svd_solver="full").fit(fitting)
        expected = rows - model.inverse_transform(model.transform(rows))
        assert residuals(fitting, rows, variance) == pytest.approx(expected, abs=1e-9)


def test_the_test_of_the_errors_is_welchs() -> None:
    rng = np.random.default_rng(13)
    a, b = rng.exponential(1.2, 80), rng.exponential(1.0, 400)
    score, p_value = welch(a, b)
    assert score == pytest.approx(abs(a.mean() - b.mean()) / b.std(ddof=1))
    assert p_value == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert welch(np.zeros(9), np.zeros(9)) == (0.0, 1.0)
    assert welch(np.ones(9), np.zeros(9))[1] == 0.0


def test_mmd_is_the_definition() -> None:
    rng = np.random.default_rng(14)
    x, y = rng.normal(size=(40, 3)), rng.normal(0.5, 1, size=(60, 3))
    both = np.vstack([x, y])
    scale = np.median(pdist(y, "sqeuclidean"))
    kernel = kernel_of(cdist(both, both, "sqeuclidean"), 40, "rbf")

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-((a - b) ** 2).sum() / scale))

    within_x = np.mean([k(x[i], x[j]) for i in range(40) for j in range(40) if i != j])
    within_y = np.mean([k(y[i], y[j]) for i in range(60) for j in range(60) if i != j])
    assert mmd_squared(kernel, 40) == pytest.approx(within_x + within_y - 2 * np.mean([k(a, b) for a in x for b in y]))


WITH_MMD = [
    name
    for name in peer_values.names(numeric=True)
    if "empirical_mmd_statistic" in peer_values.case(name).peers["evidently"]["methods"]
]


@pytest.mark.parametrize("name", WITH_MMD)
def test_mmd_is_evidentlys_on_its_bandwidth(name: str) -> None:
    """Theirs is the median over all pairs, each row with itself too (0); ours over pairs of different rows."""
    case = peer_values.case(name)
    theirs = case.peers["evidently"]["methods"]["empirical_mmd_statistic"]
    window, reference = (side[np.isfinite(side)].to_numpy(float) for side in (case.current, case.reference))
    both = np.concatenate([window, reference])
    kernel = np.exp(-np.square(both[:, None] - both) / (2 * theirs["sigma"] ** 2))
    assert mmd_squared(kernel, len(window)) == pytest.approx(theirs["score"], rel=1e-6)


def test_the_energy_kernel_gives_the_energy_distance() -> None:
    rng = np.random.default_rng(15)
    x, y = rng.normal(size=(300, 1)), rng.normal(1, 1, size=(400, 1))
    both = np.vstack([x, y])
    value = mmd_squared(kernel_of(cdist(both, both, "sqeuclidean"), 300, "energy"), 300)
    biased = stats.energy_distance(x[:, 0], y[:, 0]) ** 2  # with each row's distance 0 to itself
    unbiased = biased - pdist(x).mean() / 300 - pdist(y).mean() / 400
    assert value * np.median(pdist(y)) == pytest.approx(unbiased, rel=1e-3)


def test_the_tail_of_mmd_is_that_of_many_permutations() -> None:
    """Few permutations with the tail put on agree with 20,000 of them."""
    rng = np.random.default_rng(16)
    for shift in (0.25, 0.32):
        both = np.vstack([correlated(rng, 150, shift=shift), correlated(rng, 250)])
        kernel = kernel_of(cdist(both, both, "sqeuclidean"), 150, "rbf")
        many, few = permutation_test(kernel, 150, 20_000)[1], permutation_test(kernel, 150, 100)[1]
        assert few == pytest.approx(many, rel=0.6)


def test_auc_and_its_variance_are_mann_whitneys() -> None:
    rng = np.random.default_rng(17)
    for scores in (rng.normal(size=90), rng.integers(0, 4, 90).astype(float)):
        labels = rng.random(90) < 0.3
        auc, variance = mann_whitney(scores, labels)
        assert auc == pytest.approx(roc_auc_score(labels, scores))
        shuffled = [mann_whitney(scores, rng.permutation(labels))[0] for _ in range(4_000)]
        assert variance == pytest.approx(np.var(shuffled), rel=0.12)


@pytest.mark.parametrize(
    "spec",
    [
        {"mmd": {"kernel": "linear"}},
        {"mmd": {"rows": 2}},
        {"domain_classifier": {"model": "forest"}},
        {"pca_reconstruction": {"variance": 1.0}},
        {"mahalanobis_mean": {"critical": 0.1}},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_refused(spec: Spec) -> None:
    with pytest.raises(ConfigError, match="must be"):
        build(spec)


@pytest.mark.parametrize("name", ["domain_classifier", "mahalanobis_mean"])
def test_without_scikit_learn_the_finding_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    finding = judge_rows(name, REFERENCE, mixed(np.random.default_rng(18), 300))
    assert finding.reason is Reason.FAILED
    assert "hopsmon[models]" in finding.details["error"]


def test_the_family_has_the_promised_names_and_ships() -> None:
    assert set(MULTIVARIATE) == {"domain_classifier", "pca_reconstruction", "mmd", "mahalanobis_mean"}
    for spec in SPECS:
        assert pickle.loads(pickle.dumps(build(spec))) == build(spec)


@pytest.mark.parametrize("features", [1, 2])
def test_with_few_features_a_direction_is_left_to_err_in(features: int) -> None:
    rng = np.random.default_rng(15)
    names = [f"x{number}" for number in range(features)]
    reference = {name: rng.normal(size=3_000) for name in names}
    moved = {name: rng.normal(30, 5, 500) for name in names}
    for columns, drift in ((moved, True), ({name: rng.normal(size=500) for name in names}, False)):
        finding = judge_rows("pca_reconstruction", reference, columns)
        assert finding.is_drift is drift
