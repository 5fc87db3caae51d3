import datetime as dt
import shutil
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopsmon.adapters.local.store import LocalStore
from hopsmon.errors import OutsideError, UnknownNameError
from hopsmon.streaming.ports import ResultStore
from hopsmon.streaming.tables import ALERTS, OUTLIERS, REJECTS, STATES, STATISTICS, TABLES, WINDOWS

HERE = str(Path(__file__).parent)
DAY = dt.timedelta(days=1)
START = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)


def window(day, requests=5, late=0, revision=0, monitor="m", status="ok"):
    return {
        "monitor": monitor,
        "model_name": "model",
        "model_version": "1",
        "slice": "",
        "window_start": START + day * DAY,
        "window_end": START + (day + 1) * DAY,
        "requests": requests,
        "responses": 0,
        "instances": requests,
        "predictions": 0,
        "rejected": 0,
        "late": late,
        "closed_at": START,
        "status": status,
        "revision": revision,
    }


def late_only(day, late, monitor="m"):
    return window(day, requests=0, late=late, revision=-1, monitor=monitor, status="partial")


def outlier(offset, score=1.0, monitor="m", topic="t"):
    return {
        "monitor": monitor,
        "model_name": "model",
        "model_version": "1",
        "slice": "",
        "event_id": f"event-{offset}",
        "instance": 0,
        "technique": "range",
        "event_time": START + offset * dt.timedelta(seconds=1),
        "score": score,
        "topic": topic,
        "partition": 0,
        "offset": offset,
    }


def put_windows(store, rows, batch, app="app"):
    store.write({"hopsmon_windows": WINDOWS.table(rows)}, app, batch)


def put_outliers(store, rows, batch, app="app"):
    store.write({"hopsmon_outliers": OUTLIERS.table(rows)}, app, batch)


def days(store, monitor="m"):
    """(requests, late, revision, status) by day."""
    return {
        (row["window_start"] - START).days: (row["requests"], row["late"], row["revision"], row["status"])
        for row in store.read("hopsmon_windows", monitor).to_pylist()
    }


def scores(store, monitor=None):
    return [(row["offset"], row["score"]) for row in store.read("hopsmon_outliers", monitor).to_pylist()]


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_empty_with_its_schema_before_and_typed_after_a_write(store, name):
    spec = TABLES[name]
    row = {"monitor": "m", spec.event_time: START, **({"revision": 0, "late": 0} if spec is WINDOWS else {})}
    row |= {key: 1 if pa.types.is_integer(spec.schema.field(key).type) else START for key in spec.key if key not in row}
    row |= {key: "x" for key in spec.key if pa.types.is_string(spec.schema.field(key).type) and key != "monitor"}

    assert isinstance(store, ResultStore)
    assert store.read(name).schema.equals(spec.schema, check_metadata=True)
    assert store.read(name).num_rows == 0

    store.write({name: spec.table([row])}, "app", 0)

    assert store.read(name, "m").schema.equals(spec.schema, check_metadata=True)
    assert store.read(name, "m").to_pylist() == spec.table([row]).to_pylist()
    assert store.read(name, "other").num_rows == 0


def test_reading_creates_nothing(store):
    store.read("hopsmon_drift", "m")
    store.tables()

    assert not store.path.exists()


@pytest.mark.parametrize("table", ["hopsmon_windows", "hopsmon_outliers"])
def test_a_replayed_or_older_batch_changes_nothing(store, table):
    first, second = (
        {"hopsmon_windows": WINDOWS.table([window(day)]), "hopsmon_outliers": OUTLIERS.table([outlier(day)])}
        for day in (1, 2)
    )
    store.write(first, "app", 4)
    before = store.read(table)

    store.write(first, "app", 4)
    store.write(second, "app", 3)

    assert store.read(table).equals(before)
    store.write(second, "app", 5)
    assert store.read(table).num_rows == 2


def test_tables_without_rows_are_not_written(store):
    store.write({"hopsmon_windows": WINDOWS.table([window(1)]), "hopsmon_outliers": OUTLIERS.table([])}, "app", 0)

    assert list(store.tables()) == ["hopsmon_windows"]


