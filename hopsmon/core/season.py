"""Season: which windows are alike because the calendar says so. UTC."""

from __future__ import annotations

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
