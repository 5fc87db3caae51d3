"""Jobs of a project: made, changed where they differ, scheduled, run, watched, stopped."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.adapters.hopsworks.quartz import check_cron
from hopsmon.errors import ConfigError, OutsideError

_NONE_YET = "UNDEFINED"  # the final status of an execution that has not ended, or that never began
_ENDED = ("FINISHED", "FAILED", "KILLED", "INITIALIZATION_FAILED", "FRAMEWORK_FAILURE", "APP_MASTER_START_FAILED")
_FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class JobRun:
    """One execution of a job.

    Attributes:
        submitted: when it was asked for; None where Hopsworks does not say it in a way that is understood.
        state: as Hopsworks has it: RUNNING, FINISHED, FAILED, …
        final_status: SUCCEEDED, FAILED, KILLED; UNDEFINED while it runs.
        seconds: how long it has run.
    """

    id: int
    submitted: datetime | None
    state: str
    final_status: str
    seconds: float
    arguments: str

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.final_status == _NONE_YET and self.state not in _ENDED

    @property
    def outcome(self) -> str:
        """What became of it, in a word: running, succeeded, stopped or failed."""
        if self.is_active:
            return "running"
        words = {"SUCCEEDED": "succeeded", "FINISHED": "succeeded", "KILLED": "stopped"}
        return words.get(self.final_status, "failed")


@dataclass(frozen=True, slots=True)
class JobSchedule:
    """When a job runs by itself.

    Attributes:
        enabled: not paused.
        next_run: None where it is paused, or Hopsworks does not say.
    """

    cron: str
    enabled: bool
    next_run: datetime | None = None


class ProjectJobs:
    """The jobs of one project, by the client that is logged in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def config(self, name: str) -> Mapping[str, Any] | None:
        """The configuration of a job; None where there is no such job."""
        job = self._find(name)
        return None if job is None else job.config

    def defaults(self) -> dict[str, Any]:
        """What a new PySpark job has."""
        with asking("The configuration of PySpark jobs"):
            return dict(self._api.get_configuration("PYSPARK"))

    def put(self, name: str, config: Mapping[str, Any]) -> None:
        """Make a job, or give it another configuration."""
        with _quietly(f"Job '{name}'"):
            self._api.create_job(name, dict(config))

    def url(self, name: str) -> str:
        """The job's page; where people see it, not where this process asks."""
        return str(self._job(name).get_url())

    def delete(self, name: str) -> None:
        """Delete a job and the list of its runs."""
        job = self._job(name)
        with _quietly(f"Job '{name}'"):
            job.delete()

    def schedule(self, name: str) -> JobSchedule | None:
        """When a job runs by itself; None: it does not."""
        return _schedule_of(self._job(name))

    def set_schedule(self, name: str, cron: str) -> str:
        """Schedule a job, from now on; one that has a schedule gets this one. Gives what was done, as a line.

        Raises:
            ConfigError: the scheduler does not take the expression.
        """
        wanted, job = check_cron(cron), self._job(name)
        there = _schedule_of(job)
        if there is not None and (there.cron, there.enabled) == (wanted, True):
            return f"schedule: {wanted}, as before"
        with _quietly(f"The schedule of job '{name}'"):
            job.schedule(wanted)
        return f"schedule: {wanted}" if there is None else f"schedule: {wanted} (was {there.cron})"

    def remove_schedule(self, name: str) -> None:
        """Take a job's schedule away."""
        job = self._job(name)
        with _quietly(f"The schedule of job '{name}'"):
            job.unschedule()

    def enable_schedule(self, name: str, enabled: bool) -> None:
        """Pause or resume a job's schedule.

        Client 5.1 resumes where it is told to pause, and the other way round: what counts is what comes back.
        """
        job = self._job(name)
        calls = (job.resume_schedule, job.pause_schedule) if enabled else (job.pause_schedule, job.resume_schedule)
        with _quietly(f"The schedule of job '{name}'"):
            if not any(bool(call().enabled) is enabled for call in calls):
                word = "resume" if enabled else "pause"
                raise OutsideError(f"Hopsworks does not {word} the schedule of job '{name}'.")

    def alert_on_failure(self, name: str, receiver: str) -> bool:
        """Tell a receiver when a run fails; whether that is new. A job tells one receiver of a failure.

        Raises:
            ConfigError: another receiver is told already, or there is no such receiver.
        """
        job = self._job(name)
        with _quietly(f"The alerts of job '{name}'"):
            told = [str(alert.receiver) for alert in job.get_alerts() if str(alert.status).upper() == _FAILED]
            if told and not any(_same_receiver(one, receiver, self._connection.name) for one in told):
                raise ConfigError(
                    f"Job '{name}' tells {', '.join(told)} of its failures already, and Hopsworks allows one. Delete "
                    f"that alert in the job's page to have {receiver} told."
                )
            if not told:
                job.create_alert(receiver, _FAILED.lower(), "critical")
        return not told

    def runs(self, name: str) -> list[JobRun]:
        """The runs of a job that Hopsworks remembers, the newest first."""
        job = self._job(name)
        with asking(f"The runs of job '{name}'"):
            return [_run_of(execution) for execution in job.get_executions()]

    def start(self, name: str) -> JobRun:
        """Start a job and do not wait for it: a stream never ends."""
        job = self._job(name)
        with _quietly(f"Starting job '{name}'"):
            return _run_of(job.run(await_termination=False))

    def stop(self, name: str) -> list[JobRun]:
        """Stop what is running of a job; gives what that was."""
        job = self._job(name)
        with _quietly(f"Stopping job '{name}'"):
            active = [one for one in job.get_executions() if _run_of(one).is_active]
            for execution in active:
                execution.stop()
        return [_run_of(execution) for execution in active]

    def _job(self, name: str) -> Any:
        job = self._find(name)
        if job is None:
            raise ConfigError(
                f"There is no job '{name}' in project '{self._connection.name}': deploy the monitor first."
            )
        return job

    def _find(self, name: str) -> Any:
        with asking(f"Job '{name}'"):
            return self._api.get_job(name)

    @cached_property
    def _api(self) -> Any:
        return self._connection.project.get_job_api()


@contextlib.contextmanager
def _quietly(what: str) -> Iterator[None]:
    """Ask, without what the client prints: we say it ourselves."""
    with asking(what), contextlib.redirect_stdout(io.StringIO()):
        yield


def _schedule_of(job: Any) -> JobSchedule | None:
    found = job.job_schedule
    if found is None:
        return None
    enabled = bool(found.enabled)
    return JobSchedule(str(found.cron_expression), enabled, found.next_execution_date_time if enabled else None)


def _run_of(execution: Any) -> JobRun:
    return JobRun(
        int(execution.id),
        _moment(execution.submission_time),
        str(execution.state),
        str(execution.final_status or _NONE_YET),
        float(execution.duration or 0) / 1000,
        str(execution.args or ""),
    )


def _moment(text: object) -> datetime | None:
    """A time as Hopsworks writes it: ISO 8601 in UTC, or milliseconds since 1970."""
    if isinstance(text, (int, float)):
        return datetime.fromtimestamp(text / 1000, timezone.utc)
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _same_receiver(one: str, other: str, project: str) -> bool:
    """Hopsworks puts the project before the names of receivers."""
    prefix = f"{project}__"
    return one.removeprefix(prefix) == other.removeprefix(prefix)
