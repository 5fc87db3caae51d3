"""Store: monitors and their results in one place, a folder or a Hopsworks project; the same calls in both."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hopsmon import wiring
from hopsmon.config import MonitorConfig, parse_duration
from hopsmon.errors import ConfigError, UnknownNameError
from hopsmon.sdk.builder import MonitorBuilder
from hopsmon.sdk.monitor import Monitor
from hopsmon.sdk.operations import BEGINNING
from hopsmon.sdk.results import Results
from hopsmon.sdk.standing import standing
from hopsmon.sdk.told import Maintenance
from hopsmon.streaming.tables import STATES
from hopsmon.wiring.filters import Moment
from hopsmon.wiring.homes import MONITORS

if TYPE_CHECKING:
    from hopsmon.streaming.ports import Home, ResultTables

_LOG = logging.getLogger("hopsmon.sdk")


def connect(place: Any) -> Store:
    """The store in a folder, which is made when something is written; or that of a Hopsworks project.

    Args:
        place: a folder; a project, as `hopsworks.login()` gives it; or "hopsworks:PROJECT", which logs in as the
            environment says ("hopsworks:" for the project that the environment names).

    Raises:
        ConfigError: the place cannot be a store.
        OutsideError: Hopsworks cannot be reached.
    """
    return Store(wiring.home_at(place))


class Store:
    """Monitors and their results in one place."""

    def __init__(self, home: Home | str | os.PathLike[str]) -> None:
        self._home = wiring.home_at(home) if isinstance(home, (str, os.PathLike)) else home

    def __repr__(self) -> str:
        return f"Store({self.place!r})"

    @property
    def place(self) -> str:
        """What `hopsmon.connect` finds it by."""
        return self._home.place

    @property
    def path(self) -> Path:
        """The folder of a local store.

        Raises:
            ConfigError: it is in no folder.
        """
        if not isinstance(self._home, wiring.LocalHome):
            raise ConfigError(f"The store {self.place} is in no folder; its tables are feature groups of the project.")
        return self._home.path

    def create_monitor(
        self, config: MonitorConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None, /, **settings: Any
    ) -> Monitor:
        """Save a monitor in this store; one of the same name is replaced, its results stay.

        In a project, a baseline or suite that comes from a local file, or local data, is kept in the project's store.

        Args:
            config: a MonitorConfig, plain values, or the path of a YAML file.
            settings: the same as keyword arguments; they win over `config`.

        Raises:
            ConfigError: everything that is wrong with the configuration, at once.
            OutsideError: the store cannot be written.
        """
        made = wiring.kept_at_home(self._config(config, settings), self._home)
        self._tell_replaced_baseline(made)
        return self._save(made)

    def create_model_monitor(
        self,
        name: str,
        *,
        deployment: str | None = None,
        model: str | None = None,
        model_version: int | None = None,
        **sections: Any,
    ) -> MonitorBuilder:
        """A monitor step by step: what follows says the rest, and `save()` makes it.

        Args:
            name: the monitor's name.
            deployment: a Hopsworks deployment; log, model and reference are then its own, until something else is said.
            model: the model's name; without, the deployment's.
            model_version: its version.
            sections: any other section of a configuration.
        """
        known: dict[str, Any] = {}
        if deployment is not None:
            known = {"log": {"deployment": {"name": deployment}}, "baseline": {"deployment": {"name": deployment}}}
        if model is not None:
            known["model"] = {"name": model, "version": model_version}
        return MonitorBuilder(self, name, {**known, **sections})

    def _save(self, made: MonitorConfig) -> Monitor:
        self._home.documents.write(f"{MONITORS}/{made.name}.yaml", made.to_yaml().encode())
        return Monitor(self, made)

    def _tell_replaced_baseline(self, made: MonitorConfig) -> None:
        """A configuration file from before `rebaseline` would go back to the old normal without a word."""
        try:
            saved = self.monitor(made.name).config.baseline
        except ConfigError:  # there is none, or an earlier version wrote it
            return
        if saved.saved is not None and saved != made.baseline:
            _LOG.warning(
                "monitor %s: it goes back from the accepted baseline %s to that of this configuration. To keep it, "
                "write there: baseline: {saved: %s}",
                made.name,
                saved.saved,
                saved.saved,
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
            here = {"store": wiring.store_section(self._home)}
            made = MonitorConfig.from_mapping({**here, **values, **settings}, folder=folder)
        if wiring.home_of(made).place != self.place:
            raise ConfigError(
                f"The configuration's store is '{wiring.home_of(made).place}', but this store is '{self.place}'. Leave "
                "`store` out."
            )
        return made

    def monitor(self, name: str) -> Monitor:
        """A saved monitor.

        Raises:
            UnknownNameError: the store has none of that name; the message lists those it has.
        """
        names = self._names()
        text = self._home.documents.read(f"{MONITORS}/{name}.yaml") if name in names else None
        if text is None:
            raise UnknownNameError("monitor", name, names)
        where = f"{self.place}/{MONITORS}/{name}.yaml"
        return Monitor(self, MonitorConfig.from_yaml(text.decode("utf-8"), where))

    def monitors(self) -> list[Monitor]:
        """All saved monitors, by name."""
        return [self.monitor(name) for name in self._names()]

    def _names(self) -> list[str]:
        names = self._home.documents.names(MONITORS)
        return [name.removesuffix(".yaml") for name in names if name.endswith(".yaml")]

    def read(self, table: str, monitor: str | None = None, **filters: Any) -> pa.Table:
        """Rows of a result table (drift, outliers, statistics, windows, rejects or alerts); see `Filters`."""
        if monitor is not None and monitor in self._names():
            return self.monitor(monitor).results(table).read_arrow(**filters)
        return pa.concat_tables([Results(of, monitor, table).read_arrow(**filters) for of in self._tables()])

    def standing(
        self,
        level: float = 0.05,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        technique: str | None = None,
    ) -> pa.Table:
        """The drift that stands when all monitors, slices, features and windows are asked at once, as rows of `drift`.

        Each monitor judges for itself, and of many some are always unlucky. e-BH over what they have written: on
        average at most a share of `level` of its discoveries is false, however monitors depend on each other (of the
        e-detector: all series alarm together as seldom as one). Nothing is written, and alerts stay as they are.

        Args:
            level: the share of false discoveries.
            since: windows that start at or after; each window more asks for a little more evidence.
            until: windows that start before.
            technique: this one's findings only.

        Raises:
            ConfigError: no level, or no point in time.
        """
        asked = self.read("drift", since=since, until=until, technique=technique)
        return standing(asked.sort_by([("window_start", "ascending")]), level)

    def prune(self, keep: timedelta | str, monitor: str | None = None) -> Mapping[str, int]:
        """Delete result rows (of one monitor) that are older than so much time, as "90d"; gives their number by table.

        What sequence techniques go on from stays, whatever its age. The files go with the next `vacuum`.

        Raises:
            OutsideError: the store cannot be written.
        """
        span = (BEGINNING, datetime.now(timezone.utc) - parse_duration(keep))
        deleted: Counter[str] = Counter()
        for tables in self._tables():
            names = [name for name in tables.tables() if name != STATES.name]
            deleted.update({name: tables.delete(name, monitor, span) for name in names})
        return deleted

    def optimize(self) -> Mapping[str, Mapping[str, int]]:
        """Merge the tables' small files; see `hopsmon optimize`."""
        return _added(tables.optimize() for tables in self._tables())

    def vacuum(self, *, retention_hours: float | None = None, dry_run: bool = False) -> Mapping[str, Mapping[str, int]]:
        """Delete files no version in the retention time needs; see `hopsmon vacuum`."""
        return _added(tables.vacuum(retention_hours=retention_hours, dry_run=dry_run) for tables in self._tables())

    def deploy_maintenance(
        self, schedule: str = "0 0 3 ? * * *", *, keep: timedelta | str | None = None
    ) -> Maintenance:
        """Let a job of this project merge and remove files of all result tables, as `optimize` and `vacuum` do.

        Args:
            schedule: a Quartz expression, UTC.
            keep: delete result rows that are older, as "90d"; None keeps all.

        Raises:
            ConfigError: something is wrong; or this store is a folder: the message says how cron does it.
            OutsideError: Hopsworks cannot be reached, or the environment could not be built.
        """
        done = wiring.deploy_maintenance(self._home, schedule, keep)
        return Maintenance("", done.steps, done.url, done.job, done.schedule)

    def _tables(self) -> list[ResultTables]:
        """All result tables: in a project there may be several versions of them, as its monitors say."""
        if isinstance(self._home, wiring.LocalHome):
            return [self._home.tables]
        found = {wiring.version_of(self._home): self._home}
        for monitor in self.monitors():
            found.setdefault(wiring.version_of(monitor._home), monitor._home)
        return [home.tables for home in found.values()]


def _added(results: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """Numbers by table and name, of several versions added up."""
    total: dict[str, Counter[str]] = {}
    for result in results:
        for table, numbers in result.items():
            total.setdefault(table, Counter()).update(numbers)
    return {table: dict(numbers) for table, numbers in total.items()}
