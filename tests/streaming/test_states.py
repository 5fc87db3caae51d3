"""Sequence techniques go on from stored states: the same findings however batches are cut, killed and done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopsmon.adapters.local.store import LocalStore
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques import registry
from hopsmon.core.window import Window, WindowSpec, to_datetime
from hopsmon.errors import OutsideError
from hopsmon.streaming.batch_writer import BatchWriter
from hopsmon.streaming.fold import WINDOW, ClosedWindow
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.states import States, settings_of
from tests.core.techniques.cases import baseline_of
from tests.support.engine import Frame
from tests.support.monitors import MODEL, KeyedStore, MemoryStore, monitor, query
from tests.support.traffic import reference

MINUTE = 60_000_000
SPEC = WindowSpec(timedelta(minutes=1))


@dataclass(frozen=True)
class Trail:
    """Remembers the instances of each window it has seen; the score is their sum, `details` has all of them."""

    name: ClassVar[str] = "trail"
    needs: ClassVar[frozenset[Any]] = frozenset()
    weight: float = 1.0

    def advance(self, state: bytes | None, window: Summary, baseline: Baseline) -> tuple[Sequence[Finding], bytes]:
        seen = [*(state or b"").split(), str(window.instances).encode()]
        trail = [int(one) for one in seen]
        found = Finding(self.name, None, self.weight * sum(trail), 1e9, len(trail), Reason.OK, details={"trail": trail})
        return [found], b" ".join(seen)


def closed(start: int, instances: int, slice_name: str = "", minutes: int = 1) -> tuple[str, str, bytes]:
    window = Window(start * MINUTE, (start + minutes) * MINUTE)
    return "credit", WINDOW, ClosedWindow(slice_name, window, True, Summary(instances=instances)).to_bytes()


def plan_of(*techniques: Any, **changes: Any) -> MonitorPlan:
    return monitor(techniques=techniques or (Trail(),), window=SPEC, **changes)


@dataclass
class Log:
    """A log's closed windows, written by a query that may be stopped and started at any time."""

    store: Any
    plan: MonitorPlan
    app_id: str = "app"
    writer: BatchWriter = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **changes: Any) -> None:
        self.plan = replace(self.plan, **changes)
        self.writer = BatchWriter(
            query(SimpleNamespace(contiguous=False), Path("unused"), [self.plan], self.store), self.app_id
        )

    def batch(self, number: int, *rows: tuple[str, str, bytes]) -> None:
        self.writer.write(Frame(rows), number)  # type: ignore[arg-type]

    def trails(self, slice_name: str = "") -> dict[int, list[int]]:
        """By window (minute): what the technique had seen."""
        found = {}
        for row in self.store.read("hopsmon_drift").to_pylist():
            if row["slice"] == slice_name and row["technique"] == "trail":
                found[int(row["window_start"].timestamp()) // 60] = orjson.loads(row["details"])["trail"]
        return found


def test_a_series_goes_on_from_batch_to_batch_and_from_run_to_run(tmp_path: Path) -> None:
    log = Log(LocalStore(tmp_path), plan_of())
    log.batch(0, closed(0, 1), closed(1, 2))
    log.batch(1, closed(2, 4))
    log.restart()
    log.batch(2, closed(3, 8))
    assert log.trails() == {0: [1], 1: [1, 2], 2: [1, 2, 4], 3: [1, 2, 4, 8]}


def test_windows_of_one_batch_are_judged_in_order_of_time_each_slice_for_itself() -> None:
    sliced = build_baseline(reference(200), MODEL, predictions=["score"], slices=["city"])
    log = Log(MemoryStore(), plan_of(slices=("city",), baseline=sliced))
    log.batch(0, closed(1, 2), closed(0, 10, "city=Bern"), closed(2, 4), closed(1, 20, "city=Bern"), closed(0, 1))
    assert log.trails() == {0: [1], 1: [1, 2], 2: [1, 2, 4]}
    assert log.trails("city=Bern") == {0: [10], 1: [10, 20]}


# A history: how many windows each batch closes, and what happens to it: written; killed after the tables of which so
# many were written, then done again; killed and done again by a run that closes fewer windows (the rest come later).
histories = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["fine", "killed", "fewer"])), max_size=8)


@given(histories, st.integers(0, 3), st.data())
@settings(max_examples=60, deadline=None)
def test_a_killed_run_sees_what_an_undisturbed_one_sees(
    history: list[tuple[int, str]], resets: int, data: st.DataObject
) -> None:
    store = KeyedStore()
    log = Log(store, plan_of())
    at, number, pending = 0, 0, 0
    for count, fate in history:
        windows = [closed(at + step, at + step + 1) for step in range(count + pending)]
        if fate == "killed":
            store.tables_left = data.draw(st.integers(0, 3))
            with pytest.raises(OutsideError):
                log.batch(number, *windows)
            store.tables_left = None
            if data.draw(st.booleans()):
                log.restart()
        if fate == "fewer":
            log.batch(number, *windows)  # written, and then killed before Spark knew
            log.restart()
            windows = windows[:1]
        log.batch(number, *windows)
        pending = count + pending - len(windows)
        at, number = at + len(windows), number + 1
        if data.draw(st.booleans()):
            log.restart()
    log.batch(number, *(closed(at + step, at + step + 1) for step in range(pending + 1)))
    assert log.trails() == {minute: list(range(1, minute + 2)) for minute in range(at + pending + 1)}
    assert len(store.kept["hopsmon_states"]) <= 2


