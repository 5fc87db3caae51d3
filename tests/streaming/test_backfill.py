"""A past span judged again: the same windows, in the place of those that stood there, and nothing else touched."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from hopsmon.adapters.local.store import LocalStore
from hopsmon.core.techniques import registry
from hopsmon.errors import OutsideError, TransientError
from hopsmon.streaming.backfill import Span, SpanStore
from hopsmon.streaming.tables import TABLES
from tests.support.engine import START, SmallEngine, requests
from tests.support.monitors import monitor

MINUTE = timedelta(minutes=1)
ZERO = datetime.fromtimestamp(START / 1_000_000, timezone.utc)
SPAN = Span(ZERO + 2 * MINUTE, ZERO + 5 * MINUTE)


def minutes_of(first: int, last: int, age: float = 40.0) -> pa.RecordBatch:
    """A request a second, ages of one odd customer a minute among them."""
    seconds = range(first * 60, last * 60)
    rows = [[400.0 if second % 60 == 30 else age + second % 7, 3000.0, "Bern"] for second in seconds]
    return requests(rows, list(seconds), first=first * 60)


def engine(store: Any, app_id: str = "live", **changes: Any) -> SmallEngine:
    techniques = tuple(registry.build(name) for name in ("psi", "mean_shift", "range", "cusum"))
    return SmallEngine(monitor(**{"techniques": techniques, **changes}), store, app_id)


def run(small: SmallEngine, first: int, last: int, step: int = 1, **rows: Any) -> None:
    """Some minutes of traffic, `step` minutes a micro-batch, and the end of the log."""
    for minute in range(first, last, step):
        small.run([minutes_of(minute, min(minute + step, last), **rows)])
    small.end()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the live run has left of eight minutes."""
    folder = tmp_path_factory.mktemp("lived")
    run(engine(LocalStore(folder)), 0, 8)
    return folder


@pytest.fixture
def store(lived: Path, tmp_path: Path) -> LocalStore:
    """A copy of that, to change."""
    return LocalStore(shutil.copytree(lived, tmp_path / "store"))


def everything(store: LocalStore, leave_out: tuple[str, ...] = ("closed_at", "detected_at")) -> dict[str, list[Any]]:
    """All rows in an order of their own, without the wall clock."""
    found = {}
    for name in TABLES:
        table = store.read(name)
        rows = table.drop_columns([column for column in leave_out if column in table.column_names]).to_pylist()
        found[name] = sorted(rows, key=lambda row: str([row.get(column) for column in TABLES[name].key]))
    return found


def again(store: LocalStore, **changes: Any) -> SpanStore:
    """The whole log once more, through the span."""
    spanned = SpanStore(store, "credit", SPAN)
    run(engine(spanned, "backfill", **changes), 0, 8)
    return spanned


def within(rows: list[Any]) -> list[Any]:
    return [row for row in rows if SPAN.since <= row["window_start"] and row["window_end"] <= SPAN.until]


def test_the_same_configuration_gives_the_same_rows(store: LocalStore) -> None:
    techniques = tuple(registry.build(name) for name in ("psi", "mean_shift", "range"))  # cusum follows the series
    before = everything(store)
    spanned = again(store, techniques=techniques)
    after = everything(store)
    assert spanned.windows == 3
    assert spanned.passed
    for name in ("hopsmon_windows", "hopsmon_statistics", "hopsmon_outliers", "hopsmon_states"):
        assert after[name] == before[name]
    gone = [row for row in before["hopsmon_drift"] if row["technique"] == "cusum" and row in within([row])]
    assert gone
    assert after["hopsmon_drift"] == [row for row in before["hopsmon_drift"] if row not in gone]


def test_another_configuration_changes_the_span_and_nothing_else(store: LocalStore) -> None:
    before = everything(store)
    again(store, techniques=(registry.build("ks"),))
    after = everything(store)
    assert {row["technique"] for row in within(after["hopsmon_drift"])} == {"ks"}
    outside = [row for row in before["hopsmon_drift"] if not within([row])]
    assert [row for row in after["hopsmon_drift"] if not within([row])] == outside
    in_span = [row for row in after["hopsmon_outliers"] if SPAN.since <= row["event_time"] < SPAN.until]
    assert not in_span  # there is no technique for them any more
    assert len(after["hopsmon_outliers"]) == len(before["hopsmon_outliers"]) - 3
    assert after["hopsmon_states"] == before["hopsmon_states"]


def test_however_the_log_is_cut(store: LocalStore, lived: Path, tmp_path: Path) -> None:
    again(store)
    other = LocalStore(shutil.copytree(lived, tmp_path / "other"))
    spanned = SpanStore(other, "credit", SPAN)
    run(engine(spanned, "backfill"), 0, 8, step=8)
    assert everything(store) == everything(other)


def test_what_the_log_no_longer_has_stays(store: LocalStore) -> None:
    before = everything(store)
    spanned = SpanStore(store, "credit", SPAN)
    techniques = (registry.build("psi"), registry.build("range"))
    run(engine(spanned, "backfill", techniques=techniques), 4, 8)  # minutes 2 and 3 are gone
    after = everything(store)
    assert spanned.windows == 1
    assert after["hopsmon_windows"] == before["hopsmon_windows"]
    lost = [row for row in before["hopsmon_drift"] if row["window_start"] < ZERO + 4 * MINUTE]
    assert [row for row in after["hopsmon_drift"] if row["window_start"] < ZERO + 4 * MINUTE] == lost


