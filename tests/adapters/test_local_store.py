"""The local store: what is its own, beside what every home must do (tests/adapters/homes)."""

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
from hopsmon.errors import OutsideError
from hopsmon.streaming.tables import OUTLIERS, STATISTICS, WINDOWS
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

ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


def test_reading_creates_nothing(store):
    store.read("hopsmon_drift", "m")
    store.tables()

    assert not store.path.exists()


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


def test_a_new_monitors_rows_are_only_appended(store):
    put_outliers(store, [outlier(0)], 0, "one")
    put_outliers(store, [outlier(0, monitor="n")], 0, "two")
    put_outliers(store, [outlier(1, monitor="n")], 1, "two")

    assert store.tables()["hopsmon_outliers"].files == 3
    assert len(scores(store)) == 3


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
        sys.path.insert(0, {ROOT!r})
        from hopsmon.adapters.local.store import LocalStore
        from hopsmon.streaming.tables import OUTLIERS, WINDOWS
        from tests.support.result_rows import late_only, outlier, window
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
        sys.path.insert(0, {ROOT!r})
        from hopsmon.adapters.local.store import LocalStore
        from hopsmon.errors import OutsideError
        from tests.support.result_rows import outlier, put_outliers, scores
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


def test_a_store_of_an_earlier_version_goes_on(older_store):
    assert counted(older_store) == {1: (None, None, 0)}
    put_windows(older_store, [{**window(2), "outliers": 7, "outliers_left_out": 2}, late_only(1, 3)], 0)
    put_windows(older_store, [{**late_only(2, 4), "outliers": 1, "outliers_left_out": 1}], 1)
    put_windows(older_store, [window(1, requests=9)], 0, app="after a reset")

    assert counted(older_store) == {1: (None, None, 0), 2: (8, 3, 4)}
    assert days(older_store)[1][0] == 9
    assert older_store.read("hopsmon_windows").schema.equals(WINDOWS.schema, check_metadata=True)


def test_a_row_of_an_earlier_version_can_be_replaced_by_a_full_one(older_store):
    put_windows(older_store, [{**window(1), "outliers": 5, "outliers_left_out": 0}], 0)
    assert counted(older_store) == {1: (5, 0, 0)}


def test_two_writers_may_find_an_older_table_at_once(older_store):
    other = LocalStore(older_store.path)
    other.read("hopsmon_windows")
    put_windows(older_store, [window(2)], 0)
    put_windows(other, [window(3)], 0, app="other")
    assert sorted(days(older_store)) == [1, 2, 3]


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


def test_replaced_states_leave_no_files_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("hopsmon.adapters.local.store.STATES_RETENTION_HOURS", 0)
    store = LocalStore(tmp_path / "store", compact_every=10)
    for batch in range(35):
        put_states(store, [state(1, batch % 2, b"%d" % batch)], batch)
    assert len(list((tmp_path / "store" / "hopsmon_states").rglob("*.parquet"))) < 25
    assert sorted(states(store)) == sorted(states(LocalStore(tmp_path / "store")))
    assert len(states(store)) == 2


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
