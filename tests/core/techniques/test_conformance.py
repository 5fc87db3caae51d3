"""Conformance: on every case of tests/data/peer_values.json a convention gives what the library itself gave."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

from hopsmon.core.finding import Finding, Reason
from hopsmon.core.multiplicity import Correction, adjusted
from hopsmon.core.techniques.conventions import deequ as deequ_numbers
from hopsmon.core.techniques.conventions import defaults, finding
from hopsmon.core.techniques.conventions import hopsworks as hopsworks_numbers
from hopsmon.core.techniques.conventions import tfdv as tfdv_numbers
from hopsmon.core.techniques.conventions.nannyml import CHUNKS, upper_threshold
from hopsmon.core.techniques.conventions.samples import Labels, numbers_of
from hopsmon.core.techniques.pairs import NotComputableError, Pair
from tests.support.peer_values import Case, case, document, further_cases, names, pair_of

# The tolerances that the file states: closed-form distances, and p-values.
close = partial(pytest.approx, rel=1e-6, abs=1e-9)
close_p = partial(pytest.approx, rel=1e-4, abs=1e-12)


class Asked(NamedTuple):
    """One number of a peer: in which case, and what the peer calls it."""

    case: str
    method: str

    def __str__(self) -> str:
        return f"{self.case}-{self.method}"


ALL = [*names(), *further_cases()]


def numbers_given(peer: str, at: str | None = None) -> list[Asked]:
    blocks = {name: given_by(peer, name) for name in ALL}
    return [Asked(name, method) for name, block in blocks.items() for method in (block if at is None else block[at])]


def given_by(peer: str, name: str) -> dict[str, Any]:
    return {**document()["cases"], **further_cases()}[name]["peers"][peer]


def refused(technique: str, convention: str, pair: Pair) -> NotComputableError:
    with pytest.raises(NotComputableError) as caught:
        finding(technique, convention, pair)
    assert caught.value.reason is Reason.FAILED
    return caught.value


# ---- Evidently -------------------------------------------------------------------------------------------------------

EVIDENTLY_NAMES = {
    "psi": "psi",
    "kl_div": "kl",
    "jensenshannon": "js",
    "hellinger": "hellinger",
    "wasserstein": "wasserstein",
    "ed": "energy",
    "ks": "ks",
    "cramer_von_mises": "cvm",
    "anderson": "anderson_darling",
    "t_test": "mean_shift",
    "z": "mean_shift",
    "chisquare": "chi2",
    "g_test": "g_test",
    "TVD": "tvd",
    "tvd_raw": "tvd",
}
EVIDENTLY_TESTS = {"ks", "cramer_von_mises", "anderson", "t_test", "z", "chisquare", "g_test"}
NOT_IN_HOPSMON = {
    "mannw": "hopsmon has no Mann-Whitney test",
    "es": "hopsmon has no Epps-Singleton test",
    "fisher_exact": "hopsmon has no technique of that name; chi2 falls back to Fisher's test by itself",
    "empirical_mmd_statistic": "hopsmon's mmd is a technique on several features together",
}
# Up to 20 values a side its exact p-value adds into unsigned integers, which numpy 2 forbids: ours is scipy's.
EVIDENTLY_CRASHES = {Asked("tiny/8v6", "cramer_von_mises"), Asked("two_values_each", "cramer_von_mises")}


OF_EVIDENTLY = [asked for asked in numbers_given("evidently", "methods") if asked.method not in NOT_IN_HOPSMON]


def test_every_number_of_evidently_is_asked_for_or_listed() -> None:
    methods = {asked.method for asked in numbers_given("evidently", "methods")}
    assert methods == EVIDENTLY_NAMES.keys() | NOT_IN_HOPSMON.keys()


@pytest.mark.parametrize("asked", OF_EVIDENTLY, ids=str)
def test_evidently_gives_the_same_score_and_verdict(asked: Asked) -> None:
    given, technique = given_by("evidently", asked.case)["methods"][asked.method], EVIDENTLY_NAMES[asked.method]
    pair = case(asked.case).pair
    if asked in EVIDENTLY_CRASHES:
        assert "error" in given
    elif "error" in given or given["score"] == "nan":
        assert "Evidently" in refused(technique, "evidently", pair).details["error"]
    elif asked.method == "tvd_raw":
        assert finding(technique, "evidently", pair).score == close(given["score"])
    elif asked.method == "TVD":  # a permutation test, so its p-value is no more than near
        found = finding(technique, "evidently", pair)
        assert found.p_value == pytest.approx(given["score"], abs=0.05)
        assert (found.is_drift, found.threshold) == (given["detected"], given["threshold"])
    else:
        found = finding(technique, "evidently", pair)
        assert found.score == (close_p if asked.method in EVIDENTLY_TESTS else close)(given["score"])
        assert (found.is_drift, found.threshold) == (given["detected"], given["threshold"])
        assert found.p_value == (found.score if asked.method in EVIDENTLY_TESTS else None)


@pytest.mark.parametrize("asked", sorted(EVIDENTLY_CRASHES), ids=str)
def test_evidently_s_exact_cramer_von_mises_is_scipy_s_where_evidently_crashes(asked: Asked) -> None:
    tiny = case(asked.case)
    exact = stats.cramervonmises_2samp(tiny.reference, tiny.current, method="exact")
    assert finding("cvm", "evidently", tiny.pair).score == close_p(exact.pvalue)


@pytest.mark.parametrize("name", ALL)
def test_evidently_s_default_for_a_feature_is_the_same_technique_and_score(name: str) -> None:
    given, this = given_by("evidently", name)["default"], case(name)
    (found,) = by_default("evidently", this)
    assert found.score == close_p(given["score"])
    assert (found.threshold, found.is_drift) == (given["threshold"], given["detected"])
    z_of_numbers = this.numeric and given["method"] == "z"
    report = this.peers["evidently"].get("report_default", {"value": given["score"]})
    assert found.score == close_p(report["value"])
    assert found.technique == ("chi2" if z_of_numbers else EVIDENTLY_NAMES[given["method"]])


def by_default(convention: str, this: Case) -> list[Finding]:
    """The findings of the technique that the peer chooses, as the peer sees the sizes."""
    reference, current = this.reference.dropna(), this.current.dropna()
    distinct = len(set(reference) | set(current))
    specs = defaults(convention, this.pair.kind, len(reference), distinct)
    return [finding(technique, convention, this.pair) for spec in specs for technique in spec]


# ---- NannyML ---------------------------------------------------------------------------------------------------------

NANNYML_NAMES = {
    "kolmogorov_smirnov": "ks",
    "jensen_shannon": "js",
    "wasserstein": "wasserstein",
    "hellinger": "hellinger",
    "l_infinity": "linf",
    "chi2": "chi2",
}


@pytest.mark.parametrize("asked", numbers_given("nannyml"), ids=str)
def test_nannyml_gives_the_same_value_of_the_whole(asked: Asked) -> None:
    given = given_by("nannyml", asked.case)[asked.method]
    found = finding(NANNYML_NAMES[asked.method], "nannyml", case(asked.case).pair)
    assert found.score == close(given["whole"])
    if "alert" in given:
        assert found.is_drift is given["alert"]


def with_block(key: str) -> list[Asked]:
    return [asked for asked in numbers_given("nannyml") if key in given_by("nannyml", asked.case)[asked.method]]


@pytest.mark.parametrize("asked", with_block("upper_threshold_10ref_chunks"), ids=str)
def test_nannyml_gives_the_same_threshold_from_the_reference_s_chunks(asked: Asked) -> None:
    found = upper_threshold(NANNYML_NAMES[asked.method], case(asked.case).reference.tolist())
    assert found == close(given_by("nannyml", asked.case)[asked.method]["upper_threshold_10ref_chunks"])


@pytest.mark.parametrize("asked", with_block("values_10_chunks"), ids=str)
def test_nannyml_gives_the_same_values_and_alerts_by_chunk(asked: Asked) -> None:
    this, given = case(asked.case), given_by("nannyml", asked.case)[asked.method]
    size = len(this.current) // CHUNKS
    chunks = [this.current[start : start + size] for start in range(0, len(this.current), size)]
    technique, threshold = NANNYML_NAMES[asked.method], given.get("upper_threshold_10ref_chunks")
    found = [finding(technique, "nannyml", pair_of(this.reference, chunk), threshold) for chunk in chunks]
    assert [of.score for of in found] == [close(value) for value in given["values_10_chunks"]]
    assert [of.is_drift for of in found] == given["alerts_10_chunks"]


# ---- Deequ and SageMaker ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_deequ_gives_the_same_distances(name: str) -> None:
    given, pair = given_by("deequ_sagemaker", name), case(name).pair
    found = finding("linf", "deequ", pair)
    assert found.score == close(given["linf_robust_alpha0.003"])
    assert found.details["linf_simple"] == close(given["linf_simple"])
    assert found.is_drift is given["sagemaker_violation(linf_robust>0.1)"]
    n, m = (len(side.dropna()) for side in (case(name).current, case(name).reference))
    assert deequ_numbers.robust(found.details["linf_simple"], n, m, alpha=0.1) == close(given["linf_robust_alpha0.1"])
    if case(name).numeric:
        assert finding("ks", "deequ", pair).score == close(given["linf_simple"])


@pytest.mark.parametrize("name", names(numeric=False))
def test_deequ_gives_the_same_chi_square(name: str) -> None:
    given, pair = given_by("deequ_sagemaker", name)["chisq"], case(name).pair
    if given["statistic"] is None:
        assert "NaN" in refused("chi2", "deequ", pair).details["error"]
        return
    found = finding("chi2", "deequ", pair)
    assert found.score == close(given["statistic"])
    assert found.p_value == close_p(given["p"])
    assert found.details["labels"] == given["categories_after_regrouping"]


DEEQU_OWN = document()["published_constants"]["deequ_KLLDistanceTest"]


@pytest.mark.parametrize("given", [of for of in DEEQU_OWN["linf"] if "sample" in of])
def test_deequ_s_own_tests_of_l_infinity_hold(given: dict[str, Any]) -> None:
    sample = Labels.of(given["baseline"], given["sample"])
    distance, n, m = deequ_numbers.simple(sample), sample.current.sum(), sample.reference.sum()
    if "linf_simple" in given:
        assert distance == close(given["linf_simple"])
        assert deequ_numbers.robust(distance, n, m) == given["linf_robust"]
    for alpha in (0.003, 0.1):
        if f"linf_robust_alpha{alpha}" in given:
            assert deequ_numbers.robust(distance, n, m, alpha) == close(given[f"linf_robust_alpha{alpha}"], rel=1e-12)


def test_deequ_s_own_test_of_numbers_holds() -> None:
    (given,) = (of for of in DEEQU_OWN["linf"] if "numeric_sample" in of)
    pair = pair_of(given["numeric_baseline"], given["numeric_sample"])
    assert finding("ks", "deequ", pair).score == given["linf_simple"]
    assert finding("linf", "deequ", pair).score == given["linf_robust"]


@pytest.mark.parametrize("given", DEEQU_OWN["chisquare"])
def test_deequ_s_own_tests_of_chi_square_hold(given: dict[str, Any]) -> None:
    found = deequ_numbers.chi_square(Labels.of(given["baseline"], given["sample"]))
    if "statistic" in given:
        assert found.statistic == close(float(given["statistic"]), nan_ok=True)
    if "p" in given:
        assert found.p_value == close_p(given["p"])


def test_deequ_s_own_test_of_psi_holds() -> None:
    (given,) = DEEQU_OWN["psi"]
    actual, expected = (np.array(given[f"{side}_counts"], np.float64) for side in ("actual", "expected"))
    assert deequ_numbers.buckets_psi(actual, expected) == close(given["psi"])


# ---- TFDV and Vertex AI ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", numbers_given("tfdv_vertex"), ids=str)
def test_tfdv_gives_the_same_measure(asked: Asked) -> None:
    technique = {"JENSEN_SHANNON_DIVERGENCE": "js", "L_INFTY": "linf"}[asked.method]
    found = finding(technique, "tfdv", case(asked.case).pair)
    assert found.score == close(given_by("tfdv_vertex", asked.case)[asked.method])


TFDV_OWN = document()["published_constants"]["tfdv_metrics_test.cc"]


@pytest.mark.parametrize("given", TFDV_OWN["js_divergence"])
def test_tfdv_s_own_tests_of_histograms_hold(given: dict[str, Any]) -> None:
    before, after = ([tfdv_numbers.Bin(*bin_) for bin_ in given[side]] for side in ("h1", "h2"))
    apart = given.get("nan1", 0), given.get("nan2", 0)
    assert tfdv_numbers.js_of_histograms(before, after, apart) == pytest.approx(given["expected"], abs=1e-5)


@pytest.mark.parametrize("given", TFDV_OWN["js_divergence_categorical"])
def test_tfdv_s_own_test_of_labels_holds(given: dict[str, Any]) -> None:
    assert tfdv_numbers.js_of_labels(Labels.of(given["a"], given["b"])) == pytest.approx(given["expected"], abs=1e-5)


@pytest.mark.parametrize("given", TFDV_OWN["linf"])
def test_tfdv_s_own_tests_of_l_infinity_hold(given: dict[str, Any]) -> None:
    distance, _label = tfdv_numbers.linf_of_labels(Labels.of(given["a"], given["b"]))
    assert distance == pytest.approx(given["expected"], abs=1e-5)


# ---- Hopsworks -------------------------------------------------------------------------------------------------------

HOPSWORKS_NAMES = {
    "PSI": "psi",
    "KL_DIVERGENCE": "kl",
    "JS_DIVERGENCE": "js",
    "HELLINGER": "hellinger",
    "WASSERSTEIN": "wasserstein",
    "KOLMOGOROV_SMIRNOV": "ks",
}


@pytest.mark.parametrize("asked", numbers_given("hopsworks"), ids=str)
def test_hopsworks_gives_the_same_measures(asked: Asked) -> None:
    this = case(asked.case)
    for metric, value in this.peers["hopsworks"][asked.method].items():
        assert hopsworks_measure(asked.method, HOPSWORKS_NAMES[metric], this.pair) == close(value), metric


def hopsworks_measure(method: str, technique: str, pair: Pair) -> float | None:
    """By the convention for the engine's default binning; from its parts for the others."""
    if method in {"engine_EQUI_FREQUENCY", "engine_CATEGORICAL"}:
        found = finding(technique, "hopsworks", pair)
        assert found.details["binning"] == method.removeprefix("engine_")
        return found.score
    if method == "raw_EQUI_FREQUENCY":
        return finding(technique, "hopsworks", pair).details["from_raw_values"]
    sample = numbers_of(pair)
    if method == "engine_EQUI_WIDTH":
        counted, edges = hopsworks_numbers.from_stored, hopsworks_numbers.equal_width_edges(sample.reference)
    else:
        counted, edges = hopsworks_numbers.from_raw, np.linspace(sample.reference[0], sample.reference[-1], 11)
    counts = counted(sample.current, edges), counted(sample.reference, edges)
    return hopsworks_numbers.between(technique, *counts, edges)


@pytest.mark.parametrize("name", names())
def test_hopsworks_alerts_by_default_where_psi_reaches_two_tenths(name: str) -> None:
    (found,) = by_default("hopsworks", case(name))
    assert found.technique == "psi"
    assert found.score is not None
    assert found.is_drift is (found.score >= 0.2)


# ---- alibi-detect: several features ----------------------------------------------------------------------------------


def test_alibi_detect_s_corrections_are_bonferroni_and_benjamini_hochberg() -> None:
    """Its rule on the p-values of its own KS tests, in its words: p < level / features, or below the step-up line."""
    p_values = np.array([given_by("alibi_detect", name)["ks"]["p"] for name in names(numeric=True)])
    level = document()["default_decisions"]["alibi_detect"]["p_val"]
    assert ((adjusted(p_values, Correction.BONFERRONI) < level) == (p_values < level / len(p_values))).all()
    ordered = np.sort(p_values)
    below = np.flatnonzero(ordered < level * np.arange(1, len(ordered) + 1) / len(ordered))
    found = adjusted(p_values, Correction.BENJAMINI_HOCHBERG) < level
    assert (found == (p_values <= ordered[below[-1]])).all()
    assert 0 < found.sum() < len(found)
