"""Slices: judged without the feature that makes them, together no more alarms than one, ranked in the root cause."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log10
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.multiplicity import Correction, adjusted
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques import registry
from hopsmon.streaming.across_slices import E_DETECTOR, corrected_together, together
from hopsmon.streaming.patience import patient
from hopsmon.streaming.window_judge import alphas_of, baseline_without
from tests.support.engine import SmallEngine, requests
from tests.support.monitors import baseline, monitor
from tests.support.traffic import FEATURES, reference

C = 1e4


def evidence(times_c: float, feature: str | None = None) -> Finding:
    """An e-detector's finding with evidence of so many c."""
    drift = times_c >= 1
    reason, severity = (Reason.DRIFT, Severity.CRITICAL) if drift else (Reason.OK, Severity.NONE)
    return Finding(E_DETECTOR, feature, log10(times_c * C), log10(C), 100, reason, drift, severity)


def test_verdicts_of_a_series_stay_as_they_are() -> None:
    """Its memory has gone on from them: an alarm that is taken back would never come again."""
    ks, kswin = registry.build("ks"), registry.build("kswin")
    assert alphas_of([ks, kswin, *(patient(one, 1.0, "run") for one in (ks, kswin))]) == {"ks": 0.0001}
    alarm = Finding("kswin", "age", 0.5, 0.1, 100, Reason.DRIFT, True, Severity.WARNING, p_value=1e-5)
    calm = {f"city={n}": [replace(alarm, is_drift=False, p_value=0.5, reason=Reason.OK)] for n in range(99)}
    assert corrected_together({"city=x": [alarm], **calm}, alphas_of([ks, kswin]), {})["city=x"] == [alarm]


def alarms(findings: Any) -> set[str]:
    return {name for name, of in findings.items() if any(finding.is_drift for finding in of)}


def test_one_of_many_slices_needs_as_many_times_the_evidence() -> None:
    quiet = {f"city={number}": [evidence(0.01)] for number in range(99)}
    for times_c, stands in ((1.0, False), (99.0, False), (101.0, True)):
        found = together({**quiet, "city=loud": [evidence(times_c), evidence(times_c, "age")]})
        assert alarms(found) == ({"city=loud"} if stands else set())
        model = found["city=loud"][0]
        assert model.score == pytest.approx(log10(times_c * C))
        assert model.threshold == pytest.approx(log10(100 * C))
        assert model.details["slices"] == 100


def test_slices_that_all_drift_need_no_more_than_one() -> None:
    found = together({f"city={number}": [evidence(1.5)] for number in range(100)})
    assert len(alarms(found)) == 100
    assert found["city=7"][0].threshold == pytest.approx(log10(C))


def test_all_traffic_one_slice_alone_and_other_techniques_are_as_they_were() -> None:
    other = replace(evidence(2.0), technique="psi", feature="age")
    whole = {"": [evidence(1.5), evidence(1.5, "age")], "city=a": [other]}
    assert together(whole) == whole
    both = together({**whole, "city=a": [evidence(1.5), other], "city=b": [evidence(0.5)]})
    assert both[""] == whole[""]
    assert both["city=a"][1] == other
    assert alarms(both) == {"", "city=a"}
    assert not both["city=a"][0].is_drift


def test_slices_without_evidence_are_not_counted() -> None:
    none = Finding.not_computable(E_DETECTOR, None, Reason.INSUFFICIENT)
    found = together({"city=a": [evidence(1.5)], **{f"city={number}": [none] for number in range(50)}})
    assert alarms(found) == {"city=a"}


@given(st.lists(st.floats(-8, 400), min_size=2, max_size=40))
def test_exactly_the_alarms_of_e_bh_stand(logs: list[float]) -> None:
    """By the definition: the k largest, k the largest number with M of rank k at least c · K / k."""
    findings = {
        f"city={number}": [replace(evidence(2.0), score=4 + over, is_drift=over >= 0)]
        for number, over in enumerate(logs)
    }
    ranked = sorted(logs, reverse=True)
    count = len(logs)
    k = max((rank for rank in range(1, count + 1) if ranked[rank - 1] >= log10(count / rank) - 1e-12), default=0)
    border = {over for over in logs if any(abs(over - log10(count / rank)) < 1e-9 for rank in range(1, count + 1))}
    if not border:
        expected = {f"city={number}" for number, over in enumerate(logs) if k and over >= ranked[k - 1] and over >= 0}
        assert alarms(together(findings)) == expected


