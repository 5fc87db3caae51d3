"""Reference windows: how reference data with an event time is cut into windows of a monitor's size. Values, no I/O.

The first pass counts the rows of each window, so that what cannot be used is told before the second pass, and only
windows that will be kept are summarised. Both passes give values that add up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import IntArray
from hopsmon.core.event_times import EventTimes, column_and_unit, event_times
from hopsmon.core.frames import batches_of
from hopsmon.core.season import Season, spread
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.window import Window, to_datetime, to_micros
from hopsmon.errors import ConfigError

# What is kept of each window: cheap, of bounded size, and enough for the techniques that judge by counts. A technique
# that needs more has no natural variation.
LIGHT: frozenset[type[Statistic]] = frozenset({Counts, Histogram, Categories, Moments})
LEAST_WINDOWS = 2  # fewer do not vary
MOST_WINDOWS = 2_000  # twelve weeks of hours; a feature takes about 0.3 KB a window
MOST_CELLS = 200_000  # windows times features: bounds the memory of models with many features, to about 60 MB
_COMPLETE = 0.9  # of its length, or of the median's rows: a first or last window below both was cut off

_SEASONS = ", ".join(Season)

WindowSummaries: TypeAlias = Mapping[int, Summary]  # by start


@dataclass(frozen=True, slots=True)
class Cut:
    """How reference data is cut: by which column, into windows of which length, and which of them are alike.

    Windows are tumbling and start at multiples of their length since the epoch, as a monitor's do.

    Attributes:
        column: the column with the event times.
        unit: of its numbers: s, ms, us or ns; None where it holds no numbers.
        size: length of a window.

    Raises:
        ConfigError: no length above zero, or a window spans several phases of the season.
    """

    column: str
    unit: str | None
    size: timedelta
    season: Season = Season.NONE

    def __post_init__(self) -> None:
        if self.size <= timedelta(0):
            raise ConfigError(f"The window of a baseline must be above 0, got {self.size}.")
        if self.season.micros is not None and self.micros > self.season.micros:
            raise ConfigError(
                f"A window of {self.size} spans several phases of season {self.season}: windows of at most "
                f"{timedelta(microseconds=self.season.micros)} fit into one. Allowed: smaller windows, or another "
                f"season ({_SEASONS})."
            )

    @classmethod
    def of(
        cls, event_time: str | None, window: timedelta | None, season: Season | str, columns: pa.Schema
    ) -> Cut | None:
        """The cut that a user asks for; None: none.

        Raises:
            ConfigError: event time and window do not come together, no such column, or an unknown season.
        """
        season = Season.named(season)
        if event_time is None:
            if window is not None or season != Season.NONE:
                named = "window" if window is not None else f"season {season}"
                raise ConfigError(f"{named}: needs event_time, the column with the time of each row.")
            return None
        if window is None:
            raise ConfigError("event_time: needs window, the size of the monitor's windows, e.g. 1h.")
        column, unit = column_and_unit(event_time, columns.names)
        return cls(column, unit, window, Season(season))

    def check_apart(self, names: Collection[str]) -> None:
        """Raises ConfigError where the event time is among these features or predictions."""
        if self.column in names:
            raise ConfigError(
                f"Event time '{self.column}' is named as a feature or prediction as well: it would drift without end. "
                "Leave it out there; if the model does take it, give the data a copy under another name."
            )

    @property
    def micros(self) -> int:
        """Length of a window."""
        return to_micros(self.size)

    def times(self, table: pa.Table) -> EventTimes:
        """The event time of each row."""
        return event_times(table, self.column, self.unit)

    def starts(self, times: IntArray) -> IntArray:
        """Start of the window of each time."""
        return np.asarray(times // self.micros * self.micros, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """The windows of (some of) the data: ascending starts, and of each its rows, first and last event. Adds up.

    Attributes:
        table: 4 × windows: start, rows, first and last event of each.
        rows: rows read, with a usable time or without.
        nulls: rows without a time.
        unreadable: rows whose time cannot be read.
        example: one of the latter.
    """

    table: IntArray
    rows: int = 0
    nulls: int = 0
    unreadable: int = 0
    example: str = ""

    @classmethod
    def none(cls) -> Traffic:
        """Of no data."""
        return cls(np.empty((4, 0), np.int64))

    @classmethod
    def of(cls, table: pa.Table, cut: Cut) -> Traffic:
        """Of one part of the data."""
        times = cut.times(table)
        usable = np.sort(times.usable)
        starts, first, rows = np.unique(cut.starts(usable), return_index=True, return_counts=True)
        last = usable[first + rows - 1] if len(usable) else usable
        windows = np.stack([starts, rows, usable[first], last]).astype(np.int64)
        return cls(windows, table.num_rows, times.nulls, times.unreadable, times.example)

    def __add__(self, other: Traffic) -> Traffic:
        both = np.concatenate([self.table, other.table], axis=1)
        starts, where = np.unique(both[0], return_inverse=True)
        merged = np.zeros((4, len(starts)), np.int64)
        merged[0] = starts
        np.add.at(merged[1], where, both[1])
        merged[2], merged[3] = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        np.minimum.at(merged[2], where, both[2])
        np.maximum.at(merged[3], where, both[3])
        return Traffic(
            merged,
            self.rows + other.rows,
            self.nulls + other.nulls,
            self.unreadable + other.unreadable,
            min(filter(None, (self.example, other.example)), default=""),
        )

    def to_plain(self) -> dict[str, Any]:
        """Values JSON knows."""
        rest = {name: getattr(self, name) for name in ("rows", "nulls", "unreadable", "example")}
        return {"table": self.table.tolist(), **rest}

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any]) -> Traffic:
        """Inverse of `to_plain`."""
        return cls(**{**stored, "table": np.array(stored["table"], np.int64).reshape(4, -1)})

    def plan(self, cut: Cut, features: int) -> WindowPlan:
        """Which windows to keep.

        A first or last window that the data does not fill (it covers less than 9/10 of the time, and has fewer rows
        than 9/10 of the median) is left out: half a window is no usual one, and one odd window widens every band.

        Raises:
            ConfigError: rows without a time, too few windows, or none of a phase that repeats.
        """
        self._check_times(cut)
        whole = self._without_cut_ends(cut)
        starts = whole[0].tolist()
        self._check_windows(cut, starts)
        most = max(LEAST_WINDOWS, min(MOST_WINDOWS, MOST_CELLS // max(features, 1)))
        kept = tuple(starts[number] for number in spread(len(starts), most))
        notes = []
        if left_out := self.table.shape[1] - len(starts):
            notes.append(f"{left_out} incomplete window{'s' * (left_out > 1)} at the ends of the data left out")
        if len(kept) < len(starts):
            notes.append(f"{len(kept):,} of {len(starts):,} windows kept, evenly spread")
        return WindowPlan(cut, kept, tuple(notes))

    def _check_times(self, cut: Cut) -> None:
        without = self.nulls + self.unreadable
        if not without:
            return
        example = f", such as {self.example!r}" if self.example else ""
        raise ConfigError(
            f"Event time '{cut.column}': {without:,} of {self.rows:,} rows have no event time ({self.nulls:,} null, "
            f"{self.unreadable:,} unreadable{example}). Mend or drop these rows, or leave the event time out."
        )

    def _without_cut_ends(self, cut: Cut) -> IntArray:
        if self.table.shape[1] <= LEAST_WINDOWS:
            return self.table
        starts, rows, first, last = self.table
        few = rows < _COMPLETE * np.median(rows)
        late = first[0] - starts[0] > (1 - _COMPLETE) * cut.micros
        early = last[-1] - starts[-1] < _COMPLETE * cut.micros
        return self.table[:, int(few[0] and late) : len(starts) - int(few[-1] and early)]

    def _check_windows(self, cut: Cut, starts: list[int]) -> None:
        if len(starts) < LEAST_WINDOWS:
            span = Window(int(self.table[2].min()), int(self.table[3].max()))
            raise ConfigError(
                f"Event time '{cut.column}': the reference data ({span}) fills {len(starts)} window of {cut.size}; "
                f"how windows vary shows from {LEAST_WINDOWS} on. Give data over a longer time, choose a smaller "
                "window, or leave the event time out."
            )
        phases = [cut.season.phase(start) for start in starts]
        if cut.season is not Season.NONE and len(set(phases)) == len(phases):
            raise ConfigError(
                f"Season {cut.season}: the reference data (from {to_datetime(starts[0]):%Y-%m-%d %H:%M}, "
                f"{len(starts)} windows of {cut.size}) has each phase once only. Give data over a longer time, or "
                f"choose another season ({_SEASONS})."
            )


@dataclass(frozen=True)
class WindowPlan:
    """Which windows the second pass summarises; picklable.

    Attributes:
        kept: their starts, ascending.
        notes: what was left out, for the provenance.
    """

    cut: Cut
    kept: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def summarise(self, table: pa.Table, recipe: Recipe) -> dict[int, Summary]:
        """The light statistics of each window's rows in one part of the data, on the bins and labels of the whole."""
        light = replace(recipe, statistics=LIGHT)
        times = self.cut.times(table).usable
        batches = batches_of(table, recipe.schema)
        found, wanted = {}, frozenset(self.kept)
        for start, rows in _rows_by_window(self.cut.starts(times)):
            if start not in wanted:
                continue
            features = [light.summarise(batch.take(rows)) for batch in batches]
            found[start] = Summary(
                instances=len(rows) if recipe.schema.features else 0,
                predictions=len(rows) if recipe.schema.predictions else 0,
                first_event=int(times[rows].min()),
                last_event=int(times[rows].max()),
                features={name: bounded(one) for side in features for name, one in side.items()},
            )
        return found


def _rows_by_window(starts: IntArray) -> Iterator[tuple[int, np.ndarray[Any, np.dtype[np.intp]]]]:
    """Row numbers by start of window, rows in their order; sorted once, however many windows there are."""
    if not len(starts):
        return
    order = np.argsort(starts, kind="stable")
    cuts = np.flatnonzero(np.diff(starts[order])) + 1
    for rows in np.split(order, cuts):
        yield int(starts[rows[0]]), rows


def bounded(summary: FeatureSummary) -> FeatureSummary:
    """Without the labels that the whole does not track: they are counted as unseen, as they would be in traffic."""
    found = summary.get(Categories)
    if found is None or len(found.pinned) == len(found.counts):
        return summary
    counts = {label: found.counts[label] for label in sorted(found.pinned)}
    bounded = Categories(counts, found.total - sum(counts.values()), found.unseen, found.pinned)
    return FeatureSummary({**summary.statistics, Categories.name: bounded})


def added(one: WindowSummaries, other: WindowSummaries) -> dict[int, Summary]:
    """The windows of both parts."""
    both = dict(one)
    for start, summary in other.items():
        both[start] = both[start] + summary if start in both else summary
    return both
