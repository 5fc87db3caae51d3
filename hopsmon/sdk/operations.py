"""Operations: what can be done with a monitor where it lives; a project runs it as a job, a folder in this process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

import pyarrow.compute as pc

from hopsmon.errors import HopsmonError
from hopsmon.sdk.told import Deployment, Lag, MonitorStatus, Told
from hopsmon.streaming.ports import ResultTables
from hopsmon.streaming.tables import WINDOWS
from hopsmon.wiring.deployment import DeploySettings

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.jobs import JobRun
    from hopsmon.sdk.monitor import Monitor

LOG = logging.getLogger("hopsmon.sdk")
BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)
END = datetime(9999, 1, 1, tzinfo=timezone.utc)


class Operations(Protocol):
    """The methods of `Monitor` of the same names."""

    def deploy(self, settings: DeploySettings) -> Deployment: ...
    def status(self) -> MonitorStatus: ...
    def runs(self) -> Sequence[JobRun]: ...
    def start(self) -> Told: ...
    def stop(self) -> Told: ...
    def schedule(self, cron: str | None) -> Told: ...
    def pause(self) -> Told: ...
    def resume(self) -> Told: ...
    def undeploy(self, keep_results: bool) -> Told: ...


def operations_of(monitor: Monitor) -> Operations:
    """What fits the monitor's home."""
    if monitor.config.store.hopsworks is None:
        from hopsmon.sdk.local_operations import LocalOperations

        return LocalOperations(monitor)
    from hopsmon.sdk.project_operations import ProjectOperations

    return ProjectOperations(monitor)


def newest_window(tables: ResultTables, monitor: str) -> tuple[Lag | None, str]:
    """The newest window of all traffic; and why it is not known, where the results cannot be read from here."""
    try:
        rows = tables.read(WINDOWS.name, monitor, ("slice", "window_end", "closed_at"))
    except HopsmonError as error:
        return None, f"results: {error}"
    mine = rows.filter((pc.field("slice") == "") & pc.field("closed_at").is_valid())
    if not mine.num_rows:
        return None, "no window yet"
    (newest,) = mine.sort_by([("window_end", "descending")]).slice(length=1).to_pylist()
    return Lag(newest["window_end"], newest["closed_at"]), ""


def told(monitor: str, steps: Sequence[str], url: str | None = None) -> Told:
    """What was done, as the value that the caller gets and as lines of the log."""
    for step in steps:
        LOG.info("monitor %s: %s", monitor, step)
    return Told(monitor, tuple(steps), url)
