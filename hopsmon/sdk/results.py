"""Results: one result table of one monitor, as notebooks read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hopsmon import wiring

if TYPE_CHECKING:
    import pandas as pd

    from hopsmon.sdk.store import Store


@dataclass(frozen=True)
class Results:
    """One result table of one monitor."""

    store: Store
    monitor: str
    table: str

    def read(self, **filters: Any) -> pd.DataFrame:
        """The rows as a data frame, in order of time. See `Filters`."""
        wiring.require("pandas")
        return self.store.read(self.table, self.monitor, **filters).to_pandas()
