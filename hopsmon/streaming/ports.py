"""What the engine needs from outside, as Protocols; `hopsmon/adapters/` holds the implementations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pyarrow as pa

from hopsmon.core.alerting import Alert
from hopsmon.core.finding import Finding
from hopsmon.core.window import Window
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
class Rewindable(LogSource, Protocol):
    """A log that can be read from a point in time."""

    def since(self, moment: datetime) -> LogSource:
        """The same log, for a query that begins with what arrived at that time or later."""
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


@dataclass(frozen=True, slots=True)
class TableSize:
    """How much a table's current version holds."""

    rows: int
    files: int
    bytes: int
    version: int


@runtime_checkable
class ResultTables(ResultStore, Protocol):
    """A result store that people read, and that somebody keeps in order."""

    def read(
        self,
        table: str,
        monitor: str | None = None,
        columns: Sequence[str] | None = None,
        between: tuple[datetime, datetime] | None = None,
    ) -> pa.Table:
        """All rows of a table (of one monitor), oldest first; empty where nothing was written yet.

        Args:
            columns: only these, for tables with large ones.
            between: only rows with an event time (of windows: their end) from the first to the second.
        """
        ...

    def delete(self, table: str, monitor: str | None, between: tuple[datetime, datetime]) -> int:
        """Delete a table's rows (of one monitor) with an event time from the first to the second; gives their number.

        Of windows the event time is their end, as in `read`.

        Raises:
            OutsideError: the store could not be written; nothing was deleted.
        """
        ...

    def tables(self) -> Mapping[str, TableSize]:
        """The size of each table that exists."""
        ...

    def optimize(self) -> Mapping[str, Mapping[str, int]]:
        """Merge each table's small files; gives how many files went and came, by table."""
        ...

    def vacuum(self, retention_hours: float | None = None, dry_run: bool = False) -> Mapping[str, Mapping[str, int]]:
        """Delete files no version younger than the retention needs (default: a week); gives their number by table."""
        ...


@runtime_checkable
class Documents(Protocol):
    """Small files that live beside the tables: saved monitors and baselines. Names are paths with "/"."""

    def read(self, name: str) -> bytes | None:
        """What a document holds; None where there is none.

        Raises:
            OutsideError: it is there and cannot be read.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a document; a reader sees the old one or the new one.

        Raises:
            OutsideError: it cannot be written.
        """
        ...

    def names(self, folder: str) -> list[str]:
        """The documents right in a folder, by name and without it, in alphabetical order."""
        ...


@runtime_checkable
class Home(Protocol):
    """Where monitors live: their result tables, their documents, their checkpoints."""

    @property
    def place(self) -> str:
        """What people call it: a folder, or "hopsworks:PROJECT". `hopsmon.connect` finds it by this."""
        ...

    @property
    def tables(self) -> ResultTables:
        """The result tables."""
        ...

    @property
    def documents(self) -> Documents:
        """Saved monitors and baselines."""
        ...

    def checkpoint(self, query: str) -> str:
        """The folder of a query's checkpoint, on a file system that Spark can write."""
        ...


@runtime_checkable
class AlertChannel(Protocol):
    """Somebody whom alerts are sent to."""

    @property
    def name(self) -> str:
        """What it is called in hopsmon_alerts, the same in every run: an alert that was not sent is found by it."""
        ...

    def send(self, alert: Alert) -> None:
        """Send one change of an alert; returns when it is sure to arrive.

        May be called again with the same alert; (alert_id, changed_at) name it. Whatever it raises, and however long it
        takes, no stream stops: the alert is sent again later.
        """
        ...


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """A closed window of all traffic and what was found in it."""

    window: Window
    instances: int
    findings: tuple[Finding, ...]


@runtime_checkable
class ResultListener(Protocol):
    """Somebody who is told of findings as they are written. No store: what cannot be told is lost to it in the end."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    def tell(self, windows: Sequence[JudgedWindow]) -> None:
        """Tell of windows, in order of time; some of them perhaps for the second time."""
        ...
