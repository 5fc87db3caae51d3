"""What the engine needs from outside, as Protocols; `hopsmon/adapters/` holds the implementations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pyarrow as pa

from hopsmon.errors import OutsideError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOG_COLUMNS = ("value", "headers", "topic", "partition", "offset", "timestamp")


@runtime_checkable
class LogSource(Protocol):
    """An inference log that Spark can stream."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Maven coordinates the Spark session needs to read it; empty for built-in sources."""
        ...

    @property
    def contiguous(self) -> bool:
        """Whether offsets of a partition follow one another, so that a gap means messages that never came."""
        ...

    @property
    def identity(self) -> str:
        """Which log this is (never a secret): a checkpoint belongs to one log."""
        ...

    def check(self) -> None:
        """Look whether the log can be read now.

        Raises:
            OutsideError: it cannot; the message says what was tried and what to do next.
        """
        ...

    def explain(self, error: str) -> OutsideError | None:
        """A failure of Spark's reading in our words, where its text shows that the log is behind it; else None.

        A `TransientError` where it may pass by itself (the broker is away): the run then waits and goes on.
        """
        ...

    def load(self, spark: SparkSession) -> DataFrame:
        """A streaming frame with exactly `LOG_COLUMNS`.

        value binary (None: empty body), headers array<struct<key string, value binary>> (None: none), topic string,
        partition int, offset bigint, timestamp timestamp: when the message arrived at the log.
        """
        ...


@runtime_checkable
class ResultStore(Protocol):
    """Where the result tables live."""

    def write(self, tables: Mapping[str, pa.Table], app_id: str, batch_id: int) -> None:
        """Write one micro-batch's rows to every table that has rows; the same (app_id, batch_id) twice changes nothing.

        Raises:
            OutsideError: the store could not be written; nothing of the failing table was.
        """
        ...

    def read(self, table: str, monitor: str | None = None) -> pa.Table:
        """All rows of a table (of one monitor); an empty table with the right schema where nothing was written yet."""
        ...