def test_without_drift_a_hundred_slices_alarm_as_seldom_as_one() -> None:
    """Evidence with mean 1 under no drift; P(some alarm) ≤ 1 / c whatever the number of slices."""
    rng = np.random.default_rng(5)
    c, runs = 20.0, 4_000
    counts = {1: 0, 100: 0}
    for slices in counts:
        # heavy-tailed e-values with mean 1: 1 / (2 √U) reaches far above c often enough to see
        values = 0.5 / np.sqrt(rng.uniform(size=(runs, slices)))
        for of in values:
            found = {
                f"s={n}": [Finding(E_DETECTOR, None, float(np.log10(v)), log10(c), 1, Reason.DRIFT, bool(v >= c))]
                for n, v in enumerate(of)
            }
            counts[slices] += bool(alarms(together(found)))
    # alone P(e ≥ c) = 1/(4c²); without the correction a hundred would alarm in 6 % of the windows
    assert counts[1] <= runs / c
    assert counts[100] <= runs / c
    assert counts[100] < 20


def called_drift(p_value: float, feature: str | None = "age", technique: str = "ks") -> Finding:
    """An uncorrected finding of drift with this p-value."""
    return Finding(technique, feature, 0.3, 0.1, 100, Reason.DRIFT, True, Severity.WARNING, p_value, p_value)


def test_e_bh_asks_the_features_of_all_slices_at_once_and_all_traffic_alone() -> None:
    alphas = {"ks": 0.01, "own": None}
    one = {"city=a": [called_drift(1e-7)]}  # e = 1581, enough for fifteen hypotheses at 1 %
    quiet = {f"city={number}": [called_drift(0.5), called_drift(0.5, "income")] for number in range(10)}
    assert alarms(corrected_together(one, alphas, {})) == {"city=a"}
    assert alarms(corrected_together({**one, **quiet}, alphas, {})) == set()
    everywhere = {f"city={number}": [called_drift(1e-7), called_drift(1e-7, "income")] for number in range(10)}
    assert alarms(corrected_together({**one, **everywhere}, alphas, {})) == {"city=a", *everywhere}
    whole = corrected_together({"": [called_drift(1e-7)], **quiet}, alphas, {})
    assert alarms(whole) == {""}
    assert whole["city=3"][0].p_adjusted == 1.0
    own = {"city=a": [called_drift(0.5, technique="own")], **quiet}
    assert alarms(corrected_together(own, alphas, {})) == {"city=a"}  # without a level its verdicts stay


def test_root_causes_follow_from_the_verdicts_after_e_bh() -> None:
    alphas = {"ks": 0.01, "mmd": 0.01}
    before = {"ranking": [{"feature": "income", "contribution": 1.0}]}
    model = replace(called_drift(1e-12, None, "mmd"), details=before)
    features = [called_drift(1e-12), called_drift(0.005, "income")]
    found = corrected_together({"": [model, *features]}, alphas, {})
    assert [finding.is_drift for finding in found[""]] == [True, True, False]
    assert [entry["feature"] for entry in found[""][0].details["ranking"]] == ["age", "income"]
    no_more = corrected_together({"": [replace(model, p_value=0.005), *features]}, alphas, {})
    assert (no_more[""][0].is_drift, no_more[""][0].details) == (False, {})


def test_a_stream_asks_e_bh_of_all_slices_of_a_window() -> None:
    techniques = (registry.build({"ks": {"alpha": 0.01}}), registry.build("e_detector"))
    rows = {}
    for correction in (Correction.NONE, Correction.E_BH):
        engine = SmallEngine(monitor(techniques=techniques, slices=("city",), correction=correction))
        engine.run([traffic(400, 3, 8.0)])
        engine.end()
        rows[correction] = findings(engine, "ks")
        assert findings(engine, "e_detector")
    assert rows[Correction.NONE].keys() == rows[Correction.E_BH].keys()
    for part in (True, False):
        family = [key for key, row in rows[Correction.NONE].items() if bool(key[0]) is part and row["p_value"]]
        plain = np.array([rows[Correction.NONE][key]["p_value"] for key in family])
        assert len(family) == (6 if part else 2)  # of age and income, in three cities
        found = [rows[Correction.E_BH][key] for key in family]
        assert [row["p_adjusted"] for row in found] == pytest.approx(adjusted(plain, Correction.E_BH).tolist())
        assert all(not row["is_drift"] or row["p_adjusted"] < 0.01 for row in found)
    assert {key for key, row in rows[Correction.E_BH].items() if row["is_drift"]} >= {("", "age")}


