"""Event times on the wire: RFC 3339 text and epoch numbers of any unit -> microseconds since the epoch, UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
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

RFC_3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):?(\d\d))", re.ASCII
)


def rfc3339_micros(texts: pa.StringArray) -> IntArray:
    """Microseconds for each text, MISSING where it is null or cannot be read. Finer digits are cut off."""
    try:
        nanos = texts.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:  # one odd text fails the whole cast
        return np.fromiter(map(_micros_of, texts.to_pylist()), np.int64, len(texts))
    micros = np.asarray(pc.fill_null(nanos, MISSING).to_numpy()) // 1000
    return micros if not nanos.null_count else np.where(nanos.is_null().to_numpy(False), MISSING, micros)


def _micros_of(text: str | None) -> int:
    match = RFC_3339.fullmatch(text.strip()) if text else None
    if match is None:
        return MISSING
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    if second > 60:  # 60 is a leap second
        return MISSING
    try:
        start = datetime(year, month, day, hour, minute, tzinfo=timezone.utc)
    except ValueError:
        return MISSING
    offset = timedelta(hours=int(match[10] or 0), minutes=int(match[11] or 0)) * (-1 if match[9] == "-" else 1)
    micros = int((match[7] or "")[:6].ljust(6, "0"))
    return to_micros(start - EPOCH) + second * 1_000_000 + micros - to_micros(offset)


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
    micros = _micros_of(text)
    if micros != MISSING or not text:
        return micros
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return MISSING
    return to_micros((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)) - EPOCH)