def test_a_second_row_of_a_key_replaces_the_first(store):
    put_windows(store, [window(1, requests=1), window(2, requests=2)], 0)
    put_windows(store, [window(2, requests=7), window(3, requests=3)], 1)

    assert days(store) == {1: (1, 0, 0, "ok"), 2: (7, 0, 0, "ok"), 3: (3, 0, 0, "ok")}


def test_late_rows_are_added_to_their_window_and_raise_its_revision(store):
    put_windows(store, [window(1), window(2, late=1)], 0)
    put_windows(store, [late_only(1, 3), late_only(2, 4)], 1)
    put_windows(store, [late_only(1, 2)], 2)

    assert days(store) == {1: (5, 5, 2, "ok"), 2: (5, 5, 1, "ok")}


def test_late_rows_without_a_window_are_a_partial_one(store):
    put_windows(store, [late_only(1, 3)], 0)
    put_windows(store, [late_only(1, 1)], 1)

    assert days(store) == {1: (0, 4, 1, "partial")}


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=4), min_size=1, max_size=4),
    st.sets(st.integers(0, 2)),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_late_row_is_lost_however_they_come(tmp_path_factory, batches, closed):
    store = LocalStore(tmp_path_factory.mktemp("store"))
    put_windows(store, [window(9), *(window(day) for day in closed)], 0)

    for number, batch in enumerate(batches, 1):
        put_windows(store, [late_only(day, late) for day, late in batch], number)

    expected: dict[int, int] = {}
    for batch in batches:
        for day, late in batch:
            expected[day] = expected.get(day, 0) + late
    assert {day: late for day, (_, late, _, _) in days(store).items() if day != 9 and late} == expected
    assert all(days(store)[day][3] == ("ok" if day in closed else "partial") for day in expected)


def test_late_rows_in_the_batch_that_closes_their_window(store):
    put_windows(store, [late_only(1, 3), window(1, late=1)], 0)

    assert days(store) == {1: (5, 4, 1, "ok")}


def test_a_reset_checkpoint_doubles_no_row(store):
    for batch in range(3):
        put_outliers(store, [outlier(2 * batch), outlier(2 * batch + 1)], batch, "old")
    put_outliers(store, [outlier(0, monitor="other")], 0, "unrelated")

    for batch in range(4):  # reads everything again, with other cuts and another threshold, and then goes on
        put_outliers(store, [outlier(3 * batch + i, score=2.0) for i in range(3)], batch, "new")

    assert scores(store, "m") == [(offset, 2.0) for offset in range(12)]
    assert scores(store, "other") == [(0, 1.0)]


def test_a_new_monitors_rows_are_only_appended(store):
    put_outliers(store, [outlier(0)], 0, "one")
    put_outliers(store, [outlier(0, monitor="n")], 0, "two")
    put_outliers(store, [outlier(1, monitor="n")], 1, "two")

    assert store.tables()["hopsmon_outliers"].files == 3
    assert len(scores(store)) == 3


@pytest.mark.parametrize("monitor", ["it's", 'a"b', "ä/ö %41", "x' OR '1'='1"])
def test_monitors_with_strange_names(store, monitor):
    for batch in range(2):
        put_windows(store, [window(1, requests=batch, monitor=monitor), window(1, monitor="m")], batch)

    assert days(store, monitor) == {1: (1, 0, 0, "ok")}
    assert days(store, "m") == {1: (5, 0, 0, "ok")}


def test_small_files_are_merged_within_writes(tmp_path):
    store = LocalStore(tmp_path, compact_every=10)
    for batch in range(25):
        put_outliers(store, [outlier(batch)], batch)

    assert store.tables()["hopsmon_outliers"].files < 10
    assert [offset for offset, _ in scores(store)] == list(range(25))
    put_outliers(store, [outlier(99)], 24)
    assert len(scores(store)) == 25  # compaction and checkpoints keep what was written by whom


