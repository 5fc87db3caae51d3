"""What the store needs of the tables behind feature groups, whichever engine the client has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import pyarrow as pa

from hopsmon.adapters.hopsworks.result_rows import Where, Writer
from hopsmon.streaming.ports import TableSize

# For the client's `insert`: a micro-batch is no time to look for an expectation suite, and its rows have their schema.
UNSEEN: Final = {"schema_validation": False, "fetch_expectation_suite": False, "run_validation": False}


class OfflineTables(Protocol):
    """The Delta tables of feature groups; `group` is always the client's object."""

    def prepare(self, group: Any, schema: pa.Schema) -> None:
        """Give a table that is there the columns that it lacks, null in its rows."""
        ...

    def read(self, group: Any, columns: Sequence[str], where: Where) -> pa.Table:
        """Rows of a table, in no order, with those of the columns that it has; none where there is no table yet."""
        ...

    def write(self, group: Any, rows: pa.Table, writer: Writer, *, replacing: bool) -> None:
        """Write rows in one commit, and register that; where not `replacing`, none of their keys is there."""
        ...

    def register(self, group: Any) -> None:
        """Tell Hopsworks of the table's last commit, perhaps once more."""
        ...

    def delete(self, group: Any, keys: pa.Table) -> None:
        """Delete the rows with these keys and event times, and register that."""
        ...

    def frame(self, rows: pa.Table) -> Any:
        """Rows as the client takes them."""
        ...

    def size(self, group: Any) -> TableSize | None:
        """How much the table's current version holds; None where there is no table yet."""
        ...

    def optimize(self, group: Any) -> tuple[int, int]:
        """Merge small files; gives how many went and came."""
        ...

    def vacuum(self, group: Any, hours: int, *, dry_run: bool) -> int:
        """Delete files that no version younger than that needs; gives their number."""
        ...
