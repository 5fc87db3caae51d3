"""Results: one result table of one monitor, as notebooks read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hopsmon import wiring
from hopsmon.errors import UnknownNameError
from hopsmon.streaming.ports import ResultTables
from hopsmon.streaming.tables import TABLES
from hopsmon.wiring.filters import Filters

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Results:
    """One result table of one monitor.

    Attributes:
        tables: where it lies.
        monitor: whose rows; None: everybody's.
        table: drift, outliers, statistics, windows, rejects or alerts.
    """

    tables: ResultTables
    monitor: str | None
    table: str

    def read(self, **filters: Any) -> pd.DataFrame:
        """The rows as a data frame, in order of time. See `Filters`."""
        wiring.require("pandas")
        return self.read_arrow(**filters).to_pandas()

    def read_arrow(self, **filters: Any) -> pa.Table:
        """The rows as an Arrow table, in order of time. See `Filters`."""
        name = f"hopsmon_{self.table}"
        if name not in TABLES:
            raise UnknownNameError("table", self.table, [known.removeprefix("hopsmon_") for known in TABLES])
        return Filters(**filters).of(self.tables.read(name, self.monitor, TABLES[name].shown), TABLES[name])
