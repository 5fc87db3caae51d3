"""The laws that every statistic in the table obeys, whatever the values and however they are split."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.batch import Column, NumericColumn
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.table import STATISTICS
from tests.core.statistics.values import columns_for, same, statistic_of, total

every_statistic = pytest.mark.parametrize("name", sorted(STATISTICS))


def scale_of(*columns: Column) -> float:
    values = np.concatenate([c.values for c in columns if isinstance(c, NumericColumn)] or [np.empty(0)])
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


@every_statistic
def test_is_a_statistic_under_its_own_name(name: str) -> None:
    kind = STATISTICS[name]
    assert kind.name == name
    assert isinstance(kind(), Statistic)


@every_statistic
@given(data=st.data())
def test_the_order_of_two_parts_makes_no_difference(name: str, data: st.DataObject) -> None:
    columns = [data.draw(columns_for(name)) for _ in range(2)]
    a, b = (statistic_of(name, column) for column in columns)
    assert same(a + b, b + a, scale_of(*columns))


@every_statistic
@given(data=st.data())
def test_the_grouping_of_three_parts_makes_no_difference(name: str, data: st.DataObject) -> None:
    columns = [data.draw(columns_for(name)) for _ in range(3)]
    a, b, c = (statistic_of(name, column) for column in columns)
    assert same((a + b) + c, a + (b + c), scale_of(*columns))


@every_statistic
@given(data=st.data())
def test_nothing_added_changes_nothing(name: str, data: st.DataObject) -> None:
    a = statistic_of(name, data.draw(columns_for(name)))
    empty = STATISTICS[name]()
    assert a + empty == a
    assert empty + a == a
    assert empty + empty == empty


@every_statistic
@given(data=st.data())
def test_bytes_and_pickles_give_the_same_value_back(name: str, data: st.DataObject) -> None:
    a, b = (statistic_of(name, data.draw(columns_for(name))) for _ in range(2))
    for value in (a, a + b, STATISTICS[name]()):
        stored = value.to_bytes()
        assert stored[0] == 1
        back = STATISTICS[name].from_bytes(stored)
        assert back == value
        assert back.to_bytes() == stored
        assert pickle.loads(pickle.dumps(value)) == value


@every_statistic
@given(data=st.data())
def test_values_read_from_bytes_add_as_before(name: str, data: st.DataObject) -> None:
    columns = [data.draw(columns_for(name)) for _ in range(2)]
    a, b = (statistic_of(name, column) for column in columns)
    kind = STATISTICS[name]
    again = kind.from_bytes(a.to_bytes()) + kind.from_bytes(b.to_bytes())
    assert same(a + b, again, scale_of(*columns))


@every_statistic
@given(data=st.data())
def test_the_whole_is_the_sum_of_its_parts(name: str, data: st.DataObject) -> None:
    whole = data.draw(columns_for(name))
    owner = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(whole), max_size=len(whole))), np.intp)
    parts = [statistic_of(name, whole.take(np.flatnonzero(owner == part))) for part in range(4)]
    assert same(statistic_of(name, whole), total(parts), scale_of(whole))


@every_statistic
@given(data=st.data())
def test_adding_changes_neither_part(name: str, data: st.DataObject) -> None:
    a, b = (statistic_of(name, data.draw(columns_for(name))) for _ in range(2))
    before = a.to_bytes(), b.to_bytes()
    total([a, b, a])
    assert (a.to_bytes(), b.to_bytes()) == before


@every_statistic
def test_summarising_leaves_the_column_alone(name: str) -> None:
    values = np.array([3.0, -0.0, np.nan, 1.0])
    column = NumericColumn(values)
    if name != "categories":
        statistic_of(name, column)
    assert np.array_equal(values, [3.0, -0.0, np.nan, 1.0], equal_nan=True)
    assert np.signbit(values[1])
