"""The e-detector: its arithmetic, its guarantee, what it finds and what it says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmarks.run_length import first_alarms
from hopsmon.core.baseline import Baseline, ReferenceWindow
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.sequence.e_detector import EDetector
from hopsmon.core.techniques.sequence.evidence import STEPS, Bets, levelled
from hopsmon.core.techniques.sequence.plan import plan_of
from tests.core.techniques.cases import Columns, baseline_of, window_of

HOUR = 3_600_000_000
DETECTOR = EDetector()
RNG = np.random.default_rng(12)


def with_nulls(rows: int, share: float) -> list[float | None]:
    null = RNG.random(rows) < share
    return [None if missing else x for missing, x in zip(null, RNG.normal(size=rows).tolist(), strict=True)]


def reference(rows: int = 10_000) -> Columns:
    return {
        "x": RNG.normal(size=rows),
        "k": RNG.integers(0, 8, rows),
        "c": RNG.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]),
        "b": RNG.random(rows) < 0.3,
        "n": with_nulls(rows, 0.05),
    }


BASELINE = baseline_of(reference())


def run(
    windows: list[Summary], baseline: Baseline = BASELINE, detector: EDetector = DETECTOR
) -> list[dict[str | None, Finding]]:
    state: bytes | None = None
    verdicts = []
    for window in windows:
        findings, state = detector.advance(state, window, baseline)
        verdicts.append({finding.feature: finding for finding in findings})
    return verdicts


def hour(change: Mapping[str, Any] | None = None, rows: int = 500) -> Summary:
    return window_of({**reference(rows), **(change or {})}, BASELINE)


def drifting(verdicts: Mapping[str | None, Finding]) -> set[str | None]:
    return {name for name, finding in verdicts.items() if finding.is_drift}


# ------------------------------------------------------------------------------------------------------- arithmetic


@given(st.floats(0.02, 0.98), st.integers(1, 60))
def test_bets_have_an_expectation_of_at_most_one_within_the_band(share: float, rows: int) -> None:
    """Summed over all outcomes, at the edge of the band and inside of it; for any number of rows."""
    band = np.full((1, 1, 2), 0.03)
    bets = Bets.on(np.array([[share]]), band, np.ones((1, 1, 2), np.bool_))
    hits = np.arange(rows + 1)
    factors = np.exp(
        [bets.log_factors(np.array([[float(k)]]), np.array([[float(rows)]]), np.array([[np.inf]]))[0, 0] for k in hits]
    )
    for side, edge in ((0, share + 0.03), (1, share - 0.03)):
        if not 0 < edge < 1:
            continue
        assert stats.binom.pmf(hits, rows, edge) @ factors[:, side] == pytest.approx(1.0, rel=1e-9)
        assert stats.binom.pmf(hits, rows, share) @ factors[:, side] <= 1 + 1e-12


def test_the_factor_is_the_published_one() -> None:
    share, eps, k, n = 0.3, 0.03, 190.0, 500.0
    bets = Bets.on(np.array([[share]]), np.full((1, 1, 2), eps), np.ones((1, 1, 2), np.bool_))
    upper = share + eps
    odds = upper / (1 - upper) * np.exp(STEPS)
    lam = (odds / (1 + odds) - upper) / (upper * (1 - upper))
    expected = np.mean((1 + lam * (1 - upper)) ** k * (1 - lam * upper) ** (n - k))
    found = bets.log_factors(np.array([[k]]), np.array([[n]]), np.array([[np.inf]]))[0, 0, 0]
    assert np.exp(found) == pytest.approx(expected, rel=1e-9)


def test_counting_a_window_as_fewer_rows_keeps_the_expectation() -> None:
    bets = Bets.on(np.array([[0.5]]), np.full((1, 1, 2), 0.03), np.ones((1, 1, 2), np.bool_))
    hits = np.arange(2_001.0)
    rows, worth = np.array([[2_000.0]]), np.array([[300.0]])
    factors = np.exp([bets.log_factors(np.array([[k]]), rows, worth)[0, 0, 0] for k in hits])
    assert stats.binom.pmf(hits, 2_000, 0.53) @ factors <= 1


@given(
    st.lists(st.floats(0, 1e12), min_size=1, max_size=12),
    st.floats(1, 1e5),
)
def test_levelling_cuts_the_largest_only(values: list[float], most: float) -> None:
    given_ = np.array([values])
    weights = np.full(given_.shape, 1 / len(values))
    cut = levelled(given_, weights, np.array([most]))
    assert (cut <= given_).all()
    assert (cut * weights).sum() == pytest.approx(min(most, (given_ * weights).sum()), rel=1e-9)
    touched = cut < given_
    if touched.any():
        assert np.ptp(cut[touched]) <= 1e-9 * cut[touched].max()
        assert cut[touched].min() >= most * (1 - 1e-9)
        assert cut[~touched].max(initial=0) <= cut[touched].min() * (1 + 1e-9)


# -------------------------------------------------------------------------------------------------------- guarantee


def test_the_share_of_runs_that_alarm_before_t_is_at_most_t_over_c() -> None:
    """On the very edge of the null hypothesis, where the bound is tightest."""
    c = 50.0
    alarms = first_alarms(runs=1_000, windows=400, run_length=c)
    assert np.isfinite(alarms).any()
    for t in (5, 10, 25, 49):
        bound = t / c
        assert (alarms <= t).mean() <= bound + 3 * np.sqrt(bound * (1 - bound) / len(alarms))
    assert np.minimum(alarms, 400).mean() >= c  # runs without an alarm count as 400 windows: the true mean is larger


def test_no_false_alarm_in_a_month_of_hours_of_any_size() -> None:
    for rows in (20, 200):
        for verdicts in run([hour(rows=rows) for _ in range(150)]):
            assert not drifting(verdicts)


# ------------------------------------------------------------------------------------------------------ what it finds


CHANGES: dict[str, Mapping[str, Any]] = {
    "x": {"x": RNG.normal(0.5, size=500)},
    "k": {"k": RNG.integers(0, 6, 500)},
    "c": {"c": RNG.choice(["a", "b", "c"], 500, p=[0.3, 0.6, 0.1])},
    "b": {"b": RNG.random(500) < 0.6},
    "n": {"n": with_nulls(500, 0.25)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_kind_of_change_is_found_and_named(name: str) -> None:
    verdicts = run([hour() for _ in range(3)] + [hour(CHANGES[name])] * 2)
    assert [drifting(found) for found in verdicts[:3]] == [set()] * 3
    assert drifting(verdicts[-1]) == {None, name}
    model = verdicts[-1][None]
    assert (model.reason, model.severity) != (Reason.OK, Severity.NONE)
    assert model.details["contributions"] == {name: 1.0}
    assert model.score is not None
    assert model.threshold == 4.0
    assert model.score >= 4


def test_new_labels_and_broken_values_are_questions_of_their_own() -> None:
    labels = np.where(RNG.random(500) < 0.1, "new", "a")
    found = run([hour({"c": RNG.permutation(labels)})] * 3)[-1]["c"]
    assert found.is_drift
    only_new = {"c": np.where(RNG.random(500) < 0.12, "new", RNG.choice(["a", "b", "c"], 500, p=[0.6, 0.3, 0.1]))}
    found = run([hour(only_new)] * 3)[-1]["c"]
    assert found.is_drift
    assert found.details["moved"] == "(unseen)"
    broken = {"x": np.where(RNG.random(500) < 0.1, np.inf, RNG.normal(size=500))}
    found = run([hour(broken)] * 3)[-1]["x"]
    assert found.is_drift
    assert found.details["moved"] == "(invalid)"


def test_one_unseen_label_is_nothing() -> None:
    labels = np.array(["new", *RNG.choice(["a", "b", "c"], 499, p=[0.6, 0.3, 0.1])])
    assert not drifting(run([hour({"c": labels})] * 20)[-1])


def test_the_finding_says_what_moved_and_where_to() -> None:
    found = run([hour(CHANGES["x"])] * 2)[-1]["x"]
    details = found.details
    assert details["direction"] == "up"
    assert details["moved"].startswith("< ")
    edge = float(details["moved"][2:])
    assert details["share"] == pytest.approx((np.asarray(CHANGES["x"]["x"]) < edge).mean(), abs=1e-6)
    assert details["change"] == pytest.approx(details["share"] - details["reference_share"], abs=2e-6)
    assert details["band"] == "fixed"
    assert abs(details["change"]) > details["band_size"]
    fewer = run([hour({"x": RNG.normal(-0.5, size=500)})] * 2)[-1]["x"]
    assert fewer.details["direction"] == "down"


def test_small_references_widen_the_band() -> None:
    small = baseline_of({"x": RNG.normal(size=300)})
    found = run([window_of({"x": RNG.normal(size=500)}, small)], small)[-1]["x"]
    assert found.details["band"] == "sampling_error"
    for seed in range(5):
        rng = np.random.default_rng(seed)
        small = baseline_of({"x": rng.normal(size=300)})
        verdicts = run([window_of({"x": rng.normal(size=1_000)}, small) for _ in range(50)], small)
        assert not any(drifting(found) for found in verdicts)


def test_an_alarm_lasts_while_the_drift_does_and_ends_soon_after() -> None:
    verdicts = run([hour(CHANGES["x"])] * 40 + [hour() for _ in range(6)])
    assert all(drifting(found) >= {"x"} for found in verdicts[3:40])
    assert drifting(verdicts[-1]) == set()


def test_it_recovers_when_all_features_have_drifted_for_long() -> None:
    everything = {name: values for change in CHANGES.values() for name, values in change.items()}
    verdicts = run([hour(everything)] * 30 + [hour() for _ in range(6)])
    assert drifting(verdicts[29]) == {None, *CHANGES}
    assert drifting(verdicts[-1]) == set()


def test_a_second_feature_is_named_while_the_first_still_drifts() -> None:
    verdicts = run([hour(CHANGES["x"])] * 20 + [hour({**CHANGES["x"], **CHANGES["n"]})] * 4)
    assert drifting(verdicts[19]) == {None, "x"}
    assert drifting(verdicts[-1]) == {None, "x", "n"}


def test_contributions_rank_the_larger_change_first() -> None:
    both = {"x": RNG.normal(1.5, size=500), "n": RNG.normal(0.4, size=500)}
    contributions = run([hour(both)] * 8)[-1][None].details["contributions"]
    assert contributions["x"] > contributions["n"] > 0
    assert sum(contributions.values()) == pytest.approx(1.0, abs=1e-5)


# ------------------------------------------------------------------------------------------------ natural variation


def daily(hours: int, first: int, rows: int, shift: float = 0.0) -> list[FloatArray]:
    return [RNG.normal(0.3 * np.sin(2 * np.pi * hour / 24) + shift, 1, rows) for hour in range(first, first + hours)]


def daily_baseline(rows: int = 300) -> tuple[Baseline, Baseline]:
    """Two weeks with a daily cycle: with and without windows."""
    chunks = daily(14 * 24, 0, rows)
    whole = baseline_of({"x": np.concatenate(chunks)})
    windows = tuple(ReferenceWindow(n * HOUR, window_of({"x": chunk}, whole)) for n, chunk in enumerate(chunks))
    return replace(whole, windows=windows, window_micros=HOUR), whole


def test_the_band_of_the_references_own_windows_keeps_a_daily_cycle_quiet() -> None:
    knows, whole = daily_baseline()
    days = [window_of({"x": chunk}, whole) for chunk in daily(120, 14 * 24, 500)]
    assert any(drifting(found) for found in run(days, whole))
    verdicts = run(days, knows)
    assert not any(drifting(found) for found in verdicts)
    assert {found["x"].details["band"] for found in verdicts} == {"natural_variation"}
    assert verdicts[0]["x"].details["band_windows"] == 14 * 24
    shifted = [window_of({"x": chunk}, whole) for chunk in daily(5, 14 * 24, 500, shift=0.5)]
    assert drifting(run(shifted, knows)[-1]) == {None, "x"}


def test_equal_windows_leave_the_band_as_narrow_as_without_them() -> None:
    """The luck of few rows is not natural variation."""
    chunks = [RNG.normal(size=100) for _ in range(200)]
    whole = baseline_of({"x": np.concatenate(chunks)})
    windows = tuple(ReferenceWindow(n * HOUR, window_of({"x": chunk}, whole)) for n, chunk in enumerate(chunks))
    knows = replace(whole, windows=windows, window_micros=HOUR)
    with_, without = (plan_of(of, 0.03, 0.01).bands.width for of in (knows, whole))
    assert np.nanmedian(with_ / without) < 1.6
    luck = 2.58 * 0.5 / np.sqrt(100)
    assert np.nanmax(with_) < luck / 1.5


# ------------------------------------------------------------------------------------------------- states and edges


def test_states_are_small_plain_and_go_on_where_they_stopped() -> None:
    windows = [hour(CHANGES["x"]) for _ in range(4)]
    detector, state = EDetector(), None
    for window in windows:
        _, state = detector.advance(state, window, BASELINE)
    assert state is not None
    assert state[0] == 1
    assert len(state) < 2_500
    again = None
    for window in windows:
        _, again = EDetector().advance(bytes(again) if again else None, window, BASELINE)
    assert again == state


def test_another_baseline_another_version_and_damage_start_afresh() -> None:
    detector, window = EDetector(), hour(CHANGES["x"])
    _, state = detector.advance(None, window, BASELINE)
    fresh = detector.advance(None, window, BASELINE)
    for other in (b"\x07" + state[1:], b"\x01", b""):
        assert detector.advance(other, window, BASELINE) == fresh
    moved = baseline_of({"x": RNG.normal(3, size=1_000)})
    one = window_of({"x": RNG.normal(3, size=100)}, moved)
    assert detector.advance(state, one, moved) == detector.advance(None, one, moved)


def test_a_label_that_a_phase_lacks_keeps_the_evidence_of_the_others() -> None:
    small = baseline_of({"c": ["a"] * 600 + ["b"] * 400})
    large = baseline_of({"c": ["a"] * 590 + ["b"] * 390 + ["z"] * 20})
    detector = EDetector()
    window = window_of({"c": ["a"] * 10 + ["b"] * 90}, small)
    state = None
    for _ in range(2):
        _, state = detector.advance(state, window, small)
    plan = plan_of(large, detector.size, detector.least)
    kept = plan.from_bytes(state)[0]
    keys = plan.questions[0].keys
    assert kept[keys.index("=a")].max() > 1
    assert kept[keys.index("=z")].tolist() == [0, 0]


def test_a_window_without_rows_leaves_the_state_and_says_so() -> None:
    detector = EDetector()
    _, state = detector.advance(None, hour(CHANGES["x"]), BASELINE)
    empty = window_of({name: np.asarray(values)[:0] for name, values in reference(10).items()}, BASELINE)
    findings, after = detector.advance(state, empty, BASELINE)
    assert after == state
    assert {finding.reason for finding in findings} == {Reason.INSUFFICIENT}
    findings, after = detector.advance(state, Summary(), BASELINE)
    assert after == state
    assert {f.reason for f in findings if f.feature} == {Reason.NO_STATISTIC}


def test_one_row_and_nulls_only_are_no_trouble() -> None:
    one = {name: np.asarray(values)[:1] for name, values in reference(10).items()}
    nulls = {"x": np.full(500, np.nan), "n": np.array([None] * 500, dtype=np.float64)}
    verdicts = run([hour(one), hour(nulls)])
    assert drifting(verdicts[0]) == set()
    assert drifting(verdicts[1]) >= {"x", "n"}


def test_constant_features() -> None:
    baseline = baseline_of({"x": np.full(5_000, 2.0)})
    same = window_of({"x": np.full(500, 2.0)}, baseline)
    assert drifting(run([same] * 30, baseline)[-1]) == set()
    mixed = window_of({"x": np.where(np.arange(500) % 5 == 0, 3.0, 2.0)}, baseline)
    assert drifting(run([mixed] * 2, baseline)[-1]) == {None, "x"}


def test_what_the_baseline_does_not_know_is_a_finding() -> None:
    schema = ModelSchema((Feature("x", FeatureType.NUMERIC), Feature("y", FeatureType.NUMERIC)))
    baseline = Baseline(schema, {"x": BASELINE.features["x"]}, ModelRef("m"))
    window = Summary(features={"x": hour().features["x"], "z": FeatureSummary({"counts": Counts(5)})})
    found = run([window], baseline)[0]
    assert found["y"].reason is Reason.NO_BASELINE
    assert found["z"].reason is Reason.NO_BASELINE
    assert run([window], Baseline(schema, {}, ModelRef("m")))[0][None].reason is Reason.EMPTY_REFERENCE


def test_large_windows_do_not_overflow() -> None:
    histogram = BASELINE.features["x"].get(Histogram)
    assert histogram is not None
    rows = 1_000_000
    counts = np.zeros_like(histogram.counts)
    counts[-1] = rows
    summary = FeatureSummary({"counts": Counts(rows), "histogram": Histogram(histogram.edges, counts)})
    with np.errstate(over="raise", invalid="raise"):
        found = run([Summary(features={"x": summary})] * 3)[-1]
    assert drifting(found) == {None, "x"}
    assert np.isfinite(found["x"].score or np.nan)


def wide(features: int) -> tuple[Baseline, Summary]:
    rng = np.random.default_rng(1)
    schema = ModelSchema(tuple(Feature(f"x{n}", FeatureType.NUMERIC) for n in range(features)))
    edges = np.linspace(-2, 2, 21)
    known, seen = (
        {
            f"x{n}": FeatureSummary(
                {
                    "counts": Counts(20 * size),
                    "histogram": Histogram(edges, rng.multinomial(20 * size, np.full(20, 0.05))),
                }
            )
            for n in range(features)
        }
        for size in (1_000, 25)
    )
    return Baseline(schema, known, ModelRef("m"), rows=20_000), Summary(features=seen)


def calls_of(work: Callable[[], object]) -> int:
    """How many functions it calls, Python's and C's: what it costs, on any machine."""
    counted = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def test_a_thousand_features_cost_ten_times_a_hundred_and_few_calls_each() -> None:
    """How long that takes, benchmarks/techniques_cost.py measures."""
    detector, cost = EDetector(), {}
    for features in (100, 1_000):
        baseline, window = wide(features)
        first = calls_of(partial(detector.advance, None, window, baseline))
        findings, state = detector.advance(None, window, baseline)
        cost[features] = calls_of(partial(detector.advance, state, window, baseline))
        assert cost[features] < 0.7 * first  # what it knows about the baseline is worked out once
        assert len(findings) == features + 1
        assert len(state) < 250 * features
    assert cost[1_000] < 10.5 * cost[100]
    assert cost[1_000] < 120 * 1_000  # the twenty questions of a feature are asked in one go