def test_a_write_that_fails_leaves_no_trace_in_memory() -> None:
    store = KeyedStore()
    log = Log(store, plan_of())
    log.batch(0, closed(0, 1))
    for tables_left in (0, 1, 2, 3):
        store.tables_left = tables_left
        with pytest.raises(OutsideError):
            log.batch(1, closed(1, 2), closed(2, 4))
    store.tables_left = None
    log.batch(1, closed(1, 2), closed(2, 4))
    log.batch(2, closed(3, 8))
    assert log.trails()[3] == [1, 2, 4, 8]


def test_a_log_read_again_from_its_beginning_gives_the_same(tmp_path: Path) -> None:
    """--reset: a new checkpoint, the old results."""
    store = LocalStore(tmp_path)
    first = Log(store, plan_of())
    for minute in range(4):
        first.batch(minute, closed(minute, minute + 1))
    expected = first.trails()
    again = Log(store, plan_of(), "after the reset")
    again.batch(0, closed(0, 1), closed(1, 2))
    again.restart()
    again.batch(1, closed(2, 3))
    again.restart()
    again.batch(2, closed(3, 4))
    again.batch(3, closed(4, 5))
    assert again.trails() == {**expected, 4: [1, 2, 3, 4, 5]}
    assert store.read("hopsmon_states").num_rows == 2


def test_other_parameters_begin_afresh_and_others_are_left_alone() -> None:
    store = MemoryStore()
    log = Log(store, plan_of())
    log.batch(0, closed(0, 1))
    log.restart(techniques=(Trail(weight=2.0),))
    log.batch(1, closed(1, 2))
    assert log.trails()[1] == [2]
    log.restart(techniques=(registry.build("psi"),))
    log.batch(2, closed(2, 4))
    log.restart(techniques=(Trail(weight=2.0),))
    log.batch(3, closed(3, 8))
    assert log.trails()[3] == [2, 8]


def test_another_baseline_begins_afresh() -> None:
    log = Log(MemoryStore(), plan_of())
    log.batch(0, closed(0, 1))
    log.restart(baseline=baseline_of({"age": [1.0, 2.0]}))
    log.batch(1, closed(1, 2))
    assert log.trails()[1] == [2]


def test_of_overlapping_windows_each_instance_is_seen_once() -> None:
    spec = WindowSpec(timedelta(minutes=3), timedelta(minutes=1))
    log = Log(MemoryStore(), plan_of(Trail(), registry.build("psi")))
    log.restart(window=spec)
    log.batch(0, *(closed(start, start + 1, minutes=3) for start in range(8)))
    assert log.trails() == {0: [1], 3: [1, 4], 6: [1, 4, 7]}
    judged = {row["window_start"] for row in log.store.rows("hopsmon_drift") if row["technique"] == "psi"}
    assert len(judged) == 8


def test_the_size_of_windows_is_a_setting_too() -> None:
    assert settings_of(Trail(), SPEC) != settings_of(Trail(), WindowSpec(timedelta(minutes=2)))
    assert settings_of(Trail(), SPEC) == settings_of(Trail(), WindowSpec(timedelta(minutes=1), lateness=timedelta(1)))


def test_a_technique_that_fails_in_one_window_goes_on_from_the_one_before() -> None:
    @dataclass(frozen=True)
    class Moody(Trail):
        def advance(self, state: bytes | None, window: Summary, baseline: Baseline) -> Any:
            if window.instances == 2:
                raise ValueError("not two")
            return super().advance(state, window, baseline)

    log = Log(MemoryStore(), plan_of(Moody()))
    log.batch(0, closed(0, 1))
    log.batch(1, closed(1, 2))
    log.batch(2, closed(2, 4))
    failed = [row for row in log.store.rows("hopsmon_drift") if row["reason"] == "failed"]
    assert ["not two" in row["details"] for row in failed] == [True]
    assert [row["score"] for row in log.store.rows("hopsmon_drift") if row["reason"] == "ok"] == [1.0, 5.0]


def test_states_come_back_from_rows_whatever_their_order() -> None:
    plan = plan_of()
    rows = []
    for minute, slot in ((3, 1), (2, 0)):
        states = States(plan)
        states.before("", minute * MINUTE)
        states.put("", Window(minute * MINUTE, (minute + 1) * MINUTE), {"trail": b"%d" % minute})
        (row,) = states.rows()
        times = {name: to_datetime(row[name]) for name in ("window_start", "window_end")}
        rows.append({**row, **times, "slot": slot})
    for order in (rows, rows[::-1]):
        states = States(plan, order)
        assert states.before("", 4 * MINUTE) == {"trail": b"3"}
        states = States(plan, order)
        assert states.before("", 3 * MINUTE) == {"trail": b"2"}
        states = States(plan, order)
        assert states.before("", 2 * MINUTE) == {}
        assert states.before("city=Bern", 4 * MINUTE) == {}
