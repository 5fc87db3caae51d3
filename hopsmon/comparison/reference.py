"""Reference: what the current data is compared with, from a data frame or a ready baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from hopsmon.comparison.sides import table_of, time_column
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.schema import ModelRef
from hopsmon.core.season import Season
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.table import DEFAULT_STATISTICS
from hopsmon.core.statistics.values import Values
from hopsmon.core.window import WindowSpec
from hopsmon.errors import ConfigError

_MODEL = ModelRef("compare")


@dataclass(frozen=True)
class Reference:
    """The reference data, of which baselines are made once it is clear what the techniques need.

    Attributes:
        ready: the baseline that was given; None where data was.
        table: the data.
        settings: how a baseline is made of it.
    """

    ready: Baseline | None
    table: pa.Table | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, given: Any, schema: Mapping[str, Any], event_time: str | None, spec: WindowSpec | None, season: Season
    ) -> Reference:
        """The reference as the user gave it; `schema`: types and predictions.

        Raises:
            ConfigError: data without rows, or arguments that do not go together.
        """
        if isinstance(given, Baseline):
            if any(schema.values()) or season is not Season.NONE:
                raise ConfigError(
                    "types, predictions and season are the baseline's own: leave them out where the reference is a"
                    " Baseline."
                )
            return cls(given)
        table = table_of(given, "reference")
        column = time_column(event_time, table)
        if season is not Season.NONE and (column is None or spec is None):
            raise ConfigError(
                f"season={season} needs event_time and window, and that column in the reference data as well."
            )
        if column is None:
            return cls(None, table, schema)
        if spec is None:
            return cls(None, table.drop_columns([column]), schema)
        return cls(None, table, {**schema, "event_time": event_time, "window": spec.size, "season": season})

    @property
    def statistics(self) -> frozenset[type[Statistic]]:
        """What is computed whatever the techniques: with the raw values, where there are any."""
        return DEFAULT_STATISTICS if self.ready is not None else DEFAULT_STATISTICS | {Values}

    def baseline(self, statistics: frozenset[type[Statistic]]) -> Baseline:
        """The baseline with these statistics, and a sample of rows for outliers' p-values; a ready one as it is."""
        if self.ready is not None:
            return self.ready
        return build_baseline(self.table, _MODEL, statistics=statistics | {Reservoir}, **self.settings)
