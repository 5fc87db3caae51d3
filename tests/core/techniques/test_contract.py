"""What every technique of the table keeps to: names, documentation, pickling, missing features, repeatability."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.finding import Reason
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.drift import DRIFT
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.multivariate import MULTIVARIATE
from hopsmon.core.techniques.outliers import OUTLIERS
from hopsmon.core.techniques.protocols import InstanceTechnique, SequenceTechnique, WindowTechnique
from hopsmon.core.techniques.registry import BUILT_IN, DEFAULT_TECHNIQUES, build, describe
from hopsmon.core.techniques.sequence import SEQUENCE
from tests.core.techniques.cases import Columns, baseline_of, batch_of, window_of, window_technique
from tests.core.techniques.drift_cases import CELLS, LINE, MOMENTS, NEW_AND_GONE, TESTS
from tests.core.techniques.rows_cases import sampled, without_rows

RNG = np.random.default_rng(5)
COLUMNS: Columns = {
    "x": RNG.normal(size=400),
    "k": RNG.integers(0, 5, 400),
    "b": RNG.random(400) < 0.5,
    "c": RNG.choice(["a", "b"], 400),
    "s": [f"{number}" for number in range(400)],
    "t": np.arange(400),
}
TYPES = {"s": "string", "t": "timestamp"}
BASELINE = baseline_of(COLUMNS, **TYPES)
JUDGED = {
    **{name: {"x", "k", "b", "c"} for name in CELLS},
    **{name: {"x", "k"} for name in (*LINE, *MOMENTS)},
    **{name: {"k", "b", "c", "s"} for name in TESTS},
    **{name: {"b", "c", "s"} for name in NEW_AND_GONE},
    "null_share": {"x", "k", "b", "c", "s", "t"},
    "statistic_change": {"x", "k", "b", "c", "s", "t"},
}
NUMBERS_ONLY = {name for name, features in JUDGED.items() if features == {"x", "k"}}
LABELS_ONLY = {name for name, features in JUDGED.items() if "k" not in features}


def test_every_default_technique_is_built_in() -> None:
    assert DEFAULT_TECHNIQUES
    assert set(DEFAULT_TECHNIQUES) <= set(BUILT_IN)


def test_the_drift_techniques_have_the_promised_names() -> None:
    assert set(DRIFT) == set(JUDGED)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_technique_has_its_name_its_kind_and_its_documentation(name: str) -> None:
    technique = build(name)
    assert technique.name == name
    kinds = (InstanceTechnique, WindowTechnique, SequenceTechnique)
    expected = InstanceTechnique if name in OUTLIERS else SequenceTechnique if name in SEQUENCE else WindowTechnique
    assert [kind for kind in kinds if isinstance(technique, kind)] == [expected]
    doc = describe(name).doc
    for word in ("Misleads", "Default", "Reference:", ">>>"):
        assert word.lower() in doc.lower()


@pytest.mark.parametrize("name", BUILT_IN)
def test_techniques_are_values(name: str) -> None:
    technique = build(name)
    assert pickle.loads(pickle.dumps(technique)) == technique
    assert hash(technique) == hash(build(name))


@pytest.mark.parametrize("name", DRIFT)
def test_one_finding_a_feature_it_applies_to(name: str) -> None:
    window = window_of(COLUMNS, BASELINE, **TYPES)
    findings = run_window_technique(window_technique(name), window, BASELINE)
    assert [finding.feature for finding in findings] == [name_ for name_ in COLUMNS if name_ in JUDGED[name]]
    assert {finding.reason for finding in findings} == {Reason.OK}


@pytest.mark.parametrize("name", DRIFT)
def test_the_same_window_gets_the_same_findings(name: str) -> None:
    window = window_of(COLUMNS, BASELINE, **TYPES)
    shipped = pickle.loads(pickle.dumps((build(name), window, BASELINE)))
    assert run_window_technique(*shipped) == run_window_technique(window_technique(name), window, BASELINE)


@pytest.mark.parametrize("name", DRIFT)
def test_a_feature_the_baseline_lacks_is_a_finding(name: str) -> None:
    extra = {**COLUMNS, "new_x": COLUMNS["x"], "new_c": COLUMNS["c"]}
    window = window_of(extra, BASELINE, **TYPES)
    missing = {
        f.feature
        for f in run_window_technique(window_technique(name), window, BASELINE)
        if f.reason is Reason.NO_BASELINE
    }
    # new_x might be an integer: chi2 speaks up
    expected = {"new_x"} if name in NUMBERS_ONLY else {"new_c"} if name in LABELS_ONLY else {"new_x", "new_c"}
    assert missing == expected


@pytest.mark.parametrize("name", sorted(DRIFT.keys() - LABELS_ONLY))
def test_a_feature_in_the_schema_without_a_summary_is_a_finding(name: str) -> None:
    schema = ModelSchema((Feature("k", FeatureType.INTEGER),))
    baseline = Baseline(schema, {}, ModelRef("m"))
    (finding,) = run_window_technique(window_technique(name), window_of({"k": COLUMNS["k"]}, baseline), baseline)
    assert (finding.feature, finding.reason, finding.n) == ("k", Reason.NO_BASELINE, 400)


@pytest.mark.parametrize("name", DRIFT)
def test_a_feature_the_window_lacks_is_a_finding(name: str) -> None:
    findings = run_window_technique(window_technique(name), Summary(), BASELINE)
    assert {finding.feature for finding in findings} == JUDGED[name]
    assert {finding.reason for finding in findings} == {Reason.NO_STATISTIC}
    assert all(finding.details["missing_in"] == ["window"] for finding in findings)


@pytest.mark.parametrize("name", DRIFT)
def test_a_missing_statistic_is_a_finding(name: str) -> None:
    bare = Summary(features={feature: FeatureSummary() for feature in COLUMNS})
    for finding in run_window_technique(window_technique(name), bare, BASELINE):
        assert finding.reason is Reason.NO_STATISTIC
        assert finding.details["missing_in"] == ["window"]


def test_bins_of_another_baseline_are_not_compared() -> None:
    other = baseline_of({"x": COLUMNS["x"] + 1})
    for name in ("psi", "kl", "js", "hellinger", "tvd", "linf", *NUMBERS_ONLY - {"mean_shift"}):
        (finding,) = run_window_technique(window_technique(name), window_of({"x": COLUMNS["x"]}, BASELINE), other)
        assert finding.reason is Reason.NO_STATISTIC
        assert "another baseline" in finding.details["error"]


@pytest.mark.parametrize("name", OUTLIERS)
def test_outlier_techniques_score_every_instance(name: str) -> None:
    batch: Batch = batch_of(COLUMNS, **TYPES)
    technique = build(name)
    assert isinstance(technique, InstanceTechnique)
    scores = technique.check(batch, BASELINE)
    assert (len(scores.score), len(scores.flagged)) == (400, 400)
    assert not scores.flagged.any()
    assert not np.isnan(scores.score).any()
    assert scores.p_value is not None
    assert len(scores.p_value) == 400


@pytest.mark.parametrize("name", MULTIVARIATE)
def test_multivariate_techniques_have_one_finding_for_the_model(name: str) -> None:
    (finding,) = run_window_technique(window_technique(name), sampled(COLUMNS, BASELINE), BASELINE)
    assert (finding.feature, finding.reason, finding.n) == (None, Reason.OK, 400)
    (finding,) = run_window_technique(window_technique(name), window_of(COLUMNS, BASELINE, **TYPES), BASELINE)
    assert (finding.reason, finding.details["missing_in"]) == (Reason.NO_STATISTIC, ["window"])
    bare = without_rows(COLUMNS)
    (finding,) = run_window_technique(window_technique(name), sampled(COLUMNS, BASELINE), bare)
    assert (finding.reason, finding.details["missing_in"]) == (Reason.NO_STATISTIC, ["baseline"])
