"""Filters: which rows of a result table somebody asks for, and the points in time they say it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.config import parse_moment
from hopsmon.errors import ConfigError
from hopsmon.streaming.tables import TableSpec

Moment: TypeAlias = datetime | date | str


@dataclass(frozen=True)
class Filters:
    """Which rows of a result table; None takes all.

    Attributes:
        since: rows at or after; for windows, those that start at or after. Text is ISO 8601, without a zone UTC.
        until: rows before; for windows, those that start before.
        slice: "feature=value"; "" for all traffic.
        only_drift: of the drift table, the verdicts that say drift.
    """

    since: Moment | None = None
    until: Moment | None = None
    feature: str | None = None
    technique: str | None = None
    slice: str | None = None
    only_drift: bool = False

    def of(self, table: pa.Table, spec: TableSpec) -> pa.Table:
        """The rows of a table that pass, in order of time."""
        clock = "window_start" if "window_start" in table.column_names else spec.event_time
        wanted = self._conditions(table.column_names, clock)
        for condition in wanted:
            table = table.filter(condition)
        order = [clock, *(name for name in ("slice", "feature", "technique") if name in table.column_names)]
        return table.sort_by([(name, "ascending") for name in order])

    def _conditions(self, columns: Sequence[str], clock: str) -> list[pc.Expression]:
        conditions = []
        if self.since is not None:
            conditions.append(pc.field(clock) >= pa.scalar(parse_moment(self.since), pa.timestamp("us", "UTC")))
        if self.until is not None:
            conditions.append(pc.field(clock) < pa.scalar(parse_moment(self.until), pa.timestamp("us", "UTC")))
        for name in ("feature", "technique", "slice"):
            value = getattr(self, name)
            if value is not None and name not in columns:
                raise ConfigError(f"This table has no column '{name}' to filter on. It has: {', '.join(columns)}.")
            if value is not None:
                conditions.append(pc.field(name) == value)
        if self.only_drift and "is_drift" in columns:
            conditions.append(pc.field("is_drift"))
        return conditions
