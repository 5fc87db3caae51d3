"""Detectors on series: River's and Frouros' detection indices on raw streams, counts a window, states, techniques."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from river import drift

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_sequence_technique
from hopsmon.core.techniques.protocols import SequenceTechnique
from hopsmon.core.techniques.registry import Spec, build
from hopsmon.core.techniques.sequence.adwin import AdaptiveWindowing
from hopsmon.core.techniques.sequence.cusum import CusumChart
from hopsmon.core.techniques.sequence.ddm import DriftDetectionMethod
from hopsmon.core.techniques.sequence.following import Memory, Step
from hopsmon.core.techniques.sequence.hddm import HoeffdingDriftDetection
from hopsmon.core.techniques.sequence.kswin import KolmogorovSmirnovWindowing
from hopsmon.core.techniques.sequence.page_hinkley import PageHinkleyTest
from hopsmon.errors import ConfigError
from tests.core.techniques.cases import baseline_of, window_of

PEERS = json.loads((Path(__file__).parents[2] / "data" / "peer_values.json").read_text("utf-8"))["streams"]
SERIES_TECHNIQUES = ("adwin", "page_hinkley", "cusum", "ddm", "hddm", "kswin")


class Detector(Protocol):
    def update(self, memory: Memory, x: float, /) -> Step: ...


def stream(name: str) -> list[float]:
    """The streams of peer_values.json, as their `how` says."""
    if name == "step_mean":
        rng = np.random.default_rng(42)
        values = np.concatenate([rng.normal(0, 1, 1000), rng.normal(1, 1, 1000)])
    elif name == "no_change":
        values = np.random.default_rng(43).normal(0, 1, 2000)
    elif name == "err_step":
        rng = np.random.default_rng(46)
        values = np.concatenate([rng.random(1000) < 0.1, rng.random(1000) < 0.3])
    else:
        values = np.random.default_rng(47).random(2000) < 0.15
    assert values.sum() == pytest.approx(PEERS[name]["sum"], abs=1e-6)
    return [float(value) for value in values]


def found_by(detector: Detector, values: list[float]) -> list[int]:
    memory: Memory = ()
    found = []
    for number, value in enumerate(values):
        step = detector.update(memory, value)
        memory = step.memory
        if step.drift:
            found.append(number)
    return found


OURS: list[tuple[str, Detector]] = [
    ("PageHinkley(default)", PageHinkleyTest()),
    ("ADWIN(delta=0.002)", AdaptiveWindowing(history=2_000)),
    ("KSWIN(seed=42)", KolmogorovSmirnovWindowing(seed=42)),
    ("DDM", DriftDetectionMethod()),
    ("HDDM_A", HoeffdingDriftDetection()),
]
PAIRS = [(name, theirs, ours) for theirs, ours in OURS for name in PEERS if theirs in PEERS[name]["river"]]


@pytest.mark.parametrize(("name", "river_name", "detector"), PAIRS, ids=[f"{n}-{r}" for n, r, _ in PAIRS])
def test_the_published_detection_points_of_river(name: str, river_name: str, detector: Detector) -> None:
    assert found_by(detector, stream(name)) == PEERS[name]["river"][river_name]["drift_at"]


@pytest.mark.parametrize("name", ["step_mean", "err_step", "no_change", "err_const"])
def test_page_hinkley_without_forgetting_is_frouros_cusum(name: str) -> None:
    expected = PEERS[name].get("frouros", {}).get("CUSUM", {}).get("first_drift")
    found = found_by(PageHinkleyTest(alpha=1.0), stream(name))
    assert (found[0] if found else None) == expected


@pytest.mark.parametrize("name", ["err_step", "err_const"])
def test_ddm_is_frouros_ddm(name: str) -> None:
    found = found_by(DriftDetectionMethod(), stream(name))
    assert found[0] == PEERS[name]["frouros"]["DDM"]["first_drift"]


NEW: list[tuple[Callable[[], Any], Detector, bool]] = [
    (drift.PageHinkley, PageHinkleyTest(), False),
    (lambda: drift.PageHinkley(5, 0.1, 8.0, 1.0), PageHinkleyTest(5, 0.1, 8.0, 1.0), False),
    (lambda: drift.ADWIN(clock=1), AdaptiveWindowing(clock=1), False),
    (
        lambda: drift.KSWIN(alpha=0.01, window_size=40, stat_size=15, seed=3),
        KolmogorovSmirnovWindowing(0.01, 40, 15, 3),
        False,
    ),
    (drift.binary.DDM, DriftDetectionMethod(), True),
    (drift.binary.HDDMA, HoeffdingDriftDetection(), True),
    (lambda: drift.binary.HDDMA(0.01, 0.05, True), HoeffdingDriftDetection(0.01, two_sided=True), True),
]


@pytest.mark.parametrize(("river", "detector", "errors"), NEW, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_streams_give_what_river_gives(
    river: Callable[[], Any], detector: Detector, errors: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0, 0.6, 5) if errors else rng.normal(0, 2, 5), 160)
    values = [float(x) for x in (rng.random(800) < level if errors else rng.normal(level, 1))]
    theirs = river()
    expected = []
    for number, value in enumerate(values):
        theirs.update(value)
        if theirs.drift_detected:
            expected.append(number)
    assert expected
    assert found_by(detector, values) == expected


@pytest.mark.parametrize("detector", [DriftDetectionMethod(), HoeffdingDriftDetection()])
def test_counts_give_what_single_errors_give_at_the_end_of_the_windows(detector: Any) -> None:
    """Until the first drift: the detectors look at the end of windows only, so what they remember is a subset."""
    errors = np.array(stream("err_step"))
    memory: Memory = ()
    for end in range(50, 2_001, 50):
        step = detector.update(memory, errors[end - 50 : end].sum(), 50)
        memory = step.memory
        if step.drift:
            break
    single = found_by(detector, errors.tolist())[0]
    assert single < end <= single + 100


def test_cusum_is_the_textbook_recursion() -> None:
    chart = CusumChart(mean=10, std_dev=2, slack=0.5, threshold=4)
    memory: Memory = ()
    high = low = 0.0
    for x in np.random.default_rng(4).normal(10.5, 2, 200).tolist():
        step = chart.update(memory, x)
        high, low = max(0, high + (x - 10) / 2 - 0.5), max(0, low - (x - 10) / 2 - 0.5)
        assert step.score == pytest.approx(max(high, low))
        assert step.drift == (max(high, low) > 4)
        if step.drift:
            high = low = 0.0
        memory = step.memory


# ------------------------------------------------------------------------------------------------- the techniques

RNG = np.random.default_rng(9)
ROWS = 20_000  # many more than in a window: the detectors take the reference's mean for the truth
REFERENCE = {"x": RNG.normal(size=ROWS), "wrong": RNG.random(ROWS) < 0.1, "c": RNG.choice(["a", "b"], ROWS)}
BASELINE = baseline_of(REFERENCE)


def windows(hours: int, change_at: int, rows: int = 200) -> list[Summary]:
    rng = np.random.default_rng(10)
    found = []
    for hour in range(hours):
        changed = hour >= change_at
        columns = {
            "x": rng.normal(1.0 if changed else 0.0, size=rows),
            "wrong": rng.random(rows) < (0.4 if changed else 0.1),
            "c": rng.choice(["a", "b"], rows, p=[0.9, 0.1] if changed else [0.5, 0.5]),
        }
        found.append(window_of(columns, BASELINE))
    return found


def followed(spec: Spec, series: list[Summary], baseline: Baseline = BASELINE) -> list[list[Finding]]:
    technique = build(spec)
    assert isinstance(technique, SequenceTechnique)
    state: bytes | None = None
    verdicts = []
    for window in series:
        findings, state = run_sequence_technique(technique, state, window, baseline)
        verdicts.append(findings)
    return verdicts


SPECS: list[tuple[Spec, str]] = [
    ("adwin", "x"),
    ("page_hinkley", "x"),
    ("cusum", "x"),
    ("kswin", "x"),
    ({"ddm": {"features": ["wrong"]}}, "wrong"),
    ({"hddm": {"features": ["wrong"]}}, "wrong"),
    ({"cusum": {"series": "p50"}}, "x"),
    ({"cusum": {"series": "label=a"}}, "c"),
    ({"page_hinkley": {"series": "error_rate"}}, "wrong"),
    ({"hddm": {"series": "label=b", "two_sided": True, "features": ["c"]}}, "c"),
]


@pytest.mark.parametrize(("spec", "feature"), SPECS, ids=str)
def test_a_change_is_found_in_the_feature_that_changed(spec: Spec, feature: str) -> None:
    verdicts = followed(spec, windows(170, change_at=130))
    drifting = [hour for hour, found in enumerate(verdicts) if any(f.is_drift for f in found)]
    assert drifting
    assert 130 <= drifting[0] < 155
    first = next(f for f in verdicts[drifting[0]] if f.is_drift)
    assert (first.feature, first.reason) == (feature, Reason.DRIFT)
    assert first.score is not None
    assert first.threshold is not None
    assert first.score >= first.threshold
    assert {f.feature for found in verdicts for f in found} >= {feature}


@pytest.mark.parametrize("name", SERIES_TECHNIQUES)
def test_no_change_no_drift(name: str) -> None:
    assert not any(f.is_drift for found in followed(name, windows(120, change_at=999)) for f in found)


@pytest.mark.parametrize("name", SERIES_TECHNIQUES)
def test_replays_give_the_same_states_and_findings(name: str) -> None:
    technique = build(name)
    assert isinstance(technique, SequenceTechnique)
    series = windows(12, change_at=6)
    states: list[bytes | None] = [None]
    for window in series:
        states.append(technique.advance(states[-1], window, BASELINE)[1])
    again = [technique.advance(state, window, BASELINE) for state, window in zip(states, series, strict=False)]
    assert [state for _, state in again] == states[1:]
    last = states[-1]
    assert last is not None
    assert last[0] == 1


@pytest.mark.parametrize("name", SERIES_TECHNIQUES)
def test_a_window_without_rows_changes_nothing(name: str) -> None:
    technique = build({name: {"features": ["wrong"]}} if name in ("ddm", "hddm") else name)
    assert isinstance(technique, SequenceTechnique)
    _, state = technique.advance(None, windows(1, 9)[0], BASELINE)
    empty = window_of({key: np.array(values)[:0] for key, values in REFERENCE.items()}, BASELINE)
    findings, after = technique.advance(state, empty, BASELINE)
    assert after == state
    assert {finding.reason for finding in findings} == {Reason.INSUFFICIENT}
    missing, _ = technique.advance(state, Summary(), BASELINE)
    assert {finding.reason for finding in missing} == {Reason.NO_STATISTIC}


def test_a_state_of_another_series_or_version_starts_afresh() -> None:
    window = windows(1, 9)[0]
    mean, std = build("cusum"), build({"cusum": {"series": "std"}})
    assert isinstance(mean, SequenceTechnique)
    assert isinstance(std, SequenceTechnique)
    _, state = mean.advance(None, window, BASELINE)
    assert std.advance(state, window, BASELINE) == std.advance(None, window, BASELINE)
    assert mean.advance(b"\x09" + state[1:], window, BASELINE) == mean.advance(None, window, BASELINE)


def test_a_constant_reference_has_no_scale() -> None:
    baseline = baseline_of({"x": np.full(100, 5.0)})
    (finding,) = followed("cusum", [window_of({"x": np.full(10, 6.0)}, baseline)], baseline)[0]
    assert finding.reason is Reason.INSUFFICIENT


def test_unknown_features_and_series_are_said() -> None:
    technique = build({"cusum": {"features": ["nope"]}})
    assert isinstance(technique, SequenceTechnique)
    (finding,), _ = technique.advance(None, windows(1, 9)[0], BASELINE)
    assert (finding.feature, finding.reason) == ("nope", Reason.NO_BASELINE)
    for spec in ({"cusum": {"series": "avg"}}, {"ddm": {"series": "mean"}}, {"cusum": {"features": "x"}}):
        with pytest.raises(ConfigError):
            build(spec)


@pytest.mark.parametrize("name", ["adwin", "kswin"])
def test_a_missing_river_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hopsmon.core.techniques.sequence.following.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"hopsmon\[sequences\]"):
        build(name)
    assert importlib.util.find_spec("river")


@pytest.mark.parametrize("name", ["ddm", "hddm"])
def test_which_flag_is_the_error_must_be_said(name: str) -> None:
    technique = build(name)
    assert isinstance(technique, SequenceTechnique)
    (finding,), _ = technique.advance(None, windows(1, 9)[0], BASELINE)
    assert (finding.feature, finding.reason, finding.is_drift) == (None, Reason.NO_STATISTIC, False)
    assert f"{name}: {{features: [NAME]}}" in finding.details["error"]
