"""Our checks against Great Expectations itself: the same frames, the same counts, the same verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.expectations.core.expect_column_values_to_be_of_type import ExpectColumnValuesToBeOfType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopsmon.core.baseline import Baseline
from hopsmon.core.expectations.checks import NotChecked
from hopsmon.core.expectations.compiling import KNOWN, compile_suite
from hopsmon.core.expectations.suite import Expectation, Suite
from hopsmon.core.expectations.technique import techniques_of
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.frames import batches_of
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import measures_of, run_window_technique

SCHEMA = ModelSchema(
    (
        Feature("x", FeatureType.NUMERIC),
        Feature("y", FeatureType.NUMERIC),
        Feature("i", FeatureType.INTEGER),
        Feature("c", FeatureType.CATEGORICAL),
        Feature("d", FeatureType.CATEGORICAL),
        Feature("b", FeatureType.BOOLEAN),
        Feature("t", FeatureType.TIMESTAMP),
    )
)
X, C, PAIR, LABELS = {"column": "x"}, {"column": "c"}, {"column_A": "x", "column_B": "y"}, {"column_list": ["c", "d"]}
RANGES = {"quantiles": [0.1, 0.5, 0.75], "value_ranges": [[-3, 0], [None, 1], [0, None]]}

# All that hopsmon checks itself and Great Expectations can check with pandas.
EXPECTATIONS = [
    Expectation(f"expect_column_{kind}" if not kind.startswith("expect_") else kind, kwargs)
    for kind, kwargs in (
        ("values_to_not_be_null", {**X, "mostly": 0.7}),
        ("values_to_be_null", {**X, "mostly": 0.3}),
        ("values_to_be_between", {**X, "min_value": -1, "max_value": 1.5, "strict_min": True, "mostly": 0.5}),
        ("values_to_be_between", {**X, "max_value": 1, "strict_max": True}),
        ("values_to_be_between", {"column": "i", "min_value": 1}),
        (
            "values_to_be_between",
            {"column": "t", "min_value": "1980-01-01T00:00:00", "max_value": "1990-06-01T12:00:00"},
        ),
        ("values_to_be_in_set", {**X, "value_set": [1, 2.5, 0.5], "mostly": 0.5}),
        ("values_to_be_in_set", {**C, "value_set": ["a", "Zug"]}),
        ("values_to_be_in_set", {"column": "b", "value_set": [True], "mostly": 0.4}),
        ("values_to_not_be_in_set", {"column": "i", "value_set": [1, 2], "mostly": 0.8}),
        ("values_to_not_be_in_set", {**C, "value_set": ["b"]}),
        ("values_to_match_regex", {**C, "regex": "^[ab]$", "mostly": 0.6}),
        ("values_to_not_match_regex", {**C, "regex": "u"}),
        ("values_to_match_regex_list", {**C, "regex_list": ["a", "Z"], "match_on": "any"}),
        ("values_to_match_regex_list", {"column": "d", "regex_list": ["a|b", "[^b]"], "match_on": "all"}),
        ("values_to_not_match_regex_list", {**C, "regex_list": ["Z", "b"], "mostly": 0.5}),
        ("value_lengths_to_be_between", {**C, "min_value": 1, "max_value": 2, "mostly": 0.9}),
        ("value_lengths_to_be_between", {**C, "min_value": 1, "strict_min": True}),
        ("value_lengths_to_equal", {**C, "value": 3}),
        ("values_to_be_json_parseable", {**C}),
        ("values_to_match_strftime_format", {**C, "strftime_format": "%Y", "mostly": 0.1}),
        ("pair_values_a_to_be_greater_than_b", {**PAIR, "mostly": 0.5}),
        ("pair_values_a_to_be_greater_than_b", {**PAIR, "or_equal": True, "ignore_row_if": "either_value_is_missing"}),
        ("pair_values_a_to_be_greater_than_b", {**PAIR, "ignore_row_if": "neither"}),
        ("pair_values_to_be_equal", {"column_A": "c", "column_B": "d"}),
        ("pair_values_to_be_equal", {"column_A": "c", "column_B": "d", "ignore_row_if": "either_value_is_missing"}),
        ("expect_multicolumn_sum_to_equal", {"column_list": ["x", "y", "i"], "sum_total": 1.5}),
        (
            "expect_multicolumn_sum_to_equal",
            {"column_list": ["x", "i"], "sum_total": 2, "ignore_row_if": "any_value_is_missing"},
        ),
        ("expect_multicolumn_values_to_be_equal", {**LABELS, "mostly": 0.3}),
        ("expect_multicolumn_values_to_be_equal", {**LABELS, "ignore_row_if": "never"}),
        ("expect_select_column_values_to_be_unique_within_record", LABELS),
        ("expect_select_column_values_to_be_unique_within_record", {**LABELS, "ignore_row_if": "never"}),
        (
            "expect_select_column_values_to_be_unique_within_record",
            {**LABELS, "ignore_row_if": "any_value_is_missing"},
        ),
        ("distinct_values_to_be_in_set", {**C, "value_set": ["a", "b", "Zug"]}),
        ("distinct_values_to_contain_set", {**C, "value_set": ["a", "b"]}),
        ("distinct_values_to_equal_set", {"column": "d", "value_set": ["a", "b"]}),
        ("most_common_value_to_be_in_set", {**C, "value_set": ["a", "b"]}),
        ("most_common_value_to_be_in_set", {**C, "value_set": ["a"], "ties_okay": True}),
        ("proportion_of_non_null_values_to_be_between", {**X, "min_value": 0.5}),
        ("proportion_of_unique_values_to_be_between", {**C, "max_value": 0.3}),
        ("unique_value_count_to_be_between", {**C, "min_value": 2, "max_value": 3}),
        ("mean_to_be_between", {**X, "min_value": -0.4, "max_value": 0.4}),
        ("median_to_be_between", {**X, "min_value": -0.5, "max_value": 0.5, "strict_max": True}),
        ("min_to_be_between", {**X, "min_value": -4}),
        ("max_to_be_between", {"column": "i", "max_value": 3}),
        ("stdev_to_be_between", {**X, "min_value": 1, "max_value": 2}),
        ("sum_to_be_between", {"column": "i", "min_value": 20}),
        ("quantile_values_to_be_between", {**X, "quantile_ranges": RANGES}),
        ("expect_table_row_count_to_be_between", {"min_value": 5, "max_value": 30}),
        ("expect_table_row_count_to_equal", {"value": 7}),
    )
]

TEXT = [None, "a", "b", "Zug", "2026", '{"a": 1}']
halves = st.integers(-10, 10).map(lambda number: number / 2)
rows = st.lists(
    st.tuples(
        st.none() | halves,
        st.none() | halves,
        st.integers(-2, 4),
        st.sampled_from(TEXT),
        st.sampled_from(TEXT[:3]),
        st.booleans(),
        st.integers(0, 10**9),
    ),
    min_size=1,
    max_size=40,
)


def frame_of(cells: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = dict(zip("xyicdbt", zip(*cells, strict=True), strict=True))
    kinds = {"x": "float64", "y": "float64", "i": "int64", "c": "object", "d": "object", "b": "bool"}
    frame = pd.DataFrame({name: pd.Series(list(columns[name]), dtype=kind) for name, kind in kinds.items()})
    return frame.assign(t=pd.to_datetime(list(columns["t"]), unit="s"))


@lru_cache(maxsize=1)
def batches() -> Any:
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(), progress_bars=ProgressBarsConfig(globally=False)
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_or_update_pandas("parity").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def theirs(frame: pd.DataFrame) -> dict[str, Mapping[str, Any]]:
    """What the library says, by what it was asked."""
    asked = [{**one.as_ge(), "meta": {"key": one.key}} for one in EXPECTATIONS]
    suite = gx.ExpectationSuite(name="parity", expectations=asked)
    found = batches().get_batch({"dataframe": frame}).validate(suite, result_format="SUMMARY")
    said = {one.expectation_config.meta["key"]: one.to_json_dict() for one in found.results}
    assert all(one["result"] for one in said.values())  # it could evaluate every one
    return said


def ours(frame: pd.DataFrame, *cuts: int) -> dict[str, Finding]:
    """What we say, the frame cut into batches."""
    compiled = compile_suite(Suite("parity", tuple(EXPECTATIONS)), SCHEMA)
    assert not compiled.sampled
    assert not [check for check in compiled.checks if isinstance(check, NotChecked)]
    techniques = techniques_of(compiled)
    recipe = Recipe(SCHEMA, measures=measures_of(techniques))
    window = Summary()
    edges = sorted({0, *(cut for cut in cuts if cut < len(frame)), len(frame)})
    for start, end in pairwise(edges):
        (batch,) = batches_of(pa.Table.from_pandas(frame.iloc[start:end], preserve_index=False), SCHEMA)
        features, model = recipe.summarise(batch), recipe.summarise_model(batch)
        window += Summary(instances=len(batch), features=features, model=model)
    by_place = {(compiled.technique_of(check.expectation), check.feature): check for check in compiled.checks}
    baseline = Baseline(SCHEMA, {}, ModelRef("m"))
    return {
        by_place[found.technique, found.feature].expectation.key: found
        for technique in techniques
        for found in run_window_technique(technique, window, baseline)
    }


# Great Expectations fails what it cannot compute; to us it is "not computable", for one of these reasons.
NOT_COMPUTABLE = (Reason.ALL_NULL, Reason.INSUFFICIENT)
COUNTED_OTHERWISE = ("expect_column_distinct_values", "expect_column_proportion_of_non_null")


def differences(frame: pd.DataFrame, *cuts: int) -> list[Any]:
    said, found = theirs(frame), ours(frame, *cuts)
    assert set(said) == set(found) == {one.key for one in EXPECTATIONS}
    wrong = []
    for one in EXPECTATIONS:
        their, our = said[one.key], found[one.key]
        if our.reason in NOT_COMPUTABLE:
            same = not their["success"]
        else:
            same = their["success"] == our.details["success"] and our.is_drift != their["success"]
            if "unexpected_count" in our.details and not one.type.startswith(COUNTED_OTHERWISE):
                same = same and counts_are_equal(their["result"], our.details)
        if not same:
            wrong.append((one.type, dict(one.kwargs), their["success"], their["result"], our))
    return wrong


def counts_are_equal(result: Mapping[str, Any], details: Mapping[str, Any]) -> bool:
    """`missing_count` is left out where the library leaves it out: of expectations on nulls themselves."""
    return all(
        result.get(name, details[name]) == details[name]
        for name in ("element_count", "missing_count", "unexpected_count")
    )


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells=rows, cut=st.integers(1, 39))
def test_the_same_frame_gives_the_same_counts_and_verdicts(cells: list[tuple[Any, ...]], cut: int) -> None:
    assert differences(frame_of(cells), cut) == []


def test_all_that_can_be_compared_is_compared() -> None:
    """Of those we check ourselves: but for SQL's LIKE, which the library has not for pandas, and names of types."""
    from hopsmon.core.expectations.overview import how

    compared = {one.type for one in EXPECTATIONS}
    mine = {kind for kind in KNOWN if how(kind) in ("every instance", "statistics")}
    apart = {kind for kind in mine - compared if "like_pattern" not in kind and "type" not in kind}
    assert apart == {"expect_multicolumn_values_to_be_unique"}  # no longer a class of its own in 1.x


