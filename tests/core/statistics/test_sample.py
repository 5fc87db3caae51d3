"""A sample holds the usable values, and counts what it leaves out by reason."""

from __future__ import annotations

import numpy as np
import pytest

from hopsmon.core.batch import CategoryColumn, NumericColumn
from hopsmon.core.statistics.sample import CategorySample, NumericSample, sample_of
from tests.core.statistics.values import numeric_column


def numeric(column: NumericColumn) -> NumericSample:
    sample = sample_of(column)
    assert isinstance(sample, NumericSample)
    return sample


def labels(column: CategoryColumn) -> CategorySample:
    sample = sample_of(column)
    assert isinstance(sample, CategorySample)
    return sample


def test_each_value_left_out_is_counted_once_by_its_reason() -> None:
    sample = numeric(
        numeric_column([2.0, "null", "invalid", "invalid", float("nan"), float("inf"), float("-inf"), 1.0])
    )
    assert sample.sorted.tolist() == [1.0, 2.0]
    assert (sample.rows, sample.nulls, sample.invalid, sample.nonfinite) == (8, 1, 2, 3)


def test_a_value_both_null_and_invalid_is_null() -> None:
    both = np.array([True, False])
    sample = numeric(NumericColumn(np.array([np.nan, 1.0]), null=both, invalid=both))
    assert (sample.nulls, sample.invalid, sample.nonfinite) == (1, 0, 0)


def test_a_column_of_a_matrix_gives_contiguous_sorted_values() -> None:
    matrix = np.array([[3.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    sample = numeric(NumericColumn(matrix[:, 0]))
    assert sample.sorted.tolist() == [1.0, 2.0, 3.0]
    assert sample.sorted.flags.c_contiguous
    assert matrix[:, 0].tolist() == [3.0, 1.0, 2.0]


def test_negative_zero_becomes_zero() -> None:
    assert not np.signbit(numeric(NumericColumn(np.array([-0.0]))).sorted).any()


@pytest.mark.parametrize("values", [[], [float("nan")], ["null", "null"]])
def test_without_usable_values_there_are_none(values: list[float | str]) -> None:
    sample = numeric(numeric_column(values))
    assert len(sample.sorted) == 0
    assert sample.rows == len(values)


def test_unsorted_values_are_sorted_on_demand() -> None:
    values = np.array([2.0, 1.0])
    assert NumericSample(values, 2).sorted.tolist() == [1.0, 2.0]
    assert values.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("unused", [0, 1000])
def test_labels_that_occur_are_counted(unused: int) -> None:
    column = CategoryColumn(np.array([1, 0, 1, -1, -2, -1], np.int32), ("a", "b", *map(str, range(unused))))
    sample = labels(column)
    assert dict(zip(sample.labels, sample.counts.tolist(), strict=True)) == {"a": 1, "b": 2}
    assert (sample.rows, sample.nulls, sample.invalid) == (6, 2, 1)


def test_two_codes_of_one_label_count_together() -> None:
    sample = labels(CategoryColumn(np.array([0, 1, 2], np.int32), ("3", "4", "3")))
    assert dict(zip(sample.labels, sample.counts.tolist(), strict=True)) == {"3": 2, "4": 1}


def test_an_empty_column_of_labels_has_no_labels() -> None:
    sample = labels(CategoryColumn(np.array([], np.int32), ("a",)))
    assert (sample.labels, sample.rows) == ((), 0)
