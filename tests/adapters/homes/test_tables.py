"""One suite for every result store: same calls, same rows."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from hopsmon.errors import UnknownNameError
from hopsmon.streaming.ports import ResultStore, ResultTables
from hopsmon.streaming.tables import ALERTS, OUTLIERS, REJECTS, STATES, STATISTICS, TABLES, WINDOWS
from tests.adapters.homes.conftest import Opener
from tests.support.result_rows import (
    DAY,
    START,
    counted,
    days,
    late_only,
    outlier,
    put_outliers,
    put_states,
    put_windows,
    scores,
    state,
    states,
    statistic,
    window,
)

SECOND = dt.timedelta(seconds=1)


def full_row(name: str) -> dict[str, Any]:
    """A row with something in each column of the key."""
    spec = TABLES[name]
    row: dict[str, Any] = {"monitor": "m", spec.event_time: START}
    if spec is WINDOWS:
        row |= {"revision": 0, "late": 0}
    for key in spec.key:
        kind = spec.schema.field(key).type
        row.setdefault(key, "x" if pa.types.is_string(kind) else 1 if pa.types.is_integer(kind) else START)
    return row


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_empty_with_its_schema_before_and_typed_after_a_write(store: ResultTables, name: str) -> None:
    spec, row = TABLES[name], full_row(name)
    assert isinstance(store, ResultStore)
    assert store.read(name).schema.equals(spec.schema, check_metadata=True)
    assert store.read(name).num_rows == 0

    store.write({name: spec.table([row])}, "app", 0)

    assert store.read(name, "m").schema.equals(spec.schema, check_metadata=True)
    assert store.read(name, "m").to_pylist() == spec.table([row]).to_pylist()
    assert store.read(name, "other").num_rows == 0


def test_all_tables_in_one_write_and_again(any_store: ResultTables) -> None:
    """And with every kind of value: what is written is read, to the microsecond and the byte."""
    odd = START + dt.timedelta(microseconds=1)
    rows = {name: full_row(name) for name in TABLES}
    rows[WINDOWS.name] |= {"first_event": odd, "instances": 2**60 + 1, "outliers": None}
    rows[STATISTICS.name] |= {"mean": 0.1 + 0.2, "count": 3, "summary": b"\x00\xff", "histogram": '{"ä": "\'"}'}
    rows[OUTLIERS.name] |= {"event_time": odd, "values": None}
    rows[REJECTS.name] |= {"payload": b"\xff", "message": "it's"}
    tables = {name: TABLES[name].table([row]) for name, row in rows.items()}

    any_store.write(tables, "app", 0)
    any_store.write(tables, "app", 0)

    for name, table in tables.items():
        assert any_store.read(name).to_pylist() == table.to_pylist(), name
    assert {name: size.rows for name, size in any_store.tables().items()} == dict.fromkeys(TABLES, 1)


def test_a_series_of_micro_batches(any_store: ResultTables) -> None:
    """Closed windows, late rows, a new reading of the log, a batch done again in another mode."""
    put_windows(any_store, [window(1), window(2, late=1)], 0)
    put_windows(any_store, [late_only(1, 3), late_only(2, 4), window(3)], 1)
    expected = {1: (5, 3, 1, "ok"), 2: (5, 5, 1, "ok"), 3: (5, 0, 0, "ok")}
    assert days(any_store) == expected
    put_windows(any_store, [late_only(1, 3), late_only(2, 4), window(3), window(4)], 1)
    assert days(any_store) == {**expected, 4: (5, 0, 0, "ok")}
    put_windows(any_store, [window(1, requests=9)], 0, app="after a reset")
    assert days(any_store) == {**expected, 1: (9, 0, 0, "ok"), 4: (5, 0, 0, "ok")}


def test_states_are_replaced_slot_by_slot(any_store: ResultTables) -> None:
    put_states(any_store, [state(1, 0, b"one")], 0)
    put_states(any_store, [state(2, 1, b"two")], 1)
    put_states(any_store, [state(400, 0, b"three")], 2)
    assert states(any_store) == {("cusum", 0): b"three", ("cusum", 1): b"two"}


def test_rows_of_a_span_and_of_a_monitor(any_store: ResultTables) -> None:
    monitors = ("m", "it's")
    put_outliers(any_store, [outlier(offset, monitor=name) for offset in range(4) for name in monitors], 0)
    some = any_store.read(OUTLIERS.name, "it's", ["offset"], (START + SECOND, START + 2 * SECOND))
    assert some.to_pylist() == [{"offset": 1}, {"offset": 2}]
    assert any_store.read(OUTLIERS.name, "m").num_rows == 4
    assert any_store.delete(OUTLIERS.name, "it's", (START, START + 2 * SECOND)) == 3
    assert any_store.delete(OUTLIERS.name, "it's", (START, START + 2 * SECOND)) == 0
    assert [len(scores(any_store, name)) for name in monitors] == [4, 1]


def test_small_files_are_merged_and_old_ones_deleted(any_store: ResultTables) -> None:
    for batch in range(3):
        put_outliers(any_store, [outlier(batch)], batch)
    rows, version = any_store.read(OUTLIERS.name), any_store.tables()[OUTLIERS.name].version

    assert any_store.optimize() == {OUTLIERS.name: {"files_removed": 3, "files_added": 1}}
    assert any_store.vacuum() == {OUTLIERS.name: {"files_deleted": 0}}
    assert any_store.vacuum(retention_hours=0, dry_run=True) == {OUTLIERS.name: {"files_to_delete": 3}}
    assert any_store.vacuum(retention_hours=0) == {OUTLIERS.name: {"files_deleted": 3}}

    size = any_store.tables()[OUTLIERS.name]
    assert (size.rows, size.files) == (3, 1)
    assert size.bytes > 0
    assert size.version > version
    assert any_store.read(OUTLIERS.name) == rows


def test_reading_creates_nothing(store: ResultTables) -> None:
    assert store.read("hopsmon_drift", "m").num_rows == 0
    assert store.delete("hopsmon_drift", None, (START, START + DAY)) == 0
    assert store.optimize() == store.vacuum() == {}
    assert store.tables() == {}


def test_tables_without_rows_are_not_written(store: ResultTables) -> None:
    store.write({WINDOWS.name: WINDOWS.table([window(1)]), OUTLIERS.name: OUTLIERS.table([])}, "app", 0)
    store.write({}, "app", 1)
    assert list(store.tables()) == [WINDOWS.name]


def test_a_replayed_batch_changes_nothing_nor_does_an_older_one(any_store: ResultTables) -> None:
    """Older: by a driver that was taken for dead."""
    first, second = (
        {WINDOWS.name: WINDOWS.table([window(day)]), OUTLIERS.name: OUTLIERS.table([outlier(day)])} for day in (1, 2)
    )
    changed = {WINDOWS.name: WINDOWS.table([window(1, 9)]), OUTLIERS.name: OUTLIERS.table([outlier(1, 9.0)])}
    any_store.write(first, "app", 4)
    before = {name: any_store.read(name) for name in first}

    any_store.write(first, "app", 4)
    any_store.write(changed, "app", 3)

    assert {name: any_store.read(name) for name in first} == before
    any_store.write(second, "app", 5)
    assert [any_store.read(name).num_rows for name in first] == [2, 2]


def test_a_second_row_of_a_key_replaces_the_first(store: ResultTables) -> None:
    put_windows(store, [window(1, requests=1), window(2, requests=2)], 0)
    put_windows(store, [window(2, requests=7), window(3, requests=3)], 1)
    assert days(store) == {1: (1, 0, 0, "ok"), 2: (7, 0, 0, "ok"), 3: (3, 0, 0, "ok")}


def test_late_rows_are_added_to_their_window_and_raise_its_revision(store: ResultTables) -> None:
    put_windows(store, [window(1), window(2, late=1)], 0)
    put_windows(store, [late_only(1, 3), late_only(2, 4)], 1)
    put_windows(store, [late_only(1, 2)], 2)
    assert days(store) == {1: (5, 5, 2, "ok"), 2: (5, 5, 1, "ok")}


def test_late_rows_without_a_window_are_a_partial_one(store: ResultTables) -> None:
    put_windows(store, [late_only(1, 3)], 0)
    put_windows(store, [late_only(1, 1)], 1)
    assert days(store) == {1: (0, 4, 1, "partial")}


def test_late_rows_in_the_batch_that_closes_their_window(store: ResultTables) -> None:
    put_windows(store, [late_only(1, 3), window(1, late=1)], 0)
    assert days(store) == {1: (5, 4, 1, "ok")}


def test_rejects_of_a_closed_window_are_added_to_it(store: ResultTables) -> None:
    put_windows(store, [window(1)], batch=0)
    put_windows(store, [{**late_only(1, 2), "rejected": 4}], batch=1)
    (row,) = store.read(WINDOWS.name).to_pylist()
    assert (row["rejected"], row["late"], row["revision"]) == (4, 2, 1)


def test_late_outliers_in_one_batch_with_their_window_are_added(store: ResultTables) -> None:
    late = {**late_only(1, 1), "outliers": 2, "outliers_left_out": 1}
    put_windows(store, [late, {**window(1), "outliers": 3, "outliers_left_out": 0}, late_only(1, 1)], 0)
    assert counted(store)[1] == (None, None, 2)  # one of the three did not say: then the sum is not known
    late = {**late_only(2, 1), "outliers": 2, "outliers_left_out": 1}
    put_windows(store, [{**window(2), "outliers": 3, "outliers_left_out": 0}, late], 1)
    assert counted(store)[2] == (5, 1, 1)


def test_a_replay_that_closes_more_adds_what_is_new_and_doubles_nothing(any_store: ResultTables) -> None:
    """Killed after this table's commit, then started in another mode: the same micro-batch may close more windows."""
    put_windows(any_store, [window(1, late=2)], batch=0)
    put_windows(any_store, [window(1), late_only(0, 3)], batch=1)
    put_windows(any_store, [window(1), window(2), late_only(0, 3)], batch=1)
    assert days(any_store) == {0: (0, 3, 0, "partial"), 1: (5, 0, 0, "ok"), 2: (5, 0, 0, "ok")}