@pytest.mark.parametrize(
    ("column", "name", "success"),
    [
        ("x", "float64", True),
        ("x", "str", False),
        ("i", "int64", True),
        ("b", "bool", True),
        ("t", "datetime64[ns]", True),
        ("c", "str", True),
        ("c", "int", False),
    ],
)
def test_types_of_columns_that_are_what_the_model_says(column: str, name: str, success: bool) -> None:
    frame = frame_of([(1.5, 2.0, 3, "a", "b", True, 0)] * 3)
    batch = batches().get_batch({"dataframe": frame})
    their = batch.validate(ExpectColumnValuesToBeOfType(column=column, type_=name))
    compiled = compile_suite(
        Suite("s", (Expectation("expect_column_values_to_be_of_type", {"column": column, "type_": name}),)), SCHEMA
    )
    (technique,) = techniques_of(compiled)
    recipe = Recipe(SCHEMA, measures=measures_of([technique]))
    (rows,) = batches_of(pa.Table.from_pandas(frame, preserve_index=False), SCHEMA)
    window = Summary(instances=3, features=recipe.summarise(rows), model=recipe.summarise_model(rows))
    (our,) = run_window_technique(technique, window, Baseline(SCHEMA, {}, ModelRef("m")))
    assert their.success == our.details["success"] == success


def test_an_infinite_value_is_counted_alike() -> None:
    frame = frame_of([(np.inf, 1.0, 1, "a", "a", True, 0), (None, None, 1, None, None, False, 0)])
    wrong = [entry for entry in differences(frame) if entry[0].startswith("expect_column_values")]
    assert wrong == []
