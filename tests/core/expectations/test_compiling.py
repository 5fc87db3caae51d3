"""What becomes of each expectation, by the model's features: checked, left to a sample, not checked, or refused."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from hopsmon.core.expectations.checks import NotChecked, RowCheck, Sampled, StatisticCheck, shortened
from hopsmon.core.expectations.compiling import KNOWN, CompiledSuite, compile_suite
from hopsmon.core.expectations.overview import HEADINGS, by_type, for_model, known_types
from hopsmon.core.expectations.suite import Expectation
from hopsmon.core.expectations.technique import techniques_of
from hopsmon.core.expectations.vocabulary import NEVER
from hopsmon.core.finding import Reason
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.protocols import Measuring, WindowTechnique
from hopsmon.errors import ConfigError
from tests.core.expectations.cases import BASELINE, SCHEMA, batch, compiled, expectation, finding, findings, suite

X = {"column": "x"}


def why(kind: str, **kwargs: Any) -> str:
    """Why an expectation is not checked."""
    (check,) = compiled(expectation(kind, **kwargs)).checks
    assert isinstance(check, NotChecked)
    return check.why


@pytest.mark.parametrize(
    ("kind", "kwargs", "told"),
    [
        ("values_to_be_increasing", X, "no order"),
        ("to_exist", X, "by its schema"),
        ("values_to_be_between", {**X, "min_value": "a"}, "'a' is no number, and 'x' is numeric in this model"),
        ("values_to_be_between", {"column": "c", "min_value": 1}, "1 is no text, and 'c' is categorical"),
        ("values_to_be_between", {"column": "t", "min_value": "soon"}, "'soon' is no number, and 't' is timestamp"),
        ("values_to_be_in_set", {**X, "value_set": ["a"]}, "value_set has no number"),
        ("values_to_be_of_type", {**X, "type_": "Quaternion"}, "no type is known by the name Quaternion"),
        ("pair_values_to_be_equal", {"column_A": "x", "column_B": "c"}, "labels and numbers, which do not compare"),
        ("pair_values_to_be_equal", {"column_A": "x", "column_B": "score"}, "different messages"),
        ("expect_multicolumn_sum_to_equal", {"column_list": ["x", "c"], "sum_total": 1}, "cannot be added"),
        ("values_to_be_unique", {"column": "s"}, "free text are not in it: s"),
        ("values_to_be_unique", {"column": "score"}, "predictions are not in it"),
        ("expect_table_row_count_to_equal", {"value": 1, "row_condition": "x > 1"}, "says nothing about how many"),
        ("values_to_be_between", {**X, "min_value": {"$PARAMETER": "low"}}, "parameter low a value"),
    ],
)
def test_what_makes_no_sense_for_a_stream_or_a_model_is_a_finding(kind: str, kwargs: dict[str, Any], told: str) -> None:
    assert told in why(kind, **kwargs)
    found = finding(kind, kwargs, batch(x=[1.0], c=["a"]))
    assert (found.reason, found.score, found.is_drift) == (Reason.NOT_CHECKABLE, None, False)
    assert told in found.details["why"]


@pytest.mark.parametrize(
    ("kind", "kwargs", "told"),
    [
        ("values_to_be_betwen", X, "Unknown expectation. Did you mean 'expect_column_values_to_be_between'"),
        ("values_to_be_between", X, "min_value, max_value or both must be given"),
        ("values_to_be_between", {**X, "min_value": 2, "max_value": 1}, "min_value 2 is larger than max_value 1"),
        ("values_to_be_between", {**X, "min_value": 1, "strict_min": "yes"}, "strict_min must be true or false"),
        ("values_to_not_be_null", {**X, "mostly": 1.5}, "mostly must be a number from 0 to 1, got 1.5"),
        ("values_to_not_be_null", {**X, "mostly": True}, "mostly must be a number from 0 to 1, got True"),
        ("values_to_not_be_null", {}, "column must be the name of a column, got None"),
        ("values_to_be_in_set", {**X, "value_set": []}, "value_set must be a list with something in it"),
        ("values_to_match_regex", {"column": "c", "regex": "("}, "is no regular expression: missing )"),
        ("values_to_match_regex_list", {"column": "c", "regex_list": ["a"], "match_on": "some"}, "one of any, all"),
        ("values_to_match_strftime_format", {"column": "c", "strftime_format": "%Q"}, "is no format of strftime"),
        ("pair_values_to_be_equal", {"column_A": "x", "column_B": "y", "ignore_row_if": "never"}, "one of both_values"),
        ("expect_multicolumn_values_to_be_equal", {"column_list": ["x"]}, "at least two columns"),
        ("quantile_values_to_be_between", {**X, "quantile_ranges": {"quantiles": [0.5]}}, "as many value_ranges"),
        (
            "quantile_values_to_be_between",
            {**X, "quantile_ranges": {"quantiles": [5], "value_ranges": [[0, 1]]}},
            "numbers from 0 to 1",
        ),
        ("value_lengths_to_equal", {"column": "c"}, "expected a number, got None"),
    ],
)
def test_what_makes_no_sense_anywhere_is_refused_at_the_start(kind: str, kwargs: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compiled(expectation(kind, **kwargs))
    assert told in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        compiled(expectation("values_to_be_nul", **X), expectation("values_to_be_null", **X), expectation("max_to_be"))
    assert str(refused.value).startswith("Suite 'suite': 2 problems\n  expectation 1, expect_column_values_to_be_nul: ")
    assert "\n  expectation 3, expect_column_max_to_be: " in str(refused.value)


def test_an_expectation_that_another_package_registers_is_known_to_the_library() -> None:
    own = Expectation("expect_column_values_to_be_prime", X)
    (check,) = compile_suite(suite(own), SCHEMA, None, {own.type}).sampled
    assert (check.feature, check.kwargs) == ("x", X)


@pytest.mark.parametrize(
    ("kind", "kwargs", "how"),
    [
        ("values_to_be_between", {**X, "min_value": 0}, RowCheck),
        ("mean_to_be_between", {**X, "min_value": 0}, StatisticCheck),
        ("mean_to_be_between", {"column": "b", "min_value": 0}, Sampled),
        ("values_to_match_regex", {**X, "regex": "1"}, Sampled),
        ("value_lengths_to_be_between", {"column": "i", "min_value": 1}, Sampled),
        ("values_to_be_between", {**X, "min_value": 0, "row_condition": "y > 1"}, Sampled),
        ("values_to_be_unique", X, Sampled),
        ("most_common_value_to_be_in_set", {**X, "value_set": [1]}, Sampled),
        ("expect_table_row_count_to_be_between", {"min_value": 0}, StatisticCheck),
    ],
)
def test_who_checks_what(kind: str, kwargs: dict[str, Any], how: type) -> None:
    suite = compiled(expectation(kind, **kwargs))
    assert [type(check) for check in suite.checks] + [type(check) for check in suite.sampled] == [how]


def test_expectations_on_columns_that_the_model_does_not_have_are_left_out() -> None:
    suite = compiled(
        expectation("values_to_not_be_null", column="id"),
        expectation("pair_values_to_be_equal", column_A="x", column_B="event_time"),
        expectation("to_exist", column="id"),
        expectation("values_to_not_be_null", **X),
    )
    assert [column for _, column in suite.left_out] == ["id", "event_time", "id"]
    assert [check.feature for check in suite.checks] == ["x"]


def test_names_of_columns_fit_features_in_other_case_or_by_a_mapping() -> None:
    schema = ModelSchema(tuple(Feature(name, FeatureType.NUMERIC) for name in ("Age", "f_income", "Sepal Length")))
    given = suite(
        expectation("values_to_not_be_null", column="age"),
        expectation("values_to_be_unique", column="income"),
        expectation("values_to_not_be_null", column="nobody"),
        expectation("values_to_not_be_null", column="sepal_length"),
    )
    found = compile_suite(given, schema, {"income": "f_income"})
    assert [check.feature for check in found.checks] == ["Age", "Sepal Length"]
    assert [check.kwargs for check in found.sampled] == [{"column": "f_income"}]
    ambiguous = ModelSchema((Feature("Age", FeatureType.NUMERIC), Feature("AGE", FeatureType.NUMERIC)))
    assert [column for _, column in compile_suite(given, ambiguous).left_out] == [
        "age",
        "income",
        "nobody",
        "sepal_length",
    ]


def test_expectations_of_one_type_on_one_feature_are_told_apart_by_what_they_expect() -> None:
    low, high = (expectation("values_to_be_between", **X, min_value=value) for value in (0, 1))
    other = expectation("values_to_be_between", column="y", min_value=0)
    kind = "expect_column_values_to_be_between"
    suite = compiled(low, other, high)
    assert [suite.technique_of(one) for one in (low, other, high)] == [
        f"{kind}#{low.key[:6]}",
        kind,
        f"{kind}#{high.key[:6]}",
    ]
    assert suite.names == compiled(high, low, other).names
    keys = {(one.technique, one.feature) for one in findings(suite, batch(x=[1.0], y=[1.0]))}
    assert len(keys) == 3


def test_they_are_techniques_like_others() -> None:
    suite = compiled(expectation("values_to_not_be_null", **X), expectation("max_to_be_between", **X, max_value=1))
    techniques = techniques_of(suite)
    kinds = ["values_to_not_be_null", "max_to_be_between"]
    assert [one.name for one in techniques] == [f"expect_column_{kind}" for kind in kinds]
    for technique in techniques:
        assert isinstance(technique, WindowTechnique)
        assert isinstance(technique, Measuring)
        assert pickle.loads(pickle.dumps(technique)).name == technique.name


def test_a_feature_that_window_and_baseline_do_not_have_is_not_spoken_of() -> None:
    """A slice leaves out the feature that makes it."""
    suite = compiled(expectation("values_to_not_be_null", column="elsewhere", mostly=0.5))
    assert suite.left_out
    (technique,) = techniques_of(compile_suite(suite_of_one(), ModelSchema((Feature("z", FeatureType.NUMERIC),))))
    assert run_window_technique(technique, Summary(), BASELINE) == []


def suite_of_one() -> Any:
    return suite(expectation("values_to_not_be_null", column="z"))


def test_long_lists_are_cut_where_they_are_shown() -> None:
    assert shortened({"value_set": list(range(25)), "column": "x" * 50}) == {
        "value_set": [*range(20), "… 5 more"],
        "column": "x" * 50,
    }


def test_the_overview_says_how_each_is_checked() -> None:
    given = suite(
        expectation("values_to_not_be_null", **X),
        expectation("mean_to_be_between", column="b", min_value=0),
        expectation("values_to_be_unique", column="s"),
        expectation("values_to_be_null", column="id"),
        expectation("values_to_be_increasing", **X),
    )
    lines = for_model(given, compile_suite(given, SCHEMA))
    assert [(line.on, line.how) for line in lines] == [
        ("x", "every instance"),
        ("b", "sample"),
        ("s", "not checked"),
        ("id", "left out"),
        ("x", "not checked"),
    ]
    assert "free text" in lines[2].note
    assert lines[3].note == "the model has no 'id'"
    assert [line.how for line in by_type(given)] == [
        *("every instance", "statistics", "sample", "every instance"),
        "not checked",
    ]
    with pytest.raises(ConfigError, match="Unknown expectation"):
        by_type(suite(expectation("values_to_be_prime")))


def test_every_known_type_has_a_heading() -> None:
    types = known_types()
    assert {kind for kind, _ in types} == KNOWN
    assert {how for _, how in types} <= set(HEADINGS)
    assert {kind for kind, how in types if how == "not checked"} == set(NEVER)


def test_an_empty_suite_of_checks_has_no_techniques() -> None:
    assert techniques_of(CompiledSuite("none")) == ()
