"""Deployment: a saved monitor as a job of its Hopsworks project."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from hopsmon.adapters.hopsworks.quartz import EXAMPLE, to_unix
from hopsmon.config import HopsworksConfig, MonitorConfig
from hopsmon.core.schema import ModelRef
from hopsmon.errors import ConfigError, did_you_mean
from hopsmon.wiring.deployable import check_deployable
from hopsmon.wiring.hopsworks import connection_of

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.deploying import Deployed, Install
    from hopsmon.adapters.hopsworks.jobs import ProjectJobs

Mode: TypeAlias = Literal["scheduled", "continuous"]
MODES = ("scheduled", "continuous")
INSTALLS = ("auto", "pyfiles", "wheel")
_CRONTAB_FIELDS = 5
_ONCE = "--once"
_NAMES_ITS_MONITOR = "--monitor"
MAINTENANCE = "hopsmon_maintain"  # the job of all monitors; see wiring/maintenance.py
_LOG = logging.getLogger("hopsmon.wiring")


@dataclass(frozen=True)
class DeploySettings:
    """How a monitor shall run on its cluster; see `Monitor.deploy`. What is None or not named stays as it is."""

    schedule: str | None = None
    mode: Mode | None = None
    install: Install | None = None
    environment: str | None = None
    alert_receiver: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from hopsmon.adapters.hopsworks.deploying import RESOURCE_NAMES

        if self.mode is not None:
            _check_word("mode", self.mode, MODES)
        if self.install is not None:
            _check_word("install", self.install, INSTALLS)
        for name, value in self.resources.items():
            _check_word("resource", name, RESOURCE_NAMES)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                unit = ", in MB" if name.endswith("memory") else ""
                raise ConfigError(f"{name} must be a whole number above 0{unit}; got {value!r}.")


def job_name(monitor: str) -> str:
    """The name of a monitor's job; Hopsworks' names have no dots."""
    return f"hopsmon_{monitor.replace('.', '_')}"


def jobs_of(config: MonitorConfig) -> ProjectJobs:
    """The jobs of the project where the monitor lives.

    Raises:
        OutsideError: Hopsworks cannot be reached.
    """
    from hopsmon.adapters.hopsworks.jobs import ProjectJobs

    return ProjectJobs(connection_of(config.hopsworks))


def crontab(command: str, schedule: str | None) -> str:
    """A line of crontab that runs a command at a schedule: a Quartz expression, or crontab's own five fields."""
    when = (
        schedule if schedule is not None and len(schedule.split()) == _CRONTAB_FIELDS else to_unix(schedule or EXAMPLE)
    )
    return f"{when} {command}"


def mode_of(arguments: str) -> Mode:
    """How a job that has these arguments runs."""
    return "scheduled" if _ONCE in arguments.split() else "continuous"


def deploy(config: MonitorConfig, settings: DeploySettings) -> Deployed:
    """Make the monitor's job what it shall be; without a mode, as it runs already, at first scheduled.

    Raises:
        ConfigError: something does not fit, or would not be found on the cluster, or the job is another monitor's.
        OutsideError: Hopsworks cannot be reached, or an environment could not be built.
    """
    from hopsmon.adapters.hopsworks.deploying import JobSpec
    from hopsmon.adapters.hopsworks.deploying import deploy as deploy_job
    from hopsmon.adapters.hopsworks.packaging import JOB_EXTRAS

    by_hand, name = check_deployable(config), job_name(config.name)
    if name == MAINTENANCE:
        raise ConfigError(f"Job '{name}' is the maintenance of all monitors: give monitor {config.name} another name.")
    before = arguments_of(jobs_of(config), config.name)
    mode = settings.mode or ("scheduled" if before is None else mode_of(before))
    arguments = f"{_NAMES_ITS_MONITOR} {config.name}" + (f" {_ONCE}" if mode == "scheduled" else "")
    spec = JobSpec(
        name=name,
        script="stream",
        arguments=arguments,
        resources=settings.resources,
        properties=settings.properties,
        install=settings.install,
        environment=settings.environment,
        extras=JOB_EXTRAS if config.expectations is None else (*JOB_EXTRAS, "expectations"),
        schedule=settings.schedule,
        alert_receiver=settings.alert_receiver,
    )
    done = deploy_job(connection_of(config.hopsworks), spec)
    for step in by_hand:
        _LOG.warning("monitor %s: %s", config.name, step)
    return replace(done, steps=(*done.steps, *by_hand))


def model_served_by(settings: HopsworksConfig, deployment: str) -> ModelRef:
    """The model that a deployment serves.

    Raises:
        ConfigError: there is no such deployment, or it serves none of the registry.
        OutsideError: Hopsworks cannot be reached.
    """
    from hopsmon.adapters.hopsworks.deployments import deployment_named

    found = deployment_named(connection_of(settings), deployment)
    if not found.model_name:
        raise ConfigError(f"Deployment '{deployment}' serves no model of the registry: say which it is, model='…'.")
    return ModelRef(str(found.model_name), None if found.model_version is None else int(found.model_version))


def arguments_of(jobs: ProjectJobs, monitor: str) -> str | None:
    """What the monitor's job calls its script with; None: it has no job.

    Raises:
        ConfigError: a job of that name is another monitor's, or nobody's.
    """
    found = jobs.config(job_name(monitor))
    if found is None:
        return None
    arguments = str(found.get("defaultArgs") or "")
    words = arguments.split()
    if [_NAMES_ITS_MONITOR, monitor] not in [words[at : at + 2] for at in range(len(words))]:
        raise ConfigError(
            f"The project has a job '{job_name(monitor)}' that does not run monitor '{monitor}' (its arguments are "
            f"'{arguments}'). Give the monitor another name, or delete that job."
        )
    return arguments


def _check_word(what: str, word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        hint = did_you_mean(word, allowed)
        raise ConfigError(f"Unknown {what} '{word}'. Allowed: {', '.join(allowed)}.{hint}")
