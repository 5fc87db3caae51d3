"""What is late, and what a window holds, must not depend on where micro-batches and tasks were cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopsmon.core.batch import NumericColumn
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.sample import NumericSample, sample_of
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.window import WindowSpec
from hopsmon.errors import HopsmonError
from hopsmon.streaming.checkpoint import epochs_after
from hopsmon.streaming.fold import LATE, STATUS, TICK, WINDOW, ClosedWindow, FoldSpec, Status, advance, folder_of
from hopsmon.streaming.fold_state import Clock, FoldState, Mode
from hopsmon.streaming.framing import pack, unpack
from hopsmon.streaming.partial import NEVER, PARTIAL, Partial, Reach, Tally

SECOND = 1_000_000
SPEC = WindowSpec(timedelta(seconds=10), lateness=timedelta(seconds=3), close_idle_after=timedelta(seconds=30))

FOLD = FoldSpec(SPEC, "b")

# A log: for each partition its event times in seconds, in log order, not sorted; None: another model's message.
Times = Sequence[int | None]
logs = st.lists(st.lists(st.none() | st.integers(0, 120), max_size=25), min_size=1, max_size=4)


def partial_of(source: str, first: int, times: Times, arrivals: Sequence[int] | None = None) -> Partial:
    """What observe makes of one run of offsets: rows late by the run's own clock are only counted.

    Without `arrivals` (seconds) the log is a replay: all of it has come at one moment.
    """
    windows: dict[tuple[str, int], Summary] = {}
    newest = NEVER
    arrived = [at * SECOND for at in (arrivals or [1_000] * len(times))]
    for time in times:
        if time is None:
            continue
        newest = max(newest, time * SECOND)
        window = SPEC.windows_of(time * SECOND)[-1]
        late = window.end + SPEC.lateness_micros <= newest
        row = Summary(late=1) if late else Summary(instances=1)
        windows[("", window.start)] = windows.get(("", window.start), Summary()) + row
    reach = Reach(newest, arrived[0], arrived[-1])
    return Partial(source, first, first + len(times) - 1, reach, windows, "b", Tally(messages=len(times)))


def totals_by_rule(log: Sequence[Times]) -> dict[int, tuple[int, int]]:
    """Row by row: late exactly when the window's end plus lateness is at or before the partition's newest event."""
    found: dict[int, list[int]] = {}
    for times in log:
        newest = NEVER
        for time in times:
            if time is None:
                continue
            newest = max(newest, time * SECOND)
            window = SPEC.windows_of(time * SECOND)[-1]
            late = window.end + SPEC.lateness_micros <= newest
            found.setdefault(window.start, [0, 0])[late] += 1
    return {start: (on_time, late) for start, (on_time, late) in found.items()}


def run_in_batches(
    log: Sequence[Times], cuts: list[int], arrivals: Sequence[Sequence[int]] | None = None
) -> dict[int, tuple[int, int]]:
    """The log through `advance`, each micro-batch taking some rows of every partition, as Spark's rate limit does."""
    state = FoldState()
    at = [0] * len(log)
    on_time: Counter[int] = Counter()
    late: Counter[int] = Counter()
    now = 0
    steps = iter([*cuts, *[10_000] * 2])
    while any(at[p] < len(times) for p, times in enumerate(log)):
        take = next(steps)
        partials = []
        for p, times in enumerate(log):
            chunk = times[at[p] : at[p] + take]
            if chunk:
                arrived = None if arrivals is None else arrivals[p][at[p] : at[p] + take]
                partials.append(partial_of(f"t/{p}", at[p], chunk, arrived))
            at[p] += len(chunk)
        state = FoldState.from_bytes(state.to_bytes())  # as Spark does between micro-batches
        rows, _ = advance(state, [(PARTIAL, p.to_bytes()) for p in partials], FOLD, now, Mode.ONCE)
        collect(rows, on_time, late)
        now += 1000
    rows, _ = advance(state, [(TICK, b"")], FOLD, 10**12, Mode.AT_END)
    collect(rows, on_time, late)
    assert not state.open
    return {start: (on_time[start], late[start]) for start in {*on_time, *late}}


