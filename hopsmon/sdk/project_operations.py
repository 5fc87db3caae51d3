"""ProjectOperations: a monitor of a Hopsworks project runs as one of its jobs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING

from hopsmon.errors import ConfigError, TransientError
from hopsmon.sdk.operations import BEGINNING, END, LOG, newest_window, told
from hopsmon.sdk.told import Deployment, MonitorStatus, Told
from hopsmon.wiring.deployment import (
    MAINTENANCE,
    DeploySettings,
    arguments_of,
    deploy,
    job_name,
    jobs_of,
    mode_of,
)

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.jobs import JobRun, ProjectJobs
    from hopsmon.sdk.monitor import Monitor

_STOPS_WITHIN = 120.0  # seconds
_LOOK_EVERY = 2.0
_NEEDS_MAINTENANCE = (
    "the result tables get a small file a write, which slows reading: store.deploy_maintenance() merges them each night"
)


class ProjectOperations:
    """What can be done with a monitor of a project."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._name = monitor.name
        self._job = job_name(monitor.name)

    @cached_property
    def _jobs(self) -> ProjectJobs:
        return jobs_of(self._monitor.config)

    def deploy(self, settings: DeploySettings) -> Deployment:
        """Make or change its job."""
        sharing = self._sharing()
        other = self._run_by(sharing)
        if other is not None:
            raise ConfigError(
                f"{self._shared_with(other)}. A second job would go on from the same checkpoint. Deploy, schedule and "
                f"stop {other}, and {self._name} goes along; or give {self._name} a query of its own."
            )
        done = deploy(self._monitor.config, settings)
        mode, steps = mode_of(arguments_of(self._jobs, self._name) or ""), done.steps
        if sharing:
            steps = (*steps, f"the job also runs {', '.join(sharing)}: they share its query")
        if self._jobs.config(MAINTENANCE) is None:
            LOG.info("monitor %s: %s", self._name, _NEEDS_MAINTENANCE)
            steps = (*steps, _NEEDS_MAINTENANCE)
        return Deployment(self._name, steps, done.url, done.job, mode, done.schedule, done.environment)

    def status(self) -> MonitorStatus:
        """Its job, the job's last run, and its newest window."""
        results, note = newest_window(self._monitor._home.tables, self._name)
        arguments, asked = arguments_of(self._jobs, self._name), datetime.now(timezone.utc)
        if arguments is None:
            other = self._run_by(self._sharing())
            todo = "monitor.deploy() makes its job" if other is None else self._shared_with(other)
            note = ", ".join(filter(None, (note, todo)))
            return MonitorStatus(self._name, "not deployed", results=results, note=note, asked=asked)
        runs, schedule = self._jobs.runs(self._job), self._jobs.schedule(self._job)
        return MonitorStatus(
            self._name,
            runs[0].outcome if runs else "never run",
            self._job,
            mode_of(arguments),
            None if schedule is None else schedule.cron,
            schedule is not None and not schedule.enabled,
            None if schedule is None else schedule.next_run,
            runs[0] if runs else None,
            results,
            note,
            self._jobs.url(self._job),
            asked,
        )

    def runs(self) -> Sequence[JobRun]:
        """What Hopsworks remembers of them."""
        self._mode()
        return self._jobs.runs(self._job)

    def start(self) -> Told:
        """Start the job now; one that is not there is made first."""
        steps: list[str] = []
        if arguments_of(self._jobs, self._name) is None:
            steps += self.deploy(DeploySettings()).steps
        active = [run for run in self._jobs.runs(self._job) if run.is_active]
        if active:
            return self._told(f"job {self._job} runs already, since {_since(active[0])}: run {active[0].id}")
        schedule = self._jobs.schedule(self._job)
        if self._mode() == "continuous" and schedule is not None and not schedule.enabled:
            self._jobs.enable_schedule(self._job, enabled=True)
            steps.append(f"it is kept alive again: {schedule.cron}")
        run = self._jobs.start(self._job)
        return self._told(*steps, f"started job {self._job}: run {run.id}")

    def stop(self) -> Told:
        """Stop what runs; what keeps a continuous one alive is paused."""
        mode, schedule = self._mode(), self._jobs.schedule(self._job)
        steps: list[str] = []
        if schedule is not None and schedule.enabled and mode == "continuous":
            self._jobs.enable_schedule(self._job, enabled=False)
            steps.append("its schedule is paused, which would start it again; monitor.start() resumes both")
        stopped = self._jobs.stop(self._job)
        steps += [f"stopping run {run.id}, which runs since {_since(run)}" for run in stopped] or ["nothing runs"]
        if schedule is not None and schedule.enabled and mode == "scheduled":
            steps.append(f"its schedule goes on: {schedule.cron}; monitor.pause() pauses it")
        return self._told(*steps)

    def schedule(self, cron: str | None) -> Told:
        """Schedule it; None: no more. Nothing else of a job that is there changes."""
        if cron is not None and arguments_of(self._jobs, self._name) is None:
            done = self.deploy(DeploySettings(schedule=cron))
            return told(self._name, done.steps, done.url)
        if cron is not None:
            return self._told(self._jobs.set_schedule(self._job, cron))
        self._mode()
        if self._jobs.schedule(self._job) is None:
            return self._told("it has no schedule")
        self._jobs.remove_schedule(self._job)
        return self._told("its schedule is taken away; monitor.start() starts it")

    def pause(self) -> Told:
        """Its schedule starts it no more."""
        cron = self._switch_schedule(on=False)
        return self._told(f"schedule {cron} is paused; a run that is under way goes on, monitor.stop() ends it")

    def resume(self) -> Told:
        """Its schedule starts it again."""
        return self._told(f"schedule {self._switch_schedule(on=True)} is resumed")

    def undeploy(self, keep_results: bool) -> Told:
        """Take its job away."""
        sharing = self._sharing()
        if arguments_of(self._jobs, self._name) is None:
            other = self._run_by(sharing)
            if other is not None and not keep_results:
                raise ConfigError(
                    f"{self._shared_with(other)}, so its results would come again. Give {self._name} a query of its "
                    "own first."
                )
            steps = [f"there is no job {self._job}" if other is None else self._shared_with(other)]
        else:
            if self._jobs.schedule(self._job) is not None:
                self._jobs.remove_schedule(self._job)  # first: else it may start what was just stopped
            stopped = self._jobs.stop(self._job)
            self._wait_for_the_end()  # else it would go on writing
            self._jobs.delete(self._job)
            steps = [*(f"stopped run {run.id}" for run in stopped), f"job {self._job}, schedule and list of runs: gone"]
            if sharing:
                steps.append(f"nothing runs {', '.join(sharing)} any more either: they shared its query")
        if keep_results:
            steps.append("configuration, results and checkpoint stay; monitor.deploy() goes on where it ended")
        else:
            rows = self._delete_results()
            steps.append(f"{rows:,} result rows deleted; the checkpoint stays: a new deployment reads what is new then")
        return told(self._name, steps)

    def _sharing(self) -> list[str]:
        """The other monitors of its query: one pass over the log, one checkpoint, and so one job."""
        query, store = self._monitor.config.query_name, self._monitor.store
        found = []
        for name in store._names():
            try:
                if name != self._name and store.monitor(name).config.query_name == query:
                    found.append(name)
            except ConfigError as error:  # as a newer hopsmon's: it is no reason to leave this one's job alone
                LOG.warning("monitor %s cannot be read, so whether it shares a query is not known: %s", name, error)
        return found

    def _run_by(self, sharing: Sequence[str]) -> str | None:
        """Of the monitors that share its query, one whose job runs this one as well."""
        return next((name for name in sharing if arguments_of(self._jobs, name) is not None), None)

    def _shared_with(self, other: str) -> str:
        query = self._monitor.config.query_name
        return f"Job {job_name(other)} of {other} runs {self._name} too, as they share the query '{query}'"

    def _mode(self) -> str:
        """How its job runs.

        Raises:
            ConfigError: it has none.
        """
        arguments = arguments_of(self._jobs, self._name)
        if arguments is None:
            raise ConfigError(f"Monitor {self._name} is not deployed: monitor.deploy() makes its job.")
        return mode_of(arguments)

    def _switch_schedule(self, *, on: bool) -> str:
        self._mode()
        schedule = self._jobs.schedule(self._job)
        if schedule is None:
            raise ConfigError(f"Job {self._job} has no schedule: monitor.schedule('0 */15 * ? * * *') gives it one.")
        self._jobs.enable_schedule(self._job, enabled=on)
        return schedule.cron

    def _wait_for_the_end(self) -> None:
        deadline = time.monotonic() + _STOPS_WITHIN
        while any(run.is_active for run in self._jobs.runs(self._job)):
            if time.monotonic() > deadline:
                raise TransientError(f"Job {self._job} is still stopping: call undeploy again when it has ended.")
            time.sleep(_LOOK_EVERY)

    def _delete_results(self) -> int:
        tables = self._monitor._home.tables
        return sum(tables.delete(name, self._name, (BEGINNING, END)) for name in tables.tables())

    def _told(self, *steps: str) -> Told:
        return told(self._name, steps, self._jobs.url(self._job))


def _since(run: JobRun) -> str:
    return "?" if run.submitted is None else f"{run.submitted:%Y-%m-%d %H:%M:%S}Z"
