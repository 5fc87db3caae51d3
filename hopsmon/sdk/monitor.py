"""Monitor: one saved monitor, to run it and to read its results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hopsmon import wiring
from hopsmon.config import MonitorConfig
from hopsmon.errors import ConfigError
from hopsmon.sdk.operations import Operations, operations_of
from hopsmon.sdk.results import Results
from hopsmon.sdk.told import Deployment, MonitorStatus, Told
from hopsmon.wiring.backfill import backfill, span_between
from hopsmon.wiring.deployment import DeploySettings, Mode
from hopsmon.wiring.filters import Moment
from hopsmon.wiring.history import BaselineHistory, SavedBaseline
from hopsmon.wiring.rebaseline import FromWindows, rebaselined, span_of

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

    from hopsmon.adapters.hopsworks.deploying import Install
    from hopsmon.core.baseline import Baseline
    from hopsmon.sdk.store import Store
    from hopsmon.streaming.backfill import Backfilled
    from hopsmon.streaming.ports import Home
    from hopsmon.streaming.progress import Progress, RunReport


class Monitor:
    """One saved monitor: run it, read its results."""

    def __init__(self, store: Store, config: MonitorConfig) -> None:
        self.store = store
        self.config = config

    def __repr__(self) -> str:
        return f"Monitor({self.name!r}, {self.store!r})"

    @property
    def name(self) -> str:
        """The monitor's name."""
        return self.config.name

    @cached_property
    def _home(self) -> Home:
        """Where its results are: the store's place, with the monitor's own settings of it."""
        return wiring.home_of(self.config)

    @property
    def _operations(self) -> Operations:
        return operations_of(self)

    @property
    def _history(self) -> BaselineHistory:
        return BaselineHistory(self._home.documents, self.name)

    def run(
        self,
        *,
        once: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
        spark: SparkSession | None = None,
    ) -> RunReport:
        """Process what is new in the log and write the results to the store.

        Other monitors of the store that share this one's `query` run with it: they share its pass over the log.

        Args:
            once: stop at the end of the log as it is now.
            progress: called after each micro-batch.
            stop: set it, from another thread or a signal handler, to end the run between two micro-batches.
            spark: a session to use; without it the running one or a new local one.

        Raises:
            ConfigError: something does not fit together.
            OutsideError: log or store cannot be reached.
        """
        members = [other.config for other in self.store.monitors() if other.config.query_name == self.config.query_name]
        plans = wiring.query_plans(members)
        session = spark or wiring.session_for(plans)
        watch = (lambda _, batch: progress(batch)) if progress else None
        reports = wiring.run_plans(session, plans, once=once, on_progress=watch, stop=stop)
        return reports[self.config.query_name]

    def backfill(
        self,
        since: Moment,
        until: Moment | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
        spark: SparkSession | None = None,
    ) -> Backfilled:
        """Judge the windows of a past span again, by the configuration and baseline as they are now.

        The log is read again from where the span begins, under a checkpoint of its own; the new rows take the place of
        the old ones, window by window. What the log no longer has stays as it is. Sequence techniques start afresh with
        the span, and their state, open alerts and the monitor's own runs are left alone.

        Args:
            since: where the span starts; windows belong to it that lie wholly inside.
            until: where it ends; without it, now.
            progress: called after each micro-batch.
            stop: set it to end between two micro-batches; the windows written until then are whole.
            spark: a session to use; without it the running one or a new local one.

        Raises:
            ConfigError: something does not fit together.
            OutsideError: log or store cannot be reached.
        """
        span = span_between(since, until)
        return backfill(self.config, span, spark=spark, on_progress=progress, stop=stop)

    def baseline(self) -> Baseline:
        """What it compares with now.

        Raises:
            ConfigError: the configuration's baseline cannot be had.
            OutsideError: Hopsworks cannot be reached.
        """
        return wiring.read_baseline_of(self.config)

    def build_baseline(self, source: Mapping[str, Any] | None = None) -> Baseline:
        """Build the baseline anew, keep it in the store, and compare with it; for all runs that start afterwards.

        Args:
            source: what to build it from, as the configuration's `baseline` says it; without, the configuration's own.
                The configuration then refers to what was built, so that later calls must say the source.

        Raises:
            ConfigError: the source cannot be used, or is a baseline that was kept before.
        """
        section = self.config.to_mapping()["baseline"] if source is None else source
        if source is None and self.config.baseline.saved is not None:
            raise ConfigError(
                f"Monitor {self.name} compares with a baseline that was kept ({self.config.baseline.saved}): say what "
                "to build a new one from, e.g. {'data': {'path': 'train.parquet'}}."
            )
        made = wiring.read_baseline_of(self.store._config(self.config, {"baseline": section}))
        self._compare_with(self._history.save(made))
        return made

    def deploy(
        self,
        schedule: str | None = None,
        mode: Mode | None = None,
        *,
        install: Install | None = None,
        environment: str | None = None,
        alert_receiver: str | None = None,
        properties: Mapping[str, str] | None = None,
        **resources: int,
    ) -> Deployment:
        """Make this monitor a job of its Hopsworks project, or change its job; a second time nothing changes.

        What is not said stays as it is. The job then runs the hopsmon that deployed it.

        Args:
            schedule: a Quartz expression, UTC, as "0 */15 * ? * * *"; without, as it was (at first: none). A continuous
                job is kept alive by it: Hopsworks starts none while one runs.
            mode: scheduled: each run reads what is new and ends; continuous: it runs until it is stopped. Without, as
                it was (at first: scheduled).
            install: how hopsmon gets there: "wheel", into a clone of the environment, made on first use, in minutes;
                "pyfiles", a zip, for an environment that has all it needs; "auto" (at first): the zip where it will do.
            environment: the project's Python environment to run in, or to clone (at first: Spark's).
            alert_receiver: who is told when a run fails, by the receiver's name in the project.
            properties: Spark properties, beside those that the job has.
            resources: driver_cores, driver_memory (MB), executors, executor_cores, executor_memory (MB).

        Raises:
            ConfigError: something is wrong; or this store is a folder: the message says how cron runs it.
            OutsideError: Hopsworks cannot be reached, or the environment could not be built.
        """
        settings = DeploySettings(schedule, mode, install, environment, alert_receiver, properties or {}, resources)
        return self._operations.deploy(settings)

    def status(self) -> MonitorStatus:
        """How it stands: its job, the last run and the next one, its newest window and how long ago that ended."""
        return self._operations.status()

    def runs(self) -> pd.DataFrame:
        """The runs of its job that Hopsworks remembers, the newest first."""
        wiring.require("pandas")
        import pandas as pd

        columns = ["id", "submitted", "outcome", "state", "final_status", "seconds", "arguments"]
        rows = [[getattr(run, column) for column in columns] for run in self._operations.runs()]
        return pd.DataFrame(rows, columns=columns)

    def start(self) -> Told:
        """Start its job now, without waiting; a job that is not there is made first. In a folder: in a thread."""
        return self._operations.start()

    def stop(self) -> Told:
        """Stop what runs now."""
        return self._operations.stop()

    def schedule(self, cron: str | None) -> Told:
        """Give its job a schedule, a Quartz expression; None takes it away. A job that is not there is made first."""
        return self._operations.schedule(cron)

    def pause(self) -> Told:
        """Pause its schedule; a run that is under way goes on."""
        return self._operations.pause()

    def resume(self) -> Told:
        """Resume its schedule."""
        return self._operations.resume()

    def undeploy(self, *, keep_results: bool = True) -> Told:
        """Take its job away; the monitor stays saved, its results too unless they shall go."""
        return self._operations.undeploy(keep_results)

    def rebaseline(self, from_windows: FromWindows) -> Baseline:
        """Accept a change: make a new baseline of windows that this monitor closed, and compare with it from now on.

        For all runs that start afterwards. The old baseline is kept: see `baselines` and `use_baseline`.

        Args:
            from_windows: which windows are the new normal: (since, until) by their starts, as in `Filters`; the
                newest n; or those of the last so much time, as "7d" or a timedelta.

        Raises:
            ConfigError: no such windows or too few, or written by a hopsmon that kept no statistics to add up.
        """
        old, made = rebaselined(self._home, self.config, span_of(from_windows))
        self._history.save(old)
        self._compare_with(self._history.save(made))
        return made

    def baselines(self) -> list[SavedBaseline]:
        """The baselines that `rebaseline` made or replaced, oldest first, and which is the current one."""
        return self._history.entries(self.config.baseline.saved)

    def use_baseline(self, baseline_id: str) -> None:
        """Go back (or forth) to one of `baselines`; for all runs that start afterwards.

        Raises:
            UnknownNameError: none of them has that id.
        """
        self._compare_with(self._history.check(baseline_id))

    def _compare_with(self, baseline_id: str) -> None:
        self.config = self.store._save(self.store._config(self.config, {"baseline": {"saved": baseline_id}})).config

    def results(self, table: str = "drift") -> Results:
        """One of its result tables, to `read()`: drift, outliers, statistics, windows, rejects or alerts."""
        return Results(self._home.tables, self.name, table)

    def drift(self, **filters: Any) -> pd.DataFrame:
        """One row per window, feature and technique; `only_drift=True` for those that drifted. See `Filters`."""
        return self._frame("drift", filters)

    def outliers(self, **filters: Any) -> pd.DataFrame:
        """One row per flagged instance and technique. See `Filters`."""
        return self._frame("outliers", filters)

    def statistics(self, **filters: Any) -> pd.DataFrame:
        """One row per window and feature. See `Filters`."""
        return self._frame("statistics", filters)

    def windows(self, **filters: Any) -> pd.DataFrame:
        """One row per closed window. See `Filters`."""
        return self._frame("windows", filters)

    def rejects(self, **filters: Any) -> pd.DataFrame:
        """One row per message that could not be read. See `Filters`."""
        return self._frame("rejects", filters)

    def alerts(self, **filters: Any) -> pd.DataFrame:
        """One row per alert and state change. See `Filters`."""
        return self._frame("alerts", filters)

    def _frame(self, table: str, filters: Mapping[str, Any]) -> pd.DataFrame:
        return self.results(table).read(**filters)