def collect(rows: list[tuple[str, bytes]], on_time: Counter[int], late: Counter[int]) -> None:
    for kind, payload in rows:
        if kind in (WINDOW, LATE):
            closed = ClosedWindow.from_bytes(payload)
            on_time[closed.window.start] += closed.summary.instances
            late[closed.window.start] += closed.summary.late


@given(logs, st.lists(st.integers(1, 9), min_size=25, max_size=25))
@settings(max_examples=300, deadline=None)
def test_windows_do_not_depend_on_the_cuts(log: list[list[int | None]], cuts: list[int]) -> None:
    assert run_in_batches(log, cuts) == totals_by_rule(log)


# A log that was written as things happened: when each message came, whether it is the monitor's, how old it was then.
live = st.lists(
    st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.integers(0, 3)), max_size=25), min_size=1, max_size=4
)


@given(live, st.lists(st.integers(1, 9), min_size=25, max_size=25))
@settings(max_examples=300, deadline=None)
def test_nor_where_a_partition_brings_nothing_of_ours_for_long(
    log: list[list[tuple[int, bool, int]]], cuts: list[int]
) -> None:
    log = [sorted(messages) for messages in log]
    times = [[at - age if own else None for at, own, age in messages] for messages in log]
    arrivals = [[at for at, _, _ in messages] for messages in log]
    assert run_in_batches(times, cuts, arrivals) == totals_by_rule(times)


def foreign(first: int, *arrivals: int) -> tuple[str, bytes]:
    """Another model's messages, in partition 1."""
    return PARTIAL, partial_of("t/1", first, [None] * len(arrivals), arrivals).to_bytes()


@pytest.mark.parametrize("mode", [Mode.ONCE, Mode.CONTINUOUS])
def test_a_partition_that_begins_with_others_messages_holds_windows_open(mode: Mode) -> None:
    """But not for ever: after 30 s of the log's own time that time tells how far it is."""
    state = FoldState()
    batch = [(PARTIAL, partial_of("t/0", 0, [1, 90], [1, 90]).to_bytes()), foreign(0, 1, 30)]
    assert closed_starts(advance(state, batch, FOLD, 0, mode)[0]) == []
    assert closed_starts(advance(state, [foreign(2, 42)], FOLD, 1, mode)[0]) == []
    state = FoldState.from_bytes(state.to_bytes())
    assert closed_starts(advance(state, [foreign(3, 43)], FOLD, 2, mode)[0]) == [0]
    (left,) = state.open
    assert left == ("", 90 * SECOND)


def test_a_partition_that_had_some_holds_windows_open_in_a_bounded_run_whatever_comes() -> None:
    """Whose clock stands still, but for its own messages: the log's time may be anybody's word, or that of a replay."""
    state = FoldState()
    batch = [
        (PARTIAL, partial_of("t/0", 0, [1, 400], [1, 400]).to_bytes()),
        (PARTIAL, partial_of("t/1", 0, [5, None], [5, 1_000_000]).to_bytes()),
    ]
    assert closed_starts(advance(state, batch, FOLD, 0, Mode.ONCE)[0]) == []
    more = partial_of("t/1", 2, [6, 400], [6, 400])
    rows, _ = advance(state, [(PARTIAL, more.to_bytes())], FOLD, 1, Mode.ONCE)
    (closed,) = [ClosedWindow.from_bytes(payload) for kind, payload in rows if kind == WINDOW]
    assert (closed.summary.instances, closed.summary.late) == (3, 0)


def test_one_wrong_stamp_ends_no_waiting() -> None:
    state = FoldState()
    batch = [(PARTIAL, partial_of("t/0", 0, [1, 90], [1, 90]).to_bytes()), foreign(0, 1, 1_000_000, 2)]
    assert closed_starts(advance(state, batch, FOLD, 0, Mode.ONCE)[0]) == []


