"""Window, WindowSpec: event-time windows, tumbling and sliding. Times are whole microseconds since the epoch, UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
import numpy.typing as npt

from hopsmon.errors import ConfigError

MICROSECOND = timedelta(microseconds=1)


def to_micros(value: timedelta) -> int:
    """A duration in whole microseconds."""
    return value // MICROSECOND


def to_datetime(micros: int) -> datetime:
    """A point in time as an aware datetime.

    >>> to_datetime(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open span [start, end) of event time."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"[{to_datetime(self.start):%Y-%m-%d %H:%M:%S} … {to_datetime(self.end):%Y-%m-%d %H:%M:%S})"


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How event time is cut. Windows start at multiples of `slide` since the epoch and are `size` long.

    Attributes:
        size: length of a window, above zero.
        slide: distance between starts; equal to size = tumbling, smaller = sliding (each instance is in several).
        lateness: how far behind its partition's newest event an event may come and still be counted.
        close_idle_after: how long after its end plus lateness (wall clock) a window closes if traffic has stopped.

    Raises:
        ConfigError: sizes out of range, or size not a multiple of slide.
    """

    size: timedelta
    slide: timedelta | None = None
    lateness: timedelta = timedelta(0)
    close_idle_after: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if self.size <= timedelta(0):
            raise ConfigError(f"window.size must be above 0, got {self.size}.")
        if self.slide is not None and not timedelta(0) < self.slide <= self.size:
            raise ConfigError(f"window.slide must be above 0 and at most window.size ({self.size}), got {self.slide}.")
        if self.slide is not None and self.size % self.slide:
            raise ConfigError(f"window.size ({self.size}) must be a multiple of window.slide ({self.slide}).")
        if self.lateness < timedelta(0) or self.close_idle_after < timedelta(0):
            raise ConfigError("window.lateness and window.close_idle_after must not be negative.")

    @property
    def size_micros(self) -> int:
        """Length in microseconds."""
        return to_micros(self.size)

    @property
    def slide_micros(self) -> int:
        """Distance between starts in microseconds."""
        return to_micros(self.slide or self.size)

    @property
    def lateness_micros(self) -> int:
        """Lateness in microseconds."""
        return to_micros(self.lateness)

    @property
    def overlap(self) -> int:
        """In how many windows each instance lies (1: tumbling)."""
        return self.size_micros // self.slide_micros

    def last_start(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each time, the start of the latest window it lies in; the earlier ones are `slide` apart before it."""
        return np.asarray(times // self.slide_micros * self.slide_micros, dtype=np.int64)

    def window(self, start: int) -> Window:
        """The window that starts there."""
        return Window(start, start + self.size_micros)

    def windows_of(self, time: int) -> list[Window]:
        """All windows one time lies in, earliest first.

        >>> from datetime import timedelta
        >>> spec = WindowSpec(timedelta(seconds=20), slide=timedelta(seconds=10))
        >>> [window.start // 1_000_000 for window in spec.windows_of(25_000_000)]
        [10, 20]
        """
        last = time // self.slide_micros * self.slide_micros
        return [self.window(last - i * self.slide_micros) for i in reversed(range(self.overlap))]