def test_a_replay_of_fewer_windows_puts_its_own_state(store: ResultTables) -> None:
    """At the log's end windows closed by the wall clock; the replay begins without it and closes fewer."""
    put_states(store, [state(1, 0, b"one")], 0)
    put_states(store, [state(4, 1, b"four")], 1)
    put_states(store, [state(2, 1, b"two")], 1)
    assert states(store) == {("cusum", 0): b"one", ("cusum", 1): b"two"}
    put_states(store, [state(1, 0, b"older"), state(1, 1, b"older")], 0)
    assert states(store)["cusum", 1] == b"two"


def test_a_reset_checkpoint_doubles_no_row(store: ResultTables) -> None:
    for batch in range(3):
        put_outliers(store, [outlier(2 * batch), outlier(2 * batch + 1)], batch, "old")
    put_outliers(store, [outlier(0, monitor="other")], 0, "unrelated")

    for batch in range(4):  # reads everything again, with other cuts and another threshold, and then goes on
        put_outliers(store, [outlier(3 * batch + i, score=2.0) for i in range(3)], batch, "new")

    assert scores(store, "m") == [(offset, 2.0) for offset in range(12)]
    assert scores(store, "other") == [(0, 1.0)]


def test_a_message_whose_time_is_read_differently_is_the_same_row(store: ResultTables) -> None:
    """As an offset that was never delivered: its time is when that was noticed, which is later in a second reading."""
    put_outliers(store, [outlier(1)], 0, "old")
    put_outliers(store, [{**outlier(1, score=2.0), "event_time": START + 9 * DAY}], 0, "new")
    assert scores(store) == [(1, 2.0)]


