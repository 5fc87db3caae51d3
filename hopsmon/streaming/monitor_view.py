"""MonitorView: one monitor's side of a task: binds, checks, cuts into windows and slices, and summarises."""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import Batch, BoolArray, IntArray, Side
from hopsmon.core.payloads import Decoded, Reject, RejectReason, bind
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import DEFAULT_STATISTICS
from hopsmon.core.techniques.guard import measures_of
from hopsmon.core.techniques.protocols import InstanceTechnique
from hopsmon.core.window import to_micros
from hopsmon.streaming.flagged import Flagger, reject_rows
from hopsmon.streaming.partial import NEVER, Key, Partial, Reach, Tally
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.slices import Slicer

EARLIEST = 946_684_800_000_000  # 2000-01-01: no inference log is older; an unset clock says 1970


class MonitorView:
    """Collects, for one monitor, the windows of the run of offsets its task is reading."""

    def __init__(self, plan: MonitorPlan, run: str = "") -> None:
        self.plan = plan
        self._flagger = Flagger(plan, run)
        self.windows: dict[Key, Summary] = {}
        statistics = DEFAULT_STATISTICS | needs_of(plan)
        self._recipe = Recipe(plan.schema, plan.baseline.features, statistics, measures_of(plan.techniques))
        self._slicer = Slicer(plan)
        self._reach = Reach()
        self._tally = Tally()

    def see(self, run: pa.RecordBatch, decoded: Decoded) -> Iterator[tuple[str, bytes]]:
        """Take in one decoded record batch; yields bundles of outliers and rejects."""
        ahead = to_micros(self.plan.max_clock_ahead)
        # The arrival is the producer's word too (CreateTime), but nothing arrives after it was read.
        arrival = np.minimum(run.column("timestamp").to_numpy(), run.column("read_at").to_numpy())
        mine = self._matching(decoded)
        plausible = (decoded.event_time <= arrival + ahead) & (decoded.event_time >= EARLIEST)
        batches, rejects = self._bind(decoded, mine, plausible)
        good = np.zeros(decoded.rows, dtype=bool)
        for batch in batches:
            good[batch.message] = True
        bad = np.zeros(decoded.rows, dtype=bool)
        bad[[reject.row for reject in rejects]] = True

        newest_before = np.maximum.accumulate(
            # A fast clock may be ahead of its message's arrival, but does not push everybody's clock past it.
            np.concatenate(([self._reach.newest], np.where(good, np.minimum(decoded.event_time, arrival), NEVER)))
        )[1:]
        self._reach += Reach(int(newest_before[-1]), int(arrival[0]), int(arrival[-1]))
        for batch in batches:
            self._add(batch, newest_before)
        flagged = 0
        for batch in batches:
            if batch.side is Side.REQUEST:
                count, bundle = self._flagger.see(batch, run, decoded)
                flagged += count
                yield from bundle
        times = np.where(plausible, decoded.event_time, arrival)
        self._add_rejected(times[bad & ~good & plausible & decoded.own_time])
        yield from reject_rows(rejects, run, times)
        self._count(decoded, mine, good, bad, flagged)

    def _count(self, decoded: Decoded, mine: BoolArray | None, good: BoolArray, bad: BoolArray, outliers: int) -> None:
        own = decoded.rows if mine is None else int(mine.sum())
        accepted, rejected = int(good.sum()), int((bad & ~good).sum())
        self._tally += Tally(
            messages=decoded.rows,
            decoded=accepted,
            skipped=own - accepted - rejected,
            rejected=rejected,
            foreign=decoded.rows - own,
            outliers=outliers,
        )

    def partials(self, source: str, first: int, last: int) -> Iterator[tuple[int, Partial]]:
        """What was collected, by shard: every shard hears the clock, so that all slices close together."""
        by_shard: dict[int, dict[Key, Summary]] = {shard: {} for shard in range(self.plan.shards)}
        for key, summary in self.windows.items():
            by_shard[shard_of(key[0], self.plan.shards)][key] = summary
        for shard, windows in by_shard.items():
            tally = self._tally if shard == 0 else Tally()
            yield shard, Partial(source, first, last, self._reach, windows, self.plan.baseline.id, tally)
        self.windows, self._reach, self._tally = {}, Reach(), Tally()

    def _matching(self, decoded: Decoded) -> BoolArray | None:
        """Which messages are this monitor's; None: all. What cannot be read may be anybody's: it is ours too."""
        if not self.plan.match:
            return None
        mine = np.ones(decoded.rows, dtype=bool)
        unread = np.zeros(decoded.rows, dtype=bool)
        unread[[reject.row for reject in decoded.rejects]] = True
        for name, wanted in self.plan.match.items():
            attribute = decoded.attributes.get(name)
            if attribute is None:
                mine &= unread
            elif attribute.codes is None:
                mine &= attribute.equals(wanted, decoded.rows)
            else:
                mine &= attribute.equals(wanted, decoded.rows) | (unread & (attribute.codes < 0))
        return mine

    def _bind(self, decoded: Decoded, mine: BoolArray | None, plausible: BoolArray) -> tuple[list[Batch], list[Reject]]:
        """Typed batches of this monitor's messages, and the rejects among them."""
        rejects = [reject for reject in decoded.rejects if mine is None or mine[reject.row]]
        wanted = plausible if mine is None else plausible & mine
        everything = bool(wanted.all())
        batches = []
        off_clock: set[int] = set()
        for raw in decoded.groups:
            batch, misfits = bind(raw, self.plan.schema)
            rejects += misfits if mine is None else [reject for reject in misfits if mine[reject.row]]
            if not everything:
                keep = wanted[batch.message]
                off = batch.message[~keep]
                off_clock |= set((off if mine is None else off[mine[off]]).tolist())
                batch = batch.take(np.flatnonzero(keep))
            if len(batch):
                batches.append(batch)
        rejects += [self._off_clock(row, decoded) for row in sorted(off_clock)]
        return batches, rejects

    def _off_clock(self, row: int, decoded: Decoded) -> Reject:
        seen = np.datetime64(int(decoded.event_time[row]), "us")
        return Reject(
            row,
            RejectReason.IMPLAUSIBLE_TIME,
            f"Event time {seen}Z is before 2000 or more than {self.plan.max_clock_ahead} ahead of the message's "
            "arrival; set max_clock_ahead, or mend the sender's clock.",
        )

    def _add(self, batch: Batch, newest_before: IntArray) -> None:
        """Cut a batch into its windows; rows whose window was past when they came are only counted."""
        spec = self.plan.window
        last_starts = spec.last_start(batch.event_time)
        deadline_of_last = last_starts + spec.size_micros + spec.lateness_micros
        seen = newest_before[batch.message]
        for back in range(spec.overlap):
            shift = back * spec.slide_micros
            late = deadline_of_last - shift <= seen
            for start, rows in groups_of(last_starts - shift):
                self._add_window(
                    batch if rows is None else batch.take(rows), start, late if rows is None else late[rows]
                )

    def _add_window(self, batch: Batch, start: int, late: BoolArray) -> None:
        if late.any():
            for name, rows in self._slicer.slices(batch):
                count = int(late.sum() if rows is None else late[rows].sum())
                if count:
                    self._put((name, start), Summary(late=count))
            batch = batch.take(np.flatnonzero(~late))
        if len(batch):
            for name, rows in self._slicer.slices(batch):
                self._put((name, start), self._summarise(batch if rows is None else batch.take(rows)))

    def _summarise(self, batch: Batch) -> Summary:
        messages = int(np.count_nonzero(np.diff(batch.message))) + 1  # a batch keeps the order of its messages
        request = batch.side is Side.REQUEST
        return Summary(
            requests=messages if request else 0,
            responses=0 if request else messages,
            instances=len(batch) if request else 0,
            predictions=0 if request else len(batch),
            first_event=int(batch.event_time.min()),
            last_event=int(batch.event_time.max()),
            features=self._recipe.summarise(batch),
            model=self._recipe.summarise_model(batch),
        )

    def _add_rejected(self, times: IntArray) -> None:
        """Count rejects in their windows.

        One without a time of its own is in the table of rejects alone: in a replay its arrival would open a window
        years after the others.
        """
        spec = self.plan.window
        for back in range(spec.overlap):
            starts, counts = np.unique(spec.last_start(times) - back * spec.slide_micros, return_counts=True)
            for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
                self._put(("", start), Summary(rejected=count))

    def _put(self, key: Key, summary: Summary) -> None:
        before = self.windows.get(key)
        self.windows[key] = summary if before is None else before + summary


def needs_of(plan: MonitorPlan) -> frozenset[type]:
    """Every statistic some technique of the monitor needs of a window; those on instances need the baseline's only."""
    return frozenset().union(*(t.needs for t in plan.techniques if not isinstance(t, InstanceTechnique)))


def shard_of(name: str, shards: int) -> int:
    """The shard a slice belongs to; all traffic ("") is in shard 0."""
    return crc32(name.encode()) % shards if name else 0


def groups_of(starts: IntArray) -> Iterator[tuple[int, np.ndarray | None]]:
    """Row numbers by start of window, rows in their order; None: all rows, the usual case."""
    if starts[0] == starts[-1] and (starts == starts[0]).all():
        yield int(starts[0]), None
        return
    order = np.argsort(starts, kind="stable")
    cuts = np.flatnonzero(np.diff(starts[order])) + 1
    for rows in np.split(order, cuts):
        yield int(starts[rows[0]]), rows
