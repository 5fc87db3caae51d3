"""Drift techniques on raw samples: scipy's numbers, stored ones and live ones; and what summaries allow around them."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import spatial, stats

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.techniques.drift.chi2 import ChiSquare
from hopsmon.core.techniques.drift.g_test import GTest
from hopsmon.core.techniques.drift.hellinger import Hellinger
from hopsmon.core.techniques.drift.js import JensenShannon
from hopsmon.core.techniques.drift.kl import KullbackLeibler
from hopsmon.core.techniques.drift.linf import LInfinity
from hopsmon.core.techniques.drift.tvd import TotalVariation
from hopsmon.core.techniques.drift.variance_shift import spread_p
from hopsmon.core.techniques.gaussian_forms import absolutes_p, bridge, squares_p
from hopsmon.core.techniques.line import Line
from hopsmon.core.techniques.significance import student_p, welch_p
from tests.core.techniques.drift_cases import CATEGORICAL, LINE, judge_raw, pair_of, verdicts
from tests.support.peer_values import case, names

close = partial(pytest.approx, rel=1e-6, abs=1e-9)
close_p = partial(pytest.approx, rel=1e-4, abs=1e-12)
RNG = np.random.default_rng(7)


def array(values: Any) -> FloatArray:
    return np.asarray(values, np.float64)


# The stored values of scipy


@pytest.mark.parametrize("name", names(numeric=True))
def test_raw_numbers_get_scipys_figures(name: str) -> None:
    known = case(name)
    oracle = known.oracle
    found = verdicts(
        pair_of(array(known.reference), array(known.current), "numeric", raw=True), *LINE, "mean_shift", min_rows=1
    )
    details = {technique: finding.details for technique, finding in found.items()}
    assert found["ks"].score == close(oracle["ks"]["statistic"])
    assert details["ks"]["upper"] == found["ks"].score
    assert found["ks"].p_value == close_p(oracle["ks"]["p_asymp"])
    assert details["wasserstein"]["raw"] == close(oracle["wasserstein"]["raw"])
    assert details["energy"]["raw"] == close(oracle["energy_distance"])
    assert details["anderson_darling"]["statistic"] == close(oracle["anderson_ksamp"]["statistic"])
    cvm = oracle["cramer_von_mises"]
    assert details["cvm"]["statistic"] == close(cvm["tie_aware_statistic"])
    if not cvm["has_ties"]:
        assert found["cvm"].p_value == close_p(cvm["scipy_p"])
    if name == "const/ref_const":
        for technique in ("wasserstein", "energy", "mean_shift"):
            assert found[technique].reason is Reason.CONSTANT_REFERENCE
    else:
        assert found["wasserstein"].score == close(oracle["wasserstein"]["over_ref_std_ddof1"])
        assert details["mean_shift"]["t"] == close(-oracle["welch_t"]["t"])  # theirs is reference minus window
        assert details["mean_shift"]["welch_p"] == close_p(oracle["welch_t"]["p"])
        assert found["mean_shift"].p_value == max(details["mean_shift"][of] for of in ("welch_p", "student_p"))


@pytest.mark.parametrize("name", names(numeric=False))
def test_labels_get_scipys_figures(name: str) -> None:
    known = case(name)
    oracle = known.oracle
    pair = pair_of(list(known.reference), list(known.current), "categorical")
    found = verdicts(pair, *CATEGORICAL, min_rows=1)
    for technique, key in (
        ("tvd", "tvd"),
        ("linf", "linf"),
        ("js", "js_distance_nat"),
        ("hellinger", "hellinger"),
    ):
        assert found[technique].score == close(oracle[key])
    for technique, key in (("chi2", "chi2_contingency"), ("g_test", "g_contingency")):
        table = found[technique].details["plain_table"]
        assert table["statistic"] == close(oracle[key]["statistic"])
        assert table["p_value"] == close_p(oracle[key]["p"])
    assert found["chi2"].details["plain_table"]["degrees_of_freedom"] == oracle["chi2_contingency"]["dof"]
    assert (found["unseen_categories"].score or 0) > 0 or not oracle["new_categories"]
    assert (found["vanished_categories"].score or 0) > 0 or not oracle["missing_categories"]


@pytest.mark.parametrize("name", [name for name in names(numeric=True) if "ref_decile_bins" in case(name).oracle])
def test_formulas_on_decile_bins_are_scipys(name: str) -> None:
    bins = case(name).oracle["ref_decile_bins"]
    window, reference = array(bins["cur_counts"]), array(bins["ref_counts"])
    assert JensenShannon().distance(window, reference)[0] == close(bins["js_distance_nat"])
    assert Hellinger().distance(window, reference)[0] == close(bins["hellinger"])
    assert TotalVariation().distance(window, reference)[0] == close(bins["tvd"])
    assert LInfinity().distance(window, reference)[0] == close(bins["linf"])


def test_ties_and_unequal_sizes_do_not_fool_cramer_von_mises() -> None:
    """scipy's formula by ranks gives 50.4 and p = 1e-8 here; by permutation p is 0.09."""
    known = case("digits1200/pixel_0_1")
    finding = judge_raw("cvm", array(known.reference), array(known.current))
    assert finding.details["statistic"] == pytest.approx(0.3117, abs=1e-4)
    assert finding.p_value == pytest.approx(0.09, abs=0.015)
    assert not finding.is_drift


