"""Which source a feature's bins come from, what each can honestly give, and why others are not used."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.reference_parts import Provenance
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.comoments import CoMoments
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.errors import ConfigError
from hopsmon.testing.hopsworks_profiles import Form, Profiler
from tests.adapters.hopsworks.statistics_cases import (
    BINNED,
    HOURS,
    MODEL,
    NORMAL,
    Json,
    baseline_of,
    changed,
    of_profile,
    profile_of,
    told,
    without,
)


def bins_of(baseline: Baseline, name: str = "f") -> Histogram:
    found = baseline.features[name].get(Histogram)
    assert found is not None
    return found


def counted(values: Any, edges: FloatArray) -> Histogram:
    return Histogram.of_sorted(np.sort(np.asarray(values, np.float64)), edges)


@pytest.mark.parametrize("form", BINNED)
@pytest.mark.parametrize("values", [NORMAL, HOURS, np.round(NORMAL, 1)], ids=["normal", "whole", "tenths"])
def test_counts_are_right_within_what_the_doubt_says(form: Form, values: Any) -> None:
    found = bins_of(baseline_of(pa.table({"f": values}), form))
    exact = counted(values, found.edges)
    assert found.total == exact.total == len(values)
    assert np.abs(np.cumsum(found.counts - exact.counts)).max() <= found.doubt
    assert found.doubt <= 0.007 * len(values)
    assert len(found.counts) >= 8
    assert (np.diff(found.edges[:-1]) > 0).all()


@pytest.mark.parametrize("form", BINNED)
def test_counts_moments_extremes_and_labels_are_those_of_a_scan(form: Form) -> None:
    numbers = pa.array([None, *NORMAL.tolist()])
    frame = pa.table({"f": numbers, "c": pa.array([None, *["a", "b", "a"] * 2_000]), "b": pa.array([True] * 6_001)})
    found, scan = baseline_of(frame, form), build_baseline(frame, MODEL)
    assert found.schema == scan.schema
    assert found.rows == scan.rows == 6_001
    for name in ("f", "c", "b"):
        for kind in (Counts, Extremes, Categories):
            assert found.features[name].get(kind) == scan.features[name].get(kind)
    moments = [one.features["f"].get(Moments) for one in (found, scan)]
    assert moments[0] is not None
    assert moments[1] is not None
    assert moments[0].count == moments[1].count
    assert moments[0].mean == pytest.approx(moments[1].mean)
    assert moments[0].std_dev == pytest.approx(moments[1].std_dev)


def test_a_native_sketch_gives_quantiles_as_well() -> None:
    found = baseline_of(pa.table({"f": NORMAL}), Form.KLL_NATIVE).features["f"].get(Quantiles)
    assert found is not None
    assert found.count == len(NORMAL)
    assert found.quantiles([0.5])[0] == pytest.approx(np.median(NORMAL), abs=0.05)


def test_few_distinct_values_have_the_bins_of_a_scan() -> None:
    scan = bins_of(build_baseline(pa.table({"f": HOURS}), MODEL))
    found = bins_of(baseline_of(pa.table({"f": HOURS}), Form.KLL_NATIVE))
    assert found.edges.tolist() == scan.edges.tolist()
    assert np.abs(np.cumsum(found.counts - scan.counts)).max() <= found.doubt


def test_bins_between_few_values_that_are_not_all_go_from_one_to_the_next() -> None:
    values = np.concatenate((np.repeat([0.0, 1.0, 2.0], 2_000), np.linspace(0, 2, 25)))
    found = bins_of(told(profile_of(values, Form.PERCENTILES))[0])
    assert found.edges.tolist() == [0.0, 1.0, 2.0, 2.0]


def test_a_small_reference_in_a_sketch_is_exact() -> None:
    found = bins_of(told(profile_of(NORMAL[:1_000]))[0])
    assert found.doubt == 0
    assert found == bins_of(build_baseline(pa.table({"f": NORMAL[:1_000]}), MODEL))


# --- the order of the sources ---


def broken_bytes(extended: Json) -> None:
    extended["kll"]["bytes"] = base64.b64encode(b"no sketch").decode()


def other_bytes(extended: Json) -> None:
    extended["kll"] |= {"bytes": json.loads(profile_of(NORMAL[:500])["extendedStatistics"])["kll"]["bytes"]}


def unknown_format(extended: Json) -> None:
    extended["kll"]["kllFormat"] = "datasketches-native-v2"


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (broken_bytes, "its bytes are no sound KLL sketch of doubles"),
        (other_bytes, "it is of 500 values, but the feature has 6,000"),
        (unknown_format, "its format is 'datasketches-native-v2'; datasketches-native-v1 can be read"),
    ],
)
def test_after_a_sketch_that_cannot_be_used_come_its_buckets(break_it: Any, why: str) -> None:
    baseline, sources = told(changed(profile_of(NORMAL), break_it))
    assert sources["KLL sketch"][0] is False
    assert why in sources["KLL sketch"][1]
    assert sources["KLL buckets"] == (True, "bins, and the number of values below each edge to ±0.15%")
    assert baseline.features["f"].get(Quantiles) is None


def test_after_the_buckets_come_the_percentiles_and_then_the_histogram() -> None:
    def no_kll(extended: Json) -> None:
        broken_bytes(extended)
        extended["kll"]["buckets"] = []

    profile = changed(profile_of(NORMAL), no_kll)
    sources = told(profile)[1]
    assert sources["KLL buckets"] == (False, "it holds no buckets")
    assert sources["percentiles"][0]
    sources = told({**profile, "percentiles": [*profile["percentiles"][1:], 0.0]})[1]
    assert sources["percentiles"] == (False, "they do not ascend from the smallest value to the largest")
    assert sources["histogram"] == (True, "bins and exact counts")


def test_deequs_buckets_are_used_where_its_sketch_is_missing_or_other_values() -> None:
    def shorter(extended: Json) -> None:
        extended["kll"]["sketch"]["data"] = [[1.0, 2.0], [3.0]]

    profile = profile_of(HOURS, Form.KLL_DEEQU)
    _, sources = told(changed(profile, shorter))
    assert sources["Deequ's KLL sketch"] == (False, "it is of 4 values, but the feature has 6,000")
    assert sources["KLL buckets"][0]
    baseline, sources = told(changed(profile, lambda extended: extended["kll"].pop("sketch")))
    assert "Deequ's KLL sketch" not in sources
    found = bins_of(baseline)
    assert np.abs(np.cumsum(found.counts - counted(HOURS, found.edges).counts)).max() <= found.doubt


def test_buckets_of_a_native_sketch_hold_their_upper_edge() -> None:
    """Whole numbers lie on edges: it makes a difference of a whole bin."""
    values = np.repeat(np.arange(21.0), 50)
    profile = changed(profile_of(values), lambda extended: extended["kll"].pop("bytes"))
    found = bins_of(told(profile)[0])
    assert np.abs(np.cumsum(found.counts - counted(values, found.edges).counts)).max() <= found.doubt < 10


def test_a_level_that_holds_no_numbers_is_an_error() -> None:
    def text(extended: Json) -> None:
        extended["kll"]["sketch"]["data"] = '[[1.0, "two"]]'

    with pytest.raises(ConfigError, match=r"kll.sketch.data\[0\].values must be finite numbers"):
        told(changed(profile_of(NORMAL, Form.KLL_DEEQU), text))


# --- percentiles ---


def test_quartiles_alone_are_too_few() -> None:
    baseline, sources = told(profile_of(NORMAL, Form.PERCENTILES_PANDAS))
    assert sources["percentiles"][0] is False
    assert "to ±12.7% only" in sources["percentiles"][1]
    assert baseline.features["f"].get(Histogram) is None
    assert baseline.features["f"].get(Moments) is not None
    assert baseline.features["f"].get(Extremes) is not None


def test_the_python_engine_counts_no_nulls() -> None:
    baseline, sources = told(profile_of(pa.array([None, *NORMAL.tolist()]), Form.PERCENTILES_PANDAS))
    assert sources["counts"][0] is False
    assert "nobody counted nulls" in sources["counts"][1]
    moments = baseline.features["f"].get(Moments)
    assert baseline.features["f"].get(Counts) is None
    assert moments is not None
    assert moments.std_dev == pytest.approx(np.std(NORMAL, ddof=1))


def test_percentiles_with_holes_are_not_used() -> None:
    values = np.append(NORMAL, [np.nan] * 300)
    baseline, sources = told(profile_of(pa.array(values, from_pandas=False), Form.PERCENTILES, histograms=False))
    assert sources["bins"][0] is False
    assert "max is None" in sources["bins"][1]
    assert sources["counts"] == (
        False,
        "some values are NaN or infinite (there is no mean), and nobody counted how many",
    )
    assert sorted(baseline.features["f"].statistics) == []


def test_a_sketch_says_how_many_values_are_nan() -> None:
    values = pa.array(np.append(NORMAL, [np.nan] * 300), from_pandas=False)
    baseline, sources = told(profile_of(values))
    assert baseline.features["f"].get(Counts) == Counts(6_300, 0, 300)
    assert baseline.features["f"].get(Extremes) == Extremes(NORMAL.min(), NORMAL.max())
    assert bins_of(baseline).total == 6_000
    assert sources["mean and standard deviation"][0] is False


# --- histograms with rounded labels ---


def test_collapsed_labels_are_refused_with_the_reason() -> None:
    baseline, sources = told(profile_of(NORMAL / 1_000, Form.HISTOGRAM))
    used, why = sources["histogram"]
    assert not used
    assert why.startswith("its edges, rounded for the labels, do not ascend")
    assert "the feature's range is too small" in why
    assert baseline.features["f"].get(Histogram) is None


def test_the_next_source_is_used_after_collapsed_labels() -> None:
    sources = told(profile_of(NORMAL / 1_000, Form.PERCENTILES))[1]
    assert sources["percentiles"][0]
    assert "histogram" not in sources


@pytest.mark.parametrize(
    "values",
    [
        NORMAL,
        NORMAL / 20,  # edges rounded by a fifth of a bin's width
        NORMAL - 30,
        NORMAL * 1e9,
        HOURS,
        np.random.default_rng(8).integers(0, 7, 5_000),
        np.round(np.random.default_rng(9).uniform(0, 3, 5_000), 2),
        np.round(np.random.default_rng(9).uniform(-1, 1, 5_000), 1),
    ],
)
def test_edges_are_those_the_profiler_counted_between(values: Any) -> None:
    found = bins_of(told(profile_of(values, Form.HISTOGRAM))[0])
    assert found.counts.tolist() == counted(values, found.edges).counts.tolist()
    assert found.doubt == 0


def test_labels_that_lie_elsewhere_are_refused() -> None:
    _, sources = told({**profile_of(NORMAL, Form.HISTOGRAM), "max": 30.0})
    assert "is not where 20 bins of equal width" in sources["histogram"][1]


def test_counts_of_other_data_are_refused() -> None:
    profile = profile_of(NORMAL, Form.HISTOGRAM)
    other = {**profile, "count": 7_000, "numNonNullValues": 7_000}
    assert told(other)[1]["histogram"] == (False, "its counts add up to 6,000, but the feature has 7,000 values")


def test_labels_with_exponents_and_signs_are_ranges() -> None:
    bars = [{"value": "-1.00E1 to -5.00", "count": 40}, {"value": "-5.00 to +0.00e0", "count": 60}]
    given = {"featureName": "f", "featureType": "Fractional", "count": 100, "numNonNullValues": 100, "numNullValues": 0}
    profile = changed({**given, "min": -10.0, "max": 0.0}, lambda extended: extended.update(histogram=bars))
    found = bins_of(told(profile)[0])
    assert found.edges.tolist() == [-10.0, -5.0, 0.0]
    assert found.counts.tolist() == [40, 60]


def test_sparse_bins_are_joined() -> None:
    values = np.random.default_rng(3).lognormal(0, 1, 20_000)
    found = bins_of(told(profile_of(values, Form.HISTOGRAM))[0])
    assert found.counts.min() >= 20_000 / 40
    assert found.total == 20_000


# --- labels ---


def test_of_many_labels_the_others_are_untracked() -> None:
    labels = [f"l{at}" for at in range(30) for _ in range(at + 1)]
    baseline, sources = told(profile_of(pa.array(labels)))
    found = baseline.features["f"].get(Categories)
    assert found is not None
    assert len(found.counts) == 20
    assert found.untracked == sum(range(1, 11))
    assert sources["labels"] == (True, "the 20 most frequent and their exact counts; other values, 55, share a cell")


def test_without_a_histogram_labels_are_not_known() -> None:
    baseline, sources = told(profile_of(pa.array(["a", "b"]), histograms=False))
    assert not sources["labels"][0]
    assert baseline.features["f"].get(Categories) is None
    assert baseline.features["f"].get(Counts) == Counts(2)


def test_labels_without_counts_are_mentioned() -> None:
    profile = changed(profile_of(pa.array(["a", "b"])), lambda extended: extended.update(unique_values=["a", "b"]))
    assert told(profile)[1]["unique values"] == (False, "2 of them, without how often each occurs")


def test_truth_values_of_other_words_are_refused() -> None:
    profile = profile_of(pa.array(["yes", "no"]))
    schema = ModelSchema((Feature("f", FeatureType.BOOLEAN),))
    assert told({**profile, "featureType": None}, schema=schema)[1]["labels"] == (
        False,
        "its labels are not true and false but no, yes",
    )


def test_more_labels_than_values_are_refused() -> None:
    profile = {**profile_of(pa.array(["a", "b", "b"])), "count": 2, "numNonNullValues": 2}
    assert told(profile)[1]["labels"] == (False, "its counts add up to 3, but the feature has 2 values")


# --- moments, types, schema ---


def test_impossible_moments_are_refused() -> None:
    profile = profile_of(NORMAL)
    for changes in ({"mean": 1e6}, {"stdDev": 1e6}):
        baseline, sources = told({**profile, **changes})
        assert not sources["mean and standard deviation"][0]
        assert baseline.features["f"].get(Moments) is None
        assert baseline.features["f"].get(Histogram) is not None


def test_a_constant_needs_no_source() -> None:
    for form in Form:
        baseline, sources = told(profile_of(np.full(50, 3.25), form))
        assert sources["min and max"] == (True, "one value only")
        assert bins_of(baseline) == Histogram(np.array([3.25, 3.25]), np.array([50]))


@pytest.mark.parametrize("form", BINNED)
def test_a_feature_without_values_is_one_of_a_scan(form: Form) -> None:
    frame = pa.table({"f": pa.array([None] * 9, pa.float64()), "c": pa.array([None] * 9, pa.string())})
    found, scan = baseline_of(frame, form), build_baseline(frame, MODEL)
    for name in ("f", "c"):
        for kind in (Counts, Moments, Extremes, Histogram, Categories):
            assert found.features[name].get(kind) == scan.features[name].get(kind)


def test_types_are_hopsworks_unless_they_are_given() -> None:
    frame = pa.table({"i": [1, 2], "x": [0.5, 1.0], "b": [True, False], "s": ["a", "b"]})
    profile = Profiler().profile(frame)
    kinds = [feature.type for feature in of_profile(profile)[0].schema.features]
    assert kinds == [FeatureType.INTEGER, FeatureType.NUMERIC, FeatureType.BOOLEAN, FeatureType.CATEGORICAL]
    given = of_profile(profile, types={"s": FeatureType.STRING}, predictions=["x"])[0].schema
    assert [feature.name for feature in given.features] == ["i", "b", "s"]
    assert [feature.name for feature in given.predictions] == ["x"]
    assert given.features[2].type is FeatureType.STRING


def test_text_with_very_many_labels_is_free() -> None:
    profile = profile_of(pa.array([f"id{at}" for at in range(2_000)]))
    assert of_profile([profile])[0].schema.features[0].type is FeatureType.STRING


def test_times_have_no_statistics() -> None:
    schema = ModelSchema((Feature("f", FeatureType.TIMESTAMP),))
    baseline, sources = told(profile_of(HOURS), schema=schema)
    assert not sources["values"][0]
    assert sorted(baseline.features["f"].statistics) == ["counts"]


@pytest.mark.parametrize(("values", "kind"), [(HOURS, FeatureType.CATEGORICAL), (pa.array(["a"]), FeatureType.NUMERIC)])
def test_a_type_that_the_statistics_do_not_fit_leaves_the_counts(values: Any, kind: FeatureType) -> None:
    baseline, sources = told(profile_of(values), schema=ModelSchema((Feature("f", kind),)))
    assert not any(used for used, _ in sources.values())
    assert sorted(baseline.features["f"].statistics) == ["counts"]


def test_a_schema_picks_and_orders_and_says_what_is_missing() -> None:
    schema = ModelSchema(tuple(Feature(name, FeatureType.NUMERIC) for name in ("g", "f")))
    baseline, sources = told(profile_of(NORMAL), schema=schema)
    assert baseline.schema == schema
    assert list(baseline.features) == ["f"]
    assert sources["feature"] == (False, "there are no statistics of it")


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(
        ConfigError, match="featureType must be one of Fractional, Integral, Boolean, String, got 'Map'"
    ):
        told({**profile_of(NORMAL), "featureType": "Map"})


@pytest.mark.parametrize(
    ("profile", "settings", "message"),
    [
        ([], {}, "there is no feature"),
        ([{"featureName": "f", "count": 0}], {}, "are of no rows of f: a baseline needs some"),
        ([{"featureName": "f", "count": 3}] * 2, {}, "these features stand twice: f"),
        ([{"featureName": "f", "count": 3}], {"predictions": ["g"]}, "has no statistics of g. It has: f"),
    ],
)
def test_statistics_of_nothing_are_refused(profile: list[Json], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        of_profile(profile, **settings)


def test_what_became_of_each_source_stands_in_the_provenance_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    frame = pa.table({"small": NORMAL / 1_000, "tiny": NORMAL / 1e6, "large": NORMAL})
    with caplog.at_level("INFO", "hopsmon.hopsworks"):
        baseline = baseline_of(frame, Form.HISTOGRAM, provenance=Provenance("training dataset 1", notes=("before",)))
    assert baseline.provenance.source == "training dataset 1"
    assert baseline.provenance.notes[0] == "before"
    assert "histogram: bins and exact counts (large)." in baseline.provenance.notes
    assert "bins not used: no source is left that could give them (small, tiny)." in baseline.provenance.notes
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING"]
    assert "baseline of flight_delay:1 from Hopsworks' statistics: histogram: bins" in caplog.text


# --- correlations ---


def frame_of_three() -> pa.Table:
    rng = np.random.default_rng(4)
    a = rng.normal(size=500)
    return pa.table({"a": a, "b": a + rng.normal(size=500), "c": ["x"] * 500, "k": np.full(500, 2)})


def test_correlations_of_all_pairs_are_co_moments() -> None:
    frame = frame_of_three()
    found = of_profile(Profiler(correlations=True).profile(frame))[0].joint["comoments"]
    assert isinstance(found, CoMoments)
    rows = np.column_stack([frame["a"].to_numpy(), frame["b"].to_numpy(), frame["k"].to_numpy()])
    exact = CoMoments.of_rows(rows, ["a", "b", "k"])
    assert (found.names, found.count, found.skipped) == (exact.names, exact.count, 0)
    assert np.allclose(found.means, exact.means)
    assert np.allclose(found.m2, exact.m2, atol=1e-9)


def one_less(profile: list[Json]) -> list[Json]:
    return [changed(one, without("correlations")) if one["featureName"] in ("a", "b") else one for one in profile]


def with_nulls(profile: list[Json]) -> list[Json]:
    return [{**one, "count": 501, "numNullValues": 1} if one["featureName"] == "a" else one for one in profile]


def contradictory(profile: list[Json]) -> list[Json]:
    other = [{"column": "b", "correlation": -0.1}]
    first, *rest = profile
    return [changed(first, lambda extended: extended.update(correlations=other)), *rest]


@pytest.mark.parametrize("change", [one_less, with_nulls, contradictory])
def test_without_every_pair_over_the_same_rows_there_are_none(change: Any) -> None:
    profile = Profiler(correlations=True).profile(frame_of_three())
    assert of_profile(change(profile))[0].joint == {}


# --- numbers at the ends of float64 ---


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("values", [[-1.7e308, 0.0, 1.7e308], [0.0, 5e-324], [1e300, 1e300 * (1 + 2**-50)]])
def test_numbers_at_the_ends_of_float64_are_no_trouble(form: Form, values: list[float]) -> None:
    baseline, _ = told(profile_of(np.repeat(values, 20), form))
    assert baseline.features["f"].get(Extremes) == Extremes(values[0], values[-1])
    found = baseline.features["f"].get(Histogram)
    assert found is None or found.total == 20 * len(values)
