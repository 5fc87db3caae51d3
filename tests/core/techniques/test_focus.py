"""Techniques on some features only, and one technique more than once."""

from __future__ import annotations

import pickle
from dataclasses import fields

import pytest

from hopsmon.core.finding import Reason
from hopsmon.core.techniques.drift import DRIFT
from hopsmon.core.techniques.guard import is_ours, run_window_technique
from hopsmon.core.techniques.protocols import WindowTechnique
from hopsmon.core.techniques.registry import Spec, build, describe, name_of
from hopsmon.core.verdicts import Judge
from hopsmon.errors import ConfigError
from tests.core.techniques.cases import baseline_of, window_of, window_technique

REFERENCE = {"x": [1.0, 2.0] * 100, "y": [1.0, 2.0] * 100, "c": ["a", "b"] * 100}
WINDOW = {"x": [1.0, 9.0] * 100, "y": [1.0, 9.0] * 100, "c": ["a", "a"] * 100}


@pytest.mark.parametrize("name", DRIFT)
def test_every_drift_technique_can_be_told_what_to_look_at(name: str) -> None:
    assert "features" in [parameter.name for parameter in describe(name).parameters]
    judged = "c" if name in ("unseen_categories", "vanished_categories", "chi2", "g_test") else "x"
    technique = window_technique({name: {"features": [judged]}})
    baseline = baseline_of(REFERENCE)
    findings = run_window_technique(technique, window_of(WINDOW, baseline), baseline)
    assert [finding.feature for finding in findings] == [judged]


def test_the_verdict_is_the_same_as_with_all_features() -> None:
    baseline = baseline_of(REFERENCE)
    window = window_of(WINDOW, baseline)
    everywhere = {
        finding.feature: finding for finding in run_window_technique(window_technique("psi"), window, baseline)
    }
    (alone,) = run_window_technique(window_technique({"psi": {"features": ["y"]}}), window, baseline)
    assert alone == everywhere["y"]


def test_a_feature_that_the_baseline_lacks_is_a_finding() -> None:
    window = window_of({**WINDOW, "z": [1.0] * 200}, None)
    (finding,) = run_window_technique(window_technique({"ks": {"features": ["z"]}}), window, baseline_of(REFERENCE))
    assert (finding.feature, finding.reason) == ("z", Reason.NO_BASELINE)


def test_one_technique_twice() -> None:
    baseline = baseline_of(REFERENCE)
    specs: list[Spec] = [
        {"psi": {"features": ["x"]}},
        {"psi": {"as": "psi_of_y", "features": ["y"], "threshold": 50.0}},
    ]
    assert [name_of(spec) for spec in specs] == ["psi", "psi_of_y"]
    judge = Judge([build(spec) for spec in specs], baseline)
    findings, _ = judge.judge(window_of(WINDOW, baseline), None, {})
    assert [(one.technique, one.feature, one.is_drift) for one in findings] == [
        ("psi", "x", True),
        ("psi_of_y", "y", False),
    ]
    assert all(one.p_adjusted is not None for one in findings)  # corrected with the technique's own alpha


def test_a_named_technique_is_a_value_and_its_makers() -> None:
    named = build({"psi": {"as": "mine", "threshold": 0.5}})
    assert isinstance(named, WindowTechnique)
    again = pickle.loads(pickle.dumps(named))
    assert again == named
    assert hash(again) == hash(named)
    assert (again.name, again.threshold, is_ours(again)) == ("mine", 0.5, True)
    assert [field.name for field in fields(type(again))] == ["technique", "name"]


def test_who_made_a_named_technique_stays_known(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = build("psi")
    monkeypatch.setattr(type(plain), "__module__", "somebody.elses")
    assert not is_ours(build({"psi": {"as": "mine"}}))


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"psi": {"as": "Mine"}}, "lower case letters"),
        ({"psi": {"as": "ks"}}, "'ks' is a technique itself"),
        ({"range": {"as": "mine"}}, "only techniques that judge one window"),
        ({"e_detector": {"as": "mine"}}, "only techniques that judge one window"),
        ({"psi": {"features": [1]}}, "must be a list of names"),
        ({"psi": {"convention": "evidently", "features": "x"}}, "must be a list of names"),
    ],
)
def test_wrong_words_are_refused(spec: dict, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        build(spec)