def test_others_messages_alone_are_no_event_time() -> None:
    rows, _ = advance(FoldState(), [foreign(0, 1, 2)], FOLD, 0, Mode.CONTINUOUS)
    assert Status.from_bytes(next(payload for kind, payload in rows if kind == STATUS)).newest is None


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(1, 29))
def test_one_partition_split_over_two_tasks_is_one_log(times: list[int], cut: int) -> None:
    """minPartitions gives one partition to several tasks; they may arrive in any order."""
    parts = [partial_of("t/0", first, chunk) for first, chunk in ((0, times[:cut]), (cut, times[cut:])) if chunk]
    results = []
    for order in (parts, parts[::-1], [partial_of("t/0", 0, times)]):
        state = FoldState()
        rows, _ = advance(state, [(PARTIAL, p.to_bytes()) for p in order], FOLD, 0, Mode.ONCE)
        rows += advance(state, [], FOLD, 10**12, Mode.AT_END)[0]
        on_time: Counter[int] = Counter()
        late: Counter[int] = Counter()
        collect(rows, on_time, late)
        results.append((on_time, late))
    assert results[0] == results[1] == results[2]


def closed_starts(rows: list[tuple[str, bytes]]) -> list[int]:
    return [ClosedWindow.from_bytes(payload).window.start // SECOND for kind, payload in rows if kind == WINDOW]


def test_a_window_closes_when_the_slowest_partition_has_passed_it() -> None:
    state = FoldState()
    rows, _ = advance(state, [(PARTIAL, partial_of("t/0", 0, [1, 40]).to_bytes())], FOLD, 0, Mode.ONCE)
    assert closed_starts(rows) == [0]
    state = FoldState()
    batch = [(PARTIAL, partial_of("t/0", 0, [1, 40]).to_bytes()), (PARTIAL, partial_of("t/1", 0, [5]).to_bytes())]
    rows, _ = advance(state, batch, FOLD, 0, Mode.ONCE)
    assert closed_starts(rows) == []
    rows, _ = advance(state, [(PARTIAL, partial_of("t/1", 1, [13]).to_bytes())], FOLD, 1, Mode.ONCE)
    assert closed_starts(rows) == [0]


def test_an_idle_partition_stops_holding_the_others_back() -> None:
    state = FoldState()
    batch = [(PARTIAL, partial_of("t/0", 0, [1, 40]).to_bytes()), (PARTIAL, partial_of("t/1", 0, [5]).to_bytes())]
    assert closed_starts(advance(state, batch, FOLD, 0, Mode.CONTINUOUS)[0]) == []
    more = [(PARTIAL, partial_of("t/0", 2, [41]).to_bytes())]
    assert closed_starts(advance(state, more, FOLD, 29_999, Mode.CONTINUOUS)[0]) == []
    assert closed_starts(advance(state, [(TICK, b"")], FOLD, 30_000, Mode.CONTINUOUS)[0]) == [0]


def test_the_last_window_closes_without_new_traffic() -> None:
    """By its end (50 s) + lateness (3 s) + close_idle_after (30 s) of the wall clock, and not before."""
    state = FoldState()
    advance(state, [(PARTIAL, partial_of("t/0", 0, [41]).to_bytes())], FOLD, 42_000, Mode.CONTINUOUS)
    assert closed_starts(advance(state, [(TICK, b"")], FOLD, 82_999, Mode.CONTINUOUS)[0]) == []
    assert closed_starts(advance(state, [(TICK, b"")], FOLD, 83_000, Mode.CONTINUOUS)[0]) == [40]
    rows, changed = advance(state, [(TICK, b"")], FOLD, 84_000, Mode.CONTINUOUS)
    assert [kind for kind, _ in rows] == [STATUS]
    assert not changed  # idle state is not written again


def test_other_models_traffic_does_not_keep_a_window_open() -> None:
    """A busy topic, an idle model: its last window closes as if the topic were silent."""
    state = FoldState()
    advance(state, [(PARTIAL, partial_of("t/0", 0, [41]).to_bytes())], FOLD, 42_000, Mode.CONTINUOUS)
    for second in range(43, 83):
        probe = Partial("t/0", second, second, Reach(), {}, "b", Tally(messages=1, foreign=1))
        rows, _ = advance(state, [(PARTIAL, probe.to_bytes())], FOLD, second * 1000, Mode.CONTINUOUS)
        assert closed_starts(rows) == []
    assert closed_starts(advance(state, [(TICK, b"")], FOLD, 83_000, Mode.CONTINUOUS)[0]) == [40]


def test_a_bounded_run_leaves_a_window_open_whose_time_has_not_come() -> None:
    state = FoldState()
    advance(state, [(PARTIAL, partial_of("t/0", 0, [41]).to_bytes())], FOLD, 42_000, Mode.ONCE)
    rows, _ = advance(state, [(TICK, b"")], FOLD, 60_000, Mode.AT_END)
    assert closed_starts(rows) == []
    status = Status.from_bytes(next(payload for kind, payload in rows if kind == STATUS))
    assert [window.start // SECOND for _, window in status.open] == [40]


def test_late_rows_of_a_closed_window_are_counted_not_lost() -> None:
    state = FoldState()
    advance(state, [(PARTIAL, partial_of("t/0", 0, [1, 2, 40]).to_bytes())], FOLD, 0, Mode.ONCE)
    rows, _ = advance(state, [(PARTIAL, partial_of("t/0", 3, [3, 4, 41]).to_bytes())], FOLD, 1, Mode.ONCE)
    late = [ClosedWindow.from_bytes(payload) for kind, payload in rows if kind == LATE]
    assert [(c.window.start, c.summary.late, c.summary.instances) for c in late] == [(0, 2, 0)]


def test_a_gap_in_the_offsets_is_reported() -> None:
    state = FoldState()
    advance(state, [(PARTIAL, partial_of("t/0", 5, [1, 2]).to_bytes())], FOLD, 0, Mode.ONCE)
    rows, _ = advance(state, [(PARTIAL, partial_of("t/0", 17, [3]).to_bytes())], FOLD, 1, Mode.ONCE)
    status = Status.from_bytes(next(payload for kind, payload in rows if kind == STATUS))
    assert [(gap.source, gap.first, gap.last) for gap in status.gaps] == [("t/0", 7, 16)]


def test_rejects_pass_untouched() -> None:
    rows, changed = advance(FoldState(), [("rejects", b"abc"), ("rejects", b"def")], FOLD, 0, Mode.CONTINUOUS)
    assert rows[:2] == [("rejects", b"abc"), ("rejects", b"def")]
    assert not changed


def test_state_survives_its_binary_form() -> None:
    state = FoldState(
        {"t/0": Clock(Reach(5, 3, 9), 6, 7), "t/1": Clock()},
        {("a=b", 10): Summary(instances=3)},
        9,
        1,
        {("a=b", 10): "b"},
    )
    again = FoldState.from_bytes(state.to_bytes())
    assert again.clocks == state.clocks
    assert again.summary(("a=b", 10)) == Summary(instances=3)
    assert (again.closed_until, again.sides, again.baselines) == (9, 1, state.baselines)


def test_clocks_of_version_0_1_are_read() -> None:
    old = unpack(FoldState({"t/0": Clock(Reach(5), 6, 7)}).to_bytes())[0] | {"clocks": {"t/0": [5, 6, 7]}}
    assert FoldState.from_bytes(pack(old)).clocks == {"t/0": Clock(Reach(5), 6, 7)}


def test_state_of_a_newer_version_says_what_to_do() -> None:
    newer = bytes([99]) + pack({})[1:]
    with pytest.raises(HopsmonError, match=r"version 99.*upgrade"):
        unpack(newer)


def two_values(edges: list[float]) -> Summary:
    """The moments of two values, and their histogram on a baseline's edges."""
    sample = sample_of(NumericColumn(np.array([0.5, 0.75])))
    assert isinstance(sample, NumericSample)
    parts: dict[str, Statistic] = {
        "moments": Moments.of_sorted(sample.sorted),
        "histogram": Histogram.of_sorted(sample.sorted, np.array(edges)),
    }
    return Summary(instances=2, features={"x": FeatureSummary(parts)})


def test_a_new_baseline_does_not_break_an_open_window() -> None:
    """Bins of two baselines do not add up; the window goes on without them, counts and moments whole."""
    state = FoldState()
    for number, (name, edges) in enumerate([("old", [0.0, 1.0]), ("new", [0.0, 2.0]), ("new", [0.0, 2.0])]):
        state.absorb(Partial("t/0", number, number, Reach(1), {("", 0): two_values(edges)}, name), SPEC, 0)
        state = FoldState.from_bytes(state.to_bytes())
    merged = state.summary(("", 0))
    assert merged is not None
    assert merged.instances == 6
    moments = merged.features["x"].get(Moments)
    assert moments is not None
    assert moments.count == 6
    assert "histogram" not in merged.features["x"].statistics


def test_a_window_of_an_old_baseline_is_not_compared_bin_by_bin_with_a_new_one() -> None:
    for now, left in (("old", {"moments", "histogram"}), ("new", {"moments"})):
        state = FoldState()
        state.absorb(Partial("t/0", 0, 0, Reach(1), {("", 0): two_values([0.0, 1.0])}, "old"), SPEC, 0)
        ((_, closed),) = state.close(SPEC, 10**12, Mode.AT_END, now)
        assert set(closed.features["x"].statistics) == left


def test_what_a_monitor_missed_while_it_was_away_is_no_gap() -> None:
    state = FoldState()
    advance(state, [(PARTIAL, partial_of("t/0", 5, [1, 2]).to_bytes())], FOLD, 0, Mode.ONCE)
    state = FoldState.from_bytes(state.to_bytes())
    back = replace(FOLD, epoch=1)
    rows, _ = advance(state, [(PARTIAL, partial_of("t/0", 17, [30]).to_bytes())], back, 1, Mode.ONCE)
    status = Status.from_bytes(next(payload for kind, payload in rows if kind == STATUS))
    assert status.gaps == ()
    assert closed_starts(rows) == [0]  # what it had seen of a window before it left is told
    rows, _ = advance(
        FoldState.from_bytes(state.to_bytes()),
        [(PARTIAL, partial_of("t/0", 20, [31]).to_bytes())],
        back,
        2,
        Mode.ONCE,
    )
    status = Status.from_bytes(next(payload for kind, payload in rows if kind == STATUS))
    assert [(gap.first, gap.last) for gap in status.gaps] == [(18, 19)]  # from then on gaps count again


def test_an_epoch_is_one_more_for_each_return() -> None:
    file: dict[str, Any] = {"monitors": {"a": {}, "b": {}}}  # of version 0.1: nobody knows who was away
    assert epochs_after(file, ["a"]) == {}
    file = {"monitors": {"a": {}, "b": {}}, "running": ["a"], "epochs": {}}
    assert epochs_after(file, ["a", "b", "new"]) == {"b": 1}
    assert epochs_after({**file, "epochs": {"b": 1}}, ["b"]) == {"b": 2}
    assert epochs_after({**file, "running": ["a", "b"], "epochs": {"b": 1}}, ["a", "b"]) == {"b": 1}


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_the_state_is_whatever_kind_of_bytes_spark_gives(kind: type) -> None:
    """Spark 3.5 gives a bytearray; of open windows that nothing came for, the state hands on the bytes it was given."""
    plan: Any = SimpleNamespace(name="m", window=SPEC, baseline=SimpleNamespace(id="b"), max_outliers=1, epoch=0)
    kept: list[bytes] = []

    def run(partials: Sequence[Partial], mode: Mode) -> list[str]:
        group: Any = SimpleNamespace(
            exists=bool(kept),
            get=tuple(map(kind, kept[-1:])),
            update=kept.extend,
            getCurrentProcessingTimeMs=lambda: 1_000_000,
        )
        arrived = pd.DataFrame({"kind": [PARTIAL] * len(partials), "payload": [one.to_bytes() for one in partials]})
        (frame,) = folder_of([plan], mode)(("m", 0), [arrived], group)
        return list(frame["kind"])

    assert run([partial_of("t/0", 0, [1])], Mode.CONTINUOUS) == [STATUS]
    assert run([], Mode.AT_END) == [WINDOW, STATUS]
