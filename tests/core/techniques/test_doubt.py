"""References whose counts are estimates: what they may be wrong by is no evidence, and is counted in both ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Reason
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_sequence_technique
from hopsmon.core.techniques.line import Line
from hopsmon.core.techniques.pairs import Pair
from hopsmon.core.techniques.protocols import SequenceTechnique
from hopsmon.core.techniques.registry import build
from tests.core.techniques.drift_cases import CELLS, LINE, pair_of, verdicts

ROWS = 20_000
DOUBT = 400  # 2 % of the reference's values
CUMULATIVE = ("ks", "wasserstein", "energy")  # those whose ends are bounds; of the others the ends are near them


def estimated(pair: Pair, off: FloatArray) -> Pair:
    """The pair with the reference's cumulated counts off by these parts (-1 to 1) of the doubt."""
    known = pair.reference.get(Histogram)
    assert known is not None
    inside = np.cumsum(known.counts)[:-1] + np.rint(off[: len(known.counts) - 1] * DOUBT).astype(np.int64)
    ends = np.concatenate(([0], np.maximum.accumulate(np.clip(inside, 0, known.total)), [known.total]))
    histogram = replace(known, counts=np.diff(ends), doubt=DOUBT)
    return replace(pair, reference=FeatureSummary({**pair.reference.statistics, Histogram.name: histogram}))


def normal_pair(shift: float = 0.0, rows: int = 50_000) -> Pair:
    rng = np.random.default_rng(11)
    return pair_of(rng.normal(size=ROWS), rng.normal(shift, 1, rows))


OFF = np.random.default_rng(2).uniform(-1, 1, (100, 19))  # of a hundred estimates of the same reference


def p_values(pairs: Iterable[Pair], technique: str) -> FloatArray:
    return np.array([verdicts(pair, technique)[technique].p_value or 0.0 for pair in pairs])


@pytest.mark.parametrize("technique", [*CELLS, *LINE])
def test_what_estimates_may_be_wrong_by_is_no_evidence(technique: str) -> None:
    pair = normal_pair()
    estimates = [estimated(pair, off) for off in OFF]
    assert (p_values(map(without_doubt, estimates), technique) < 0.01).mean() > 0.5
    assert (p_values(estimates, technique) < 0.01).mean() <= 0.03
    assert p_values(estimates, technique).min() > 1e-4


def without_doubt(pair: Pair) -> Pair:
    found = pair.reference.get(Histogram)
    assert found is not None
    told = {**pair.reference.statistics, Histogram.name: replace(found, doubt=0)}
    return replace(pair, reference=FeatureSummary(told))


@pytest.mark.parametrize("technique", CELLS)
def test_scores_are_those_of_the_estimates(technique: str) -> None:
    pair = estimated(normal_pair(0.3, 1_000), OFF[0])
    doubtful, sure = (verdicts(one, technique)[technique] for one in (pair, without_doubt(pair)))
    assert doubtful.score == sure.score
    assert (doubtful.p_value or 0) > (sure.p_value or 0)


@pytest.mark.parametrize("technique", [*CELLS, *LINE])
def test_a_shift_beyond_the_doubt_is_found(technique: str) -> None:
    parameters = {"threshold": 0.02, "critical": 1.0} if technique == "linf" else {}
    assert verdicts(estimated(normal_pair(0.7), OFF[0]), technique, **parameters)[technique].is_drift


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=19, max_size=19), st.floats(-2, 2))
def test_the_distance_to_the_true_counts_lies_between_both_ends(off: list[float], shift: float) -> None:
    rng = np.random.default_rng(5)
    reference, window = rng.normal(size=ROWS), rng.normal(shift, 1, 300)
    pair = estimated(pair_of(reference, window), np.array(off))
    found = verdicts(pair, *CUMULATIVE)
    raw = verdicts(pair_of(reference, window, raw=True), *CUMULATIVE)
    for technique in CUMULATIVE:
        score, details = raw[technique].score or 0.0, found[technique].details
        assert details["lower"] <= score + 1e-9
        assert score <= details["upper"] + 1e-9


@pytest.mark.parametrize("technique", LINE)
def test_the_lower_end_decides(technique: str) -> None:
    pair = estimated(normal_pair(0.3, 5_000), OFF[0])
    found = verdicts(pair, technique)[technique]
    assert found.score == found.details["lower"] < verdicts(without_doubt(pair), technique)[technique].details["upper"]
    assert found.p_value is not None
    assert found.p_value < 1e-4
    below, above = found.details["lower"] * 0.99, found.details["lower"] * 1.01
    decided = [verdicts(pair, technique, threshold=at, critical=9.0)[technique].is_drift for at in (below, above)]
    assert decided == [True, False]


def test_a_ks_distance_that_the_doubt_may_explain_is_no_drift() -> None:
    pair = estimated(normal_pair(0.27), OFF[0])
    found = verdicts(pair, "ks")["ks"]
    assert found.details["lower"] < 0.1 < found.details["estimate"] < found.details["upper"]
    assert (found.is_drift, found.score) == (False, found.details["lower"])
    assert verdicts(without_doubt(pair), "ks")["ks"].is_drift


