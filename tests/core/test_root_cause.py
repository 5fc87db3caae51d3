"""Root cause: whose contributions count, how they are shared out, and what importances change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.root_cause import drifted_evidence, evidence, explained, rank_slices, ranked

SCORES = st.dictionaries(st.text(min_size=1, max_size=5), st.floats(0, 1e300), min_size=1, max_size=15)


def found(technique: str, feature: str | None, score: float, threshold: float = 0.1, **details: Any) -> Finding:
    drift = score >= threshold
    reason, severity = (Reason.DRIFT, Severity.WARNING) if drift else (Reason.OK, Severity.NONE)
    return Finding(technique, feature, score, threshold, 500, reason, drift, severity, details=details)


def ranking(finding: Finding, key: str = "ranking") -> list[tuple[str, float]]:
    share = "contribution" if key == "ranking" else "weighted"
    return [(entry["feature"], round(entry[share], 4)) for entry in finding.details[key]]


@given(SCORES)
def test_contributions_are_shares_that_add_to_one(scores: dict[str, float]) -> None:
    shares = ranked(scores, {})
    assert {entry["feature"] for entry in shares} == {name for name, score in scores.items() if score > 0}
    assert not shares or sum(entry["contribution"] for entry in shares) == pytest.approx(1)
    assert [e["contribution"] for e in shares] == sorted((e["contribution"] for e in shares), reverse=True)


@given(SCORES, st.randoms())
def test_the_order_of_features_does_not_matter(scores: dict[str, float], random: Any) -> None:
    names = list(scores)
    random.shuffle(names)
    assert ranked({name: scores[name] for name in names}, {}) == ranked(scores, {})


def test_the_techniques_own_contributions_come_first() -> None:
    model = found("domain_classifier", None, 0.9, contributions={"temp": 3.0, "wind": 1.0, "flat": 0.0, "bad": None})
    (told, _) = explained([model, found("psi", "wind", 5.0)], {})
    assert ranking(told) == [("temp", 0.75), ("wind", 0.25)]
    assert told.score == model.score
    assert told.details["contributions"] == model.details["contributions"]


def test_without_them_the_features_psi_above_chance_is_shared_out() -> None:
    findings = [
        found("mmd", None, 0.9),
        found("psi", "temp", 0.5, expected_without_drift=0.1),
        found("psi", "wind", 0.15, expected_without_drift=0.05),
        found("psi", "calm", 0.05, expected_without_drift=0.06),
        found("ks", "wind", 0.99),
    ]
    assert ranking(explained(findings, {})[0]) == [("temp", 0.8), ("wind", 0.2)]


def test_a_feature_that_psi_does_not_judge_counts_in_thresholds() -> None:
    findings = [found("psi", "temp", 0.3), found("null_share", "moment", 0.06, 0.02), found("e", "text", 1e9)]
    assert evidence(findings) == pytest.approx({"temp": 3.0, "moment": 3.0, "text": 100.0})


def test_without_psi_the_distance_that_judged_most_features_counts() -> None:
    findings = [found("ks", "a", 0.2), found("js", "a", 0.3), found("js", "b", 0.1), found("chi2", "b", 0.9)]
    assert evidence(findings) == pytest.approx({"a": 3.0, "b": 1.0})


def test_importances_rank_again() -> None:
    model = found("mmd", None, 0.9, contributions={"temp": 3.0, "wind": 1.0})
    (told,) = explained([model], {"wind": 9.0, "temp": 1.0, "unused": 5.0})
    assert ranking(told) == [("temp", 0.75), ("wind", 0.25)]
    assert ranking(told, "weighted_ranking") == [("wind", 0.75), ("temp", 0.25)]
    assert told.details["ranking"][1] == {"feature": "wind", "contribution": 0.25, "importance": 9.0, "weighted": 0.75}


def test_a_finding_names_ten_features_at_most() -> None:
    model = found("mmd", None, 0.9, contributions={f"f{number}": float(number) for number in range(50)})
    (told,) = explained([model], {})
    assert [name for name, _ in ranking(told)] == [f"f{number}" for number in range(49, 39, -1)]


def test_only_drift_of_the_whole_model_is_explained() -> None:
    findings = [found("mmd", None, 0.01), found("psi", "temp", 0.5)]
    assert explained(findings, {}) == findings
    assert explained([found("mmd", None, 0.9)], {})[0].details == {}  # nothing to name


def test_slices_count_by_how_far_and_how_many() -> None:
    by_slice = {
        "origin=JFK": [found("psi", "temp", 0.2), found("psi", "wind", 0.05)],
        "origin=EWR": [found("psi", "temp", 0.4)],
        "origin=LGA": [found("psi", "temp", 0.01)],
    }
    told = rank_slices(by_slice, {"origin=JFK": 900, "origin=EWR": 100, "origin=LGA": 5_000})
    assert [(entry["slice"], round(entry["contribution"], 3)) for entry in told] == [
        ("origin=JFK", 0.818),
        ("origin=EWR", 0.182),
    ]
    assert told[0]["features"] == [{"feature": "temp", "contribution": 1.0}]
    weighted = rank_slices(by_slice, {"origin=JFK": 900, "origin=EWR": 100}, {"wind": 1.0})
    assert [entry["weighted"] for entry in weighted] == [0.0, 0.0]


def test_evidence_of_windows_adds_up_over_drifted_features() -> None:
    windows = [[found("psi", "temp", 0.3), found("psi", "wind", 0.05)], [found("psi", "temp", 0.2)], []]
    assert drifted_evidence(windows) == pytest.approx({"temp": 5.0})