@dataclass
class Witness:
    """Says in its findings which features it was shown, in window, baseline and samples."""

    name: ClassVar[str] = "witness"
    needs: ClassVar[frozenset[Any]] = frozenset({Reservoir})
    seen: list[Any] = field(default_factory=list)

    def judge(self, window: Summary, baseline: Baseline) -> list[Finding]:
        sample, joint = window.model.get("reservoir"), baseline.joint.get("reservoir")
        details = {
            "window": sorted(window.features),
            "schema": [feature.name for feature in baseline.schema.all],
            "baseline": sorted(baseline.features),
            "sample": sample.rows.column_names if isinstance(sample, Reservoir) else [],
            "joint": joint.rows.column_names if isinstance(joint, Reservoir) else [],
        }
        return [Finding(self.name, None, 1.0, 2.0, window.instances, Reason.OK, details=details)]


def traffic(rows: int, seed: int, shift: float = 0.0, city: str | None = None) -> Any:
    frame = reference(rows, seed)[list(FEATURES)]
    frame["age"] += np.where(frame["city"] == city, shift, 0.0) if city else shift
    return requests(frame.to_numpy().tolist(), np.linspace(0, 50, rows))


def findings(engine: SmallEngine, technique: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["slice"], row["feature"]): row for row in engine.rows("drift") if row["technique"] == technique}


def test_a_slice_is_judged_as_if_the_model_had_no_such_feature() -> None:
    engine = SmallEngine(monitor(techniques=(Witness(),), slices=("city",)))
    engine.run([traffic(400, 3)])
    engine.end()
    found = {name: orjson.loads(row["details"]) for (name, _), row in findings(engine, "witness").items()}
    assert set(found) == {"", "city=Bern", "city=Genf", "city=Zug"}
    for name, seen in found.items():
        for where, names in seen.items():
            assert ("city" in names) is (name == ""), (name, where)
    assert found["city=Bern"]["sample"] == ["age", "income"]


def test_a_baseline_without_a_feature_keeps_all_else() -> None:
    whole = baseline()
    assert baseline_without(whole, "") is whole
    less = baseline_without(whole, "city")
    assert [feature.name for feature in less.schema.all] == ["age", "income", "score"]
    assert less.features == {name: of for name, of in whole.features.items() if name != "city"}
    assert (less.rows, less.model, less.season) == (whole.rows, whole.model, whole.season)


def test_the_feature_that_makes_a_slice_does_not_count_in_the_correction() -> None:
    """Two features are judged in a slice of a model with three: Bonferroni doubles their p-values."""
    techniques = (registry.build("null_share"),)
    engine = SmallEngine(monitor(techniques=techniques, slices=("city",), correction=Correction.BONFERRONI))
    frame = reference(400, 3)[list(FEATURES)]
    rows = frame.to_numpy().tolist()
    for row in rows[:200:2]:
        row[0] = None
    engine.run([requests(rows, np.linspace(0, 50, 400))])
    engine.end()
    found = findings(engine, "null_share")
    assert ("city=Bern", "city") not in found
    assert found["city=Bern", "age"]["is_drift"]
    for (name, feature), row in found.items():
        if row["p_value"] is not None:
            judged = 2 if name else 3
            assert row["p_adjusted"] == pytest.approx(min(1.0, judged * row["p_value"])), (name, feature)
    assert ("", "city") in found


@dataclass(frozen=True)
class WholeModel:
    """Drift of the model where any age is off."""

    name: ClassVar[str] = "whole_model"
    needs: ClassVar[frozenset[Any]] = frozenset()

    def judge(self, window: Summary, baseline: Baseline) -> list[Finding]:
        return [Finding(self.name, None, 1.0, 0.5, window.instances, Reason.DRIFT, True, Severity.WARNING)]


def test_the_models_drift_names_features_and_slices(tmp_path: Path) -> None:
    techniques = (WholeModel(), *(registry.build(name) for name in ("psi", "ks")))
    engine = SmallEngine(monitor(techniques=techniques, slices=("city",), importances={"age": 0.9, "income": 0.1}))
    engine.run([traffic(3_000, 3, shift=25.0, city="Genf")])
    engine.end()
    found = findings(engine, "whole_model")
    details = orjson.loads(found["", ""]["details"])
    assert details["ranking"][0]["feature"] == "age"
    assert details["weighted_ranking"][0]["importance"] == 0.9
    assert [entry["slice"] for entry in details["slices"]][:1] == ["city=Genf"]
    assert details["slices"][0]["contribution"] == pytest.approx(1.0)
    assert details["slices"][0]["features"][0]["feature"] == "age"
    assert "slices" not in orjson.loads(found["city=Genf", ""]["details"])