def test_optimize_and_vacuum_keep_the_rows(store):
    for batch in range(5):
        put_outliers(store, [outlier(batch)], batch)
    rows = store.read("hopsmon_outliers")

    assert store.optimize() == {"hopsmon_outliers": {"files_removed": 5, "files_added": 1}}
    assert store.vacuum() == {"hopsmon_outliers": {"files_deleted": 0}}
    assert store.vacuum(retention_hours=0, dry_run=True) == {"hopsmon_outliers": {"files_to_delete": 5}}
    assert len(list(store.path.rglob("*.parquet"))) == 6
    assert store.vacuum(retention_hours=0) == {"hopsmon_outliers": {"files_deleted": 5}}
    assert len(list(store.path.rglob("*.parquet"))) == 1
    assert store.read("hopsmon_outliers") == rows
    assert store.tables()["hopsmon_outliers"].rows == 5


def test_monitors_written_at_the_same_time_lose_nothing(tmp_path):
    def run(monitor):
        store = LocalStore(tmp_path, compact_every=7)
        for batch in range(8):
            store.write(
                {
                    "hopsmon_windows": WINDOWS.table(
                        [window(batch, monitor=monitor)] + ([late_only(batch - 1, 1, monitor=monitor)] if batch else [])
                    ),
                    "hopsmon_outliers": OUTLIERS.table([outlier(batch, monitor=monitor)]),
                },
                monitor,
                batch,
            )

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, ("a", "b", "c")))

    store = LocalStore(tmp_path)
    for monitor in ("a", "b", "c"):
        assert days(store, monitor) == {day: (5, day < 7, int(day < 7), "ok") for day in range(8)}
        assert len(scores(store, monitor)) == 8


def test_a_writer_killed_at_any_moment_is_completed_by_the_replay(tmp_path):
    program = f"""
        import sys
        sys.path.insert(0, {HERE!r})
        from test_local_store import DAY, START, LocalStore, OUTLIERS, WINDOWS, late_only, outlier, window
        store = LocalStore({str(tmp_path / "store")!r}, compact_every=4)
        for batch in range(int(sys.argv[1]), 12):
            store.write({{
                "hopsmon_windows": WINDOWS.table([window(batch)] + ([late_only(batch - 1, 1)] if batch else [])),
                "hopsmon_outliers": OUTLIERS.table([outlier(batch)]),
            }}, "app", batch)
            print(batch, flush=True)
    """
    finished = -1
    for wait_for in (1, 3, 5, 6, 8, 11):
        command = [sys.executable, "-c", textwrap.dedent(program), str(max(0, finished - 1))]  # repeats the last two
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                finished = int(line)
                if finished >= wait_for:
                    writer.send_signal(signal.SIGKILL)
                    break

    store = LocalStore(tmp_path / "store")
    assert days(store) == {day: (5, day < 11, int(day < 11), "ok") for day in range(12)}
    assert [offset for offset, _ in scores(store)] == list(range(12))


def test_spark_reads_the_same_tables(spark, store):
    put_windows(store, [window(1), window(2)], 0)
    put_windows(store, [late_only(1, 3), window(2, requests=9)], 1)
    store.optimize()

    frame = spark.read.format("delta").load(str(store.path / "hopsmon_windows"))

    assert frame.columns == WINDOWS.schema.names
    rows = [(row.requests, row.late, row.revision) for row in frame.orderBy("window_start").collect()]
    assert rows == [(5, 3, 1), (9, 0, 0)]
    comments = {field.name: field.metadata.get("comment") for field in frame.schema.fields}
    assert comments == {name: text for name, _, text in WINDOWS.columns}


def test_a_place_that_is_no_folder_is_an_error_of_the_outside(tmp_path):
    (tmp_path / "file").write_text("")
    store = LocalStore(tmp_path / "file")

    with pytest.raises(OutsideError, match=str(tmp_path / "file" / "hopsmon_windows")):
        put_windows(store, [window(1)], 0)


