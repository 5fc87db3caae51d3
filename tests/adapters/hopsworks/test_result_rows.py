"""What a micro-batch makes of stored rows: the same in the end, however often and in whatever parts it is written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.adapters.hopsworks.result_rows import Where, Writer, changes, needed
from hopsmon.adapters.hopsworks.result_schema import WRITTEN_BY, schema_of
from hopsmon.streaming.rewrites import keys_of
from hopsmon.streaming.tables import OUTLIERS, STATES, WINDOWS, TableSpec
from tests.support.result_rows import DAY, START, Row, late_only, outlier, state, window


class Table:
    """A table that does what `changes` says, and may be cut off before a commit is told of."""

    def __init__(self, spec: TableSpec) -> None:
        self.spec = spec
        self.rows = schema_of(spec).empty_table()
        self.commits = 0

    def write(self, rows: list[Row], batch: int, app: str = "app") -> pa.Table:
        done = changes(self.spec, self.rows, self.spec.table(rows), Writer(app, batch))
        fresh = set(keys_of(self.spec, done.written))
        there = set(keys_of(self.spec, self.rows))
        # Rows of the same micro-batch that are there came by an append of its number, which Delta takes once.
        same = {row[WRITTEN_BY] for row in self.rows.to_pylist()} & {str(Writer(app, batch))}
        begun = same & {row[WRITTEN_BY] for row in done.rows.to_pylist()} and set(keys_of(self.spec, done.rows)) - fresh
        assert done.replacing == bool(fresh and (fresh & there or begun))
        kept = [key not in fresh for key in keys_of(self.spec, self.rows)]
        self.rows = pa.concat_tables([self.rows.filter(pa.array(kept, pa.bool_())), done.written])
        self.commits += bool(done.written.num_rows)
        return done.rows

    def by_key(self) -> dict[tuple[Any, ...], Row]:
        return dict(zip(keys_of(self.spec, self.rows), self.rows.to_pylist(), strict=True))


def days(table: Table) -> dict[int, tuple[int, int, int, str]]:
    return {
        (row["window_start"] - START).days: (row["requests"], row["late"], row["revision"], row["status"])
        for row in table.rows.to_pylist()
    }


batches = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=4), min_size=1, max_size=4
)


@given(batches, st.sets(st.integers(0, 2)), st.data())
def test_no_late_row_is_lost_or_counted_twice(
    late: list[list[tuple[int, int]]], closed: set[int], data: st.DataObject
) -> None:
    table = Table(WINDOWS)
    table.write([window(9), *(window(day) for day in closed)], 0)
    for number, batch in enumerate(late, 1):
        for _ in range(data.draw(st.integers(1, 3))):  # killed before Spark knew, and done again
            table.write([late_only(day, count) for day, count in batch], number)
    expected: dict[int, int] = {}
    for day, count in (one for batch in late for one in batch):
        expected[day] = expected.get(day, 0) + count
    found = days(table)
    assert {day: count for day, (_, count, _, _) in found.items() if day != 9 and count} == expected
    assert all(found[day][3] == ("ok" if day in closed else "partial") for day in expected)
    assert table.commits == 1 + len(late)


@pytest.mark.parametrize("spec", [WINDOWS, OUTLIERS, STATES], ids=lambda spec: spec.name)
def test_what_was_written_is_not_written_again_but_told_in_full(spec: TableSpec) -> None:
    rows = {WINDOWS: [window(1), late_only(1, 2)], OUTLIERS: [outlier(1), outlier(2)], STATES: [state(1, 0, b"x")]}[
        spec
    ]
    table = Table(spec)
    first = table.write(rows, 4)
    assert table.write(rows, 4).equals(first)
    assert table.commits == 1


def test_each_row_says_which_micro_batch_wrote_it_last() -> None:
    table = Table(WINDOWS)
    table.write([window(1), window(2)], 0, "query:1")
    table.write([late_only(1, 1)], 1, "query:1")
    assert sorted(row[WRITTEN_BY] for row in table.rows.to_pylist()) == ["query:1:0", "query:1:1"]


@pytest.mark.parametrize("spec", [WINDOWS, OUTLIERS, STATES], ids=lambda spec: spec.name)
def test_a_driver_taken_for_dead_changes_nothing(spec: TableSpec) -> None:
    newer = {WINDOWS: window(1, 7), OUTLIERS: outlier(1, 7.0), STATES: state(2, 0, b"new")}[spec]
    older = {WINDOWS: late_only(1, 5), OUTLIERS: outlier(1, 1.0), STATES: state(1, 0, b"old")}[spec]
    table = Table(spec)
    table.write([newer], 8)
    before = table.rows
    assert table.write([older], 7).num_rows == 0
    assert table.rows.equals(before)
    table.write([older], 7, "another checkpoint")  # has numbers of its own
    assert not table.rows.equals(before)


def test_a_row_of_before_hopsmon_knew_who_wrote_is_replaced() -> None:
    table = Table(OUTLIERS)
    table.rows = pa.Table.from_pylist([outlier(1)], schema_of(OUTLIERS))
    table.write([outlier(1, 2.0)], 0)
    assert [row["score"] for row in table.rows.to_pylist()] == [2.0]


def test_a_message_keeps_its_time() -> None:
    """The feature store replaces a row only where the event time is the same too."""
    table = Table(OUTLIERS)
    table.write([outlier(1)], 0)
    table.write([{**outlier(1, 2.0), "event_time": START + 9 * DAY}], 0, "new")
    (row,) = table.by_key().values()
    assert (row["score"], row["event_time"]) == (2.0, outlier(1)["event_time"])


def test_only_what_may_have_the_same_key_is_read() -> None:
    columns, where = needed(WINDOWS, WINDOWS.table([window(4), window(2, monitor="b")]))
    assert (set(columns), where) == (
        set(schema_of(WINDOWS).names),
        Where(("b", "m"), "window_start", START + 2 * DAY, START + 4 * DAY),
    )
    columns, where = needed(OUTLIERS, OUTLIERS.table([outlier(7), outlier(3)]))
    assert (set(columns), where) == ({*OUTLIERS.key, "event_time", WRITTEN_BY}, Where(("m",), "offset", 3, 7))
    columns, where = needed(STATES, STATES.table([state(1, 0, b"x")]))
    assert (set(columns), where) == ({*STATES.key, "window_end", WRITTEN_BY}, Where(("m",)))


def test_a_replay_with_more_rows_is_merged_as_delta_takes_a_micro_batchs_append_once() -> None:
    writer, empty = Writer("app", 3), schema_of(WINDOWS).empty_table()
    first = changes(WINDOWS, empty, WINDOWS.table([window(0)]), writer)
    again = changes(WINDOWS, first.rows, WINDOWS.table([window(0), window(1)]), writer)
    assert (first.replacing, again.replacing) == (False, True)
    assert [row["window_start"] for row in again.written.to_pylist()] == [START + timedelta(days=1)]
