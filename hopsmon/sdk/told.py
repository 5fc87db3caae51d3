"""Told: what an operation did and how things stand, as values that say it plainly when a notebook shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from hopsmon.config import format_duration

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.jobs import JobRun


@dataclass(frozen=True)
class Told:
    """What was done.

    Attributes:
        monitor: whose business it was.
        steps: what was done, a line each.
        url: where to look; None: nowhere else.
    """

    monitor: str
    steps: tuple[str, ...]
    url: str | None = None

    @property
    def title(self) -> str:
        """The first line."""
        return f"Monitor {self.monitor}:"

    def __str__(self) -> str:
        lines = [self.title, *(f"  {step}" for step in self.steps)]
        return "\n".join([*lines, f"  look: {self.url}"] if self.url else lines)

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, repr=False)
class Deployment(Told):
    """A monitor as a job.

    Attributes:
        job: its name in the project.
        mode: scheduled (what is new, each time) or continuous.
        schedule: its Quartz expression; None: it is started by hand.
        environment: the Python environment it runs in.
    """

    job: str = ""
    mode: str = ""
    schedule: str | None = None
    environment: str = ""

    @property
    def title(self) -> str:
        """The first line."""
        continuous = self.mode == "continuous"
        if self.schedule:
            when = (
                f"runs until it is stopped, kept alive at {self.schedule}" if continuous else f"runs at {self.schedule}"
            )
        else:
            then = ", and then runs until it is stopped" if continuous else ""
            when = f"is started by hand: monitor.start(){then}"
        return f"Monitor {self.monitor} is job {self.job}, which {when}."


@dataclass(frozen=True, repr=False)
class Maintenance(Told):
    """The upkeep of a project's result tables as a job; it is no monitor's.

    Attributes:
        job: its name in the project.
        schedule: its Quartz expression.
    """

    job: str = ""
    schedule: str | None = None

    @property
    def title(self) -> str:
        """The first line."""
        return f"Job {self.job} keeps the result tables of all monitors quick and small: it runs at {self.schedule}."


@dataclass(frozen=True)
class Lag:
    """The newest window that was written.

    Attributes:
        window_end: when it ended (event time).
        closed_at: when it was judged (wall clock).
    """

    window_end: datetime
    closed_at: datetime


@dataclass(frozen=True)
class MonitorStatus:
    """How a monitor stands.

    Attributes:
        state: not deployed, never run, running, succeeded, failed or stopped; of a local one, running or not running.
        job: the name of its job; None: it has none.
        mode: scheduled or continuous; None: it has no job.
        schedule: the job's Quartz expression.
        paused: whether the schedule is.
        next_run: when the schedule starts it next.
        last_run: the newest run.
        results: the newest window; None: none was written yet, or they cannot be read from here.
        note: what else there is to say.
        asked: when this was so.
    """

    monitor: str
    state: str
    job: str | None = None
    mode: str | None = None
    schedule: str | None = None
    paused: bool = False
    next_run: datetime | None = None
    last_run: JobRun | None = None
    results: Lag | None = None
    note: str = ""
    url: str | None = None
    asked: datetime | None = None

    @property
    def lag(self) -> timedelta | None:
        """How long ago the newest window ended; None without one."""
        if self.results is None or self.asked is None:
            return None
        return self.asked - self.results.window_end

    def __str__(self) -> str:
        return "\n".join([f"Monitor {self.monitor}: {self.state}", *(f"  {line}" for line in self._lines())])

    def __repr__(self) -> str:
        return str(self)

    def _lines(self) -> list[str]:
        lines = [] if self.job is None else [f"job: {self.job}, {self.mode}"]
        if self.schedule is not None:
            next_run = f", next at {_time(self.next_run)}" if self.next_run else ""
            lines.append(f"schedule: {self.schedule}{', paused' if self.paused else next_run}")
        if self.last_run is not None:
            run, seconds = self.last_run, timedelta(seconds=round(self.last_run.seconds))
            lines.append(f"last run: {run.id}, {run.outcome}, from {_time(run.submitted)}, {format_duration(seconds)}")
        if self.results is not None and self.lag is not None:
            ago = format_duration(timedelta(seconds=max(0, round(self.lag.total_seconds()))))
            end, closed = _time(self.results.window_end), _time(self.results.closed_at)
            lines.append(f"last window: until {end}, {ago} ago, judged {closed}")
        lines += [self.note] if self.note else []
        return lines + ([f"look: {self.url}"] if self.url else [])


def _time(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}Z"
