"""Rebaseline: which of a monitor's closed windows become its new normal, read from its store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeAlias

import hopsmon
from hopsmon.config import MonitorConfig, format_duration, parse_duration, parse_moment
from hopsmon.core.baseline import Baseline, Provenance, ReferenceWindow
from hopsmon.core.rebaseline import Accepted, window_of
from hopsmon.core.window import to_datetime, to_micros
from hopsmon.errors import ConfigError
from hopsmon.wiring.filters import Moment
from hopsmon.wiring.plans import schema_of
from hopsmon.wiring.reference import read_baseline_of

if TYPE_CHECKING:
    from hopsmon.streaming.ports import Home, ResultTables

FromWindows: TypeAlias = tuple[Moment | None, Moment | None] | int | str | timedelta
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Span:
    """Which closed windows: those that start in [since, until), of these the newest `last`; None sets no bound.

    Attributes:
        back: those that start at most so long before the end of the newest.
    """

    since: datetime | None = None
    until: datetime | None = None
    last: int | None = None
    back: timedelta | None = None

    def of(self, starts: list[int], size: int) -> list[int]:
        """The starts (µs) of the windows that belong to it; `starts` ascend."""
        since = to_micros(self.since - _EPOCH) if self.since else None
        if self.back is not None and starts:
            since = starts[-1] + size - to_micros(self.back)
        until = to_micros(self.until - _EPOCH) if self.until else None
        found = [start for start in starts if (since is None or start >= since) and (until is None or start < until)]
        return found if self.last is None else found[-self.last :]


def span_of(from_windows: FromWindows) -> Span:
    """Which windows `rebaseline` means.

    >>> span_of("7d").back, span_of(24).last
    (datetime.timedelta(days=7), 24)

    Raises:
        ConfigError: none of the ways to say it.
    """
    if isinstance(from_windows, int) and not isinstance(from_windows, bool):
        if from_windows < 1:
            raise ConfigError(f"from_windows: expected at least 1 window, got {from_windows}.")
        return Span(last=from_windows)
    if isinstance(from_windows, (str, timedelta)):
        return Span(back=parse_duration(from_windows))
    if isinstance(from_windows, tuple) and len(from_windows) == 2:
        since, until = (None if moment is None else parse_moment(moment) for moment in from_windows)
        return Span(since, until)
    raise ConfigError(
        f'from_windows: {from_windows!r} is none of (since, until), a number of windows, or a time such as "7d".'
    )


def rebaselined(home: Home, config: MonitorConfig, span: Span) -> tuple[Baseline, Baseline]:
    """The baseline the monitor has, and the one its windows of that span make.

    Raises:
        ConfigError: no such windows, too few, or windows of an earlier hopsmon, which kept no statistics to add up.
    """
    old = read_baseline_of(config)
    windows = _windows(home.tables, config, span)
    first, last = (to_datetime(windows[at].start) for at in (0, -1))
    source = (
        f"{len(windows):,} windows of monitor {config.name}, {first:%Y-%m-%d %H:%M} to "
        f"{last + config.window.size:%Y-%m-%d %H:%M} UTC; before: {old.id}"
    )
    made = Provenance(source, datetime.now(timezone.utc), hopsmon.__version__)
    accepted = Accepted(windows, to_micros(config.window.size), old.season)
    return old, accepted.baseline(old, schema_of(config, old), made)


def _windows(store: ResultTables, config: MonitorConfig, span: Span) -> list[ReferenceWindow]:
    """Closed windows of all traffic; of overlapping ones those that start at multiples of their length."""
    size = to_micros(config.window.size)
    closed = {
        _start(row): row for row in _rows(store, "hopsmon_windows", config, _COUNTED) if row["status"] != "partial"
    }
    whole = sorted(start for start, row in closed.items() if _length(row) == size and start % size == 0)
    chosen = span.of(whole, size)
    if not chosen:
        raise ConfigError(_none_found(config, whole))
    wanted = frozenset(chosen)
    forms: dict[int, list[bytes]] = {start: [] for start in chosen}
    between = (to_datetime(chosen[0] + size), to_datetime(chosen[-1] + size))
    for row in _rows(store, "hopsmon_statistics", config, _KEPT, between):
        if _start(row) in wanted and _length(row) == size and row["summary"] is not None:
            forms[_start(row)].append(row["summary"])
    without = [start for start in chosen if not forms[start]]
    if without:
        raise ConfigError(
            f"{len(without):,} of these {len(chosen):,} windows of monitor {config.name} were written by an earlier "
            "hopsmon, which kept no statistics to add up. Choose later windows, or build the baseline from data."
        )
    return [
        window_of(start, closed[start]["instances"], closed[start]["predictions"], forms[start]) for start in chosen
    ]


_PLACE = ("model_name", "model_version", "slice", "window_start", "window_end")
_COUNTED = (*_PLACE, "instances", "predictions", "status")
_KEPT = (*_PLACE, "summary")


def _rows(
    store: ResultTables,
    table: str,
    config: MonitorConfig,
    columns: tuple[str, ...],
    between: tuple[datetime, datetime] | None = None,
) -> list[dict[str, Any]]:
    """Rows of all traffic of the monitor's own model version."""
    version = "" if config.model.version is None else str(config.model.version)
    rows = store.read(table, config.name, columns, between).to_pylist()
    mine = (config.model.name, version, "")
    return [row for row in rows if (row["model_name"], row["model_version"], row["slice"]) == mine]


def _start(row: Mapping[str, Any]) -> int:
    return to_micros(row["window_start"] - _EPOCH)


def _length(row: Mapping[str, Any]) -> int:
    return to_micros(row["window_end"] - row["window_start"])


def _none_found(config: MonitorConfig, starts: list[int]) -> str:
    size = format_duration(config.window.size)
    if not starts:
        return f"Monitor {config.name} has no closed windows of {size} in this store: run it first."
    first, last = (to_datetime(starts[at]) for at in (0, -1))
    return (
        f"Monitor {config.name} has no closed windows in that time. It has {len(starts):,} of {size}, the first from "
        f"{first:%Y-%m-%dT%H:%M}, the last from {last:%Y-%m-%dT%H:%M} UTC."
    )
