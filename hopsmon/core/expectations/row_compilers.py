"""Row compilers: expectations on every instance, from their arguments to a test of cells. The table ends it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from hopsmon.core.expectations import rows, values
from hopsmon.core.expectations.checks import RowCheck
from hopsmon.core.expectations.outcome import Mostly, ShareOfExpected, Verdict
from hopsmon.core.expectations.reading import (
    LeftToLibraryError,
    NotCheckableError,
    Reading,
    label_for,
    labels_of,
    number_for,
    number_or_none,
    plain_number,
)
from hopsmon.core.expectations.types import test_of_type
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.errors import ConfigError

RowCompiler: TypeAlias = Callable[[Reading], RowCheck]
_PAIR = ("both_values_are_missing", "either_value_is_missing", "neither")
_SEVERAL = ("all_values_are_missing", "any_value_is_missing", "never")


def _check(reading: Reading, test: rows.RowTest, verdict: Verdict | None = None) -> RowCheck:
    """On one feature."""
    feature = reading.feature
    verdict = Mostly(reading.mostly) if verdict is None else verdict
    return RowCheck(reading.expectation, (feature,), reading.side((feature,)), test, verdict)


def not_null(reading: Reading) -> RowCheck:
    return _check(reading, rows.AreNull(False))


def null(reading: Reading) -> RowCheck:
    return _check(reading, rows.AreNull(True))


def non_null_share(reading: Reading) -> RowCheck:
    return _check(reading, rows.AreNull(False), ShareOfExpected(reading.bounds(plain_number, any_will_do=True)))


def between(reading: Reading) -> RowCheck:
    feature = reading.feature
    if feature.type.is_numeric:
        return _check(reading, rows.NumbersMeet(values.Between(reading.bounds(number_for(feature)))))
    return _check(reading, rows.LabelsMeet(reading.bounds(label_for(feature)).hold))


def in_set(reading: Reading) -> RowCheck:
    return _check(reading, _membership(reading, inside=True))


def not_in_set(reading: Reading) -> RowCheck:
    return _check(reading, _membership(reading, inside=False))


def distinct_in_set(reading: Reading) -> RowCheck:
    """All distinct values are in a set where all values are."""
    return _check(reading, _membership(reading, inside=True), Mostly())


def _membership(reading: Reading, *, inside: bool) -> rows.RowTest:
    feature, items = reading.feature, reading.items("value_set")
    if not feature.type.is_numeric:
        return rows.LabelsMeet(values.OneOfLabels(labels_of(items), inside))
    numbers = [number for item in items if (number := number_or_none(item, feature.type)) is not None]
    if not numbers:
        raise NotCheckableError(f"value_set has no number, and '{feature.name}' is {feature.type} in this model")
    return rows.NumbersMeet(values.OneOfNumbers(tuple(sorted(numbers)), inside))


def lengths_between(reading: Reading) -> RowCheck:
    _text(reading)
    return _check(reading, rows.LabelsMeet(values.Length(reading.bounds(plain_number))))


def lengths_equal(reading: Reading) -> RowCheck:
    _text(reading)
    length = plain_number(reading.expectation.kwargs.get("value"))
    return _check(reading, rows.LabelsMeet(values.Length(values.Bounds(length, length))))


def regex(reading: Reading) -> RowCheck:
    return _check(reading, _pattern(reading, [_regex(reading.given("regex", str, "a regular expression"))]))


def not_regex(reading: Reading) -> RowCheck:
    patterns = [_regex(reading.given("regex", str, "a regular expression"))]
    return _check(reading, _pattern(reading, patterns, inside=False))


def regex_list(reading: Reading) -> RowCheck:
    patterns = [_regex(item) for item in reading.items("regex_list")]
    return _check(reading, _pattern(reading, patterns, every=_every(reading)))


def not_regex_list(reading: Reading) -> RowCheck:
    patterns = [_regex(item) for item in reading.items("regex_list")]
    return _check(reading, _pattern(reading, patterns, inside=False))


def like(reading: Reading) -> RowCheck:
    return _check(reading, _like(reading, [reading.given("like_pattern", str, "a pattern of SQL's LIKE")]))


def not_like(reading: Reading) -> RowCheck:
    patterns = [reading.given("like_pattern", str, "a pattern of SQL's LIKE")]
    return _check(reading, _like(reading, patterns, inside=False))


def like_list(reading: Reading) -> RowCheck:
    return _check(reading, _like(reading, reading.items("like_pattern_list"), every=_every(reading)))


def not_like_list(reading: Reading) -> RowCheck:
    return _check(reading, _like(reading, reading.items("like_pattern_list"), inside=False))


def _every(reading: Reading) -> bool:
    return reading.word("match_on", ("any", "all"), "any") == "all"


def _regex(given: object) -> str:
    try:
        return re.compile(str(given)).pattern
    except re.error as error:
        raise ConfigError(f"{given!r:.200} is no regular expression: {error}") from None


def _pattern(reading: Reading, patterns: Sequence[str], *, every: bool = False, inside: bool = True) -> rows.RowTest:
    _text(reading)
    return rows.LabelsMeet(values.Matches(tuple(patterns), every, inside))


def _like(reading: Reading, patterns: Sequence[str], *, every: bool = False, inside: bool = True) -> rows.RowTest:
    _text(reading)
    escape = reading.expectation.kwargs.get("escape")
    translated = tuple(values.like(str(pattern), escape) for pattern in patterns)
    return rows.LabelsMeet(values.Matches(translated, every, inside, whole=True))


def strftime(reading: Reading) -> RowCheck:
    _text(reading)
    wanted = reading.given("strftime_format", str, "a format of strftime")
    try:
        datetime.strptime(datetime(2000, 1, 1).strftime(wanted), wanted)  # noqa: DTZ001, DTZ007 - only the format
    except ValueError as error:
        raise ConfigError(f"{wanted!r} is no format of strftime that can be read back: {error}") from None
    return _check(reading, rows.LabelsMeet(values.IsTime(wanted)))


def is_json(reading: Reading) -> RowCheck:
    _text(reading)
    return _check(reading, rows.LabelsMeet(values.IsJson()))


def _text(reading: Reading) -> None:
    """Raises LeftToLibraryError where the feature's values are no text: the library has its own way to write them."""
    if reading.feature.type.is_numeric:
        raise LeftToLibraryError


