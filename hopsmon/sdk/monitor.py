"""Monitor: one saved monitor, to run it and to read its results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hopsmon import wiring
from hopsmon.config import MonitorConfig
from hopsmon.wiring.history import BaselineHistory, SavedBaseline
from hopsmon.wiring.rebaseline import FromWindows, rebaselined, span_of

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

    from hopsmon.core.baseline import Baseline
    from hopsmon.sdk.store import Store
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
        wiring.require("pandas")
        return self.store.read(table, self.name, **filters).to_pandas()
