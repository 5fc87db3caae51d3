"""Event times of reference data: a column of a table as microseconds since the epoch, UTC. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import IntArray
from hopsmon.core.payloads.times import MISSING, iso_micros
from hopsmon.errors import ConfigError

UNITS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}  # microseconds of one
_LATEST = 2.0**62  # µs; the year 148,000: no time, and what lies above does not fit into 64 bits


@dataclass(frozen=True, slots=True)
class EventTimes:
    """The event times of some rows.

    Attributes:
        micros: one a row; MISSING where there is none.
        nulls: how many rows have none.
        unreadable: how many rows have something that is no time.
        example: one of these.
    """

    micros: IntArray
    nulls: int = 0
    unreadable: int = 0
    example: str = ""

    @property
    def usable(self) -> IntArray:
        """Those there are."""
        return self.micros[self.micros != MISSING] if self.nulls or self.unreadable else self.micros


def column_and_unit(event_time: str, columns: Sequence[str]) -> tuple[str, str | None]:
    """The column that `event_time` names, and the unit where it says one: "ts" or "ts:ms".

    >>> column_and_unit("ts:ms", ["ts", "x"]), column_and_unit("a:s", ["a:s"])
    (('ts', 'ms'), ('a:s', None))

    Raises:
        ConfigError: there is no such column.
    """
    if event_time in columns:
        return event_time, None
    name, _, unit = event_time.rpartition(":")
    if name in columns and unit in UNITS:
        return name, unit
    units = f" Units: {', '.join(UNITS)}." if name in columns else ""
    raise ConfigError(f"No such column for the event time: {event_time}. The data has: {', '.join(columns)}.{units}")


def event_times(table: pa.Table, name: str, unit: str | None = None) -> EventTimes:
    """The event times of a table's rows.

    Timestamps, dates and ISO 8601 text (without a zone: UTC) are read as they are; numbers need their unit, as
    "column:ms", for a guess that is wrong would put every row into the wrong window.

    Raises:
        ConfigError: numbers without unit, or a type that holds no time.
    """
    values = table.column(name).combine_chunks()
    array = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _of_numbers(array, name, unit)
    if pa.types.is_null(kind):
        return EventTimes(np.full(len(array), MISSING), nulls=len(array))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _of_timestamps(array, name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _of_text(array.cast(pa.string()))
    raise ConfigError(
        f"Event time '{name}' has type {kind}, which is no time. Allowed: timestamps, dates, ISO 8601 text, and epoch "
        f"numbers with their unit ('{name}:ms')."
    )


def _of_numbers(array: pa.Array, name: str, unit: str | None) -> EventTimes:
    if unit is None:
        raise ConfigError(
            f"Event time '{name}' holds numbers, and they do not say their unit. Name it: "
            f"{', '.join(f'{name}:{known}' for known in UNITS)}."
        )
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(array.type) and unit == "us":  # float64 would lose microseconds after the year 2255
        return _found(array.fill_null(0).cast(pa.int64()).to_numpy(), nulls, np.zeros(len(array), np.bool_), array)
    numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) * UNITS[unit]
    wrong = ~nulls & ~(np.abs(numbers) < _LATEST)  # NaN too
    return _found(np.where(nulls | wrong, 0, numbers).round().astype(np.int64), nulls, wrong, array)


def _of_timestamps(array: pa.Array, name: str) -> EventTimes:
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    try:
        # Finer digits are cut off; a time too far away for microseconds is an error and does not wrap around.
        exact = array if getattr(array.type, "unit", "") == "ns" else array.cast(pa.timestamp("us", _zone(array)))
        micros = exact.cast(pa.timestamp("us", _zone(array)), safe=False).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise ConfigError(f"Event time '{name}' cannot be read as a time in microseconds: {error}") from error
    return _found(micros.fill_null(0).to_numpy(), nulls, np.zeros(len(array), np.bool_), array)


def _zone(array: pa.Array) -> str | None:
    zone: str | None = getattr(array.type, "tz", None)
    return zone


def _of_text(array: pa.StringArray) -> EventTimes:
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    try:
        micros = array.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(MISSING).to_numpy()
    except pa.ArrowInvalid:  # no offsets, or an odd text
        micros = iso_micros(array)
    return _found(np.where(nulls, 0, micros), nulls, ~nulls & (micros == MISSING), array)


def _found(micros: IntArray, nulls: np.ndarray[Any, Any], wrong: np.ndarray[Any, Any], array: pa.Array) -> EventTimes:
    missing = nulls | wrong
    example = str(array[int(np.flatnonzero(wrong)[0])].as_py()) if wrong.any() else ""
    times = np.where(missing, MISSING, micros) if missing.any() else micros
    return EventTimes(np.asarray(times, np.int64), int(nulls.sum()), int(wrong.sum()), example)