def test_a_monitor_that_joins_a_writer_later_does_not_double_its_old_rows(store: ResultTables) -> None:
    put_outliers(store, [outlier(1, monitor="a")], batch=0, app="old")
    put_outliers(store, [outlier(1, monitor="b")], batch=0, app="new")
    put_outliers(store, [outlier(1, monitor="a"), outlier(2, monitor="b")], batch=1, app="new")
    assert scores(store, "a") == [(1, 1.0)]
    assert sorted(scores(store, "b")) == [(1, 1.0), (2, 1.0)]


def test_monitors_with_strange_names(any_store: ResultTables) -> None:
    names = ("it's", 'a"b', "ä/ö %41", "x' OR '1'='1", "`m`", "m")
    for batch in range(2):
        put_windows(any_store, [window(1, requests=batch + number, monitor=n) for number, n in enumerate(names)], batch)
    for number, name in enumerate(names):
        assert days(any_store, name) == {1: (1 + number, 0, 0, "ok")}


def test_monitors_written_at_the_same_time_lose_nothing(opened: Opener) -> None:
    def run(monitor: str) -> None:
        store = opened().tables
        for batch in range(4):
            late = [late_only(batch - 1, 1, monitor=monitor)] if batch else []
            windows = WINDOWS.table([window(batch, monitor=monitor), *late])
            outliers = OUTLIERS.table([outlier(batch, monitor=monitor)])
            store.write({WINDOWS.name: windows, OUTLIERS.name: outliers}, monitor, batch)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, ("a", "b", "c")))

    store = opened().tables
    for monitor in ("a", "b", "c"):
        assert days(store, monitor) == {day: (5, day < 3, int(day < 3), "ok") for day in range(4)}
        assert len(scores(store, monitor)) == 4


