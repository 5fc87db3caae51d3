"""fold: the only stateful stage; merges partials into open windows and hands on those that are complete.

One row per closed window and slice, per late update of a closed one, and one status per key; outliers and rejects
pass through untouched. Key: (monitor, shard). State: `FoldState` in one binary value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hopsmon.core.statistics.summary import Summary
from hopsmon.core.window import Window, WindowSpec
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


def folder_of(
    plans: Sequence[MonitorPlan], mode: Mode, as_of_ms: int | None = None
) -> Callable[[tuple[Any, ...], Iterable[pd.DataFrame], GroupState], Iterator[pd.DataFrame]]:
    """The function that `applyInPandasWithState` ships to the executors; `as_of_ms`: the wall clock of AT_END."""
    # Not the plans themselves: techniques and baseline would travel to every task for nothing.
    specs = {plan.name: (plan.window, plan.baseline.id) for plan in plans}

    def fold(key: tuple[Any, ...], frames: Iterable[pd.DataFrame], group: GroupState) -> Iterator[pd.DataFrame]:
        import pandas as pd

        monitor = str(key[0])
        arrived = [row for frame in frames for row in zip(frame["kind"], frame["payload"], strict=True)]
        if monitor not in specs:
            return  # a monitor that has left the query; its state stays until the checkpoint goes
        state = FoldState.from_bytes(group.get[0]) if group.exists else FoldState()
        # The micro-batch's own time, which Spark keeps with it: a replay closes what the first attempt closed.
        now_ms = group.getCurrentProcessingTimeMs() if as_of_ms is None else as_of_ms
        rows, changed = advance(state, arrived, *specs[monitor], now_ms, mode)
        if changed:
            group.update((state.to_bytes(),))
        yield pd.DataFrame({"monitor": monitor, "kind": [kind for kind, _ in rows], "payload": [p for _, p in rows]})

    return fold


def advance(
    state: FoldState, arrived: Iterable[Row], spec: WindowSpec, baseline: str, now_ms: int, mode: Mode
) -> tuple[list[Row], bool]:
    """One micro-batch of one key: merge, close, report. Returns the rows to hand on and whether the state changed."""
    partials, passed_on = [], []
    for kind, payload in arrived:
        if kind == PARTIAL:
            partials.append(Partial.from_bytes(payload))
        elif kind != TICK:
            passed_on.append((kind, payload))
    late: dict[Key, Summary] = {}
    gaps: list[Gap] = []
    tally = Tally()
    for partial in in_log_order(partials):
        for_closed, gap = state.absorb(partial, spec, now_ms)
        for key, summary in for_closed.items():
            late[key] = late[key] + summary if key in late else summary
        gaps += [gap] if gap else []
        tally += partial.tally
    closed = state.close(spec, now_ms, mode, baseline)
    rows = [
        *passed_on,
        *((WINDOW, closed_row(key, summary, state, spec)) for key, summary in closed),
        *((LATE, closed_row(key, summary, state, spec)) for key, summary in late.items()),
        (STATUS, Status.of(state, spec, tally, gaps).to_bytes()),
    ]
    return rows, bool(partials or closed)


def closed_row(key: Key, summary: Summary, state: FoldState, spec: WindowSpec) -> bytes:
    """A closed window as it travels to the driver."""
    head = [key[0], key[1], key[1] + spec.size_micros, state.sides == 3]
    return pack(head, [summary.to_bytes()])


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """A closed window on the driver. `both_sides`: the log carries requests and responses."""

    slice: str
    window: Window
    both_sides: bool
    summary: Summary

    @classmethod
    def from_bytes(cls, data: bytes) -> ClosedWindow:
        (name, start, end, both_sides), (blob,) = unpack(data)
        return cls(name, Window(start, end), both_sides, Summary.from_bytes(blob))


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
        newest = max((clock.newest for clock in state.clocks.values()), default=None)
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
