"""Parts of a baseline: where it came from, and its reference data's own windows and slices. Values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hopsmon.core.statistics.summary import Summary
from hopsmon.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a baseline came from.

    Attributes:
        source: what was read, in the words of whoever read it, e.g. "train.parquet".
        created_at: when it was built, with time zone; the caller passes it in, the core has no clock.
        hopsmon_version: version of the package that built it.
        notes: what somebody who reads its figures should know, one sentence each, e.g. windows that were left out.

    Raises:
        ConfigError: `created_at` has no time zone.
    """

    source: str = ""
    created_at: datetime | None = None
    hopsmon_version: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.created_at is not None and self.created_at.tzinfo is None:
            raise ConfigError(f"provenance.created_at needs a time zone, got {self.created_at.isoformat()}.")


@dataclass(frozen=True, slots=True)
class ReferenceWindow:
    """One window of the reference data: how the whole looks in pieces of a monitor's window size.

    Attributes:
        start: when it starts, µs since the epoch, UTC.
        summary: counts, bins, labels and moments of its rows; on the bins and labels of the whole.
    """

    start: int
    summary: Summary


@dataclass(frozen=True, slots=True)
class ReferenceSlice:
    """One segment of the reference data, as the rows with origin JFK.

    Attributes:
        whole: counts, bins, labels and moments of its rows, features only; on the bins and labels of all rows.
        windows: the same of its rows in windows of a monitor's size, in order of time; empty without event time.
    """

    whole: Summary
    windows: tuple[ReferenceWindow, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the reference data in it."""
        return self.whole.instances
