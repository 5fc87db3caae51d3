"""Event times on the wire: RFC 3339 text and epoch numbers of any unit -> microseconds since the epoch, UTC."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.window import to_micros

MISSING: Final = int(np.iinfo(np.int64).min)  # no time, or one that cannot be read

# Above a bound the number must be of the finer unit: 1e11 s is the year 5138, 1e11 ms is March 1973.
SECONDS_BELOW: Final = 10**11
MILLIS_BELOW: Final = 10**14
MICROS_BELOW: Final = 10**17

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)

SECOND: Final = 1_000_000
HOURS, MINUTES, SECONDS = 24, 60, 61  # how many there can be; a leap second is number 60

# RFC 3339, and the shorter forms of ISO 8601 that say the same moment: Java's OffsetDateTime leaves out seconds that
# are zero, PostgreSQL the minutes of an offset. It must take all that Arrow's cast takes, as both read the same.
MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(?P<zone>[Zz]|([+-])(\d\d)(?::?(\d\d))?)?)?",
    re.ASCII,
)


def rfc3339_micros(texts: pa.StringArray) -> IntArray:
    """Microseconds for each text, MISSING where it is null or cannot be read. Finer digits are cut off.

    A time needs a zone, and of the clock the hour at least (`MOMENT`). A text means the same in any company.
    """
    try:
        nanos = texts.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:  # one odd text fails the whole cast
        return np.fromiter(map(_zoned_micros_of, texts.to_pylist()), np.int64, len(texts))
    micros = np.asarray(pc.fill_null(nanos, MISSING).to_numpy()) // 1000
    return micros if not nanos.null_count else np.where(nanos.is_null().to_numpy(False), MISSING, micros)


def _zoned_micros_of(text: str | None) -> int:
    match = MOMENT.fullmatch(text.strip()) if text else None
    return MISSING if match is None or match["zone"] is None else _micros_of(match)


def _micros_of(match: re.Match[str]) -> int:
    """Of a moment's parts; without a zone it is UTC."""
    hour, minute, second, zone_hours, zone_minutes = (int(part or 0) for part in match.group(2, 3, 4, 8, 9))
    if max(hour, zone_hours) >= HOURS or max(minute, zone_minutes) >= MINUTES or second >= SECONDS:
        return MISSING
    try:
        days = int(np.datetime64(match[1], "D").astype(np.int64))
    except ValueError:  # there is no such month or day
        return MISSING
    offset = (zone_hours * 60 + zone_minutes) * (-1 if match[7] == "-" else 1)
    minutes = (days * HOURS + hour) * 60 + minute - offset
    return (minutes * 60 + second) * SECOND + int((match[5] or "")[:6].ljust(6, "0"))


def epoch_micros(numbers: IntArray) -> IntArray:
    """Microseconds for epoch numbers in seconds, milli-, micro- or nanoseconds, told apart by magnitude."""
    size = np.abs(numbers)
    return np.select(
        [size < SECONDS_BELOW, size < MILLIS_BELOW, size < MICROS_BELOW],
        [numbers * 1_000_000, numbers * 1_000, numbers],
        numbers // 1_000,
    )


def micros_of_number(number: float) -> int:
    """The same for one number, which may have a fraction; MISSING if it is not finite or beyond any clock.

    >>> micros_of_number(1652885019), micros_of_number(1652885019.5), micros_of_number(1652883610404)
    (1652885019000000, 1652885019500000, 1652883610404000)
    """
    if not -1e19 < number < 1e19:  # also false for NaN
        return MISSING
    size = abs(number)
    if size < SECONDS_BELOW:
        return round(number * 1_000_000)
    if size < MILLIS_BELOW:
        return round(number * 1_000)
    return int(number) if size < MICROS_BELOW else int(number) // 1_000


def epoch_seconds(numbers: FloatArray) -> FloatArray:
    """Seconds for epoch numbers of any unit, told apart by magnitude; NaN and infinity stay."""
    size = np.abs(numbers)
    units = [size < SECONDS_BELOW, size < MILLIS_BELOW, size < MICROS_BELOW]
    return np.where(np.isfinite(numbers), numbers / np.select(units, [1.0, 1e3, 1e6], 1e9), numbers)


def iso_micros(texts: pa.StringArray) -> IntArray:
    """Microseconds for ISO 8601 texts, which may be a date only or lack an offset (then UTC); MISSING if unreadable."""
    try:
        micros = texts.cast(pa.timestamp("us")).cast(pa.int64())
    except pa.ArrowInvalid:  # offsets, or an odd text
        return np.fromiter(map(_iso_micros_of, texts.to_pylist()), np.int64, len(texts))
    return np.asarray(pc.fill_null(micros, MISSING).to_numpy())


def _iso_micros_of(text: str | None) -> int:
    if not text:
        return MISSING
    match = MOMENT.fullmatch(text.strip())
    if match:
        return _micros_of(match)
    try:
        moment = datetime.fromisoformat(text.strip())  # forms of ISO 8601 that Arrow's cast takes for no time
    except ValueError:
        return MISSING
    return to_micros((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)) - EPOCH)
