"""The judge: techniques, natural thresholds, corrections and states in one go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hopsmon.core.baseline import ReferenceWindow
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import NaturalVariation, ThresholdRule, threshold_of
from hopsmon.core.techniques.protocols import WindowTechnique
from hopsmon.core.techniques.registry import build
from hopsmon.core.verdicts import Judge
from tests.core.techniques.cases import Columns, baseline_of, window_of

HOUR = 3_600_000_000
RNG = np.random.default_rng(8)
REFERENCE: Columns = {f"x{number}": RNG.normal(size=4_000) for number in range(5)}
BASELINE = baseline_of(REFERENCE)


def columns(rows: int = 400, shift: float = 0.0) -> Columns:
    return {f"x{number}": RNG.normal(shift if number == 0 else 0, size=rows) for number in range(5)}


def test_the_correction_shows_in_p_adjusted() -> None:
    window = window_of(columns(shift=0.4), BASELINE)
    by = {
        correction: Judge([build("ks")], BASELINE, correction).judge(window, None, {})[0]
        for correction in (Correction.NONE, Correction.BONFERRONI, Correction.BENJAMINI_HOCHBERG)
    }
    plain = [finding.p_value for finding in by[Correction.NONE]]
    assert [f.p_adjusted for f in by[Correction.NONE]] == plain
    assert [f.p_adjusted for f in by[Correction.BONFERRONI]] == [min(1.0, 5 * p) for p in plain if p is not None]
    assert all(f.p_adjusted >= f.p_value for f in by[Correction.BENJAMINI_HOCHBERG] if f.p_adjusted and f.p_value)
    assert {f.feature for f in by[Correction.BENJAMINI_HOCHBERG] if f.is_drift} == {"x0"}


def test_what_the_correction_takes_away_is_no_drift() -> None:
    window = window_of(columns(shift=0.4), BASELINE)
    plain = Judge([build("ks")], BASELINE, Correction.NONE).judge(window, None, {})[0][0]
    assert plain.is_drift
    assert plain.p_value
    spec = {"ks": {"alpha": plain.p_value * 2}}  # above the p-value, below five times of it
    corrected = Judge([build(spec)], BASELINE, Correction.BONFERRONI).judge(window, None, {})[0][0]
    assert (corrected.is_drift, corrected.reason) == (False, Reason.OK)


@pytest.mark.parametrize("correction", [Correction.LORD, Correction.SAFFRON, Correction.E_LOND])
def test_a_correction_over_time_goes_on_from_its_state(correction: Correction) -> None:
    judge = Judge([build({"ks": {"alpha": 0.05}})], BASELINE, correction)
    quiet, loud = window_of(columns(), BASELINE), window_of(columns(shift=1.0), BASELINE)
    findings, first = judge.judge(quiet, None, {})
    assert set(first) == {f"ks#{correction}"}
    assert not any(finding.is_drift for finding in findings)
    findings, second = judge.judge(loud, None, first)
    assert {finding.feature for finding in findings if finding.is_drift} == {"x0"}
    again, after = judge.judge(loud, None, first)
    assert (again, after) == (findings, second)
    # each test costs level: the same window is allowed less later on, as long as nothing is found
    fresh = judge.judge(quiet, None, {})[0]
    late = judge.judge(quiet, None, first)[0]
    assert all(b.p_adjusted >= a.p_adjusted for a, b in zip(fresh, late, strict=True) if a.p_adjusted and b.p_adjusted)


def test_states_of_sequence_techniques_round_trip() -> None:
    judge = Judge([build("ks"), build("e_detector")], BASELINE)
    states: dict[str, bytes] = {}
    verdicts = []
    for hour in range(8):
        window = window_of(columns(shift=0.0 if hour < 3 else 0.6), BASELINE)
        findings, states = judge.judge(window, hour * HOUR, states)
        verdicts.append(any(f.is_drift for f in findings if f.technique == "e_detector"))
    assert set(states) == {"e_detector"}
    assert verdicts[:3] == [False] * 3
    assert verdicts[-1]


def test_natural_variation_raises_thresholds() -> None:
    hours = [0.5 * np.sin(2 * np.pi * hour / 24) for hour in range(48)]
    chunks = [{"x": RNG.normal(mean, size=300)} for mean in hours]
    whole = baseline_of({"x": np.concatenate([chunk["x"] for chunk in chunks])})
    windows = tuple(ReferenceWindow(n * HOUR, window_of(chunk, whole)) for n, chunk in enumerate(chunks))
    knows = replace(whole, windows=windows, window_micros=HOUR)
    peak = window_of({"x": RNG.normal(0.5, size=300)}, whole)
    (without,), _ = Judge([build("ks")], whole).judge(peak, None, {})
    (within,), _ = Judge([build("ks")], knows).judge(peak, None, {})
    assert without.is_drift
    assert not within.is_drift
    assert within.details["band"] == "natural_variation"
    assert within.threshold is not None
    assert without.threshold is not None
    assert within.threshold > without.threshold == within.details["fixed_threshold"]
    gone = window_of({"x": RNG.normal(1.5, size=300)}, whole)
    assert Judge([build("ks")], knows).judge(gone, None, {})[0][0].is_drift


@pytest.mark.parametrize("rule", ThresholdRule)
def test_the_rule_for_thresholds_is_the_judges_and_the_findings_say_which(rule: ThresholdRule) -> None:
    rng = np.random.default_rng(3)
    chunks = [{"x": rng.normal(0.5 * np.sin(hour / 4), size=300)} for hour in range(48)]
    whole = baseline_of({"x": np.concatenate([chunk["x"] for chunk in chunks])})
    windows = tuple(ReferenceWindow(n * HOUR, window_of(chunk, whole)) for n, chunk in enumerate(chunks))
    knows = replace(whole, windows=windows, window_micros=HOUR)
    technique = build({"ks": {"threshold": 0.01}})
    assert isinstance(technique, WindowTechnique)
    scores = np.array([technique.judge(window.summary, knows)[0].score for window in windows], np.float64)
    (finding,), _ = Judge([technique], knows, threshold_rule=rule).judge(windows[0].summary, None, {})
    assert finding.threshold == pytest.approx(threshold_of(scores, rule))
    assert (finding.details["band_rule"], finding.details["fixed_threshold"]) == (str(rule), 0.01)
    assert (Judge([technique], knows).threshold_rule, NaturalVariation.of(technique, knows).rule) == ("room", "room")
    # a threshold of the technique's own that is larger: no rule gave it
    (own,), _ = Judge([build({"ks": {"threshold": 0.9}})], knows, threshold_rule=rule).judge(
        windows[0].summary, None, {}
    )
    assert (own.threshold, "band_rule" in own.details) == (0.9, False)


def test_smaller_windows_than_the_references_get_a_higher_threshold() -> None:
    natural = NaturalVariation({"x": 0.2}, 100, {"x": 400.0})
    finding = Finding("ks", "x", 0.3, 0.1, 400, Reason.DRIFT, True, Severity.WARNING, 1e-9)
    (same,) = natural.applied([finding])
    (smaller,) = natural.applied([replace(finding, n=100)])
    (larger,) = natural.applied([replace(finding, n=4_000)])
    assert (same.threshold, same.is_drift) == (0.2, True)
    assert (smaller.threshold, smaller.is_drift) == (0.4, False)
    assert larger.threshold == 0.2


def test_thresholds_from_scores() -> None:
    scores = np.arange(1.0, 101.0)
    assert threshold_of(scores) == pytest.approx(100 + 4 * scores.std(ddof=1))
    assert threshold_of(scores, ThresholdRule.MEAN_3SD) == pytest.approx(50.5 + 3 * scores.std(ddof=1))
    assert threshold_of(scores, ThresholdRule.QUANTILE) == 100.0


def test_a_natural_threshold_above_what_is_critical_moves_that_too() -> None:
    natural = NaturalVariation({"x0": 0.5}, 100, {"x0": 400.0}, critical=0.25)
    found = Finding("psi", "x0", 0.6, 0.1, 400, Reason.DRIFT, True, Severity.CRITICAL, 1e-9)
    little, much = natural.applied([found, replace(found, score=1.1)])
    assert (little.threshold, little.is_drift, little.severity) == (0.5, True, Severity.WARNING)
    assert (much.is_drift, much.severity) == (True, Severity.CRITICAL)
