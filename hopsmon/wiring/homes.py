"""Homes: where a configuration's monitor lives, and what a place that people name stands for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hopsmon.adapters.local.home import LocalHome
from hopsmon.config import HopsworksStoreConfig, MonitorConfig
from hopsmon.errors import ConfigError
from hopsmon.streaming.ports import Home
from hopsmon.wiring.adapters import require
from hopsmon.wiring.hopsworks import SCHEME, connection_of, connection_to

__all__ = ["MONITORS", "LocalHome", "home_at", "home_of", "store_section", "version_of"]

MONITORS = "_monitors"  # the documents that are saved monitors


def home_at(place: object) -> Home:
    """The home that a folder, a Hopsworks project, or "hopsworks:PROJECT" stands for.

    Raises:
        ConfigError: the place can be no store, or an extra is not installed.
        OutsideError: Hopsworks cannot be reached.
    """
    if not isinstance(place, (str, os.PathLike)) or str(place).startswith(SCHEME):
        from hopsmon.adapters.hopsworks.home import ProjectHome

        return ProjectHome(connection_to(place), HopsworksStoreConfig())
    if "://" in str(place):
        raise ConfigError(f"A store is a local folder, or a Hopsworks project as {SCHEME}PROJECT; got '{place}'.")
    require("deltalake")
    return LocalHome(Path(place).expanduser().resolve())


def home_of(config: MonitorConfig) -> Home:
    """Where the monitor's results, baselines and checkpoints are, with its own settings of that place.

    Raises:
        ConfigError: the place can be no store, or an extra is not installed.
        OutsideError: Hopsworks cannot be reached.
    """
    if config.store.hopsworks is None:
        return home_at(str(config.store.path))
    from hopsmon.adapters.hopsworks.home import ProjectHome

    return ProjectHome(connection_of(config.hopsworks), config.store.hopsworks)


def store_section(home: Home) -> dict[str, Any]:
    """What a configuration's `store` says where its monitor lives there."""
    return {"path": home.place} if isinstance(home, LocalHome) else {"hopsworks": {}}


def version_of(home: Home) -> int:
    """The version of a project's result feature groups; a folder has one."""
    from hopsmon.adapters.hopsworks.home import ProjectHome

    return home.settings.version if isinstance(home, ProjectHome) else 1
