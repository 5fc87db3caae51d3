"""Season: which windows are alike because the calendar says so; and how to pick windows without regard to it. UTC."""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise

from hopsmon.core.schema import Word

_HOUR = 3_600_000_000  # µs
_DAY = 24 * _HOUR
_MONDAY = 4 * _DAY  # 1970-01-05 was the first Monday


class Season(Word):
    """What a seasonal baseline keeps apart."""

    NONE = "none"
    HOUR_OF_DAY = "hour_of_day"
    DAY_OF_WEEK = "day_of_week"
    HOUR_OF_WEEK = "hour_of_week"

    def phase(self, micros: int) -> int:
        """Which phase a window that starts at this time (µs since the epoch) belongs to; 0 without a season.

        >>> Season.HOUR_OF_DAY.phase(26 * 3_600_000_000)
        2
        """
        if self is Season.HOUR_OF_DAY:
            return micros % _DAY // _HOUR
        if self is Season.DAY_OF_WEEK:
            return (micros - _MONDAY) // _DAY % 7
        if self is Season.HOUR_OF_WEEK:
            return (micros - _MONDAY) // _HOUR % (7 * 24)
        return 0

    @property
    def micros(self) -> int | None:
        """How long a phase lasts, µs: a window must fit into one; None without a season."""
        return {Season.NONE: None, Season.DAY_OF_WEEK: _DAY}.get(self, _HOUR)


def spread(count: int, most: int) -> list[int]:
    """Which of `count` windows in a row to take so that at most so many stay: evenly, and in step with no calendar.

    Every second of hourly windows would leave out every second hour of the day. So one is taken of each of `most`
    equal stretches, at a place in it that looks random and is always the same.

    >>> spread(3, 5), spread(10, 4)
    ([0, 1, 2], [0, 4, 6, 7])
    """
    if count <= most:
        return list(range(count))
    cuts = [number * count // most for number in range(most + 1)]
    return [start + _scrambled(start) % (end - start) for start, end in pairwise(cuts)]


def _scrambled(number: int) -> int:
    return int.from_bytes(blake2b(number.to_bytes(8, "little"), digest_size=8).digest(), "little")
