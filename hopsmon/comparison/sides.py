"""Sides: reference and current data as a baseline and typed batches, and what does not fit between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import (
    INVALID_CODE,
    NULL_CODE,
    Batch,
    CategoryColumn,
    Column,
    IntArray,
    NumericColumn,
    Side,
)
from hopsmon.core.event_times import column_and_unit, event_times
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.frames import SPARK_REFUSED, column_of, is_spark, to_arrow
from hopsmon.core.payloads.times import MISSING
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.errors import ConfigError
from hopsmon.streaming import arrow_frames

# What is read of a Spark frame, whole or not at all. Numbers take 8 bytes on their way through Spark, which hands its
# driver 1 GB by default, and some 35 here while they are compared: 1.4 GB a side.
MOST_ROWS = 2_000_000
MOST_VALUES = 40_000_000
SCHEMA = "schema"  # the "technique" of findings on columns that do not fit


@dataclass(frozen=True)
class Current:
    """The current data, read as the baseline's types.

    Attributes:
        batches: one a side that has columns; all have the same rows.
        rows: how many.
        places: which row of the given frame each row is; rows without an event time are left out.
        findings: columns that are missing, unknown or of a wrong type.
    """

    batches: tuple[Batch, ...]
    rows: int
    places: IntArray
    findings: tuple[Finding, ...]

    def take(self, rows: IntArray) -> tuple[Batch, ...]:
        """The batches at some rows."""
        return tuple(batch.take(rows) for batch in self.batches)


def table_of(frame: Any, side: str) -> pa.Table:
    """A data frame as Arrow.

    Raises:
        ConfigError: not a frame, no rows or no columns, two columns of one name, or a type without meaning here.
    """
    try:
        table = to_arrow(_rows_of_spark(frame) if is_spark(frame) else frame)
    except ConfigError as error:
        raise ConfigError(f"The {side} data: {error}") from error
    except Exception as error:  # narwhals and the frame libraries have errors of their own
        raise ConfigError(
            f"The {side} data cannot be read: {type(error).__name__}: {error} Pass a pandas, polars or pyarrow table."
        ) from error
    if not table.num_columns or not table.num_rows:
        missing = "columns" if not table.num_columns else "rows"
        raise ConfigError(f"The {side} data has no {missing}: there is nothing to compare.")
    return table


def _rows_of_spark(frame: Any) -> pa.Table:
    """All rows of a Spark frame, counted before they are fetched.

    Raises:
        ConfigError: they are more than one process should hold.
    """
    most = min(MOST_ROWS, MOST_VALUES // max(len(frame.columns), 1))
    if frame.limit(most + 1).count() > most:
        raise ConfigError(f"It has more than {most:,} rows. {SPARK_REFUSED}")
    return arrow_frames.to_arrow(frame)


def current_of(table: pa.Table, schema: ModelSchema, event_time: str | None) -> Current:
    """The current table as batches of the schema; what does not fit is a finding, not an error."""
    findings: list[Finding] = []
    times = np.zeros(table.num_rows, np.int64)
    places = np.arange(table.num_rows)
    if event_time is not None:
        known, times = times_of(table, event_time)
        if len(known) < table.num_rows:
            findings.append(_untimed(time_column(event_time, table) or event_time, table.num_rows - len(known)))
            table, places = table.take(pa.array(known)), known
    columns = {feature.name: _read(table, feature, findings) for feature in schema.all}
    expected = {*columns, time_column(event_time, table)}
    findings += [_unknown(name, table.num_rows) for name in table.column_names if name not in expected]
    message = np.arange(table.num_rows)
    sides = ((Side.REQUEST, schema.features), (Side.RESPONSE, schema.predictions))
    batches = tuple(
        Batch(side, times, message, np.zeros(table.num_rows, np.int64), _present(columns, features))
        for side, features in sides
        if features
    )
    return Current(batches, table.num_rows, places, tuple(findings))


def _present(columns: Mapping[str, Column | None], features: Sequence[Feature]) -> dict[str, Column]:
    found = {feature.name: columns[feature.name] for feature in features}
    return {name: column for name, column in found.items() if column is not None}


def _read(table: pa.Table, feature: Feature, findings: list[Finding]) -> Column | None:
    """One column; None where it is missing (then it counts as all null, as in a stream)."""
    if feature.name not in table.column_names:
        findings.append(_misfit(feature.name, table.num_rows, "missing", "the current data has no such column"))
        return None
    try:
        return column_of(table, feature)
    except ConfigError:
        given = table.schema.field(feature.name).type
        problem = f"{given} where the reference has {feature.type}"
        findings.append(_misfit(feature.name, table.num_rows, "type", problem))
        return _all_wrong(table.column(feature.name), feature.type)


def _all_wrong(values: pa.ChunkedArray, kind: FeatureType) -> Column:
    """A column of values of a wrong type; nulls stay nulls."""
    null = pc.is_null(values).combine_chunks().to_numpy(zero_copy_only=False)
    if kind.is_numeric:
        return NumericColumn(np.full(len(null), np.nan), null, ~null)
    return CategoryColumn(np.where(null, NULL_CODE, INVALID_CODE).astype(np.int32), ())


def _misfit(name: str, rows: int, kind: str, problem: str) -> Finding:
    """A column of the reference whose values are all lost: drift, whatever the techniques say."""
    details = {"kind": kind, "problem": problem}
    return Finding(SCHEMA, name, 1.0, 1.0, rows, Reason.DRIFT, True, Severity.CRITICAL, details=details)


def _unknown(name: str, rows: int) -> Finding:
    details = {"kind": "unknown", "problem": "the reference data has no such column; it was not compared"}
    return Finding.not_computable(SCHEMA, name, Reason.NO_BASELINE, rows, **details)


def _untimed(name: str, rows: int) -> Finding:
    problem = f"{rows:,} rows have no event time and were left out"
    return Finding.not_computable(SCHEMA, name, Reason.INSUFFICIENT, rows, kind="no_event_time", problem=problem)


def time_column(event_time: str | None, table: pa.Table) -> str | None:
    """The column that `event_time` ("ts", "ts:ms") names; None where the table has no such column."""
    if event_time is None:
        return None
    try:
        return column_and_unit(event_time, table.column_names)[0]
    except ConfigError:
        return None


def times_of(table: pa.Table, event_time: str) -> tuple[IntArray, IntArray]:
    """The rows that have an event time, and these times in microseconds since the epoch, UTC.

    Raises:
        ConfigError: no such column, numbers without a unit, a text that is no time, or no row has one.
    """
    name, unit = column_and_unit(event_time, table.column_names)
    times = event_times(table, name, unit)
    if times.unreadable:
        raise ConfigError(f"{times.unreadable:,} rows have something in '{name}' that is no time: {times.example!r}.")
    known = np.flatnonzero(times.micros != MISSING)
    if not len(known):
        raise ConfigError(f"No row of the current data has an event time: column '{name}' is null everywhere.")
    return known, times.micros[known]