def test_the_doubt_is_in_both_ends_where_each_value_has_a_bin() -> None:
    rng = np.random.default_rng(6)
    pair = pair_of(rng.integers(0, 6, ROWS) * 1.0, np.minimum(rng.integers(0, 7, 900), 5) * 1.0)
    off = np.linspace(-1, 1, 5)
    for technique in LINE:
        known, found = (verdicts(one, technique)[technique] for one in (pair, estimated(pair, off)))
        assert found.details["lower"] <= (known.score or 0.0) + 1e-9 < found.details["upper"]
        assert found.details["upper"] - found.details["lower"] > DOUBT / ROWS


def test_estimates_are_not_called_exact() -> None:
    pair = pair_of(np.repeat([1.0, 2.0, 5.0], 1_000), [1.0, 2.0, 5.0] * 20)
    assert Line.of(pair).exact
    assert not Line.of(estimated(pair, OFF[0])).exact


def test_bins_of_equal_width_are_not_taken_for_distinct_values() -> None:
    edges = np.linspace(3.0, 7.0, 21)
    histogram = Histogram(edges, np.full(20, 500))
    pair = pair_of(np.linspace(3, 7, 10_000), np.linspace(3, 7, 300))
    window = Histogram.of_sorted(np.linspace(3, 7, 300), edges)
    sides = [
        FeatureSummary({**side.statistics, Histogram.name: bins})
        for side, bins in ((pair.window, window), (pair.reference, histogram))
    ]
    line = Line.of(replace(pair, window=sides[0], reference=sides[1]))
    assert not line.exact
    assert line.low.tolist() == edges[:-1].tolist()


def alarms(histogram: Histogram, values: FloatArray) -> bool:
    """Whether the e-detector alarms at these windows, one a row."""
    counts = {Counts.name: Counts(histogram.total)}
    reference = FeatureSummary({**counts, Histogram.name: histogram})
    baseline = Baseline(ModelSchema((Feature("f", FeatureType.NUMERIC),)), {"f": reference}, ModelRef("m"))
    technique = build("e_detector")
    assert isinstance(technique, SequenceTechnique)
    state, found = None, False
    for row in values:
        bins = Histogram.of_sorted(np.sort(row), histogram.edges)
        window = Summary(features={"f": FeatureSummary({Counts.name: Counts(len(row)), Histogram.name: bins})})
        findings, state = run_sequence_technique(technique, state, window, baseline)
        found = found or findings[0].is_drift
    return found


def test_the_e_detectors_band_holds_the_doubt_as_well() -> None:
    windows = np.random.default_rng(7).uniform(size=(10, 100_000))
    edges, rows = np.array([0.0, 0.1, 0.5, 1.0]), 1_000_000
    off = np.array([80_000, 400_000, 520_000])  # a tenth of the values lie below 0.1, not 8 %
    assert alarms(Histogram(edges, off), windows)
    assert not alarms(Histogram(edges, off, doubt=rows // 50), windows)


def test_a_reference_without_counts_has_the_values_its_moments_tell() -> None:
    pair = pair_of(np.random.default_rng(3).normal(size=5_000), np.random.default_rng(4).normal(1, 1, 400))
    statistics = {name: value for name, value in pair.reference.statistics.items() if name != Counts.name}
    unknown = replace(pair, reference=FeatureSummary(statistics))
    assert verdicts(unknown, "mean_shift") == verdicts(pair, "mean_shift")
    for technique in ("psi", "null_share"):  # nulls are part of what they compare
        finding = verdicts(unknown, technique)[technique]
        assert finding.reason is Reason.NO_STATISTIC
        assert finding.details == {"statistic": "counts", "missing_in": ["baseline"]}


def test_the_e_detector_says_that_counts_are_missing() -> None:
    baseline = Baseline(ModelSchema((Feature("f", FeatureType.NUMERIC),)), {"f": FeatureSummary()}, ModelRef("m"))
    technique = build("e_detector")
    assert isinstance(technique, SequenceTechnique)
    findings, _ = run_sequence_technique(technique, None, Summary(), baseline)
    (found,) = [finding for finding in findings if finding.feature == "f"]
    assert found.reason is Reason.NO_STATISTIC
    assert found.details == {"statistic": "counts", "missing_in": ["baseline"]}


def test_which_labels_are_new_cannot_be_told_where_only_the_frequent_are_known() -> None:
    pair = pair_of(["a", "b", "c", "d"] * 200, ["a", "b", "c", "e"] * 50)
    known = FeatureSummary(
        {**pair.reference.statistics, Categories.name: Categories({"a": 200, "b": 200}, untracked=400)}
    )
    found = verdicts(replace(pair, reference=known), "unseen_categories", "psi")
    assert found["unseen_categories"].reason is Reason.NO_STATISTIC
    assert found["unseen_categories"].details["labels_known"] == 2
    assert found["psi"].score is not None
    ids = replace(pair, kind=FeatureType.STRING, reference=known)  # of which nobody expects to know all
    assert verdicts(ids, "unseen_categories")["unseen_categories"].score is not None
