"""Labels of the reference are exact, others are bounded, and no value is ever lost from the total."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.batch import CategoryColumn, NumericColumn
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import CAPACITY, MAX_LABEL, Categories, label_key
from hopsmon.core.statistics.sample import sample_of


def of(labels: list[str], reference: Categories | None = None) -> Categories:
    names = tuple(dict.fromkeys(labels))
    column = CategoryColumn(np.array([names.index(label) for label in labels], np.int32), names)
    known = None if reference is None else FeatureSummary({"categories": reference})
    categories = Categories.of(sample_of(column), known)
    assert categories is not None
    return categories


def many(first: int, count: int) -> Categories:
    column = CategoryColumn(np.arange(count, dtype=np.int32), tuple(f"id-{first + i}" for i in range(count)))
    categories = Categories.of(sample_of(column), FeatureSummary({"categories": Categories({"known": 1})}))
    assert categories is not None
    return categories


def test_labels_are_counted() -> None:
    assert of(["a", "b", "a"]).counts == {"a": 2, "b": 1}


def test_without_a_reference_nothing_is_unseen() -> None:
    assert of(["a", "b"]).unseen == 0


def test_labels_that_the_reference_lacks_are_unseen() -> None:
    categories = of(["a", "b", "c", "c"], Categories({"a": 10, "b": 5}))
    assert (categories.unseen, categories.pinned, categories.total) == (2, frozenset("ab"), 4)


def test_numbers_have_no_categories() -> None:
    assert Categories.of(sample_of(NumericColumn(np.array([1.0])))) is None


def test_beyond_the_capacity_the_most_frequent_stay_and_the_total_is_exact() -> None:
    total = many(0, CAPACITY) + many(0, 10) + many(CAPACITY, 300)
    assert len(total.counts) == CAPACITY
    assert (total.untracked, total.total, total.unseen) == (300, CAPACITY + 310, CAPACITY + 310)
    assert {label for label, count in total.counts.items() if count == 2} == {f"id-{i}" for i in range(10)}


def test_labels_of_the_reference_are_never_dropped() -> None:
    reference = Categories({"known": 1})
    total = many(0, CAPACITY) + of(["known"], reference) + many(CAPACITY, CAPACITY) + of(["known"], reference)
    assert total.counts["known"] == 2
    assert total.unseen == 2 * CAPACITY
    assert total.untracked == CAPACITY


def test_up_to_the_capacity_any_order_of_merges_gives_the_same() -> None:
    parts = [many(0, 500), many(250, 500), many(700, CAPACITY - 700), of(["known"], Categories({"known": 1}))]
    totals = [sum(order, Categories()) for order in itertools.permutations(parts)]
    assert len(totals[0].counts) == CAPACITY + 1
    assert all(total == totals[0] and total.untracked == 0 for total in totals)


@given(st.lists(st.text(max_size=3), max_size=40), st.lists(st.text(max_size=3), max_size=40))
def test_any_text_is_a_label(some: list[str], more: list[str]) -> None:
    both = of(some) + of(more)
    assert both == of(some + more)
    assert Categories.from_bytes(both.to_bytes()) == both


def test_long_labels_are_shortened_but_stay_apart() -> None:
    long, other = "x" * 10_000, "x" * 9_999 + "y"
    categories = of([long, other, long])
    assert categories.counts == {label_key(long): 2, label_key(other): 1}
    assert max(map(len, categories.counts)) == MAX_LABEL


@pytest.mark.parametrize("label", ["", "x" * MAX_LABEL])
def test_labels_of_usual_length_stay_as_they_are(label: str) -> None:
    assert label_key(label) == label
