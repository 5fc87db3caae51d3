"""FoldState: the merged windows of one (monitor, shard) that are still open, and the monitor's event clock. Pure.

The clock of a partition is the largest plausible event time read from it. A row is late exactly when its window's
end plus lateness is at or before its own partition's clock as it stood before the row. So what is late does not
depend on where the micro-batches were cut, nor on how unevenly a backlog's partitions are read.
The monitor's clock is the minimum over its partitions; windows close when it passes their end plus lateness. A
partition that has brought nothing of the monitor's yet holds them open: its first may be older than what others have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.window import WindowSpec, to_micros
from hopsmon.streaming.failures import Failures
from hopsmon.streaming.flag_counts import FlagCounts
from hopsmon.streaming.framing import pack, unpack
from hopsmon.streaming.partial import NEVER, Key, Partial, Reach

MIXED = "mixed"  # no baseline has this id


class Mode(Enum):
    """How the end of the log is told: a live log goes idle, a bounded run reads to the end of what is there."""

    CONTINUOUS = "continuous"  # a partition or monitor without messages for `close_idle_after` is idle
    ONCE = "once"  # the log is being read up to a fixed end: nothing counts as idle
    AT_END = "at_end"  # the end was reached: what was complete by the wall clock when the reading began is closed


@dataclass
class Clock:
    """What was read from one partition of the log."""

    reach: Reach = field(default_factory=Reach)
    seen_at: int = 0  # processing time of the first batch, or the last one that had messages of this monitor, ms
    next_offset: int = -1  # where the next message should lie; -1: nothing read yet

    def passed(self, spec: WindowSpec) -> int:
        """Up to which event time everything was surely read, µs; NEVER: nobody knows.

        Where nothing of the monitor's has come yet, for `close_idle_after` of the log's own time, this time tells.
        """
        idle = to_micros(spec.close_idle_after)
        if self.reach.newest != NEVER or self.reach.waited < idle:
            return self.reach.newest
        return self.reach.arrived - idle

    def is_idle(self, spec: WindowSpec, now_ms: int) -> bool:
        return now_ms - self.seen_at >= to_micros(spec.close_idle_after) // 1000


@dataclass
class Gap:
    """Offsets that were never delivered."""

    source: str
    first: int
    last: int


@dataclass
class FoldState:
    """State of one (monitor, shard). Windows nobody touches stay as bytes: reading and writing state costs nothing.

    Attributes:
        clocks: by source ("topic/partition").
        open: summaries of open windows by slice and start, as value or still as bytes.
        closed_until: every window that ends at or before it is closed, µs.
        sides: bit 0: a request was seen, bit 1: a response; where both were, missing ones can be told.
        baselines: for each open window, the baseline whose bins its summary uses; MIXED after a change.
        flags: outliers of the open windows.
        failures: where instance techniques failed in them.
        epoch: the monitor's, see `begin`.
    """

    clocks: dict[str, Clock] = field(default_factory=dict)
    open: dict[Key, Summary | bytes] = field(default_factory=dict)
    closed_until: int = NEVER
    sides: int = 0
    baselines: dict[Key, str] = field(default_factory=dict)
    flags: FlagCounts = field(default_factory=FlagCounts)
    failures: Failures = field(default_factory=Failures)
    epoch: int = 0

    def begin(self, epoch: int) -> None:
        """Forget the clocks where the monitor has come back: what it missed meanwhile is no gap in the log."""
        if epoch != self.epoch:
            self.clocks, self.epoch = {}, epoch

    def absorb(self, partial: Partial, spec: WindowSpec, now_ms: int) -> tuple[dict[Key, Summary], Gap | None]:
        """Merge one task's partial; returns late counts for windows already closed, and a gap before the partial.

        Partials of one source must come in the order of their offsets.
        """
        clock = self.clocks.setdefault(partial.source, Clock(seen_at=now_ms))
        for_closed: dict[Key, Summary] = {}
        for key, summary in partial.windows.items():
            end = key[1] + spec.size_micros
            late = end <= max(self.closed_until, clock.reach.newest - spec.lateness_micros)
            counted = as_late(summary) if late else summary
            if end <= self.closed_until:
                for_closed[key] = counted
            else:
                self._merge(key, counted, partial.baseline)
            self.sides |= (summary.requests > 0) | (summary.responses > 0) << 1
        gap = None
        if 0 <= clock.next_offset < partial.first_offset:
            gap = Gap(partial.source, clock.next_offset, partial.first_offset - 1)
        clock.next_offset = partial.last_offset + 1
        clock.reach += partial.reach
        if partial.reach.newest != NEVER:
            # Probes and other models' messages keep no windows open that nobody fills: only traffic of its own does.
            clock.seen_at = now_ms
        return for_closed, gap

    def _merge(self, key: Key, summary: Summary, baseline: str) -> None:
        before = self.summary(key)
        if before is None:
            self.open[key], self.baselines[key] = summary, baseline
        elif self.baselines[key] == baseline:
            self.open[key] = before + summary
        else:
            # The baseline changed while the window was open: bins of two shapes do not add up. What does not depend
            # on the baseline goes on; techniques that need the rest say so for this one window.
            self.open[key], self.baselines[key] = without_shape(before) + without_shape(summary), MIXED

    def summary(self, key: Key) -> Summary | None:
        """The summary of an open window."""
        found = self.open.get(key)
        return Summary.from_bytes(found) if isinstance(found, bytes) else found

    def close(self, spec: WindowSpec, now_ms: int, mode: Mode, baseline: str) -> list[tuple[Key, Summary]]:
        """Take out the windows that are complete, earliest first, fit to be compared with a baseline."""
        until = max(self.closed_until, self.clock(spec, now_ms, mode) - spec.lateness_micros)
        if self.is_idle(spec, now_ms, mode):
            grace = spec.lateness_micros + to_micros(spec.close_idle_after)
            until = max(until, now_ms * 1000 - grace)
        ready = sorted(
            (key for key in self.open if key[1] + spec.size_micros <= until), key=lambda key: (key[1], key[0])
        )
        closed = []
        for key in ready:
            summary = self.summary(key)
            assert summary is not None  # noqa: S101  keys come from self.open
            fits = self.baselines[key] == baseline
            del self.open[key], self.baselines[key]
            closed.append((key, summary if fits else without_shape(summary)))
        if closed:
            # The end of the latest closed window, not `until` itself: a clock alone closes nothing yet to come.
            self.closed_until = max(self.closed_until, closed[-1][0][1] + spec.size_micros)
        return closed

    def newest(self) -> list[int]:
        """The newest event time of each partition that has brought something of the monitor's, µs."""
        return [clock.reach.newest for clock in self.clocks.values() if clock.reach.newest != NEVER]

    def clock(self, spec: WindowSpec, now_ms: int, mode: Mode) -> int:
        """The monitor's event clock, µs; NEVER while it must be expected that anything comes."""
        newest = self.newest()
        if not newest:
            return NEVER
        if mode is Mode.AT_END:
            return min(newest)
        once = mode is Mode.ONCE
        held = [clock.passed(spec) for clock in self.clocks.values() if once or not clock.is_idle(spec, now_ms)]
        # When every partition is idle nothing holds the others back any longer.
        return min(held) if held else max(newest)

    def is_idle(self, spec: WindowSpec, now_ms: int, mode: Mode) -> bool:
        """Whether no message is to be expected that belongs to a window whose time has passed."""
        if mode is Mode.CONTINUOUS:
            return all(clock.is_idle(spec, now_ms) for clock in self.clocks.values())
        return mode is Mode.AT_END

    def to_bytes(self) -> bytes:
        keys = list(self.open)
        head = {
            "clocks": {
                source: [clock.seen_at, clock.next_offset, clock.reach.as_list()]
                for source, clock in self.clocks.items()
            },
            "closed_until": self.closed_until,
            "sides": self.sides,
            "keys": keys,
            "baselines": [self.baselines[key] for key in keys],
            "flags": self.flags.as_list(),
            "failures": self.failures.as_list(),
            "epoch": self.epoch,
        }
        return pack(head, [found if isinstance(found := self.open[key], bytes) else found.to_bytes() for key in keys])

    @classmethod
    def from_bytes(cls, data: bytes) -> FoldState:
        head, blobs = unpack(data)
        keys = [(name, start) for name, start in head["keys"]]
        return cls(
            {source: _clock_of(values) for source, values in head["clocks"].items()},
            dict(zip(keys, blobs, strict=True)),
            head["closed_until"],
            head["sides"],
            dict(zip(keys, head["baselines"], strict=True)),
            # Version 0.1 kept none of these.
            FlagCounts.from_list(head.get("flags", ())),
            Failures.from_list(head.get("failures", ())),
            head.get("epoch", 0),
        )


def as_late(summary: Summary) -> Summary:
    """The same rows as a bare count: they came after their window and enter no statistic."""
    late = summary.late + summary.instances + summary.predictions
    return replace(Summary(), late=late, rejected=summary.rejected)


def without_shape(summary: Summary) -> Summary:
    """The summary without what takes its shape from the baseline: bins, and known labels."""
    shaped = (Histogram.name, Categories.name)
    features = {
        name: FeatureSummary({key: value for key, value in feature.statistics.items() if key not in shaped})
        for name, feature in summary.features.items()
    }
    return replace(summary, features=features, model={})


def in_log_order(partials: Iterable[Partial]) -> list[Partial]:
    """Partials in the order their rows lie in the log."""
    return sorted(partials, key=lambda partial: (partial.source, partial.first_offset))


def _clock_of(values: list[Any]) -> Clock:
    if isinstance(values[-1], int):  # version 0.1: newest, seen_at, next_offset
        newest, seen_at, next_offset = values
        return Clock(Reach(newest), seen_at, next_offset)
    seen_at, next_offset, reach = values
    return Clock(Reach(*reach), seen_at, next_offset)
