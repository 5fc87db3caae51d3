"""At most so many outlier rows a window, the first that come; all are counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopsmon.adapters.local.store import LocalStore
from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.flag_counts import FlagCounts, Flags, most_of_a_piece
from hopsmon.streaming.flagged import Pairs, _top_features
from hopsmon.streaming.fold_state import FoldState
from hopsmon.streaming.framing import pack
from hopsmon.streaming.plan import MonitorPlan
from tests.support.engine import START, SmallEngine, requests
from tests.support.monitors import FlagAll, monitor

SPEC = WindowSpec(timedelta(seconds=10), lateness=timedelta(seconds=3))
FINE = (40.0, 3000.0, "Bern")


@dataclass(frozen=True)
class FlagOld:
    """Flags ages above 90; has p-values, but for ages above 100."""

    name: ClassVar[str] = "flag_old"
    needs: ClassVar[frozenset[Any]] = frozenset()

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        ages = np.ascontiguousarray(batch.columns["age"].values)  # type: ignore[union-attr]
        p_values = np.where(ages > 100, np.nan, 0.25)
        return InstanceScores(ages, ages > 90, 90.0, {"age": ages}, None, p_values)


def plan_of(most: int, *techniques: Any, spec: WindowSpec = SPEC, **changes: Any) -> MonitorPlan:
    return monitor(techniques=techniques or (FlagAll(),), window=spec, max_outliers=most, **changes)


def counts(engine: SmallEngine, slice_name: str = "") -> dict[int, tuple[Any, ...]]:
    """(outliers, left out) by start of window, in seconds."""
    return {
        second(row["window_start"]): (row["outliers"], row["outliers_left_out"])
        for row in engine.rows("windows")
        if row["slice"] == slice_name
    }


def second(time: datetime) -> int:
    return int((time - datetime.fromtimestamp(START / 1e6, timezone.utc)).total_seconds())


def rows_by_window(engine: SmallEngine, size: int = 10) -> Counter[int]:
    return Counter(second(row["event_time"]) // size * size for row in engine.rows("outliers"))


def fine(times: list[float], first: int = 0, partition: int = 0) -> Any:
    return requests([FINE] * len(times), times, first, partition)


def test_all_are_written_while_there_are_few() -> None:
    engine = SmallEngine(plan_of(1_000))
    engine.run([fine([0, 1, 2, 11])])
    engine.end()
    assert counts(engine) == {0: (3, 0), 10: (1, 0)}
    assert rows_by_window(engine) == {0: 3, 10: 1}


def test_the_first_ones_are_written_at_once_and_all_are_counted() -> None:
    engine = SmallEngine(plan_of(3))
    engine.run([fine([0, 1]), fine([2, 3, 4], 2)])
    assert [row["offset"] for row in engine.rows("outliers")] == [0, 1, 2]
    engine.run([fine([5, 6], 5), fine([11, 12, 13, 14], 7)])
    assert [row["offset"] for row in engine.rows("outliers")] == [0, 1, 2, 7, 8, 9]
    engine.end()
    assert counts(engine) == {0: (7, 4), 10: (4, 1)}


def test_the_techniques_of_an_instance_stay_together() -> None:
    """One that flags everything must not use up the limit before another has had its turn."""
    engine = SmallEngine(plan_of(4, FlagAll(), FlagOld()))
    engine.run([requests([(95.0, 1.0, "Bern")] * 50, [1.0] * 50)])
    found = Counter((row["technique"], row["offset"]) for row in engine.rows("outliers"))
    assert found == {(name, offset): 1 for name in ("flag_all", "flag_old") for offset in (0, 1)}


def test_none_are_written_where_none_are_wanted() -> None:
    engine = SmallEngine(plan_of(0))
    engine.run([fine([0, 1, 2])])
    engine.end()
    assert engine.rows("outliers") == []
    assert counts(engine) == {0: (3, 3)}


def test_the_order_in_which_tasks_report_makes_no_difference() -> None:
    """Spark may fetch the blocks of a replayed micro-batch in another order."""
    tasks = [[fine([0, 1, 2], 0, 0)], [fine([0, 1, 2], 0, 1)], [fine([3, 4], 3, 0)]]
    found = []
    for order in (tasks, tasks[::-1], [tasks[1], tasks[2], tasks[0]]):
        engine = SmallEngine(plan_of(4))
        engine.run(*order)
        engine.end()
        found.append((sorted((row["partition"], row["offset"]) for row in engine.rows("outliers")), counts(engine)))
    assert found[0] == found[1] == found[2]
    assert found[0] == ([(0, 0), (0, 1), (0, 2), (0, 3)], {0: (8, 4)})


def test_late_rows_of_closed_windows_are_counted_and_bounded() -> None:
    engine = SmallEngine(plan_of(2))
    engine.run([fine([0, 1, 2, 30])])
    assert counts(engine) == {0: (3, 1)}
    engine.run([fine([3, 4, 5, 6, 31], 4)])
    late = [row for row in engine.rows("windows") if row["revision"] == -1]
    assert [(second(row["window_start"]), row["late"], row["outliers"], row["outliers_left_out"]) for row in late] == [
        (0, 4, 4, 2)
    ]
    assert rows_by_window(engine) == {0: 4, 30: 2}  # two at first, two of the late ones


def test_the_real_store_adds_late_ones_to_their_window(tmp_path: Path) -> None:
    engine = SmallEngine(plan_of(2), LocalStore(tmp_path))
    engine.run([fine([0, 1, 2, 30])])
    engine.run([fine([3, 4, 5, 31], 4)])
    engine.end()
    assert counts(engine) == {0: (6, 2), 30: (2, 0)}
    assert rows_by_window(engine) == {0: 4, 30: 2}


def test_slices_do_not_count_them() -> None:
    engine = SmallEngine(plan_of(2, slices=("city",)))
    engine.run([fine([0, 1, 2])])
    engine.end()
    assert counts(engine) == {0: (3, 1)}
    assert counts(engine, "city=Bern") == {0: (None, None)}


def test_no_window_that_overlaps_others_gets_more() -> None:
    spec = WindowSpec(timedelta(seconds=30), timedelta(seconds=10), timedelta(seconds=3))
    engine = SmallEngine(plan_of(9, spec=spec))
    engine.run([fine([step / 2 for step in range(120)])])
    engine.end()
    written = Counter(second(row["event_time"]) // 10 * 10 for row in engine.rows("outliers"))
    assert set(written.values()) == {3}
    for start, (flagged, left_out) in counts(engine).items():
        inside = sum(start <= step / 2 < start + 30 for step in range(120))
        handed_on = sum(written[piece] for piece in (start, start + 10, start + 20))
        assert (flagged, left_out) == (inside, inside - handed_on)
        assert handed_on <= 9


@pytest.mark.parametrize(("most", "overlap", "each"), [(1_000, 1, 1_000), (1_000, 3, 333), (2, 3, 1), (0, 3, 0)])
def test_what_a_piece_may_hand_on(most: int, overlap: int, each: int) -> None:
    spec = WindowSpec(timedelta(seconds=overlap), timedelta(seconds=1))
    assert most_of_a_piece(spec, most) == each


def test_p_values_are_written_and_none_where_there_is_none() -> None:
    engine = SmallEngine(plan_of(10, FlagOld(), FlagAll()))
    engine.run([requests([(95.0, 1.0, "Bern"), (150.0, 1.0, "Bern")], [0, 1])])
    found = {(row["technique"], row["offset"]): row["p_value"] for row in engine.rows("outliers")}
    assert found == {("flag_old", 0): 0.25, ("flag_old", 1): None, ("flag_all", 0): None, ("flag_all", 1): None}


parts = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0, 7.0, float("nan"), float("inf")]), min_size=3, max_size=3)


@given(st.dictionaries(st.sampled_from("abcdefg"), parts), st.dictionaries(st.sampled_from("xyz"), parts))
def test_the_features_that_drove_a_row_are_those_its_technique_names(
    first: dict[str, list[float]], second: dict[str, list[float]]
) -> None:
    scored = [
        InstanceScores(np.ones(3), np.array(flags), 1.0, {name: np.array(of) for name, of in given.items()})
        for flags, given in (([True, False, True], first), ([True, True, False], second))
    ]
    pairs = Pairs.of(scored)
    told = [list(orjson.loads(text).items()) for text in _top_features(pairs, scored)]
    assert (pairs.rows.tolist(), pairs.techniques.tolist()) == ([0, 0, 1, 2], [0, 1, 1, 0])
    assert told == [
        scored[technique].top_features(row)
        for row, technique in zip(pairs.rows.tolist(), pairs.techniques.tolist(), strict=True)
    ]


logs = st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=60)  # time; another task begins


@given(logs, st.integers(0, 8), st.lists(st.integers(1, 12), min_size=60, max_size=60))
@settings(max_examples=60, deadline=None)
def test_every_flag_is_written_or_counted_whatever_the_cuts(
    log: list[tuple[int, bool]], most: int, sizes: list[int]
) -> None:
    engine = SmallEngine(plan_of(most))
    at, cut = 0, iter(sizes)
    while at < len(log):
        chunk = log[at : at + next(cut)]
        middle = next((number for number, (_, other) in enumerate(chunk) if other and number), len(chunk))
        parts = [(at, chunk[:middle]), (at + middle, chunk[middle:])]
        engine.run(*([fine([float(time) for time, _ in part], first)] for first, part in parts if part))
        at += len(chunk)
    engine.end()
    flagged = Counter(time // 10 * 10 for time, _ in log)
    written = rows_by_window(engine)
    found: Counter[int] = Counter()
    left_out: Counter[int] = Counter()
    on_time: Counter[int] = Counter()
    for row in engine.rows("windows"):
        start = second(row["window_start"])
        found[start] += row["outliers"]
        left_out[start] += row["outliers_left_out"]
        if row["revision"] == 0:
            on_time[start] = row["outliers"] - row["outliers_left_out"]
    assert found == flagged
    assert {start: flagged[start] - left_out[start] for start in flagged} == {
        start: written[start] for start in flagged
    }
    assert all(count <= most for count in on_time.values())


def test_counts_are_forgotten_with_their_windows() -> None:
    engine = SmallEngine(plan_of(2))
    for minute in range(20):
        engine.run([fine([minute * 60.0, minute * 60.0 + 1], 2 * minute)])
        assert len(engine.state.flags.pieces) <= 2
    engine.end()
    assert engine.state.flags == FlagCounts()


def test_state_of_the_version_before_has_no_flags() -> None:
    older = pack({"clocks": {"t/0": [5, 6, 7]}, "closed_until": 9, "sides": 1, "keys": [], "baselines": []})
    state = FoldState.from_bytes(older)
    assert state.flags == FlagCounts()
    state.flags.pieces[10] = Flags(3, 2)
    state.failures.add(10, "theirs", 4, "why")
    again = FoldState.from_bytes(state.to_bytes())
    assert (again.flags, again.failures) == (state.flags, state.failures)
