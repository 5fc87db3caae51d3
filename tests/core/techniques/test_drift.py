"""PSI, KS, chi-square and null share: their numbers against scipy's, their verdicts on hand-made drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.drift.chi2 import cramers_v
from hopsmon.core.techniques.drift.ks import ks_bounds
from hopsmon.core.techniques.drift.psi import psi, psi_p
from hopsmon.core.techniques.significance import contingency_p, kolmogorov_p, two_proportions_p
from tests.core.techniques.cases import baseline_of, judge, window_of

RNG = np.random.default_rng(1)
NORMAL = RNG.normal(size=10_000)
NUMERIC_TECHNIQUES = ("psi", "ks")
counts = st.lists(st.integers(0, 500), min_size=3, max_size=12)
pairs_of_counts = (
    st.integers(2, 12)
    .flatmap(lambda size: st.tuples(*[st.lists(st.integers(0, 500), min_size=size, max_size=size) for _ in range(2)]))
    .filter(lambda pair: sum(pair[0]) > 0 and sum(pair[1]) > 0)
)


def floats(values: list[int]) -> np.ndarray:
    return np.array(values, np.float64)


# Against scipy


@pytest.mark.parametrize("n", [40, 500, 3_000])
def test_ks_on_few_valued_data_is_scipys_statistic_exactly(n: int) -> None:
    reference, window = RNG.poisson(3.0, 5_000), RNG.poisson(3.3, n)
    reference, window = np.minimum(reference, 9), np.minimum(window, 9)
    finding = judge("ks", reference, window)
    assert finding.score == pytest.approx(stats.ks_2samp(reference, window).statistic, abs=1e-15)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5, 3.0])
def test_the_true_ks_distance_lies_between_both_ends(shift: float) -> None:
    window = RNG.normal(shift, 1.0, 700)
    finding = judge("ks", NORMAL, window)
    true = stats.ks_2samp(NORMAL, window).statistic
    assert finding.score == finding.details["lower"]
    assert finding.details["lower"] <= true + 1e-12
    assert true <= finding.details["upper"] + 1e-12


def test_the_ks_p_value_is_the_asymptotic_one() -> None:
    expected = stats.kstwobign.sf(0.07 * np.sqrt(400 * 9_000 / 9_400))
    assert kolmogorov_p(0.07, 400, 9_000) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [60, 1_000])
def test_chi2_is_scipys_contingency_test(n: int) -> None:
    labels = np.array(["a", "b", "c", "d"])
    reference, window = RNG.choice(labels, 8_000, p=[0.4, 0.3, 0.2, 0.1]), RNG.choice(labels, n, p=[0.3, 0.3, 0.2, 0.2])
    finding = judge("chi2", reference, window)
    table = [[int((side == label).sum()) for label in labels] for side in (window, reference)]
    expected = stats.chi2_contingency(table, correction=False)
    assert finding.details["chi2"] == pytest.approx(expected.statistic, rel=1e-12)
    assert finding.details["degrees_of_freedom"] == expected.dof
    assert finding.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    cramer = stats.contingency.association(table, method="cramer")
    assert finding.details["cramers_v"] == pytest.approx(cramer, rel=1e-9)


def test_the_effect_size_is_cramers_v_at_equal_sample_sizes() -> None:
    window, reference = floats([300, 500, 200]), floats([200, 400, 400])
    expected = stats.contingency.association(np.stack([window, reference]).astype(int), method="cramer")
    assert cramers_v(window, reference) == pytest.approx(expected, rel=1e-12)
    assert cramers_v(window / 10, reference) == pytest.approx(expected, rel=1e-12)  # the usual V would shrink


@pytest.mark.parametrize(("hits", "n", "more", "m"), [(3, 50, 0, 10_000), (0, 40, 2, 1_000), (2, 30, 1, 31)])
def test_rare_proportions_are_tested_exactly(hits: int, n: int, more: int, m: int) -> None:
    law = stats.hypergeom(n + m, hits + more, n)
    assert two_proportions_p(hits, n, more, m) == pytest.approx(
        min(1, 2 * min(law.cdf(hits), law.sf(hits - 1))), rel=1e-6
    )


def test_frequent_proportions_are_tested_by_chi_square() -> None:
    expected = stats.chi2_contingency([[40, 60], [300, 700]], correction=False).pvalue
    assert two_proportions_p(40, 100, 300, 1_000) == pytest.approx(expected, rel=1e-9)


def test_psi_is_its_formula() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    assert psi(p * 1_000, q * 1_000) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), rel=1e-12)


# Laws


@given(counts)
def test_nothing_has_moved_between_equal_distributions(values: list[int]) -> None:
    one = floats(values)
    if one.sum():
        assert psi(one, one) == 0.0
        assert cramers_v(one, one) == 0.0
        assert ks_bounds(one / one.sum(), one / one.sum())[0] == 0.0
        assert contingency_p(one, one)[2] == pytest.approx(1.0)


@given(pairs_of_counts)
def test_scores_and_p_values_are_finite_and_in_their_range(pair: tuple[list[int], list[int]]) -> None:
    window, reference = floats(pair[0]), floats(pair[1])
    assert 0 <= psi(window, reference) < 20
    assert 0 <= cramers_v(window, reference) <= 1
    low, high = ks_bounds(window / window.sum(), reference / reference.sum())
    assert 0 <= low <= high <= 1 + 1e-12
    for p_value in (psi_p(window, reference), contingency_p(window, reference)[2]):
        assert 0 <= p_value <= 1


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 3_000))
def test_a_test_of_proportions_is_a_probability(hits: int, n: int, more: int, m: int) -> None:
    assert 0 <= two_proportions_p(min(hits, n), n, min(more, m), m) <= 1


@given(pairs_of_counts)
def test_psi_v_and_ks_are_symmetrical(pair: tuple[list[int], list[int]]) -> None:
    scale = sum(pair[1]) / sum(pair[0])
    one, other = floats(pair[0]) * scale, floats(pair[1])
    assert cramers_v(one, other) == pytest.approx(cramers_v(other, one))
    assert ks_bounds(one / one.sum(), other / other.sum()) == ks_bounds(other / other.sum(), one / one.sum())
    if one.all() and other.all() and min(*one, *other) > 1:
        assert psi(one, other) == pytest.approx(psi(other, one))


# Verdicts


@pytest.mark.parametrize("technique", NUMERIC_TECHNIQUES)
@pytest.mark.parametrize("n", [30, 50, 500, 5_000])
@pytest.mark.parametrize("at", [-1e6, 50.0, 1e300])
def test_traffic_wholly_outside_the_baselines_range_is_drift(technique: str, n: int, at: float) -> None:
    finding = judge(technique, NORMAL, np.full(n, at))
    assert finding.is_drift
    assert finding.severity is Severity.CRITICAL
    assert finding.reason is Reason.DRIFT
    assert finding.score is not None
    assert np.isfinite(finding.score)


@pytest.mark.parametrize("technique", NUMERIC_TECHNIQUES)
def test_half_a_standard_deviation_is_found_in_500_rows(technique: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert judge(technique, NORMAL, rng.normal(0.5, 1.0, 500)).is_drift


@pytest.mark.parametrize("technique", ["psi", "ks", "null_share"])
def test_unchanged_traffic_is_no_drift_in_windows_of_any_size(technique: str) -> None:
    for seed, n in enumerate([30, 50, 100, 200, 500, 1_000, 5_000] * 8):
        rng = np.random.default_rng(seed)
        assert not judge(technique, NORMAL, rng.normal(size=n)).is_drift


def test_small_windows_reach_psi_thresholds_by_chance_and_are_no_drift() -> None:
    finding = judge("psi", NORMAL, np.random.default_rng(0).normal(size=60))
    assert finding.score is not None
    assert finding.score > 0.1
    assert not finding.is_drift
    assert finding.p_value is not None
    assert finding.p_value > 0.01


def test_significant_but_small_changes_are_no_drift() -> None:
    window = RNG.normal(0.05, 1.0, 200_000)
    for technique in NUMERIC_TECHNIQUES:
        finding = judge(technique, RNG.normal(size=200_000), window)
        assert finding.p_value is not None
        assert finding.p_value < 1e-4
        assert finding.reason is Reason.OK


def test_psi_is_finite_where_bins_are_empty_and_shrinks_with_neither_rows_nor_zeros() -> None:
    window = np.clip(NORMAL[:2_000], -0.5, 0.5)  # the outer bins are empty
    finding = judge("psi", NORMAL, window)
    assert finding.score is not None
    assert np.isfinite(finding.score)
    assert finding.is_drift


def test_psi_counts_nulls_as_a_bin() -> None:
    window = [None if i % 3 == 0 else float(v) for i, v in enumerate(NORMAL[:900])]
    finding = judge("psi", NORMAL, window)
    assert finding.is_drift
    assert finding.n == 900
    assert finding.details["moved"][0]["cell"] == "(null)"


def test_psi_counts_non_finite_values_as_a_bin() -> None:
    window = np.where(np.arange(900) % 3 == 0, np.nan, NORMAL[:900])
    finding = judge("psi", NORMAL, window)
    assert finding.is_drift
    assert finding.details["moved"][0]["cell"] == "(nonfinite)"


def test_bins_sort_as_numbers() -> None:
    reference = np.repeat([9.0, 10.0, 100.0, 1_000.0, -5.0], 200)
    baseline = baseline_of({"f": reference})
    summary = baseline.feature("f")
    assert summary is not None
    histogram = summary.get(Histogram)
    assert histogram is not None
    assert histogram.edges.tolist() == sorted(histogram.edges.tolist())
    window = np.repeat([-5.0, 9.0, 10.0, 100.0, 1_000.0], [300, 100, 200, 200, 200])
    true = stats.ks_2samp(reference, window).statistic
    assert judge("ks", reference, window).score == pytest.approx(true, abs=1e-15)


@pytest.mark.parametrize("technique", NUMERIC_TECHNIQUES)
def test_a_constant_reference_is_compared_like_any_other(technique: str) -> None:
    same, moved = (
        judge(technique, np.full(500, 7.0), np.full(80, 7.0)),
        judge(technique, np.full(500, 7.0), np.full(80, 8.0)),
    )
    assert (same.score, same.p_value, same.reason) == (0.0, 1.0, Reason.OK)
    assert moved.is_drift


def test_a_constant_label_is_compared_like_any_other() -> None:
    same, moved = judge("chi2", ["a"] * 10_000, ["a"] * 50), judge("chi2", ["a"] * 10_000, ["b"] * 50)
    assert (same.score, same.p_value, same.reason) == (0.0, 1.0, Reason.OK)
    assert moved.is_drift
    assert moved.score == 1.0
    assert moved.details["unseen"] == 50


def test_one_unseen_value_in_a_thousand_is_no_drift_and_many_are() -> None:
    reference = ["a", "b"] * 5_000
    one, many = (
        judge("chi2", reference, ["a", "b"] * 500 + ["c"]),
        judge("chi2", reference, ["a", "b"] * 450 + ["c"] * 100),
    )
    assert not one.is_drift
    assert one.details["unseen"] == 1
    assert many.is_drift
    assert many.details["moved"][0]["cell"] == "(other)"


def test_ids_are_no_drift_though_every_label_is_new() -> None:
    reference = [f"id-{number}" for number in range(5_000)]
    finding = judge("chi2", reference, [f"new-{number}" for number in range(800)])
    assert not finding.is_drift
    assert finding.details["reference_untracked"] == 4_000


def test_new_labels_are_found_against_a_small_reference_too() -> None:
    for technique in ("chi2", "psi"):
        assert judge(technique, ["a", "b", "c"] * 10, ["x"] * 30).is_drift


def test_many_equally_frequent_labels_are_no_drift() -> None:
    for seed, n in enumerate([60, 300, 2_000] * 3):
        rng = np.random.default_rng(seed)
        reference, window = (rng.integers(0, 600, size).astype(str) for size in (6_000, n))
        for kind in ("categorical", "string"):
            assert not judge("chi2", reference, window, kind).is_drift


def test_many_rare_labels_are_no_drift() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        reference, window = (np.minimum(rng.zipf(1.5, size), 900).astype(str) for size in (4_000, 600))
        for technique in ("chi2", "psi"):
            assert not judge(technique, reference, window).is_drift


def test_swapped_labels_are_drift_for_chi2_and_psi() -> None:
    for technique in ("chi2", "psi"):
        assert judge(technique, ["a"] * 900 + ["b"] * 100, ["a"] * 100 + ["b"] * 900).severity is Severity.CRITICAL


def test_booleans_and_integers_have_a_chi2_verdict() -> None:
    assert judge("chi2", np.arange(1_000) % 2 == 0, np.arange(200) % 10 == 0).is_drift
    assert judge("chi2", np.arange(1_000) % 7, np.arange(200) % 7 // 2).is_drift
    assert not judge("chi2", np.arange(1_000) % 7, np.arange(200) % 7).is_drift


def test_a_window_with_every_null_changes_null_share_and_cannot_be_compared_by_ks() -> None:
    window = [None] * 100
    nulls = judge("null_share", NORMAL, np.array(window, float), "numeric")
    assert judge("ks", NORMAL, np.full(100, np.nan)).reason is Reason.ALL_NULL
    assert nulls.is_drift
    assert nulls.details["kind"] == "invalid"  # NaN in Arrow is no null


def test_null_share_counts_nulls_as_nulls() -> None:
    baseline = baseline_of({"f": [1.0, 2.0, None, 4.0] * 100})
    window = window_of({"f": [1.0, None, None, 4.0] * 100}, baseline)
    finding = judge("null_share", [1.0, 2.0, None, 4.0] * 100, [1.0, None, None, 4.0] * 100)
    assert finding.score == 0.25
    assert finding.details["change"] == 0.25
    assert finding.details["null_share"] == 0.5
    assert finding.is_drift
    assert window.features["f"].get(Histogram) is not None


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_the_same_share_of_nulls_is_no_drift(share: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        reference, window = ([None if null else 1.0 for null in rng.random(n) < share] + [1.0] for n in (5_000, 400))
        assert not judge("null_share", reference, window).is_drift


def test_nulls_that_stop_are_a_change_too() -> None:
    finding = judge("null_share", [None, 1.0] * 500, [1.0] * 200)
    assert finding.is_drift
    assert finding.details["change"] == -0.5


@pytest.mark.parametrize("technique", ["psi", "ks", "null_share"])
def test_too_few_rows_are_insufficient_however_far_they_moved(technique: str) -> None:
    finding = judge(technique, NORMAL, np.full(29, 1e6))
    assert finding.reason is Reason.INSUFFICIENT
    assert (finding.score, finding.is_drift, finding.n) == (None, False, 29)
    assert finding.details["min_rows"] == 30
    assert judge(technique, NORMAL, np.full(29, 1e6), min_rows=29).score is not None


def test_a_reference_of_too_few_rows_is_insufficient() -> None:
    finding = judge("psi", NORMAL[:10], NORMAL[:100])
    assert finding.reason is Reason.INSUFFICIENT
    assert finding.details["reference_n"] == 10


@pytest.mark.parametrize("technique", NUMERIC_TECHNIQUES)
def test_a_reference_without_values_is_said_to_be_empty(technique: str) -> None:
    finding = judge(technique, [None] * 100, [1.0] * 100, "numeric")
    assert finding.reason is Reason.EMPTY_REFERENCE
    assert not finding.is_drift


def test_a_categorical_reference_without_values_is_said_to_be_empty() -> None:
    finding = judge("chi2", [None] * 100, ["a"] * 100, "categorical")
    assert finding.reason is Reason.EMPTY_REFERENCE


def test_findings_carry_numbers_that_json_holds() -> None:
    import orjson

    for technique in ("psi", "ks", "chi2", "null_share"):
        finding: Finding = judge(technique, np.arange(1_000) % 9, np.arange(300) % 8)
        assert orjson.loads(orjson.dumps(dict(finding.details)))
        assert type(finding.score) is float
        assert type(finding.p_value) is float
        assert type(finding.is_drift) is bool


def test_categories_beyond_the_capacity_are_still_counted() -> None:
    labels = [f"l{number % 1_500}" for number in range(45_000)]
    finding = judge("chi2", labels, labels[:3_000], "categorical")
    assert not finding.is_drift
    assert baseline_of({"f": labels}, f="categorical").features["f"].get(Categories).total == 45_000  # type: ignore[union-attr]
