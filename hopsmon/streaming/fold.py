"""fold: the only stateful stage; merges partials into open windows and hands on those that are complete.

One row per closed window and slice, per late update of a closed one, and one status per key; rejects pass through
untouched, of the outliers so many as a window may have. Key: (monitor, shard). State: `FoldState` in one binary value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hopsmon.core.statistics.summary import Summary
from hopsmon.core.window import Window, WindowSpec
from hopsmon.streaming.failures import Failure
from hopsmon.streaming.flag_counts import Bundle, Flags, to_ipc
from hopsmon.streaming.flagged import FAILED, OUTLIERS, REJECTS
from hopsmon.streaming.fold_state import FoldState, Gap, Mode, in_log_order
from hopsmon.streaming.framing import pack, unpack
from hopsmon.streaming.partial import PARTIAL, Key, Partial, Tally
from hopsmon.streaming.plan import MonitorPlan

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql.streaming.state import GroupState

FOLDED_DDL = "monitor string, kind string, payload binary"
STATE_DDL = "state binary"
TICK, WINDOW, LATE, STATUS = "tick", "window", "late", "status"

Row = tuple[str, bytes]  # kind, payload


@dataclass(frozen=True, slots=True)
class FoldSpec:
    """What the fold must know of a monitor. Not the plan: its baseline would travel to every task for nothing."""

    window: WindowSpec
    baseline: str
    max_outliers: int = 1_000
    epoch: int = 0

    @classmethod
    def of(cls, plan: MonitorPlan) -> FoldSpec:
        return cls(plan.window, plan.baseline.id, plan.max_outliers, plan.epoch)


def folder_of(
    plans: Sequence[MonitorPlan], mode: Mode, as_of_ms: int | None = None
) -> Callable[[tuple[Any, ...], Iterable[pd.DataFrame], GroupState], Iterator[pd.DataFrame]]:
    """The function that `applyInPandasWithState` ships to the executors; `as_of_ms`: the wall clock of AT_END."""
    specs = {plan.name: FoldSpec.of(plan) for plan in plans}

    def fold(key: tuple[Any, ...], frames: Iterable[pd.DataFrame], group: GroupState) -> Iterator[pd.DataFrame]:
        import pandas as pd

        monitor = str(key[0])
        arrived = [row for frame in frames for row in zip(frame["kind"], frame["payload"], strict=True)]
        if monitor not in specs:
            return  # a monitor that has left the query; its state stays until the checkpoint goes
        state = FoldState.from_bytes(bytes(group.get[0])) if group.exists else FoldState()  # a bytearray in Spark 3.5
        # The micro-batch's own time, which Spark keeps with it: a replay closes what the first attempt closed.
        now_ms = group.getCurrentProcessingTimeMs() if as_of_ms is None else as_of_ms
        rows, changed = advance(state, arrived, specs[monitor], now_ms, mode)
        if changed:
            group.update((state.to_bytes(),))
        yield pd.DataFrame({"monitor": monitor, "kind": [kind for kind, _ in rows], "payload": [p for _, p in rows]})

    return fold


def advance(
    state: FoldState, arrived: Iterable[Row], spec: FoldSpec, now_ms: int, mode: Mode
) -> tuple[list[Row], bool]:
    """One micro-batch of one key: merge, close, report. Returns the rows to hand on and whether the state changed."""
    state.begin(spec.epoch)
    by_kind: dict[str, list[bytes]] = {}
    for kind, payload in arrived:
        by_kind.setdefault(kind, []).append(payload)
    partials = in_log_order(map(Partial.from_bytes, by_kind.get(PARTIAL, ())))
    bundles = map(Bundle.from_bytes, by_kind.get(OUTLIERS, ()))
    outliers, late_flags = state.flags.admit(bundles, spec.window, spec.max_outliers, state.closed_until)
    state.failures.absorb(by_kind.get(FAILED, ()), spec.window, state.closed_until)
    late, gaps = _merged(state, partials, spec.window, now_ms)
    closed = state.close(spec.window, now_ms, mode, spec.baseline)
    tally = sum((partial.tally for partial in partials), Tally())
    rows = [
        *((REJECTS, payload) for payload in by_kind.get(REJECTS, ())),
        *((OUTLIERS, to_ipc(table)) for table in outliers),
        *((WINDOW, _closed(key, summary, state, spec.window).to_bytes()) for key, summary in closed),
        *((LATE, _late(key, summary, state, spec.window, late_flags).to_bytes()) for key, summary in late.items()),
        (STATUS, Status.of(state, spec.window, tally, gaps).to_bytes()),
    ]
    state.flags.forget(state.closed_until, spec.window)
    state.failures.forget(state.closed_until, spec.window)
    return rows, bool(partials or closed)


def _merged(
    state: FoldState, partials: Sequence[Partial], spec: WindowSpec, now_ms: int
) -> tuple[dict[Key, Summary], list[Gap]]:
    """Merge partials into the state; gives late counts of windows already closed, and the gaps before partials."""
    late: dict[Key, Summary] = {}
    gaps: list[Gap] = []
    for partial in partials:
        for_closed, gap = state.absorb(partial, spec, now_ms)
        for key, summary in for_closed.items():
            late[key] = late[key] + summary if key in late else summary
        gaps += [gap] if gap else []
    return late, gaps


def _closed(key: Key, summary: Summary, state: FoldState, spec: WindowSpec) -> ClosedWindow:
    name, start = key
    window = ClosedWindow(name, spec.window(start), state.sides == 3, summary)
    if name:
        return window
    return replace(window, flags=state.flags.of_window(start, spec), failures=tuple(state.failures.take(start)))


def _late(key: Key, summary: Summary, state: FoldState, spec: WindowSpec, flags: Mapping[int, Flags]) -> ClosedWindow:
    name, start = key
    new = None if name else flags.get(start, Flags())
    return ClosedWindow(name, spec.window(start), state.sides == 3, summary, new)


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """A closed window, as it travels to the driver.

    Attributes:
        both_sides: the log carries requests and responses.
        flags: its outliers; None in a slice, where they are not counted.
        failures: the instance techniques that failed in it; told with all traffic only.
    """

    slice: str
    window: Window
    both_sides: bool
    summary: Summary
    flags: Flags | None = None
    failures: tuple[Failure, ...] = ()

    def to_bytes(self) -> bytes:
        flags = None if self.flags is None else [self.flags.flagged, self.flags.written]
        head = [self.slice, self.window.start, self.window.end, self.both_sides, flags, self.failures]
        return pack(head, [self.summary.to_bytes()])

    @classmethod
    def from_bytes(cls, data: bytes) -> ClosedWindow:
        (name, start, end, both_sides, flags, failures), (blob,) = unpack(data)
        counted = None if flags is None else Flags(*flags)
        failed = tuple((technique, instances, error) for technique, instances, error in failures)
        return cls(name, Window(start, end), both_sides, Summary.from_bytes(blob), counted, failed)


def time_of(closed: bytes) -> tuple[Window, str]:
    """Window and slice of a closed window that is still bytes."""
    name, start, end = unpack(closed)[0][:3]
    return Window(start, end), name


@dataclass(frozen=True, slots=True)
class Status:
    """How one key stands after a micro-batch.

    Attributes:
        tally: the messages of this micro-batch.
        newest: largest plausible event time read so far, µs; None before the first message.
        open: windows still open.
        gaps: offsets that were expected in this micro-batch and never came.
    """

    tally: Tally
    newest: int | None
    open: tuple[tuple[str, Window], ...]
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, state: FoldState, spec: WindowSpec, tally: Tally, gaps: Sequence[Gap]) -> Status:
        newest = max(state.newest(), default=None)
        return cls(tally, newest, tuple((name, spec.window(start)) for name, start in sorted(state.open)), tuple(gaps))

    def to_bytes(self) -> bytes:
        return pack(
            [
                self.tally.as_list(),
                self.newest,
                [[name, window.start, window.end] for name, window in self.open],
                [[gap.source, gap.first, gap.last] for gap in self.gaps],
            ]
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Status:
        (tally, newest, windows, gaps), _ = unpack(data)
        opened = tuple((name, Window(start, end)) for name, start, end in windows)
        return cls(Tally(*tally), newest, opened, tuple(Gap(*gap) for gap in gaps))