def test_late_rows_stay_counted_once(tmp_path: Path) -> None:
    def with_late(small: SmallEngine) -> None:
        small.run([minutes_of(0, 4)])
        small.run([minutes_of(2, 3)])  # a minute later than its window: 60 late rows
        small.run([minutes_of(4, 8)])
        small.end()

    store = LocalStore(tmp_path)
    with_late(engine(store))
    before = {row["window_start"]: (row["late"], row["revision"]) for row in store.read("hopsmon_windows").to_pylist()}
    assert before[SPAN.since][0] == 60
    with_late(engine(SpanStore(store, "credit", SPAN), "backfill"))
    rows = store.read("hopsmon_windows").to_pylist()
    assert {row["window_start"]: (row["late"], row["revision"]) for row in rows} == before
    # A run that stops before the late rows come takes nothing from the count.
    run(engine(SpanStore(store, "credit", SPAN), "another"), 0, 8)
    rows = store.read("hopsmon_windows").to_pylist()
    assert {row["window_start"]: (row["late"], row["revision"]) for row in rows} == before


def test_windows_of_late_rows_alone_stay(store: LocalStore) -> None:
    (row,) = [row for row in store.read("hopsmon_windows").to_pylist() if row["window_start"] == ZERO + 3 * MINUTE]
    alone = {**row, "instances": 0, "predictions": 0, "late": 7, "revision": -1, "status": "partial", "slice": "c=x"}
    store.write({"hopsmon_windows": TABLES["hopsmon_windows"].table([alone])}, "slices", 0)
    again(store)
    kept = [row for row in store.read("hopsmon_windows").to_pylist() if row["slice"] == "c=x"]
    assert [(row["late"], row["status"]) for row in kept] == [(7, "partial")]


class Failing(LocalStore):
    """Fails once, after some tables of a micro-batch were written."""

    left: int | None = None

    def write(self, tables: Any, app_id: str, batch_id: int) -> None:
        for name, rows in tables.items():
            if self.left == 0:
                self.left = None
                raise OutsideError("away")
            super().write({name: rows}, app_id, batch_id)
            if self.left is not None and rows.num_rows:
                self.left -= 1


@pytest.mark.parametrize("tables_written", [0, 1, 2, 3])
def test_a_micro_batch_that_fails_half_way_is_written_whole(store: LocalStore, tables_written: int) -> None:
    again(store)
    undisturbed = everything(store)
    failing = Failing(store.path)
    spanned = SpanStore(failing, "credit", SPAN)
    small = engine(spanned, "third")
    seen: list[Any] = []
    plain = spanned.write

    def twice(tables: Any, app_id: str, batch_id: int) -> None:
        failing.left = tables_written
        try:
            plain(tables, app_id, batch_id)
        except OutsideError:
            seen.append(batch_id)
            plain(tables, app_id, batch_id)

    spanned.write = twice  # type: ignore[method-assign]
    run(small, 0, 8, step=2)
    assert seen
    assert everything(store) == undisturbed


def late_counts(store: LocalStore) -> dict[datetime, tuple[int, int]]:
    return {row["window_start"]: (row["late"], row["revision"]) for row in store.read("hopsmon_windows").to_pylist()}


class FailingToDelete(LocalStore):
    """Fails once, when so many tables of a micro-batch have lost their rows."""

    left = -1

    def delete(self, table: str, monitor: str | None, between: Any) -> int:
        self.left -= 1
        if self.left == -1:
            raise TransientError("away", 0.0)
        return super().delete(table, monitor, between)


@pytest.mark.parametrize("tables_deleted", [0, 1, 2, 3])
def test_late_counts_survive_a_store_that_fails_between_two_deletions(tmp_path: Path, tables_deleted: int) -> None:
    store = FailingToDelete(tmp_path)
    live = engine(store)
    live.run([minutes_of(0, 4)])
    live.run([minutes_of(2, 3)])  # a minute later than its window: 60 late rows
    live.run([minutes_of(4, 8)])
    live.end()
    before = late_counts(store)
    assert 60 in [late for late, _ in before.values()]
    spanned = SpanStore(store, "credit", SPAN)
    plain, failed = spanned.write, 0

    def as_the_engine_does(tables: Any, app_id: str, batch_id: int) -> None:
        nonlocal failed
        store.left = tables_deleted
        try:
            plain(tables, app_id, batch_id)
        except TransientError:
            failed += 1
            plain(tables, app_id, batch_id)
        store.left = -1

    spanned.write = as_the_engine_does  # type: ignore[method-assign]
    run(engine(spanned, "backfill"), 0, 8, step=2)
    assert failed
    assert late_counts(store) == before


def test_other_monitors_are_left_alone(store: LocalStore) -> None:
    run(engine(store, "other", name="other"), 0, 8)
    others = {name: store.read(name, "other") for name in TABLES}
    again(store, techniques=(registry.build("ks"),))
    assert all(store.read(name, "other").equals(table) for name, table in others.items())


def test_nothing_is_read_of_the_present(store: LocalStore) -> None:
    spanned = SpanStore(store, "credit", SPAN)
    assert store.read("hopsmon_states", "credit").num_rows
    assert spanned.read("hopsmon_states", "credit").num_rows == 0


def test_windows_belong_that_lie_wholly_inside() -> None:
    rows = [
        {"monitor": "m", "window_start": SPAN.since + offset * MINUTE, "window_end": SPAN.since + (offset + 1) * MINUTE}
        for offset in (-0.5, 0, 2, 2.5)
    ]
    table = TABLES["hopsmon_windows"].table(rows)
    kept = SPAN.of(TABLES["hopsmon_windows"], table)
    assert pc.min(kept["window_start"]).as_py() == SPAN.since
    assert kept.num_rows == 2
