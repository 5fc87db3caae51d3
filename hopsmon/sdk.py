"""What notebooks call: `hopsmon.connect(folder)`, monitors, and their results as data frames."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hopsmon import wiring
from hopsmon.config import MonitorConfig
from hopsmon.errors import ConfigError, OutsideError, UnknownNameError
from hopsmon.streaming.tables import TABLES
from hopsmon.wiring.filters import Filters
from hopsmon.wiring.history import BaselineHistory, SavedBaseline
from hopsmon.wiring.rebaseline import FromWindows, rebaselined, span_of

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

    from hopsmon.core.baseline import Baseline
    from hopsmon.streaming.progress import Progress, RunReport

MONITORS = "_monitors"
log = logging.getLogger("hopsmon.sdk")


def connect(path: str | os.PathLike[str]) -> Store:
    """The store in a folder; the folder is made when something is written.

    Raises:
        ConfigError: the place cannot be a store.
    """
    return Store(path)


class Store:
    """Monitors and their results in one folder."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._tables = wiring.store_at(os.fspath(path))
        self.path = Path(path).expanduser().resolve()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def create_monitor(
        self, config: MonitorConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None, /, **settings: Any
    ) -> Monitor:
        """Save a monitor in this store; one of the same name is replaced, its results stay.

        Args:
            config: a MonitorConfig, plain values, or the path of a YAML file.
            settings: the same as keyword arguments; they win over `config`.

        Raises:
            ConfigError: everything that is wrong with the configuration, at once.
            OutsideError: the store cannot be written.
        """
        made = self._config(config, settings)
        self._tell_replaced_baseline(made)
        return self._save(made)

    def _save(self, made: MonitorConfig) -> Monitor:
        folder = self.path / MONITORS
        file = folder / f"{made.name}.yaml"
        beside = folder / f".{made.name}.{os.getpid()}.new"  # then a rename: a reader sees the old file or the new one
        try:
            folder.mkdir(parents=True, exist_ok=True)
            beside.write_text(made.to_yaml(), "utf-8")
            beside.replace(file)
        except OSError as error:
            raise OutsideError(f"Cannot save the monitor in '{folder}': {error.strerror}.") from error
        return Monitor(self, made)

    def _tell_replaced_baseline(self, made: MonitorConfig) -> None:
        """A configuration file from before `rebaseline` would go back to the old normal without a word."""
        kept = BaselineHistory(self.path, made.name)
        try:
            saved = self.monitor(made.name).config.baseline
        except ConfigError:  # there is none, or an earlier version wrote it
            return
        if saved.file is not None and Path(saved.file).parent == kept.folder and saved != made.baseline:
            log.warning(
                "monitor %s: it goes back from the accepted baseline %s to that of this configuration. To keep it, "
                "write there: baseline: {file: %s}",
                made.name,
                Path(saved.file).stem,
                saved.file,
            )

    def _config(self, config: object, settings: Mapping[str, Any]) -> MonitorConfig:
        folder = Path.cwd()
        if isinstance(config, (str, os.PathLike)):
            folder = Path(config).resolve().parent
            config = MonitorConfig.from_file(Path(config))
        if isinstance(config, MonitorConfig):
            made = MonitorConfig.from_mapping({**config.to_mapping(), **settings}, folder=folder)
        else:
            values = config if isinstance(config, Mapping) else {}
            made = MonitorConfig.from_mapping({"store": {"path": str(self.path)}, **values, **settings}, folder=folder)
        if Path(made.store.path) != self.path:
            raise ConfigError(f"store.path is '{made.store.path}', but this store is '{self.path}'. Leave `store` out.")
        return made

    def monitor(self, name: str) -> Monitor:
        """A saved monitor.

        Raises:
            UnknownNameError: the store has none of that name; the message lists those it has.
        """
        if name not in self._names():
            raise UnknownNameError("monitor", name, self._names())
        return Monitor(self, MonitorConfig.from_file(self.path / MONITORS / f"{name}.yaml"))

    def monitors(self) -> list[Monitor]:
        """All saved monitors, by name."""
        return [self.monitor(name) for name in self._names()]

    def _names(self) -> list[str]:
        return sorted(file.stem for file in (self.path / MONITORS).glob("[!.]*.yaml"))

    def read(self, table: str, monitor: str | None = None, **filters: Any) -> pa.Table:
        """Rows of a result table (drift, outliers, statistics, windows, rejects or alerts); see `Filters`."""
        name = f"hopsmon_{table}"
        if name not in TABLES:
            raise UnknownNameError("table", table, [known.removeprefix("hopsmon_") for known in TABLES])
        return Filters(**filters).of(self._tables.read(name, monitor, TABLES[name].shown), TABLES[name])

    def optimize(self) -> Mapping[str, Mapping[str, int]]:
        """Merge the tables' small files; see `hopsmon optimize`."""
        return self._tables.optimize()

    def vacuum(self, *, retention_hours: float | None = None, dry_run: bool = False) -> Mapping[str, Mapping[str, int]]:
        """Delete files no version in the retention time needs; see `hopsmon vacuum`."""
        return self._tables.vacuum(retention_hours=retention_hours, dry_run=dry_run)


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
        old, made = rebaselined(self.store._tables, self.config, span_of(from_windows))
        history = BaselineHistory(self.store.path, self.name)
        history.save(old)
        self._compare_with(history.save(made))
        return made

    def baselines(self) -> list[SavedBaseline]:
        """The baselines that `rebaseline` made or replaced, oldest first, and which is the current one."""
        history = BaselineHistory(self.store.path, self.name)
        file = self.config.baseline.file
        ours = file is not None and Path(file).parent == history.folder
        return history.entries(Path(str(file)).stem if ours else None)

    def use_baseline(self, baseline_id: str) -> None:
        """Go back (or forth) to one of `baselines`; for all runs that start afterwards.

        Raises:
            UnknownNameError: none of them has that id.
        """
        self._compare_with(BaselineHistory(self.store.path, self.name).kept(baseline_id))

    def _compare_with(self, file: Path) -> None:
        self.config = self.store._save(self.store._config(self.config, {"baseline": {"file": str(file)}})).config

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