# scipy, live


@pytest.mark.parametrize(("n", "m", "shift"), [(40, 60, 0.0), (300, 900, 0.4), (2_000, 500, 1.0)])
@pytest.mark.parametrize("decimals", [1, 12])
def test_raw_distances_are_scipys(n: int, m: int, shift: float, decimals: int) -> None:
    window, reference = (np.round(RNG.normal(s, 1, size), decimals) for s, size in ((shift, n), (0, m)))
    found = verdicts(pair_of(reference, window, raw=True), *LINE, "mean_shift")
    assert found["ks"].score == pytest.approx(stats.ks_2samp(window, reference).statistic)
    assert found["ks"].p_value == close_p(stats.ks_2samp(window, reference, method="asymp").pvalue)
    raw = stats.wasserstein_distance(window, reference)
    assert found["wasserstein"].details["raw"] == pytest.approx(raw)
    assert found["wasserstein"].score == pytest.approx(raw / reference.std(ddof=1))
    assert found["energy"].details["raw"] == pytest.approx(stats.energy_distance(window, reference))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its p-value is cut off; a parameter will be renamed
        anderson = stats.anderson_ksamp([window, reference])
    assert found["anderson_darling"].details["statistic"] == pytest.approx(anderson.statistic)
    if decimals == 12:
        assert found["cvm"].details["statistic"] == pytest.approx(
            stats.cramervonmises_2samp(window, reference).statistic
        )
    t_tests = {
        of: stats.ttest_ind(window, reference, equal_var=of == "student_p").pvalue for of in ("welch_p", "student_p")
    }
    assert {of: found["mean_shift"].details[of] for of in t_tests} == pytest.approx(t_tests)
    assert found["mean_shift"].p_value == pytest.approx(max(t_tests.values()))


@pytest.mark.parametrize("technique", ["wasserstein", "energy"])
def test_the_raw_unit_judges_the_raw_distance(technique: str) -> None:
    reference, window = RNG.normal(size=500) * 100, RNG.normal(size=200) * 100
    finding = judge_raw(technique, reference, window, unit="raw")
    assert finding.score == finding.details["raw"] == finding.details["lower"]


counts = st.lists(st.integers(0, 300), min_size=5, max_size=5).filter(lambda values: sum(values) > 0)


@given(counts, counts)
def test_cell_distances_are_scipys(one: list[int], other: list[int]) -> None:
    window, reference = array(one), array(other)
    p, q = window / window.sum(), reference / reference.sum()
    assert JensenShannon().distance(window, reference)[0] == pytest.approx(
        float(np.nan_to_num(spatial.distance.jensenshannon(p, q))), abs=1e-7
    )
    assert Hellinger().distance(window, reference)[0] ** 2 == pytest.approx(1 - np.sqrt(p * q).sum(), abs=1e-12)
    assert TotalVariation().distance(window, reference)[0] == pytest.approx(np.abs(p - q).sum() / 2)
    if reference.all():
        assert KullbackLeibler().distance(window, reference)[0] == pytest.approx(stats.entropy(p, q), abs=1e-12)
    assert np.isfinite(KullbackLeibler().distance(window, reference)[0])


@given(counts, counts)
def test_contingency_tests_are_scipys(one: list[int], other: list[int]) -> None:
    window, reference = array(one), array(other)
    table = np.stack([window, reference])
    table = table[:, table.sum(axis=0) > 0]
    for technique, power in ((ChiSquare(), "pearson"), (GTest(), "log-likelihood")):
        statistic, degrees, p_value = technique.test(window, reference)
        expected = stats.chi2_contingency(table, correction=False, lambda_=power)
        assert statistic == pytest.approx(expected.statistic, abs=1e-9)
        assert degrees == expected.dof
        assert p_value == pytest.approx(expected.pvalue, rel=1e-7)


@pytest.mark.parametrize(("n", "m", "scale"), [(30, 40, 1.0), (400, 900, 1.5)])
def test_variance_shift_has_scipys_brown_forsythe_and_t_tests(n: int, m: int, scale: float) -> None:
    window, reference = RNG.standard_t(4, n) * scale, RNG.standard_t(4, m)
    line = Line.of_samples(np.sort(window), np.sort(reference))
    levene = stats.levene(window, reference, center="median").pvalue
    distances = [np.abs(side - np.median(side)) for side in (window, reference)]
    welch = stats.ttest_ind(*distances, equal_var=False).pvalue
    assert spread_p(line) == pytest.approx(max(levene, welch), rel=1e-6)
    sides = (float(window.std(ddof=1)), n), (float(reference.std(ddof=1)), m)
    change = float(window.mean() - reference.mean())
    assert student_p(change, *sides)[1] == pytest.approx(stats.ttest_ind(window, reference).pvalue)
    assert welch_p(change, *sides)[1] == pytest.approx(stats.ttest_ind(window, reference, equal_var=False).pvalue)


