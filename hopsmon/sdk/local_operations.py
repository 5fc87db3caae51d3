"""LocalOperations: a monitor of a folder runs in this process, beside the notebook; jobs need somebody to run them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NoReturn

from hopsmon.errors import ConfigError, HopsmonError
from hopsmon.sdk.operations import LOG, newest_window, told
from hopsmon.sdk.told import Deployment, MonitorStatus, Told
from hopsmon.wiring.deployment import DeploySettings, crontab
from hopsmon.wiring.homes import MONITORS

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.jobs import JobRun
    from hopsmon.sdk.monitor import Monitor


@dataclass
class _Running:
    """A run in a thread of this process."""

    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    outcome: str = ""

    @property
    def is_active(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


_RUNNING: dict[tuple[str, str], _Running] = {}  # by place and monitor


class LocalOperations:
    """What can be done with a monitor of a folder."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._key = (monitor.store.place, monitor.name)

    def deploy(self, settings: DeploySettings) -> Deployment:
        """Nobody runs jobs for a folder."""
        self._refuse("deployed", settings.schedule)

    def schedule(self, cron: str | None) -> Told:
        """The same."""
        self._refuse("scheduled", cron)

    def pause(self) -> Told:
        """The same."""
        self._refuse("paused", None)

    def resume(self) -> Told:
        """The same."""
        self._refuse("resumed", None)

    def runs(self) -> Sequence[JobRun]:
        """The same."""
        self._refuse("asked for its runs", None)

    def undeploy(self, keep_results: bool) -> Told:  # noqa: ARG002 - the protocol's
        """The same."""
        self._refuse("undeployed", None)

    def start(self) -> Told:
        """Run until `stop`, in a thread of this process."""
        running = _RUNNING.get(self._key)
        if running is not None and running.is_active:
            return self._told("runs already, in this process")
        running = _RUNNING[self._key] = _Running()
        running.thread = threading.Thread(
            target=self._run, args=(running,), name=f"hopsmon {self._key[1]}", daemon=True
        )
        running.thread.start()
        return self._told("runs in this process until monitor.stop(), or until the process ends")

    def stop(self) -> Told:
        """End the run between two micro-batches, and wait for that."""
        running = _RUNNING.get(self._key)
        if running is None or running.thread is None or not running.is_active:
            return self._told("does not run in this process")
        running.stop.set()
        running.thread.join()
        return self._told(running.outcome)

    def status(self) -> MonitorStatus:
        """Whether it runs in this process, and its newest window."""
        running = _RUNNING.get(self._key)
        active = running is not None and running.is_active
        results, note = newest_window(self._monitor._home.tables, self._monitor.name)
        outcome = "" if running is None or active else running.outcome
        return MonitorStatus(
            self._monitor.name,
            "running in this process" if active else "not running in this process",
            results=results,
            note=", ".join(filter(None, (note, outcome))),
            asked=datetime.now(timezone.utc),
        )

    def _run(self, running: _Running) -> None:
        try:
            report = self._monitor.run(stop=running.stop)
        except HopsmonError as error:
            running.outcome = f"failed: {error}"
            LOG.error("monitor %s: %s", self._monitor.name, running.outcome)
        except Exception as error:  # noqa: BLE001 - nobody else is told how this thread ends
            running.outcome = f"failed by a defect: {type(error).__name__}: {error}"
            LOG.exception("monitor %s: %s", self._monitor.name, running.outcome)
        else:
            running.outcome = f"stopped: {report.line()}"

    def _told(self, step: str) -> Told:
        return told(self._monitor.name, [step])

    def _refuse(self, what: str, cron: str | None) -> NoReturn:
        file = self._monitor.store.path / MONITORS / f"{self._monitor.name}.yaml"
        raise ConfigError(
            f"Monitor {self._monitor.name} cannot be {what}: its store {self._monitor.store.place} is a folder, and "
            "nobody runs jobs there. Let cron run it, by this line of crontab:\n"
            f"  {crontab(f'hopsmon run {file} --once', cron)}\n"
            "or let it run in this process: monitor.start(). In a Hopsworks project it can: hopsmon.connect(project)."
        )