def test_a_full_disk_is_an_error_of_the_outside_and_the_write_can_be_repeated(tmp_path):
    # Ends by os._exit: after a failed write a thread of delta-rs's object_store may still be unwinding a panic
    # ("Already shut down") of its own, and an interpreter that waits for nobody is then aborted on its way out.
    program = f"""
        import os, resource, signal, sys
        sys.path.insert(0, {HERE!r})
        from test_local_store import *
        store = LocalStore({str(tmp_path / "store")!r})
        put_outliers(store, [outlier(0)], 0)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        try:
            put_outliers(store, [outlier(1)], 1)
        except OutsideError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert len(scores(store)) == 1
        put_outliers(store, [outlier(1)], 1)
        print(len(scores(store)), "rows", flush=True)
        os._exit(0)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Is there room on the disk" in done.stdout
    assert "2 rows" in done.stdout


def test_a_store_removed_under_a_writer_is_made_anew(store):
    for batch in range(3):
        put_windows(store, [window(batch)], batch)
    shutil.rmtree(store.path)

    put_windows(store, [window(7)], 3)

    assert list(days(store)) == [7]


def test_an_unknown_table_is_named_with_the_nearest(store):
    with pytest.raises(UnknownNameError, match="Did you mean 'hopsmon_drift'"):
        store.read("hopsmon_drifts")


def test_all_kinds_of_rows_in_one_write(store):
    reject = {"monitor": "m", "topic": "t", "partition": 0, "offset": 1, "event_time": START, "payload": b"\xff"}
    alert = {"monitor": "m", "alert_id": "a", "changed_at": START, "state": "firing"}
    statistic = {**window(1), "feature": "x", "count": 3}
    tables = {
        "hopsmon_rejects": REJECTS.table([reject]),
        "hopsmon_alerts": ALERTS.table([alert]),
        "hopsmon_statistics": STATISTICS.table([{k: v for k, v in statistic.items() if k in STATISTICS.schema.names}]),
    }

    store.write(tables, "app", 0)
    store.write(tables, "again", 0)

    assert {name: size.rows for name, size in store.tables().items()} == dict.fromkeys(
        sorted(tables, reverse=True), 1
    ) | {}


def test_a_replay_that_closes_more_adds_what_is_new_and_doubles_nothing(store):
    """Killed after this table's commit, then started in another mode: the same micro-batch may close more windows."""
    put_windows(store, [window(1, late=2)], batch=0)
    put_windows(store, [window(1), late_only(0, 3)], batch=1)
    put_windows(store, [window(1), window(2), late_only(0, 3)], batch=1)

    assert days(store) == {0: (0, 3, 0, "partial"), 1: (5, 0, 0, "ok"), 2: (5, 0, 0, "ok")}


def test_a_monitor_that_joins_a_writer_later_does_not_double_its_old_rows(store):
    put_outliers(store, [outlier(1, monitor="a")], batch=0, app="old")
    put_outliers(store, [outlier(1, monitor="b")], batch=0, app="new")
    put_outliers(store, [outlier(1, monitor="a"), outlier(2, monitor="b")], batch=1, app="new")

    assert scores(store, "a") == [(1, 1.0)]
    assert sorted(scores(store, "b")) == [(1, 1.0), (2, 1.0)]


def test_rejects_of_a_closed_window_are_added_to_it(store):
    put_windows(store, [window(1)], batch=0)
    put_windows(store, [{**late_only(1, 2), "rejected": 4}], batch=1)

    (row,) = store.read("hopsmon_windows").to_pylist()
    assert (row["rejected"], row["late"], row["revision"]) == (4, 2, 1)


OLDER = ("outliers", "outliers_left_out")  # columns that tables of hopsmon 0.1 do not have


@pytest.fixture
def older_store(store):
    """A store in which version 0.1 has written a window."""
    schema = pa.schema([field for field in WINDOWS.schema if field.name not in OLDER])
    place = store.path / "hopsmon_windows"
    place.mkdir(parents=True)
    DeltaTable.create(str(place), schema, partition_by=["monitor"])
    write_deltalake(str(place), WINDOWS.table([window(1)]).select(schema.names).cast(schema), mode="append")
    return store


