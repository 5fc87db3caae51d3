"""Conventions beyond the recorded numbers: verdicts at the threshold, missing raw values, infinities, refusals."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.multiplicity import ONLINE, Correction
from hopsmon.core.natural import NaturalVariation
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.values import Values
from hopsmon.core.techniques.conventions import CONVENTIONS, defaults, finding, known
from hopsmon.core.techniques.conventions.nannyml import upper_threshold
from hopsmon.core.techniques.pairs import NotComputableError, Pair
from hopsmon.core.verdicts import corrected, corrected_online
from hopsmon.errors import ConfigError, UnknownNameError
from tests.support.peer_values import pair_of

EVERY = [(technique, name) for name, peer in CONVENTIONS.items() for technique in peer.rules]
ONLY_LABELS = {
    ("g_test", "evidently"),
    ("tvd", "evidently"),
    ("linf", "nannyml"),
    ("chi2", "nannyml"),
    ("chi2", "deequ"),
    ("linf", "tfdv"),
}
ONE_TO_NINE = pair_of(np.arange(1.0, 10), np.arange(1.0, 10))


def refusal(technique: str, convention: str, pair: Pair) -> NotComputableError:
    with pytest.raises(NotComputableError) as caught:
        finding(technique, convention, pair)
    return caught.value


def infinite(pair: Pair, reference: int = 0, window: int = 0) -> Pair:
    """The same with so many infinities on each side."""
    return replace(pair, reference=_infinite(pair.reference, reference), window=_infinite(pair.window, window))


def _infinite(summary: FeatureSummary, more: int) -> FeatureSummary:
    counts = summary.get(Counts)
    assert counts is not None
    counts = replace(counts, rows=counts.rows + more, nonfinite=counts.nonfinite + more)
    return FeatureSummary({**summary.statistics, "counts": counts})


# ---- which conventions have what -------------------------------------------------------------------------------------


def test_every_technique_names_the_conventions_that_have_it() -> None:
    assert known("psi") == ("evidently", "deequ", "hopsworks")
    assert known("cvm") == ("evidently",)
    assert known("null_share") == ()


def test_an_unknown_convention_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown convention 'evidntly'.*Did you mean 'evidently'"):
        finding("psi", "evidntly", ONE_TO_NINE)


def test_a_technique_that_the_convention_lacks_is_refused_with_what_it_has() -> None:
    with pytest.raises(
        ConfigError, match=r"tfdv has no psi\. It has: js, linf; conventions with psi: evidently, deequ"
    ):
        finding("psi", "tfdv", ONE_TO_NINE)


@pytest.mark.parametrize(
    ("kind", "rows", "distinct", "technique"),
    [
        (FeatureType.NUMERIC, 1_000, 6, "ks"),
        (FeatureType.NUMERIC, 1_000, 5, "chi2"),
        (FeatureType.NUMERIC, 1_001, 6, "wasserstein"),
        (FeatureType.INTEGER, 1_001, 5, "js"),
        (FeatureType.CATEGORICAL, 1_000, 3, "chi2"),
        (FeatureType.BOOLEAN, 1_000, 2, "mean_shift"),
        (FeatureType.CATEGORICAL, 1_001, 2, "js"),
    ],
)
def test_evidently_s_default_turns_at_a_thousand_rows_and_at_five_values(
    kind: FeatureType, rows: int, distinct: int, technique: str
) -> None:
    assert defaults("evidently", kind, rows, distinct) == ({technique: {"convention": "evidently"}},)


def test_the_others_defaults_do_not_depend_on_the_data() -> None:
    chosen = {
        name: [next(iter(defaults(name, kind, 50, 9)[0])) for kind in (FeatureType.NUMERIC, FeatureType.CATEGORICAL)]
        for name in ("nannyml", "deequ", "tfdv", "hopsworks")
    }
    assert chosen == {
        "nannyml": ["js", "js"],
        "deequ": ["linf", "linf"],
        "tfdv": ["js", "linf"],
        "hopsworks": ["psi", "psi"],
    }


@pytest.mark.parametrize("name", CONVENTIONS)
def test_no_convention_judges_times_and_free_text(name: str) -> None:
    assert defaults(name, FeatureType.TIMESTAMP, 100, 90) == defaults(name, FeatureType.STRING, 100, 90) == ()


# ---- verdicts at the threshold ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("technique", "convention", "at_threshold"),
    [
        ("psi", "evidently", True),
        ("wasserstein", "evidently", True),
        ("energy", "evidently", False),
        ("ks", "evidently", True),
        ("cvm", "evidently", True),
        ("mean_shift", "evidently", False),
        ("js", "nannyml", False),
        ("linf", "deequ", False),
        ("js", "tfdv", False),
        ("psi", "hopsworks", True),
    ],
)
def test_a_score_exactly_at_the_threshold_is_judged_as_the_library_does(
    technique: str, convention: str, at_threshold: bool
) -> None:
    rng = np.random.default_rng(1)
    pair = pair_of(rng.normal(0, 1, 200), rng.normal(0.7, 1, 200))
    score = finding(technique, convention, pair).score
    assert score is not None
    found = finding(technique, convention, pair, threshold=score)
    assert (found.is_drift, found.threshold) == (at_threshold, score)
    assert found.severity is (Severity.WARNING if at_threshold else Severity.NONE)
    assert found.reason is (Reason.DRIFT if at_threshold else Reason.OK)


def test_without_a_threshold_of_the_library_there_is_a_score_and_no_drift() -> None:
    found = finding("kl", "hopsworks", pair_of([1.0, 2, 3, 4] * 20, [5.0, 6, 7, 8] * 20))
    assert found.score is not None
    assert found.score > 0.5
    assert (found.threshold, found.is_drift) == (None, False)


def test_nannyml_s_default_threshold_is_that_of_a_shuffled_reference() -> None:
    rng = np.random.default_rng(2)
    reference, same, moved = rng.normal(0, 1, 1_000), rng.normal(0, 1, 100), rng.normal(1.5, 1, 100)
    found = finding("js", "nannyml", pair_of(reference, moved))
    shuffled = [upper_threshold("js", rng.permutation(reference).tolist()) for _ in range(20)]
    assert found.threshold is not None
    assert min(shuffled) * 0.9 < found.threshold < max(shuffled) * 1.1
    assert found.is_drift
    assert "chunks" in found.details["threshold_from"]
    assert not finding("js", "nannyml", pair_of(reference, same)).is_drift


def test_nannyml_needs_ten_values_for_a_threshold() -> None:
    assert finding("js", "nannyml", pair_of([1.0, 2, 3], [1.0, 2])).threshold is None
    with pytest.raises(ConfigError, match="at least 10 values of reference, got 3"):
        upper_threshold("js", [1.0, 2.0, 3.0])


@pytest.mark.parametrize("correction", Correction)
def test_neither_a_correction_nor_natural_variation_changes_the_library_s_verdict(correction: Correction) -> None:
    rng = np.random.default_rng(1)
    found = finding("ks", "evidently", pair_of(rng.normal(0, 1, 200), rng.normal(0.4, 1, 200)))
    assert found.is_drift
    assert NaturalVariation({"f": 10.0}, 30).applied([found]) == [found]
    if correction in ONLINE:
        (after,), _ = corrected_online([found], ONLINE[correction](), 1e-4)
    else:
        (after,) = corrected([found], correction, alpha=1e-4)
    assert replace(after, p_adjusted=None) == found


# ---- raw values that are not there -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("technique", "convention"), EVERY)
def test_without_raw_values_the_finding_says_which_side_lacks_them(technique: str, convention: str) -> None:
    labelled = (technique, convention) in ONLY_LABELS
    pair = pair_of(["a", "b"], ["a", "b"]) if labelled else ONE_TO_NINE
    counts = pair.window.get(Counts)
    assert counts is not None
    error = refusal(technique, convention, replace(pair, window=FeatureSummary({"counts": counts})))
    assert error.reason is Reason.NO_STATISTIC
    assert error.details["statistic"] == ("categories" if labelled else "values")
    assert error.details["missing_in"] == ["window"]


def test_more_labels_than_were_counted_are_not_raw_values() -> None:
    error = refusal("psi", "evidently", pair_of([f"r{i}" for i in range(5)], [f"w{i}" for i in range(1_200)]))
    assert (error.reason, error.details["missing_in"]) == (Reason.NO_STATISTIC, ["window"])


@pytest.mark.parametrize(("technique", "convention"), EVERY)
def test_an_empty_side_has_a_reason(technique: str, convention: str) -> None:
    empty = FeatureSummary({"counts": Counts(2, 2), "values": Values(), "categories": Categories()})
    pair = pair_of(["a", "b"], ["a", "b"]) if (technique, convention) in ONLY_LABELS else ONE_TO_NINE
    assert refusal(technique, convention, replace(pair, reference=empty)).reason is Reason.EMPTY_REFERENCE
    assert refusal(technique, convention, replace(pair, window=empty)).reason is Reason.ALL_NULL


@pytest.mark.parametrize(
    ("technique", "convention"), [("ks", "evidently"), ("wasserstein", "hopsworks"), ("ks", "deequ")]
)
def test_techniques_on_numbers_refuse_labels(technique: str, convention: str) -> None:
    assert "numbers" in refusal(technique, convention, pair_of(["a", "b"], ["b", "a"])).details["error"]


@pytest.mark.parametrize(("technique", "convention"), [("tvd", "evidently"), ("linf", "tfdv"), ("chi2", "nannyml")])
def test_techniques_on_labels_refuse_numbers(technique: str, convention: str) -> None:
    assert "labels" in refusal(technique, convention, ONE_TO_NINE).details["error"]


# ---- infinities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("technique", "convention"), [("js", "evidently"), ("linf", "deequ"), ("psi", "hopsworks")])
def test_evidently_deequ_and_hopsworks_drop_infinities(technique: str, convention: str) -> None:
    clean = pair_of(np.arange(60.0), np.arange(20.0, 70))
    assert finding(technique, convention, infinite(clean, 3, 5)).score == finding(technique, convention, clean).score


def test_nannyml_has_no_distance_of_infinities_but_counts_them_as_outside_of_its_bins() -> None:
    reference = np.random.default_rng(3).normal(0, 1, 500)
    window = reference[:200]
    edges = np.histogram_bin_edges(reference, "doane")
    p, q = (np.append(np.histogram(side, edges)[0], 0) for side in (reference, window))
    q[-1] = 4
    pair = infinite(pair_of(reference, window), window=4)
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = (stats.entropy(p, middle, base=2) + stats.entropy(q, middle, base=2)) / 2
    assert finding("js", "nannyml", pair).score == pytest.approx(divergence**0.5)
    assert "infinities" in refusal("ks", "nannyml", pair).details["error"]
    assert "infinities" in refusal("js", "nannyml", infinite(pair, reference=1)).details["error"]


def test_tfdv_s_infinities_never_match() -> None:
    same = pair_of(np.arange(60.0), np.arange(60.0))
    assert finding("js", "tfdv", same).score == pytest.approx(0, abs=1e-12)
    assert finding("js", "tfdv", infinite(same, 20, 20)).score == pytest.approx(0.25)
    assert finding("js", "tfdv", infinite(same, 0, 20)).score == pytest.approx(tfdv_of_extra_mass(60, 20))


def tfdv_of_extra_mass(same: int, extra: int) -> float:
    """JS divergence of (1, 0) and (same, extra) / total, base 2."""
    p, q = np.array([1.0, 0.0]), np.array([same, extra]) / (same + extra)
    return float(stats.entropy(p, (p + q) / 2, base=2) + stats.entropy(q, (p + q) / 2, base=2)) / 2


# ---- what holds for all of them --------------------------------------------------------------------------------------

NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=40)
WORDS = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=40)


def outcome(technique: str, convention: str, pair: Pair) -> Finding | None:
    """The finding, if there is one."""
    try:
        return finding(technique, convention, pair)
    except NotComputableError:
        return None


@pytest.mark.parametrize(("technique", "convention"), EVERY)
@settings(max_examples=12, deadline=None)
@given(sides=st.tuples(NUMBERS, NUMBERS) | st.tuples(WORDS, WORDS))
def test_every_score_is_finite_and_every_finding_is_json(
    technique: str, convention: str, sides: tuple[list, list]
) -> None:
    found = outcome(technique, convention, pair_of(*sides))
    if found is None:
        return
    assert found.score is not None
    assert isfinite(found.score)
    assert found.p_value is None or 0 <= found.p_value <= 1
    assert (found.details["convention"], found.n) == (convention, len(sides[1]))
    assert orjson.loads(orjson.dumps(dict(found.details)))["version"] == CONVENTIONS[convention].version


def test_two_values_are_too_few_for_anderson_darling() -> None:
    with pytest.raises(NotComputableError) as refused:
        finding("anderson_darling", "evidently", pair_of([0.0], [1.0]))
    assert "at least three values" in str(refused.value.details)


@pytest.mark.parametrize(("technique", "convention"), EVERY)
@settings(max_examples=8, deadline=None)
@given(values=NUMBERS | WORDS)
def test_two_equal_samples_are_no_drift(technique: str, convention: str, values: list) -> None:
    found = outcome(technique, convention, pair_of(values, values))
    assert found is None or not found.is_drift or abs(found.score or inf) < 1e-6
