"""Progress of a run as numbers: per micro-batch, and summed up at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from hopsmon.core.window import Window
from hopsmon.streaming.fold_state import Gap
from hopsmon.streaming.partial import Tally


@dataclass(frozen=True, slots=True)
class Progress:
    """One micro-batch.

    Attributes:
        rows_in: messages read from the log, however many monitors read them.
        tally: what became of them, summed over the monitors.
        event_time_lag_seconds: wall clock minus the newest event time; None before the first event. Large in a replay.
        duration_seconds: from the start of the batch's work until its rows were written.
        findings: verdicts reached; drift: how many of them say drift.
        late: instances and predictions that came after their window; after each of them, where windows overlap.
        gaps: offsets that were expected and never came.
        alerts: that fired, changed or ended.
    """

    batch_id: int
    rows_in: int
    tally: Tally
    duration_seconds: float
    event_time_lag_seconds: float | None
    windows_closed: int
    findings: int
    drift: int
    late: int
    open_windows: tuple[tuple[str, str, Window], ...] = ()  # monitor, slice, window
    gaps: tuple[Gap, ...] = ()
    alerts: int = 0

    @property
    def rejects(self) -> int:
        """Messages that could not be read."""
        return self.tally.rejected

    @property
    def outliers(self) -> int:
        """Flagged (instance, technique) pairs."""
        return self.tally.outliers

    @property
    def rows_per_second(self) -> float:
        """Messages a second of this batch."""
        return self.rows_in / self.duration_seconds if self.duration_seconds else 0.0

    def line(self) -> str:
        """The batch as one log line."""
        lag = "-" if self.event_time_lag_seconds is None else f"{self.event_time_lag_seconds:.1f}s"
        return (
            f"batch={self.batch_id} rows={self.rows_in} rejects={self.rejects} skipped={self.tally.skipped} "
            f"rows_per_s={self.rows_per_second:.0f} lag={lag} took={self.duration_seconds:.2f}s "
            f"windows={self.windows_closed} findings={self.findings} drift={self.drift} "
            f"outliers={self.outliers} late={self.late} alerts={self.alerts}"
        )


@dataclass
class RunReport:
    """A whole run, from start to stop.

    Attributes:
        rows: messages read from the log.
        tally: messages = decoded + skipped + rejected + foreign, summed over the monitors.
        open_windows: windows not closed when the run ended: (monitor, slice, window).
        gaps: offsets that were expected and never came.
        alerts: that fired, changed or ended.
    """

    batches: int = 0
    rows: int = 0
    tally: Tally = field(default_factory=Tally)
    windows: int = 0
    findings: int = 0
    drift: int = 0
    late: int = 0
    seconds: float = 0.0
    open_windows: tuple[tuple[str, str, Window], ...] = ()
    gaps: list[Gap] = field(default_factory=list)
    alerts: int = 0

    def add(self, progress: Progress) -> None:
        """Take in one micro-batch."""
        self.batches += 1
        self.rows += progress.rows_in
        self.tally += progress.tally
        self.windows += progress.windows_closed
        self.findings += progress.findings
        self.drift += progress.drift
        self.late += progress.late
        self.open_windows = progress.open_windows
        self.gaps += progress.gaps
        self.alerts += progress.alerts

    @property
    def outliers(self) -> int:
        """Flagged (instance, technique) pairs."""
        return self.tally.outliers

    @property
    def rejects(self) -> int:
        """Messages that could not be read."""
        return self.tally.rejected

    def line(self) -> str:
        """The run as one log line."""
        return (
            f"batches={self.batches} rows={self.rows} rejects={self.rejects} skipped={self.tally.skipped} "
            f"took={self.seconds:.1f}s windows={self.windows} findings={self.findings} drift={self.drift} "
            f"outliers={self.outliers} late={self.late} open_windows={len(self.open_windows)}"
        )