def outliers(store):
    """(outliers, outliers_left_out, late) by day."""
    return {
        (row["window_start"] - START).days: (row["outliers"], row["outliers_left_out"], row["late"])
        for row in store.read("hopsmon_windows").to_pylist()
    }


def test_a_store_of_an_earlier_version_goes_on(older_store):
    assert outliers(older_store) == {1: (None, None, 0)}
    put_windows(older_store, [{**window(2), "outliers": 7, "outliers_left_out": 2}, late_only(1, 3)], 0)
    put_windows(older_store, [{**late_only(2, 4), "outliers": 1, "outliers_left_out": 1}], 1)
    put_windows(older_store, [window(1, requests=9)], 0, app="after a reset")

    assert outliers(older_store) == {1: (None, None, 0), 2: (8, 3, 4)}
    assert days(older_store)[1][0] == 9
    assert older_store.read("hopsmon_windows").schema.equals(WINDOWS.schema, check_metadata=True)


def test_a_row_of_an_earlier_version_can_be_replaced_by_a_full_one(older_store):
    put_windows(older_store, [{**window(1), "outliers": 5, "outliers_left_out": 0}], 0)
    assert outliers(older_store) == {1: (5, 0, 0)}


def test_two_writers_may_find_an_older_table_at_once(older_store):
    other = LocalStore(older_store.path)
    other.read("hopsmon_windows")
    put_windows(older_store, [window(2)], 0)
    put_windows(other, [window(3)], 0, app="other")
    assert sorted(days(older_store)) == [1, 2, 3]


def test_late_outliers_in_one_batch_with_their_window_are_added(store):
    late = {**late_only(1, 1), "outliers": 2, "outliers_left_out": 1}
    put_windows(store, [late, {**window(1), "outliers": 3, "outliers_left_out": 0}, late_only(1, 1)], 0)
    assert outliers(store)[1] == (None, None, 2)  # one of the three did not say: then the sum is not known
    put_windows(store, [late, {**window(2), "outliers": 3, "outliers_left_out": 0}, {**late, **at(2)}], 1)
    assert outliers(store)[2] == (5, 1, 1)


def at(day):
    return {"window_start": START + day * DAY, "window_end": START + (day + 1) * DAY}


def state(day, slot, value, technique="cusum"):
    row = {**window(day), "technique": technique, "slot": slot, "baseline_id": "b", "settings": "s", "state": value}
    return {name: row[name] for name in STATES.schema.names}


def states(store):
    return {(row["technique"], row["slot"]): row["state"] for row in store.read("hopsmon_states").to_pylist()}


def put_states(store, rows, batch, app="app"):
    store.write({"hopsmon_states": STATES.table(rows)}, app, batch)


def test_states_keep_two_slots_however_far_apart_their_windows_are(store):
    put_states(store, [state(1, 0, b"one"), state(1, 0, b"other", "adwin")], 0)
    put_states(store, [state(2, 1, b"two")], 1)
    put_states(store, [state(400, 0, b"three")], 2)
    assert states(store) == {("cusum", 0): b"three", ("cusum", 1): b"two", ("adwin", 0): b"other"}


def test_a_replay_of_fewer_windows_puts_its_own_state(store):
    """At the log's end windows closed by the wall clock; the replay begins without it and closes fewer."""
    put_states(store, [state(1, 0, b"one")], 0)
    put_states(store, [state(4, 1, b"four")], 1)
    put_states(store, [state(2, 1, b"two")], 1)
    assert states(store) == {("cusum", 0): b"one", ("cusum", 1): b"two"}
    put_states(store, [state(1, 0, b"older")], 0)
    assert states(store)["cusum", 0] == b"one"


def statistic(day, **values):
    feature = {"feature": "x", "feature_type": "numeric", "count": 5}
    row = {key: value for key, value in window(day).items() if key in STATISTICS.schema.names}
    return {**row, **feature, **values}


