"""Deploying: one of hopsmon's jobs into a project: files, environment, job, schedule, alert; only what differs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from hopsmon.adapters.hopsworks import packaging
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.documents import RESOURCES, ProjectDocuments
from hopsmon.adapters.hopsworks.environments import SPARK, Environments
from hopsmon.adapters.hopsworks.jobs import ProjectJobs
from hopsmon.adapters.hopsworks.packaging import Package
from hopsmon.adapters.hopsworks.quartz import check_cron
from hopsmon.adapters.hopsworks.scripts import JOBS, script, script_name
from hopsmon.errors import ConfigError

Install: TypeAlias = Literal["auto", "pyfiles", "wheel"]
PACKAGES = "packages"
SCRIPTS = "jobs"
_LOG = logging.getLogger(__name__)
_SETTINGS: Mapping[str, str] = {  # of a job's configuration, by what hopsmon calls them
    "driver_cores": "spark.driver.cores",
    "driver_memory": "spark.driver.memory",
    "executors": "spark.executor.instances",
    "executor_cores": "spark.executor.cores",
    "executor_memory": "spark.executor.memory",
}
RESOURCE_NAMES = tuple(_SETTINGS)
# Results are a few rows, whatever the traffic: Spark's hundreds of tasks a write would be most of what a job does.
PROPERTIES: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "2",
}
# The workers' Python of a clone has hopsmon before the first task, so they can be forked warm.
_OF_A_CLONE: Mapping[str, str] = {"spark.python.daemon.module": "hopsmon.streaming.warm_daemon"}
_BASE = "spark.hopsmon.environment"  # which environment the job's own one is a clone of; Spark does not look at it


@dataclass(frozen=True)
class JobSpec:
    """What a job shall be. What is None or not named stays as it is.

    Attributes:
        name: its name in the project.
        script: which of hopsmon's jobs it runs.
        arguments: what the script is called with.
        resources: by `RESOURCE_NAMES`; memory in MB; at first as Hopsworks has it.
        properties: further Spark properties; they win over hopsmon's own.
        install: how hopsmon gets there: in a zip beside the script (`pyfiles`), which the environment must have all
            dependencies for; in an environment of its own (`wheel`); or the first where that does (`auto`, at first).
        environment: the environment it runs in, or for `wheel` the one that is cloned; at first `SPARK`.
        extras: what of hopsmon's extras it needs.
        schedule: a Quartz expression; at first none.
        alert_receiver: who is told when a run fails; at first nobody.
    """

    name: str
    script: str
    arguments: str
    resources: Mapping[str, int] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    install: Install | None = None
    environment: str | None = None
    extras: tuple[str, ...] = packaging.JOB_EXTRAS
    schedule: str | None = None
    alert_receiver: str | None = None


@dataclass(frozen=True)
class Deployed:
    """What a deployment did.

    Attributes:
        url: the job's page.
        environment: the one it runs in.
        schedule: its Quartz expression; None: it is started by hand.
        steps: what was done, and what was so already, a line each.
    """

    job: str
    url: str
    environment: str
    schedule: str | None
    steps: tuple[str, ...]


def deploy(connection: Connection, spec: JobSpec) -> Deployed:
    """Make the project's job what it shall be. A second time nothing changes.

    Raises:
        ConfigError: the schedule, a resource or the environment is wrong, or the environment lacks what a zip needs.
        OutsideError: Hopsworks cannot be reached, or the environment could not be built.
    """
    if spec.schedule is not None:
        check_cron(spec.schedule)
    return _Deployment(connection, spec).run()


class _Deployment:
    """One deployment under way."""

    def __init__(self, connection: Connection, spec: JobSpec) -> None:
        self._spec = spec
        self._project = connection.name
        self._documents = ProjectDocuments(connection)
        self._environments = Environments(connection)
        self._jobs = ProjectJobs(connection)
        self._there = self._jobs.config(spec.name)
        self._before = dict(self._there) if self._there is not None else self._jobs.defaults()
        self._old = _properties_in(str(self._before.get("properties") or ""))
        self._environment, self._install = spec.environment or self._old_environment(), spec.install or self._old_way()
        self._steps: list[str] = []

    def run(self) -> Deployed:
        spec = self._spec
        runtime = self._runtime()
        self._upload_scripts()
        self._put_job(runtime)
        self._schedule()
        if spec.alert_receiver is not None:
            new = self._jobs.alert_on_failure(spec.name, spec.alert_receiver)
            self._tell(f"{'from now on' if new else 'as before'} {spec.alert_receiver} is told when a run fails")
        schedule = self._jobs.schedule(spec.name)
        cron = None if schedule is None else schedule.cron
        environment = str(runtime["environmentName"])
        return Deployed(spec.name, self._jobs.url(spec.name), environment, cron, tuple(self._steps))

    def _old_environment(self) -> str:
        if self._there is None:
            return SPARK
        return self._old.get(_BASE) or str(self._before.get("environmentName") or SPARK)

    def _old_way(self) -> Install:
        if self._there is None:
            return "auto"
        if _BASE in self._old:
            return "wheel"
        return "pyfiles" if self._before.get("pyFiles") else "auto"

    def _runtime(self) -> dict[str, Any]:
        """The settings by which the job finds hopsmon: an environment, and a zip or none."""
        base = self._environment
        if self._install == "wheel" or (self._install == "auto" and not self._has_all()):
            wheel = packaging.wheel(self._spec.extras)
            path = self._uploaded(wheel)
            name, new = self._environments.with_wheel(wheel, path, base)
            self._tell(f"environment {name}: {f'made of {base} with {wheel.name}' if new else 'is there'}")
            return {"environmentName": name, "pyFiles": None, "properties": self._properties(clone_of=base)}
        self._check_environment()
        place = self._absolute(self._uploaded(packaging.archive()))
        return {"environmentName": base, "pyFiles": place, "properties": self._properties()}

    def _has_all(self) -> bool:
        """Whether the environment surely has all that a zip needs, in versions that will do."""
        there = self._environments.libraries(self._environment)
        return bool(there) and not list(_lacking(there, packaging.needs(self._spec.extras)))

    def _check_environment(self) -> None:
        """Refuse an environment that lacks what a zip needs; one of which nothing is known gets a try, and it is said.

        Raises:
            ConfigError: it lacks some.
        """
        name, needed = self._environment, packaging.needs(self._spec.extras)
        there = self._environments.libraries(name)
        if not there:
            must = ", ".join(f"{one}{versions}" for one, versions in needed.items())
            self._tell(f"environment {name}: Hopsworks does not say what it has; it must have {must}")
            return
        lacking = list(_lacking(there, needed))
        if lacking:
            raise ConfigError(
                f"Environment '{name}' lacks {', '.join(lacking)}, and a zip cannot carry compiled packages. Install "
                "them there, or let hopsmon make an environment of its own: install='wheel'."
            )
        self._tell(f"environment {name}: has all that hopsmon needs")

    def _properties(self, clone_of: str | None = None) -> str:
        """Those that the job has, and ours where it has none; in an order that a second deployment leaves alone."""
        merged, ours = dict(self._old), dict(PROPERTIES)
        if clone_of is None:
            for name in [name for name in merged if name == _BASE or _OF_A_CLONE.get(name) == merged[name]]:
                del merged[name]
        else:
            ours |= _OF_A_CLONE
            merged[_BASE] = clone_of
        for name, value in ours.items():
            merged.setdefault(name, value)
        merged |= self._spec.properties
        return "\n".join(f"{name}={value}" for name, value in merged.items())

    def _uploaded(self, package: Package) -> str:
        """Where the package lies in the project, after this; its name says what is in it."""
        name = f"{PACKAGES}/{package.name}"
        if self._documents.in_place(name):
            self._tell(f"package {package.name}: is there")
        else:
            self._documents.write(name, package.content)
            self._tell(f"package {package.name}: uploaded to {RESOURCES}/{PACKAGES}")
        return f"{RESOURCES}/{name}"

    def _upload_scripts(self) -> None:
        """All of them: others than the job's own are small, and people make jobs of them."""
        new = [job for job in JOBS if self._upload_script(job)]
        which = ", ".join(script_name(job) for job in new)
        self._tell(f"scripts in {RESOURCES}/{SCRIPTS}: {f'uploaded {which}' if new else 'are there'}")

    def _upload_script(self, job: str) -> bool:
        name, content = f"{SCRIPTS}/{script_name(job)}", script(job).encode()
        if self._documents.in_place(name) and self._documents.read(name) == content:
            return False
        self._documents.write(name, content)
        return True

    def _put_job(self, runtime: Mapping[str, Any]) -> None:
        name, before = self._spec.name, self._before
        wanted = {**before, **runtime, **dict(self._settings())}
        wanted = {key: value for key, value in wanted.items() if value is not None}
        changed = sorted(key for key in {*before, *wanted} if before.get(key) != wanted.get(key))
        if self._there is not None and not changed:
            self._tell(f"job {name}: is there")
            return
        self._jobs.put(name, wanted)
        self._tell(f"job {name}: made" if self._there is None else f"job {name}: changed ({', '.join(changed)})")

    def _settings(self) -> Iterator[tuple[str, Any]]:
        spec = self._spec
        yield "appPath", self._absolute(f"{RESOURCES}/{SCRIPTS}/{script_name(spec.script)}")
        yield "defaultArgs", spec.arguments
        for name, value in spec.resources.items():
            yield _SETTINGS[name], value
        if "executors" in spec.resources:  # else Spark would have more or fewer, as it sees fit
            yield "spark.dynamicAllocation.enabled", False

    def _schedule(self) -> None:
        name, cron = self._spec.name, self._spec.schedule
        if cron is not None:
            self._tell(self._jobs.set_schedule(name, cron))
            return
        there = self._jobs.schedule(name)
        self._tell("schedule: none" if there is None else f"schedule: {there.cron}, as before")

    def _absolute(self, path: str) -> str:
        return f"hdfs:///Projects/{self._project}/{path}"

    def _tell(self, step: str) -> None:
        self._steps.append(step)
        _LOG.info("%s", step)


def _lacking(there: Mapping[str, str], needed: Mapping[str, SpecifierSet]) -> Iterator[str]:
    """What of the distributions needed an environment has not, or in another version."""
    for name, versions in needed.items():
        has = there.get(name)
        if has is None:
            yield f"{name}{versions}"
        elif not _will_do(has, versions):
            yield f"{name}{versions} (it has {has or 'an unknown version'})"


def _will_do(version: str, versions: SpecifierSet) -> bool:
    try:
        return versions.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _properties_in(text: str) -> dict[str, str]:
    """A job's properties, as they stand in its configuration and page: NAME=VALUE, one a line."""
    pairs = (line.strip().partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}
