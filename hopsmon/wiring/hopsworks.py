"""What a configuration names in Hopsworks, as objects: the connection, the log, the baseline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hopsmon.config import HopsworksConfig, MonitorConfig
from hopsmon.core.baseline import Baseline
from hopsmon.streaming.ports import LogSource
from hopsmon.wiring.adapters import require, resolve_secret

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.connection import Connection

SCHEME = "hopsworks:"


def inside() -> bool:
    """Whether this runs in a job or notebook of the cluster, as the client decides it."""
    return "REST_ENDPOINT" in os.environ


def connection_to(place: object) -> Connection:
    """The connection of a project object, or of "hopsworks:PROJECT".

    Raises:
        ConfigError: the extra is not installed, or that is no project.
        OutsideError: Hopsworks cannot be reached.
    """
    if isinstance(place, str):
        name = place.removeprefix(SCHEME)
        return connection_of(HopsworksConfig(project=name or None))
    require("hopsworks")
    from hopsmon.adapters.hopsworks.connection import connect

    return connect(place)


def connection_of(config: HopsworksConfig) -> Connection:
    """The connection that a configuration asks for; inside a job, the job's own.

    Raises:
        ConfigError: the extra is not installed, or host, project or API key are missing or wrong.
        OutsideError: Hopsworks cannot be reached.
    """
    require("hopsworks")
    from hopsmon.adapters.hopsworks.connection import LoginSettings, login

    settings = LoginSettings(
        host=config.host,
        port=config.port,
        project=config.project,
        api_key=None if config.api_key is None or inside() else resolve_secret(config.api_key),
        hostname_verification=config.hostname_verification,
        trust_store=config.trust_store,
    )
    return login(settings)


def project_source(config: MonitorConfig) -> LogSource:
    """The inference log of a deployment, or a feature view's feature log."""
    raise NotImplementedError


def project_baseline(config: MonitorConfig) -> Baseline:
    """The baseline that a configuration names in Hopsworks."""
    raise NotImplementedError