def test_what_became_of_an_alert_is_written_by_another_hand(store: ResultTables) -> None:
    alert = {"monitor": "m", "alert_id": "a", "changed_at": START, "state": "firing", "channels": "waiting"}
    for channels, app, number in (("waiting", "app", 0), ("sent", "app:alerts", 1_700_000_000_000)):
        store.write({ALERTS.name: ALERTS.table([{**alert, "channels": channels}])}, app, number)
    assert store.read(ALERTS.name, columns=["channels"]).to_pylist() == [{"channels": "sent"}]


def test_only_the_columns_and_times_that_are_asked_for_are_read(store: ResultTables) -> None:
    store.write({STATISTICS.name: STATISTICS.table([statistic(day) for day in range(5)])}, "app", 0)
    found = store.read(STATISTICS.name, "m", ["window_start"], (START + 2 * DAY, START + 3 * DAY))
    assert found.to_pylist() == [{"window_start": START + day * DAY} for day in (1, 2)]  # those that end in that time
    assert store.read(STATISTICS.name, "other", ["window_start"]).num_rows == 0
    assert store.read(STATES.name, "m", ["slot"]).column_names == ["slot"]


def test_another_process_goes_on(opened: Opener) -> None:
    put_windows(opened().tables, [window(1)], 0)
    put_windows(opened().tables, [window(1)], 0)
    put_windows(opened().tables, [late_only(1, 2)], 1)
    assert days(opened().tables) == {1: (5, 2, 1, "ok")}


@pytest.mark.parametrize("call", ["read", "write", "delete"])
def test_an_unknown_table_is_named_with_the_nearest(store: ResultTables, call: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "read": ("hopsmon_drifts",),
        "write": ({"hopsmon_drifts": pa.table({"monitor": ["m"]})}, "app", 0),
        "delete": ("hopsmon_drifts", None, (START, START)),
    }
    with pytest.raises(UnknownNameError, match="Did you mean 'hopsmon_drift'"):
        getattr(store, call)(*arguments[call])