# The laws of p-values, against simulation and permutation


def test_sums_of_squares_have_the_tail_they_are_given() -> None:
    assert squares_p(30.0, np.eye(12), np.ones(12)) == pytest.approx(stats.chi2.sf(30.0, 12), rel=0.02)
    assert squares_p(60.0, np.eye(12), np.ones(12)) == pytest.approx(stats.chi2.sf(60.0, 12), rel=0.03)
    assert squares_p(12.0, np.eye(12), np.ones(12)) == pytest.approx(stats.chi2.sf(12.0, 12), rel=0.03)
    assert (squares_p(0.0, np.eye(2), np.ones(2)), squares_p(1.0, np.zeros((2, 2)), np.ones(2))) == (1.0, 1.0)
    fine = np.linspace(0.0, 1.0, 201)[1:-1]  # the Cramér-von Mises law: its 1 % point is 0.74346
    assert squares_p(0.74346, bridge(fine), np.full(len(fine), 1 / 200)) == pytest.approx(0.01, rel=0.06)


def test_sums_of_absolute_values_have_about_the_tail_they_are_given() -> None:
    pi = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    shapes = {"shares": np.diag(pi) - np.outer(pi, pi), "gaps": bridge(np.linspace(0.05, 0.95, 19))}
    for covariance in shapes.values():
        weights = np.ones(len(covariance))
        values, vectors = np.linalg.eigh(covariance)
        draws = RNG.normal(size=(100_000, len(pi if len(pi) == len(values) else values)))
        sums = np.abs(draws @ (vectors * np.sqrt(np.maximum(values, 0))).T) @ weights
        for level in (0.1, 0.01, 0.001):
            assert 0.6 * level < absolutes_p(float(np.quantile(sums, 1 - level)), covariance, weights) < 1.6 * level


def test_p_values_with_many_ties_are_those_of_permutations() -> None:
    rng = np.random.default_rng(3)
    window, reference = np.minimum(rng.poisson(0.5, 80), 3).astype(float), np.minimum(rng.poisson(0.32, 200), 3) * 1.0
    found = verdicts(pair_of(reference, window, raw=True), "cvm", "anderson_darling")
    both = np.concatenate((window, reference))

    def statistics(mixed: FloatArray) -> tuple[float, float]:
        line = Line.of_samples(np.sort(mixed[:80]), np.sort(mixed[80:]))
        f, g = line.cumulated()
        return float(((line.window + line.reference) * (f - g) ** 2).sum()), line.anderson()[0]

    seen = statistics(both)
    drawn = np.array([statistics(rng.permutation(both)) for _ in range(800)])
    for number, technique in enumerate(("cvm", "anderson_darling")):
        share = float((drawn[:, number] >= seen[number] - 1e-12).mean())
        assert found[technique].p_value == pytest.approx(share, abs=0.03)


# What summaries allow

samples = st.lists(st.one_of(st.integers(-3, 3), st.floats(-50, 50)), min_size=30, max_size=120)


def ends(finding: Finding) -> tuple[float, float]:
    return finding.details["lower"], finding.details["upper"]


@settings(max_examples=20, deadline=None)
@given(samples, samples)
def test_the_raw_distance_lies_between_both_ends_of_the_summaries(one: list[float], other: list[float]) -> None:
    reference, window = array(one), array(other)
    binned = verdicts(pair_of(reference, window, "numeric"), *LINE)
    raw = verdicts(pair_of(reference, window, "numeric", raw=True), *LINE)
    for technique in LINE:
        if raw[technique].score is None:
            assert binned[technique].reason is raw[technique].reason
            continue
        low, high = ends(binned[technique])
        score = raw[technique].score or 0.0
        assert low == binned[technique].score
        assert low <= score + 1e-6 * max(1.0, score)
        assert score <= high + 1e-6 * max(1.0, score)


@pytest.mark.parametrize("technique", LINE)
def test_few_distinct_values_are_as_good_as_raw_samples(technique: str) -> None:
    reference, window = RNG.integers(0, 6, 5_000) * 1.0, np.minimum(RNG.integers(0, 8, 900), 5) * 1.0
    pair, raw = pair_of(reference, window, "numeric"), pair_of(reference, window, "numeric", raw=True)
    found, exact = verdicts(pair, technique)[technique], verdicts(raw, technique)[technique]
    assert found.score == pytest.approx(exact.score, rel=1e-9)
    assert found.is_drift
    assert exact.is_drift