def test_statistics_of_an_earlier_version_have_no_summary_and_get_one_when_written_again(store):
    without = pa.schema([field for field in STATISTICS.schema if field.name != "summary"])
    place = str(store.path / STATISTICS.name)
    old = STATISTICS.table([statistic(0), statistic(1)]).select(without.names)
    write_deltalake(place, old, partition_by=["monitor"])
    assert store.read(STATISTICS.name, "m", ["feature", "summary"]).to_pylist() == [
        {"feature": "x", "summary": None},
        {"feature": "x", "summary": None},
    ]
    store.write({STATISTICS.name: STATISTICS.table([statistic(1, summary=b"\x01"), statistic(2)])}, "app", 0)
    found = store.read(STATISTICS.name, "m").to_pylist()
    assert [(row["window_start"], row["summary"]) for row in found] == [
        (START, None),
        (START + DAY, b"\x01"),
        (START + 2 * DAY, None),
    ]


def test_only_the_columns_and_times_that_are_asked_for_are_read(store):
    store.write({STATISTICS.name: STATISTICS.table([statistic(day) for day in range(5)])}, "app", 0)
    found = store.read(STATISTICS.name, "m", ["window_start"], (START + 2 * DAY, START + 3 * DAY))
    assert found.to_pylist() == [{"window_start": START + day * DAY} for day in (1, 2)]  # those that end in that time
    assert store.read(STATISTICS.name, "other", ["window_start"]).num_rows == 0
    assert store.read(WINDOWS.name, "m", ["late"]).column_names == ["late"]


def test_replaced_states_leave_no_files_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("hopsmon.adapters.local.store.STATES_RETENTION_HOURS", 0)
    store = LocalStore(tmp_path / "store", compact_every=10)
    for batch in range(35):
        put_states(store, [state(1, batch % 2, b"%d" % batch)], batch)
    assert len(list((tmp_path / "store" / "hopsmon_states").rglob("*.parquet"))) < 25
    assert sorted(states(store)) == sorted(states(LocalStore(tmp_path / "store")))
    assert len(states(store)) == 2


def test_rows_of_a_span_are_deleted_and_only_those_of_one_monitor(tmp_path):
    store = LocalStore(tmp_path)
    rows = [window(day, monitor=monitor) for day in range(4) for monitor in ("m", "it's")]
    store.write({WINDOWS.name: WINDOWS.table(rows)}, "app", 0)
    # the second and the third day: of windows the end counts, and both ends are in
    assert store.delete(WINDOWS.name, "it's", (START + 2 * DAY, START + 3 * DAY)) == 2
    assert starts(store.read(WINDOWS.name, "it's")) == [START, START + 3 * DAY]
    assert store.read(WINDOWS.name, "m").num_rows == 4
    assert store.delete(WINDOWS.name, None, (START, START + 9 * DAY)) == 6
    assert store.delete(WINDOWS.name, None, (START, START + 9 * DAY)) == 0


def test_deleting_from_a_table_that_is_not_there(tmp_path):
    assert LocalStore(tmp_path).delete(WINDOWS.name, None, (START, START + DAY)) == 0
    with pytest.raises(UnknownNameError):
        LocalStore(tmp_path).delete("windows", None, (START, START + DAY))


def starts(table):
    return table.column("window_start").to_pylist()


def test_rows_are_deleted_and_written_at_the_same_time(tmp_path):
    LocalStore(tmp_path).write({OUTLIERS.name: OUTLIERS.table([outlier(number) for number in range(50)])}, "app", 0)

    def change(number):
        store = LocalStore(tmp_path)  # as another process would
        if number % 2:
            moment = START + dt.timedelta(seconds=number)
            return store.delete(OUTLIERS.name, "m", (moment, moment))
        store.write({OUTLIERS.name: OUTLIERS.table([outlier(100 + number)])}, f"app-{number}", 0)
        return 0

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(change, range(20))) == 10
    assert LocalStore(tmp_path).read(OUTLIERS.name).num_rows == 50