def of_type(reading: Reading) -> RowCheck:
    return _check(reading, test_of_type(reading.feature, [reading.given("type_", str, "the name of a type")]))


def in_type_list(reading: Reading) -> RowCheck:
    return _check(reading, test_of_type(reading.feature, [str(item) for item in reading.items("type_list")]))


def column_type(reading: Reading) -> RowCheck:
    """Of the whole column: no value may be of another type."""
    test = test_of_type(reading.feature, [reading.given("type_", str, "the name of a type")])
    return _check(reading, test, Mostly())


def a_greater_than_b(reading: Reading) -> RowCheck:
    return _together(reading, reading.pair, rows.FirstIsGreater(*_ignored(reading, _PAIR), reading.flag("or_equal")))


def pair_equal(reading: Reading) -> RowCheck:
    return _together(reading, reading.pair, rows.BothAreEqual(*_ignored(reading, _PAIR)))


def sum_equals(reading: Reading) -> RowCheck:
    features = reading.several
    if any(not feature.type.is_numeric for feature in features):
        raise NotCheckableError("features that are not numbers cannot be added")
    total = plain_number(reading.expectation.kwargs.get("sum_total"))
    return _together(reading, features, rows.SumEquals(*_ignored(reading, _SEVERAL), total))


def all_equal(reading: Reading) -> RowCheck:
    return _together(reading, reading.several, rows.AllAreEqual(*_ignored(reading, _SEVERAL)))


def all_differ(reading: Reading) -> RowCheck:
    return _together(reading, reading.several, rows.AllDiffer(*_ignored(reading, _SEVERAL)))


def _ignored(reading: Reading, words: Sequence[str]) -> tuple[bool, bool]:
    """Which instances are left out: where any cell is missing (else where all are), and whether at all."""
    word = reading.word("ignore_row_if", words, words[0])
    return word == words[1], word != words[2]


def _together(reading: Reading, features: tuple[Feature, ...], test: rows.RowTest) -> RowCheck:
    kinds = {_comparable_as(feature) for feature in features}
    if len(kinds) > 1:
        raise NotCheckableError(f"in this model they are {' and '.join(sorted(kinds))}, which do not compare")
    return RowCheck(reading.expectation, features, reading.side(features), test, Mostly(reading.mostly))


def _comparable_as(feature: Feature) -> str:
    if feature.type is FeatureType.TIMESTAMP:
        return "times"
    return "numbers" if feature.type.is_numeric else "labels"


ROWS: Mapping[str, RowCompiler] = {
    "expect_column_distinct_values_to_be_in_set": distinct_in_set,
    "expect_column_pair_values_a_to_be_greater_than_b": a_greater_than_b,
    "expect_column_pair_values_to_be_equal": pair_equal,
    "expect_column_proportion_of_non_null_values_to_be_between": non_null_share,
    "expect_column_type_to_be": column_type,
    "expect_column_value_lengths_to_be_between": lengths_between,
    "expect_column_value_lengths_to_equal": lengths_equal,
    "expect_column_values_to_be_between": between,
    "expect_column_values_to_be_in_set": in_set,
    "expect_column_values_to_be_in_type_list": in_type_list,
    "expect_column_values_to_be_json_parseable": is_json,
    "expect_column_values_to_be_null": null,
    "expect_column_values_to_be_of_type": of_type,
    "expect_column_values_to_match_like_pattern": like,
    "expect_column_values_to_match_like_pattern_list": like_list,
    "expect_column_values_to_match_regex": regex,
    "expect_column_values_to_match_regex_list": regex_list,
    "expect_column_values_to_match_strftime_format": strftime,
    "expect_column_values_to_not_be_in_set": not_in_set,
    "expect_column_values_to_not_be_null": not_null,
    "expect_column_values_to_not_match_like_pattern": not_like,
    "expect_column_values_to_not_match_like_pattern_list": not_like_list,
    "expect_column_values_to_not_match_regex": not_regex,
    "expect_column_values_to_not_match_regex_list": not_regex_list,
    "expect_multicolumn_sum_to_equal": sum_equals,
    "expect_multicolumn_values_to_be_equal": all_equal,
    "expect_multicolumn_values_to_be_unique": all_differ,
    "expect_select_column_values_to_be_unique_within_record": all_differ,
}
