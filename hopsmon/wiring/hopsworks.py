"""What a configuration names in Hopsworks, as objects: the connection, the log, the baseline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from hopsmon.config import (
    DeploymentBaselineConfig,
    DeploymentLogConfig,
    FeatureGroupConfig,
    FeatureLogConfig,
    HopsworksConfig,
    MonitorConfig,
    TrainingDatasetConfig,
)
from hopsmon.core.baseline import Baseline
from hopsmon.core.schema import ModelRef
from hopsmon.errors import ConfigError
from hopsmon.wiring.adapters import require, resolve_secret

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.connection import Connection
    from hopsmon.adapters.hopsworks.deployments import LogPlace
    from hopsmon.adapters.hopsworks.feature_log import LogTable
    from hopsmon.adapters.hopsworks.references import Reference

InProject: TypeAlias = FeatureGroupConfig | TrainingDatasetConfig | DeploymentBaselineConfig
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


def place_of(settings: HopsworksConfig, log: DeploymentLogConfig | FeatureLogConfig) -> LogPlace:
    """Where the log of a deployment, or a feature view's feature log, is and how it is read.

    Raises:
        ConfigError: there is no such log, or it is switched off.
        OutsideError: Hopsworks cannot be reached.
    """
    connection = connection_of(settings)
    if isinstance(log, DeploymentLogConfig):
        from hopsmon.adapters.hopsworks.deployments import log_of_deployment

        return log_of_deployment(connection, log.name)
    from hopsmon.adapters.hopsworks.feature_log import log_of_feature_view

    return log_of_feature_view(connection, log.feature_view, log.version)


def table_of(settings: HopsworksConfig, log: FeatureLogConfig) -> LogTable:
    """The Delta table of a feature view's feature log, and how its rows are read.

    Raises:
        ConfigError: the feature view does not log, or to a table of another format, or starting_offsets are a topic's.
        OutsideError: Hopsworks cannot be reached.
    """
    from hopsmon.adapters.hopsworks.feature_log import table_of_feature_view

    if not isinstance(log.starting_offsets, str):
        raise ConfigError("log.feature_log.starting_offsets: a table has no partitions: earliest or latest.")
    earliest = log.starting_offsets == "earliest"
    return table_of_feature_view(connection_of(settings), log.feature_view, log.version, from_start=earliest)


def project_baseline(config: MonitorConfig, source: InProject) -> Baseline:
    """The baseline that a configuration names in Hopsworks.

    Raises:
        ConfigError: what is named is not there, or has no statistics.
        OutsideError: Hopsworks cannot be reached.
    """
    from hopsmon.adapters.hopsworks.baselines import baseline_of
    from hopsmon.adapters.hopsworks.references import Columns, Scan

    connection = connection_of(config.hopsworks)
    model, reference = _reference(connection, config, source)
    columns = Columns(source.predictions, source.exclude)
    scan = Scan(source.event_time, config.window.size, source.season, config.slices) if source.read == "data" else None
    return baseline_of(connection, reference, model, columns, scan)


def _reference(connection: Connection, config: MonitorConfig, source: InProject) -> tuple[ModelRef, Reference]:
    from hopsmon.adapters.hopsworks.deployments import origin_of_deployment
    from hopsmon.adapters.hopsworks.references import FeatureGroupRef, TrainingDatasetRef

    model = ModelRef(config.model.name, config.model.version)
    if isinstance(source, FeatureGroupConfig):
        return model, FeatureGroupRef(source.name, source.version, source.from_commit, source.to_commit)
    if isinstance(source, TrainingDatasetConfig):
        version = source.training_dataset_version
        of = TrainingDatasetRef(
            source.feature_view, source.version, version, source.split, source.before_transformation
        )
        return model, of
    origin = origin_of_deployment(
        connection,
        source.name,
        training_dataset_version=source.training_dataset_version,
        split=source.split,
        before_transformation=source.before_transformation,
    )
    return origin.model, origin.training_dataset
