"""Deployable: whether a monitor finds on the cluster what it finds on the machine that deploys it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from hopsmon.config import MonitorConfig
from hopsmon.config.secrets import is_reference
from hopsmon.errors import ConfigError

MOUNTS = ("/hopsfs",)  # folders that jobs of the cluster see: there the project's files are
_FILE, _ENV = "file:", "env:"
_SAVE = "save the monitor in the project's store, which keeps it: store.create_monitor(config)"
_INSTEAD = {
    "log.files.path": "upload the files into the project, or read the log from Kafka",
    # Each run would find an empty disk, and begin anew.
    "store.hopsworks.folder": "leave it out, then the job's checkpoints are in the project; runs of this machine find "
    "theirs by the environment variable HOPSMON_CHECKPOINTS",
}


def check_deployable(config: MonitorConfig) -> list[str]:
    """What the job must be given by hand, a line each; empty: nothing.

    Raises:
        ConfigError: it refers to what only this machine has; all of it at once, with what to do.
    """
    problems = list(_problems(config))
    if problems:
        raise ConfigError("\n  ".join([f"Monitor {config.name} cannot run on the cluster:", *problems]))
    names = sorted({value.removeprefix(_ENV) for _, value in _references(config) if value.startswith(_ENV)})
    return [f"the job must have the environment variable {name}, which the configuration refers to" for name in names]


def _problems(config: MonitorConfig) -> Iterator[str]:
    baseline, expectations = config.baseline, config.expectations
    local = {
        "log.files.path": None if config.log.files is None else config.log.files.path,
        "baseline.file": baseline.file,
        "baseline.data.path": None if baseline.data is None else baseline.data.path,
        "expectations.file": None if expectations is None else expectations.file,
        "store.hopsworks.folder": None if config.store.hopsworks is None else config.store.hopsworks.folder,
    }
    for key, place in local.items():
        if place is not None and not _is_on_the_cluster(place):
            todo = _INSTEAD.get(key, _SAVE)
            yield f"{key}: '{place}' is a place of this machine, not below {', '.join(MOUNTS)}: {todo}."
    for key, value in _references(config):
        if value.startswith(_FILE) and not _is_on_the_cluster(value.removeprefix(_FILE)):
            yield (
                f"{key}: {value} is a file of this machine: put it into the project and refer to "
                f"file:{MOUNTS[0]}/Resources/…, or refer to an environment variable of the job (env:NAME)."
            )


def _references(config: MonitorConfig) -> Iterator[tuple[str, str]]:
    """Where the log's options refer to a secret. The project's API key is not needed in a job of it."""
    log = config.log
    for kind, reading in (("kafka", log.kafka), ("deployment", log.deployment), ("feature_log", log.feature_log)):
        options = {} if reading is None else reading.options
        yield from ((f"log.{kind}.options.{name}", value) for name, value in options.items() if is_reference(value))


def _is_on_the_cluster(place: str) -> bool:
    if "://" in place and not place.startswith("file://"):
        return True
    place = place.removeprefix("file://")
    return any(PurePosixPath(place).is_relative_to(mount) for mount in MOUNTS)
