"""Aggregate compilers: expectations on a window's statistics, from their arguments to a test. The table ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from hopsmon.core.expectations import aggregates
from hopsmon.core.expectations.checks import StatisticCheck
from hopsmon.core.expectations.reading import (
    LeftToLibraryError,
    Reading,
    kept_labels_of,
    number_for,
    plain_number,
)
from hopsmon.core.expectations.values import Bounds
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.summary import Summary
from hopsmon.errors import ConfigError

AggregateCompiler: TypeAlias = Callable[[Reading], StatisticCheck]
_Number: TypeAlias = Callable[[FeatureSummary, Summary], aggregates.Number]


def _number(number: _Number) -> AggregateCompiler:
    """On a number in the feature's own unit."""

    def compiled(reading: Reading) -> StatisticCheck:
        feature = reading.feature
        if not feature.type.is_numeric:
            raise LeftToLibraryError
        shown = FeatureType.TIMESTAMP if feature.type is FeatureType.TIMESTAMP else FeatureType.NUMERIC
        test = aggregates.NumberBetween(number, reading.bounds(number_for(feature), any_will_do=True), shown)
        return StatisticCheck(reading.expectation, (feature,), test)

    return compiled


def _count(number: _Number) -> AggregateCompiler:
    """On a number without a unit, of a feature of any type."""

    def compiled(reading: Reading) -> StatisticCheck:
        test = aggregates.NumberBetween(number, reading.bounds(plain_number, any_will_do=True))
        return StatisticCheck(reading.expectation, (reading.feature,), test)

    return compiled


def _spread(reading: Reading) -> StatisticCheck:
    feature = reading.feature
    if not feature.type.is_numeric:
        raise LeftToLibraryError
    test = aggregates.NumberBetween(aggregates.std_dev, reading.bounds(plain_number, any_will_do=True))
    return StatisticCheck(reading.expectation, (feature,), test)


def _rows_between(reading: Reading) -> StatisticCheck:
    test = aggregates.NumberBetween(
        aggregates.row_count, reading.bounds(plain_number, any_will_do=True), FeatureType.INTEGER
    )
    return StatisticCheck(reading.expectation, (), test)


def _rows_equal(reading: Reading) -> StatisticCheck:
    count = plain_number(reading.expectation.kwargs.get("value"))
    test = aggregates.NumberBetween(aggregates.row_count, Bounds(count, count), FeatureType.INTEGER)
    return StatisticCheck(reading.expectation, (), test)


def _quantiles(reading: Reading) -> StatisticCheck:
    feature = reading.feature
    if not feature.type.is_numeric:
        raise LeftToLibraryError
    wanted = reading.given("quantile_ranges", Mapping, "{quantiles: […], value_ranges: [[…, …], …]}")
    shares, ranges = wanted.get("quantiles"), wanted.get("value_ranges")
    if not isinstance(shares, list) or not isinstance(ranges, list) or len(shares) != len(ranges) or not shares:
        raise ConfigError(f"quantile_ranges must have as many value_ranges as quantiles, got {wanted!r:.200}")
    if not all(0 <= plain_number(share) <= 1 for share in shares):
        raise ConfigError(f"quantiles must be numbers from 0 to 1, got {shares!r:.200}")
    word = reading.expectation.kwargs.get("allow_relative_error") or "nearest"
    if word not in aggregates.INTERPOLATIONS:
        allowed = ", ".join(aggregates.INTERPOLATIONS)
        raise ConfigError(f"allow_relative_error must be false or one of {allowed}; got {word!r}")
    shown = FeatureType.TIMESTAMP if feature.type is FeatureType.TIMESTAMP else FeatureType.NUMERIC
    bounds = tuple(_range(reading, pair) for pair in ranges)
    test = aggregates.QuantilesBetween(tuple(map(float, shares)), bounds, word, shown)
    return StatisticCheck(reading.expectation, (feature,), test)


def _range(reading: Reading, pair: object) -> Bounds[float]:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ConfigError(f"each of value_ranges must be [smallest, largest], got {pair!r:.200}")
    low, high = (None if value is None else number_for(reading.feature)(value) for value in pair)
    return Bounds(low, high)


def _most_common(reading: Reading) -> StatisticCheck:
    feature, labels = reading.feature, kept_labels_of(reading.items("value_set"))
    if feature.type.is_numeric:
        raise LeftToLibraryError
    test = aggregates.MostCommonIn(labels, reading.flag("ties_okay"))
    return StatisticCheck(reading.expectation, (feature,), test)


def _labels(*, exactly: bool) -> AggregateCompiler:
    """On which labels occur."""

    def compiled(reading: Reading) -> StatisticCheck:
        feature, labels = reading.feature, kept_labels_of(reading.items("value_set"))
        if feature.type.is_numeric:
            raise LeftToLibraryError
        return StatisticCheck(reading.expectation, (feature,), aggregates.LabelsContain(labels, exactly))

    return compiled


AGGREGATES: Mapping[str, AggregateCompiler] = {
    "expect_column_distinct_values_to_contain_set": _labels(exactly=False),
    "expect_column_distinct_values_to_equal_set": _labels(exactly=True),
    "expect_column_max_to_be_between": _number(aggregates.largest),
    "expect_column_mean_to_be_between": _number(aggregates.mean),
    "expect_column_median_to_be_between": _number(aggregates.median),
    "expect_column_min_to_be_between": _number(aggregates.smallest),
    "expect_column_most_common_value_to_be_in_set": _most_common,
    "expect_column_proportion_of_unique_values_to_be_between": _count(aggregates.distinct_share),
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_stdev_to_be_between": _spread,
    "expect_column_sum_to_be_between": _number(aggregates.total),
    "expect_column_unique_value_count_to_be_between": _count(aggregates.distinct_count),
    "expect_table_row_count_to_be_between": _rows_between,
    "expect_table_row_count_to_equal": _rows_equal,
}
