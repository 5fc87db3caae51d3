"""The drift techniques as a family: false alarms without drift, power, bad data, cells of their own, parameters."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Reason, Severity
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.drift import DRIFT
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.registry import build
from hopsmon.errors import ConfigError
from tests.core.techniques.cases import baseline_of, judge, window_of, window_technique
from tests.core.techniques.drift_cases import (
    CATEGORICAL,
    CELLS,
    LINE,
    MOMENTS,
    NEW_AND_GONE,
    NUMERIC,
    TESTS,
    judge_raw,
    pair_of,
    verdicts,
)

RNG = np.random.default_rng(11)
NORMAL = RNG.normal(size=10_000)
SHIFTED = (*CELLS, *LINE, "mean_shift")

# No drift: what chance does

DRAWS = 200
# Of 200 p-values with a level of 1 %, more than 7 are below it once in 1,000 trials; a level of 2 % gives 4 on average.
MOST_BELOW = 7


def of_labels(rng: np.random.Generator, size: int) -> Any:
    return rng.choice(list("abcde"), size, p=[0.4, 0.25, 0.2, 0.1, 0.05])


def of_numbers(rng: np.random.Generator, size: int) -> Any:
    return rng.normal(size=size)


def skewed(rng: np.random.Generator, size: int) -> Any:
    return np.round(rng.lognormal(0.0, 1.0, size), 1)


@pytest.mark.parametrize("n", [50, 200, 1_000])
@pytest.mark.parametrize(
    ("draw", "techniques"),
    [(of_numbers, NUMERIC), (skewed, (*LINE, *MOMENTS)), (of_labels, CATEGORICAL)],
    ids=["normal", "skewed", "labels"],
)
def test_without_drift_p_values_keep_their_level(draw: Any, techniques: tuple[str, ...], n: int) -> None:
    baselines = [baseline_of({"f": draw(np.random.default_rng(seed), 10_000)}) for seed in range(6)]
    built = {name: window_technique(name) for name in techniques}
    below, drifts = dict.fromkeys(techniques, 0), dict.fromkeys(techniques, 0)
    for number in range(DRAWS):
        baseline = baselines[number % len(baselines)]
        window = window_of({"f": draw(np.random.default_rng(1_000 + number), n)}, baseline)
        for name, technique in built.items():
            (finding,) = run_window_technique(technique, window, baseline)
            assert finding.p_value is not None
            below[name] += finding.p_value < 0.01
            drifts[name] += finding.is_drift
    assert {name: count for name, count in below.items() if count > MOST_BELOW} == {}
    assert set(drifts.values()) == {0}


@pytest.mark.parametrize("size", [1e3, 1e300])
def test_one_wild_value_is_no_drift_and_one_in_fifty_is(size: float) -> None:
    one, many = NORMAL[:500].copy(), NORMAL[:500].copy()
    one[7] = size
    many[:10] = size
    for raw in (False, True):
        calm = verdicts(pair_of(NORMAL, one, raw=raw), *LINE, "mean_shift")
        assert [name for name, finding in calm.items() if finding.is_drift] == []
        wild = verdicts(pair_of(NORMAL, many, raw=raw), "wasserstein", "energy")
        assert all(finding.is_drift for finding in wild.values())


@pytest.mark.parametrize("technique", ["psi", "ks", "wasserstein", "cvm", "mean_shift", "tvd"])
def test_scores_do_not_jump_between_999_and_1001_rows(technique: str) -> None:
    rng = np.random.default_rng(5)
    reference, window = rng.normal(size=1_001), rng.normal(0.3, 1, 1_001)
    for raw in (judge, judge_raw):
        found = [
            raw(technique, reference[: 1_001 - cut], window[: 1_001 - drop])
            for cut, drop in ((0, 0), (2, 0), (0, 2), (2, 2))
        ]
        scores = [finding.score or 0.0 for finding in found]
        assert max(scores) - min(scores) < 0.02
        assert len({finding.is_drift for finding in found}) == 1


# Drift


@pytest.mark.parametrize("raw", [False, True], ids=["summaries", "raw"])
@pytest.mark.parametrize("seed", range(5))
def test_half_a_standard_deviation_is_found_in_500_rows(seed: int, raw: bool) -> None:
    window = np.random.default_rng(seed).normal(0.5, 1.0, 500)
    found = verdicts(pair_of(NORMAL, window, raw=raw), *SHIFTED)
    del found["linf"]  # no bin's share changes by 0.1
    assert {name: finding.p_value for name, finding in found.items() if (finding.p_value or 0) >= 1e-4} == {}
    assert [name for name, finding in found.items() if not finding.is_drift] == []


@pytest.mark.parametrize("technique", [*CELLS, *TESTS])
def test_labels_that_change_places_are_drift(technique: str) -> None:
    window = np.random.default_rng(1).choice(list("abcde"), 500, p=[0.05, 0.25, 0.2, 0.1, 0.4])
    assert judge(technique, of_labels(RNG, 10_000), window).severity is Severity.CRITICAL


@pytest.mark.parametrize("raw", [False, True], ids=["summaries", "raw"])
@pytest.mark.parametrize(("n", "at"), [(50, -50.0), (500, 50.0), (50, 1e300), (500, -1.7e308)])
def test_traffic_wholly_outside_the_baselines_range_is_drift_for_all(n: int, at: float, raw: bool) -> None:
    found = verdicts(pair_of(NORMAL, np.full(n, at), raw=raw), *SHIFTED)
    assert {finding.severity for finding in found.values()} == {Severity.CRITICAL}


@pytest.mark.parametrize("from_raw", [False, True], ids=["summaries", "raw"])
@pytest.mark.parametrize("factor", [0.0, 0.4, 2.5])
def test_a_change_of_spread_is_variance_shifts_business(factor: float, from_raw: bool) -> None:
    for draw in (of_numbers, skewed):
        reference, window = draw(np.random.default_rng(2), 4_000), draw(np.random.default_rng(3), 500)
        middle = float(np.median(reference))
        moved = middle + factor * (window - middle)
        found = (judge_raw if from_raw else judge)("variance_shift", reference, moved)
        assert found.severity is Severity.CRITICAL
        assert not (judge_raw if from_raw else judge)("variance_shift", reference, window).is_drift


def test_the_mean_moves_in_standard_deviations() -> None:
    finding = judge("mean_shift", NORMAL * 3 + 10, NORMAL[:900] * 3 + 8.5)
    reference = NORMAL * 3 + 10
    expected = (NORMAL[:900] * 3 + 8.5).mean() - reference.mean()
    assert finding.details["change"] == pytest.approx(expected)
    assert finding.score == pytest.approx(-expected / reference.std(ddof=1))


def test_wasserstein_knows_how_far_outside_the_bins_values_lie() -> None:
    window = np.concatenate((NORMAL[:450], np.full(50, 1_000.0)))
    finding = judge("wasserstein", NORMAL, window)
    assert finding.score == pytest.approx(judge_raw("wasserstein", NORMAL, window).score, rel=0.01)
    assert finding.is_drift


# Labels that come and go


def test_unseen_labels_count_beyond_what_is_expected() -> None:
    reference = ["a"] * 6_000 + ["b"] * 3_990 + [f"rare-{number}" for number in range(10)]
    finding = judge("unseen_categories", reference, ["a"] * 460 + ["new"] * 30 + ["newer"] * 10, "categorical")
    assert finding.score == pytest.approx(40 / 500 - 10 / 10_000)
    assert finding.details["labels"] == {"new": 30, "newer": 10}
    assert finding.is_drift
    one = judge("unseen_categories", ["a", "b"] * 5_000, ["a", "b"] * 500 + ["c"])
    assert not one.is_drift


def test_ids_are_neither_unseen_nor_vanished() -> None:
    for size in (900, 5_000):
        reference, window = [f"id-{n}" for n in range(size)], [f"new-{n}" for n in range(300)]
        for technique in NEW_AND_GONE:
            assert not judge(technique, reference, window, "string").is_drift


def test_more_labels_than_are_tracked_are_no_drift() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        reference, window = (rng.integers(0, 1_500, size).astype(str) for size in (45_000, 3_000))
        for technique in NEW_AND_GONE:
            assert not judge(technique, reference, window, "categorical").is_drift


def test_a_frequent_label_that_vanishes_is_drift_and_a_rare_one_is_not() -> None:
    reference = ["a"] * 700 + ["b"] * 290 + ["c"] * 10
    gone, rare = (
        judge("vanished_categories", reference, ["a"] * 100),
        judge("vanished_categories", reference, ["b"] * 80),
    )
    assert (gone.score, gone.is_drift, gone.details["labels"]) == (0.29, True, {"b": 290})
    assert rare.details["absent"] == 2
    assert (rare.score, rare.details["labels"]) == (0.7, {"a": 700})
    few = judge("vanished_categories", reference, ["a"] * 70 + ["b"] * 29)
    assert (few.score, few.is_drift, few.details["absent_share"]) == (0.0, False, 0.01)


# Nulls and broken values are cells


@pytest.mark.parametrize("technique", CELLS)
def test_nulls_and_non_finite_values_are_cells_of_numbers(technique: str) -> None:
    values = NORMAL[:900].tolist()
    for name, lost in (("(null)", None), ("(nonfinite)", float("nan"))):
        window = [lost if number % 3 == 0 else value for number, value in enumerate(values)]
        finding = judge(technique, NORMAL, window)
        assert finding.severity is Severity.CRITICAL
        assert finding.n == 900
        assert finding.details["moved"][0]["cell"] == name


@pytest.mark.parametrize("technique", [*CELLS, *TESTS])
def test_nulls_and_unseen_labels_are_cells_of_labels(technique: str) -> None:
    labels = ["a", "b"] * 300
    for name, strange in (("(null)", None), ("(other)", "new")):
        window = [strange if number % 3 == 0 else value for number, value in enumerate(labels)]
        finding = judge(technique, ["a", "b"] * 5_000, window, "categorical")
        assert finding.severity is Severity.CRITICAL
        assert finding.details["moved"][0]["cell"] == name


@pytest.mark.parametrize("technique", [*CELLS, *TESTS])
def test_the_same_share_of_nulls_on_both_sides_is_no_drift(technique: str) -> None:
    rng = np.random.default_rng(8)
    reference, window = ([None if rng.random() < 0.3 else "x" for _ in range(size)] for size in (5_000, 400))
    finding = judge(technique, reference, window, "categorical")
    assert not finding.is_drift
    assert finding.p_value is not None
    assert finding.p_value > 0.001


def test_distances_say_what_to_expect_without_drift() -> None:
    baseline = baseline_of({"f": NORMAL})
    for technique in (*CELLS, "ks"):
        scores = []
        for seed in range(30):
            window = window_of({"f": np.random.default_rng(seed).normal(size=400)}, baseline)
            (finding,) = run_window_technique(window_technique(technique), window, baseline)
            scores.append(finding.score or 0.0)
        assert float(np.mean(scores)) == pytest.approx(finding.details["expected_without_drift"], rel=0.35)


# Bad and extreme data

REFERENCES: dict[str, FloatArray] = {
    "normal": NORMAL[:1_000],
    "constant": np.full(300, 7.0),
    "huge": np.concatenate((NORMAL[:300], [1.7e308, -1.7e308])),
    "tiny": NORMAL[:300] * 1e-300,
    "infinite": np.concatenate((NORMAL[:300], [np.inf, -np.inf, np.nan])),
    "all broken": np.full(100, np.nan),
    "one row": np.array([1.0]),
    "two extremes": np.repeat([-1.7e308, 1.7e308], 50),
}
WINDOWS = {
    **REFERENCES,
    "moved constant": np.full(60, 8.0),
    "far away": np.full(60, -1e300),
    "one outlier": np.append(NORMAL[:99], 1e300),
}


@pytest.mark.parametrize("raw", [False, True], ids=["summaries", "raw"])
@pytest.mark.parametrize("reference", REFERENCES)
def test_extreme_numbers_end_as_findings_with_finite_numbers(reference: str, raw: bool) -> None:
    for window, values in WINDOWS.items():
        pair = pair_of(REFERENCES[reference], values, "numeric", raw=raw)
        for finding in verdicts(pair, *NUMERIC, "null_share", min_rows=1).values():
            assert finding.reason is not Reason.FAILED, (window, finding)
            assert finding.score is None or np.isfinite(finding.score)
            assert finding.p_value is None or 0 <= finding.p_value <= 1
            numbers = [value for value in finding.details.values() if isinstance(value, float)]
            assert np.isfinite(numbers).all()
            assert orjson.dumps(dict(finding.details))
            assert not (finding.is_drift and window == reference)


@pytest.mark.parametrize("reference", [["a"] * 50, [None] * 50, ["a"], ["a", None] * 40, [str(n) for n in range(60)]])
def test_extreme_labels_end_as_findings_with_finite_numbers(reference: list[str | None]) -> None:
    for window in (["a"] * 40, ["b"] * 40, [None] * 40, ["a"], [str(n) for n in range(50, 99)]):
        for least in (1, 30):
            pair = pair_of(reference, window, "categorical")
            for finding in verdicts(pair, *CATEGORICAL, "null_share", min_rows=least).values():
                assert finding.reason is not Reason.FAILED, finding
                assert finding.score is None or np.isfinite(finding.score)
                assert finding.p_value is None or 0 <= finding.p_value <= 1


@pytest.mark.parametrize("technique", NUMERIC)
def test_a_constant_reference_is_compared_or_said_to_be_constant(technique: str) -> None:
    same, moved = (judge(technique, np.full(500, 7.0), np.full(80, at)) for at in (7.0, 8.0))
    assert (same.score, same.is_drift, same.reason) == (0.0, False, Reason.OK)
    if technique in ("wasserstein", "energy", "mean_shift"):
        assert moved.reason is Reason.CONSTANT_REFERENCE
    elif technique != "variance_shift":
        assert moved.is_drift


@pytest.mark.parametrize("raw", [False, True], ids=["summaries", "raw"])
def test_a_window_without_values_or_rows_is_said_to_be_so(raw: bool) -> None:
    empty = verdicts(pair_of(NORMAL, np.full(100, np.nan), raw=raw), *LINE, *MOMENTS)
    assert {finding.reason for finding in empty.values()} == {Reason.ALL_NULL}
    few = verdicts(pair_of(NORMAL, np.full(29, 1e6), raw=raw), *NUMERIC)
    assert {(finding.reason, finding.score) for finding in few.values()} == {(Reason.INSUFFICIENT, None)}


# Predictions, parameters


@pytest.mark.parametrize("technique", ["psi", "js", "wasserstein", "mean_shift", "ks"])
def test_predictions_are_judged_like_features(technique: str) -> None:
    from hopsmon.core.baseline_builder import build_baseline
    from hopsmon.core.batch import Side
    from hopsmon.core.frames import batches_of

    def table(shift: float, rows: int) -> Any:
        rng = np.random.default_rng(rows)
        return pa.table({"x": rng.normal(size=rows), "score": rng.normal(shift, 1, rows)})

    baseline = build_baseline(table(0.0, 5_000), ModelRef("m"), predictions=["score"])
    recipe = Recipe(baseline.schema, baseline.features)
    sides = batches_of(table(1.0, 400), baseline.schema)
    features = {name: found for batch in sides for name, found in recipe.summarise(batch).items()}
    assert {batch.side for batch in sides} == {Side.REQUEST, Side.RESPONSE}
    findings = run_window_technique(window_technique(technique), Summary(features=features), baseline)
    assert {finding.feature: finding.is_drift for finding in findings} == {"x": False, "score": True}


CONVENTIONAL = [name for name in DRIFT if "convention" in DRIFT[name].__dataclass_fields__]  # type: ignore[attr-defined]


def test_techniques_that_others_have_too_take_a_convention() -> None:
    assert set(CONVENTIONAL) == set(DRIFT) - {"variance_shift", "null_share", "statistic_change", *NEW_AND_GONE}


@pytest.mark.parametrize("technique", CONVENTIONAL)
def test_an_unknown_convention_is_refused_with_the_known_ones(technique: str) -> None:
    with pytest.raises(ConfigError, match=rf"{technique}\.convention must be one of hopsmon.*got 'nobody'"):
        build({technique: {"convention": "nobody"}})


def test_a_convention_is_the_other_tools_number_threshold_and_verdict() -> None:
    reference, window = RNG.normal(size=5_000), RNG.normal(0.2, 1, 400)
    default = judge_raw("wasserstein", reference, window, convention="evidently")
    given = judge_raw("wasserstein", reference, window, convention="evidently", threshold=0.4)
    ours = judge_raw("wasserstein", reference, window)
    assert default.score == pytest.approx((ours.score or 0) * reference.std(ddof=1) / reference.std(), rel=1e-6)
    assert (default.threshold, default.is_drift) == (0.1, True)
    assert (given.threshold, given.is_drift) == (0.4, False)
    assert default.details["convention"] == "evidently"
    (streamed,) = verdicts(pair_of(reference, window), "wasserstein", convention="evidently").values()
    assert streamed.score is None  # no raw samples in a stream


@pytest.mark.parametrize("technique", ["wasserstein", "energy"])
def test_an_unknown_unit_is_refused(technique: str) -> None:
    with pytest.raises(ConfigError, match=rf"{technique}\.unit must be one of sd, raw; got 'metres'"):
        build({technique: {"unit": "metres"}})


@pytest.mark.parametrize("technique", [name for name in DRIFT if name != "statistic_change"])  # it has no p-value
def test_parameters_are_checked_and_survive_pickling(technique: str) -> None:
    made = build({technique: {"threshold": 0.4, "critical": 0.9, "alpha": 0.01, "min_rows": 5}})
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) != hash(build(technique))
    for wrong in ({"alpha": 0.0}, {"min_rows": 0}, {"threshold": -1.0}, {"threshold": 5.0, "critical": 1.0}):
        with pytest.raises(ConfigError, match=technique):
            build({technique: wrong})
