"""Expectations on every instance: what counts as missing, as unexpected, and which values are shown."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.batch import Batch, Side
from hopsmon.core.expectations.values import like
from hopsmon.core.finding import Reason, Severity
from hopsmon.core.statistics.expectation_counts import MOST_SAMPLES, CheckCounts
from tests.core.expectations.cases import batch, compiled, counts, expectation, finding, findings

NUMBERS = [1.0, 2.0, 3.5, None, "four", -1.0]
LABELS = ["a", "b", "Zug", None, ["no label"], "a"]


@pytest.mark.parametrize(
    ("kind", "kwargs", "values", "expected"),
    [
        ("values_to_not_be_null", {}, NUMBERS, (6, 0, 1)),
        ("values_to_be_null", {}, NUMBERS, (6, 0, 5)),
        ("values_to_be_between", {"min_value": 1, "max_value": 3}, NUMBERS, (6, 1, 3)),
        ("values_to_be_between", {"min_value": 1, "strict_min": True}, NUMBERS, (6, 1, 3)),
        ("values_to_be_between", {"max_value": 2, "strict_max": True}, NUMBERS, (6, 1, 3)),
        ("values_to_be_in_set", {"value_set": [1, 2.0, "b"]}, NUMBERS, (6, 1, 3)),
        ("values_to_not_be_in_set", {"value_set": [1, 2]}, NUMBERS, (6, 1, 3)),
        ("distinct_values_to_be_in_set", {"value_set": [1, 2, 3.5, -1]}, NUMBERS, (6, 1, 1)),
        ("values_to_be_of_type", {"type_": "float64"}, NUMBERS, (6, 1, 1)),
        ("values_to_be_of_type", {"type_": "int64"}, NUMBERS, (6, 1, 2)),
        ("values_to_be_of_type", {"type_": "StringType"}, NUMBERS, (6, 1, 5)),
        ("values_to_be_in_type_list", {"type_list": ["str", "double"]}, NUMBERS, (6, 1, 1)),
        ("type_to_be", {"type_": "FLOAT"}, NUMBERS, (6, 1, 1)),
    ],
)
def test_numbers(kind: str, kwargs: dict[str, Any], values: list[Any], expected: tuple[int, int, int]) -> None:
    assert counts(kind, {"column": "x", **kwargs}, batch(x=values)) == expected


@pytest.mark.parametrize(
    ("kind", "kwargs", "unexpected"),
    [
        ("values_to_be_between", {"min_value": "a", "max_value": "b"}, 2),
        ("values_to_be_in_set", {"value_set": ["a", "b"]}, 2),
        ("values_to_not_be_in_set", {"value_set": ["a"]}, 3),
        ("values_to_match_regex", {"regex": "^[ab]"}, 2),
        ("values_to_match_regex", {"regex": "u"}, 4),
        ("values_to_not_match_regex", {"regex": "u"}, 2),
        ("values_to_match_regex_list", {"regex_list": ["a", "Z"]}, 2),
        ("values_to_match_regex_list", {"regex_list": ["u", "Z"], "match_on": "all"}, 4),
        ("values_to_not_match_regex_list", {"regex_list": ["a", "Z"]}, 4),
        ("values_to_match_like_pattern", {"like_pattern": "Z%"}, 4),
        ("values_to_not_match_like_pattern", {"like_pattern": "_"}, 4),
        ("values_to_match_like_pattern_list", {"like_pattern_list": ["Z%", "_"]}, 1),
        ("values_to_not_match_like_pattern_list", {"like_pattern_list": ["Z%", "b"]}, 3),
        ("value_lengths_to_be_between", {"min_value": 2}, 4),
        ("value_lengths_to_equal", {"value": 1}, 2),
        ("values_to_be_json_parseable", {}, 5),
        ("values_to_match_strftime_format", {"strftime_format": "%Y"}, 5),
        ("values_to_be_of_type", {"type_": "str"}, 1),
        ("values_to_be_of_type", {"type_": "float"}, 5),
    ],
)
def test_labels(kind: str, kwargs: dict[str, Any], unexpected: int) -> None:
    assert counts(kind, {"column": "c", **kwargs}, batch(c=LABELS)) == (6, 1, unexpected)


def test_text_that_can_be_read() -> None:
    text = batch(c=["2026", "12", "[1, 2]", "{", "x"])
    assert counts("values_to_be_json_parseable", {"column": "c"}, text) == (5, 0, 2)
    assert counts("values_to_match_strftime_format", {"column": "c", "strftime_format": "%Y"}, text) == (5, 0, 4)
    assert counts("values_to_be_of_type", {"column": "c", "type_": "int64"}, text) == (5, 0, 3)


def test_booleans_times_and_free_text() -> None:
    rows = batch(
        b=[True, "false", 1, None, "yes"], t=["2026-01-01", 1767225600, None, 0, "x"], s=["a", "b", None, 3, ""]
    )
    assert counts("values_to_be_in_set", {"column": "b", "value_set": [True]}, rows) == (5, 1, 2)
    assert counts("values_to_be_of_type", {"column": "b", "type_": "bool"}, rows) == (5, 1, 1)
    bounds = {"column": "t", "min_value": "2025-12-31T00:00:00Z", "max_value": "2026-02-01 00:00:00"}
    assert counts("values_to_be_between", bounds, rows) == (5, 1, 2)
    assert counts("values_to_be_in_set", {"column": "t", "value_set": ["2026-01-01"]}, rows) == (5, 1, 2)
    assert counts("values_to_match_regex", {"column": "s", "regex": r"^\w$"}, rows) == (5, 1, 1)


A = [3.0, 1.0, None, None, 2.0, "bad"]
B = [1.0, 1.0, 5.0, None, None, 1.0]


@pytest.mark.parametrize(
    ("kind", "kwargs", "expected"),
    [
        ("pair_values_a_to_be_greater_than_b", {}, (6, 1, 4)),
        ("pair_values_a_to_be_greater_than_b", {"or_equal": True}, (6, 1, 3)),
        ("pair_values_a_to_be_greater_than_b", {"ignore_row_if": "either_value_is_missing"}, (6, 3, 2)),
        ("pair_values_a_to_be_greater_than_b", {"ignore_row_if": "neither"}, (6, 0, 5)),
        ("pair_values_to_be_equal", {}, (6, 1, 4)),
        ("pair_values_to_be_equal", {"ignore_row_if": "either_value_is_missing"}, (6, 3, 2)),
    ],
)
def test_pairs(kind: str, kwargs: dict[str, Any], expected: tuple[int, int, int]) -> None:
    assert counts(kind, {"column_A": "x", "column_B": "y", **kwargs}, batch(x=A, y=B)) == expected


@pytest.mark.parametrize(
    ("kind", "kwargs", "expected"),
    [
        ("expect_multicolumn_sum_to_equal", {"sum_total": 4}, (6, 1, 4)),
        ("expect_multicolumn_sum_to_equal", {"sum_total": 4, "ignore_row_if": "any_value_is_missing"}, (6, 3, 2)),
        ("expect_multicolumn_values_to_be_equal", {}, (6, 1, 4)),
        ("expect_multicolumn_values_to_be_equal", {"ignore_row_if": "never"}, (6, 0, 4)),
        ("expect_select_column_values_to_be_unique_within_record", {}, (6, 1, 2)),
        ("expect_select_column_values_to_be_unique_within_record", {"ignore_row_if": "never"}, (6, 0, 3)),
    ],
)
def test_several_columns(kind: str, kwargs: dict[str, Any], expected: tuple[int, int, int]) -> None:
    assert counts(kind, {"column_list": ["x", "y"], **kwargs}, batch(x=A, y=B)) == expected


def test_labels_of_two_features_compare_by_what_they_say() -> None:
    rows = batch(c=["a", "b", "Zug"], d=["Zug", "b", "a"])
    pair = {"column_A": "c", "column_B": "d"}
    assert counts("pair_values_to_be_equal", pair, rows) == (3, 0, 2)
    assert counts("pair_values_a_to_be_greater_than_b", pair, rows) == (3, 0, 2)


def test_a_nan_that_the_sender_wrote_is_missing_and_infinity_is_a_value() -> None:
    rows = batch(x=[float("nan"), float("inf"), 1.0])
    assert counts("values_to_not_be_null", {"column": "x"}, rows) == (3, 0, 1)
    assert counts("values_to_be_between", {"column": "x", "max_value": 5}, rows) == (3, 1, 1)


def test_a_column_that_no_message_has_is_all_missing() -> None:
    rows = batch(y=[1.0, 2.0])
    assert counts("values_to_not_be_null", {"column": "x"}, rows) == (2, 0, 2)
    assert counts("values_to_be_between", {"column": "x", "min_value": 0}, rows) == (2, 2, 0)
    assert counts("values_to_be_in_set", {"column": "c", "value_set": ["a"]}, rows) == (2, 2, 0)


@pytest.mark.parametrize(
    ("pattern", "escape", "matching", "other"),
    [
        ("a%", None, "abc", "ba"),
        ("%a_", None, "xab", "xa"),
        ("50!%", "!", "50%", "505"),
        ("a.c", None, "a.c", "abc"),
        ("%", None, "", None),
    ],
)
def test_like_is_sqls(pattern: str, escape: str | None, matching: str, other: str | None) -> None:
    import re

    assert re.fullmatch(like(pattern, escape), matching)
    assert other is None or not re.fullmatch(like(pattern, escape), other)


def test_a_failed_expectation_is_drift_with_a_reason_of_its_own() -> None:
    rows = batch(x=[1.0, 2.0, None, 9.0, 9.0])
    failed = finding("values_to_be_between", {"column": "x", "max_value": 5, "mostly": 0.9}, rows)
    assert (failed.technique, failed.feature) == ("expect_column_values_to_be_between", "x")
    assert (failed.score, failed.threshold, failed.n) == (0.5, 0.1, 4)
    assert (failed.is_drift, failed.severity, failed.reason) == (True, Severity.WARNING, Reason.EXPECTATION_FAILED)
    assert failed.details["unexpected_values"] == [{"value": 9.0, "count": 2}]
    assert failed.details["on"] == "every instance"
    met = finding("values_to_be_between", {"column": "x", "max_value": 5, "mostly": 0.5}, rows)
    assert (met.is_drift, met.severity, met.reason, met.score) == (False, Severity.NONE, Reason.OK, 0.5)


def test_mostly_is_reached_exactly() -> None:
    """(n - u) / n ≥ mostly, in floating point as Great Expectations computes it: 9 of 10 are 0.9."""
    rows = batch(x=[1.0] * 9 + [9.0])
    assert finding("values_to_be_between", {"column": "x", "max_value": 5, "mostly": 0.9}, rows).details["success"]
    assert not finding("values_to_be_between", {"column": "x", "max_value": 5, "mostly": 0.91}, rows).details["success"]


def test_without_values_an_expectation_on_values_holds() -> None:
    nothing = finding("values_to_be_between", {"column": "x", "max_value": 5}, batch(x=[None, None]))
    assert (nothing.reason, nothing.score, nothing.n) == (Reason.OK, 0.0, 0)


def test_a_share_of_values_between_bounds() -> None:
    rows = batch(x=[1.0, None, 2.0, 3.0])
    share = finding("proportion_of_non_null_values_to_be_between", {"column": "x", "min_value": 0.8}, rows)
    assert (share.score, share.threshold, share.is_drift) == (0.75, 0.8, True)


def test_predictions_are_checked_in_responses() -> None:
    suite = compiled(
        expectation("values_to_be_between", column="score", max_value=1),
        expectation("values_to_be_between", column="x", max_value=1),
    )
    requests, responses = batch(x=[0.0, 5.0, 5.0]), batch(Side.RESPONSE, score=[0.5, 7.0])
    by_feature = {one.feature: one.details for one in findings(suite, requests, responses)}
    assert by_feature["score"]["element_count"], by_feature["score"]["unexpected_count"] == (2, 1)
    assert by_feature["x"]["element_count"], by_feature["x"]["unexpected_count"] == (3, 2)


def test_a_window_without_instances_cannot_be_judged() -> None:
    empty = finding("values_to_not_be_null", {"column": "x"}, batch(Side.RESPONSE, score=[0.5]))
    assert (empty.score, empty.reason, empty.n) == (None, Reason.INSUFFICIENT, 0)


values = st.sampled_from([None, "wrong", *(float(number) for number in range(60))])


@given(cells=st.lists(values, max_size=80), cuts=st.lists(st.integers(0, 3), min_size=80, max_size=80))
def test_counts_and_values_shown_do_not_depend_on_batches_or_their_order(cells: list[Any], cuts: list[int]) -> None:
    suite = compiled(
        expectation("values_to_be_between", column="x", max_value=9),
        expectation("pair_values_to_be_equal", column_A="x", column_B="y"),
    )
    whole = batch(x=cells, y=cells[::-1])
    parts = [whole.take(np.flatnonzero(np.array(cuts[: len(cells)]) == part)) for part in range(4)]
    found = findings(suite, whole)
    assert found == findings(suite, *parts) == findings(suite, *parts[::-1])
    shown = found[0].details.get("unexpected_values", [])
    wrong = [cell for cell in cells if cell == "wrong" or (isinstance(cell, float) and cell > 9)]
    assert len(shown) == min(len(set(wrong)), MOST_SAMPLES)
    told = {one["value"]: one["count"] for one in shown}
    assert told.items() <= {"(invalid)" if cell == "wrong" else cell: wrong.count(cell) for cell in wrong}.items()


def test_pairs_are_shown_together() -> None:
    found = finding("pair_values_to_be_equal", {"column_A": "c", "column_B": "d"}, batch(c=["a", None], d=["b", "é"]))
    shown = [one["value"] for one in found.details["unexpected_values"]]
    assert sorted(shown, key=str) == [["a", "b"], [None, "é"]]


def test_values_are_shown_as_their_features_write_them() -> None:
    rows = batch(i=[3, 2.5], t=[1767225600, 0.5], x=[float("inf"), 1.0], s=["x" * 500, "x"])
    at_most = {"max_value": -1}

    def shown(column: str, **kwargs: Any) -> set[Any]:
        kind = "values_to_match_regex" if column == "s" else "values_to_be_between"
        return {one["value"] for one in finding(kind, {"column": column, **kwargs}, rows).details["unexpected_values"]}

    assert shown("i", **at_most) == {3, 2.5}
    assert shown("t", **at_most) == {"2026-01-01T00:00:00Z", "1970-01-01T00:00:00.500000Z"}
    assert shown("x", **at_most) == {"inf", 1.0}
    assert {len(value) for value in shown("s", regex="^$")} == {1, 200}


def test_one_that_fails_on_the_executors_says_so_and_the_others_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    import re

    suite = compiled(
        expectation("values_to_match_regex", column="c", regex="a"),
        expectation("values_to_not_be_null", column="c"),
    )

    def broken(*_: Any) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(re, "search", broken)
    failed, stands = findings(suite, batch(c=["a", None]))
    assert (failed.reason, failed.details["error"], failed.feature) == (Reason.FAILED, "RecursionError: too deep", "c")
    assert stands.reason is Reason.EXPECTATION_FAILED


def test_errors_of_parts_are_one_whatever_their_order() -> None:
    parts = [CheckCounts(2, 2, error="b"), CheckCounts(3, 1, 1), CheckCounts(1, 1, error="a")]
    assert reduce(add, parts) == reduce(add, parts[::-1]) == CheckCounts(6, 4, 1, error="a")


def test_a_suite_that_changed_while_the_window_was_open_mixes_nothing() -> None:
    """The window's first half was counted for another suite: what is expected now saw the second half only."""
    from hopsmon.core.expectations.technique import techniques_of
    from hopsmon.core.techniques.guard import run_window_technique
    from tests.core.expectations.cases import BASELINE, window

    before = compiled(expectation("values_to_be_between", column="x", max_value=1))
    after = compiled(expectation("values_to_be_between", column="x", max_value=5))
    rows: Batch = batch(x=[0.0, 3.0, 9.0])
    total = window(before, rows) + window(after, rows)
    (technique,) = techniques_of(after)
    (found,) = run_window_technique(technique, total, BASELINE)
    assert (found.details["element_count"], found.details["unexpected_count"]) == (3, 1)
    assert found.details["only_of"] == 6
