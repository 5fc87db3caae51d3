"""Whom a monitor tells of its results: channels of alerts, and Hopsworks' own feature monitoring."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hopsmon.config import MonitorConfig
from hopsmon.errors import ConfigError
from hopsmon.streaming.plan import Audience, MonitorPlan
from hopsmon.streaming.ports import AlertChannel, ResultListener
from hopsmon.wiring.hopsworks import connection_of

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.connection import Connection
    from hopsmon.adapters.hopsworks.native import Monitored

_JOB = "HOPSWORKS_JOB_NAME"  # set inside a job of the cluster


def audience_of(config: MonitorConfig, plan: MonitorPlan) -> Audience:
    """Whom the monitor tells; that they exist is looked up here, once.

    Raises:
        ConfigError: a channel's receiver does not exist, or native results have nothing to be results of.
        OutsideError: Hopsworks cannot be reached.
    """
    receivers = [one.hopsworks.receiver for one in config.alerts.channels if one.hopsworks is not None]
    channels = tuple(_receiver(name, config) for name in receivers)
    return Audience(channels, config.alerts.max_age, _listeners(config, plan))


def _receiver(name: str, config: MonitorConfig) -> AlertChannel:
    connection = connection_of(config.hopsworks)
    from hopsmon.adapters.hopsworks.alerts import ReceiverChannel, job_url

    job = os.environ.get(_JOB)
    url = None if job is None else job_url(connection, job)
    return ReceiverChannel(connection, name, url)


def _listeners(config: MonitorConfig, plan: MonitorPlan) -> tuple[ResultListener, ...]:
    if config.store.hopsworks is None or not config.store.hopsworks.native_results:
        return ()
    connection = connection_of(config.hopsworks)
    from hopsmon.adapters.hopsworks.native import NativeResults

    names = [feature.name for feature in plan.schema.all]
    return (NativeResults(config.name, _monitored(config, connection), names, plan.techniques),)


def _monitored(config: MonitorConfig, connection: Connection) -> Monitored:
    """The feature group or view that the monitor's model learned from, as far as the configuration tells."""
    from hopsmon.adapters.hopsworks.deployments import origin_of_deployment
    from hopsmon.adapters.hopsworks.native import Monitored

    baseline, log = config.baseline, config.log
    if baseline.feature_group is not None:
        return Monitored.feature_group(connection, baseline.feature_group.name, baseline.feature_group.version)
    if baseline.training_dataset is not None:
        of = baseline.training_dataset
        return Monitored.feature_view(connection, of.feature_view, of.version, of.training_dataset_version)
    deployment = baseline.deployment or log.deployment
    if deployment is not None:
        version = None if baseline.deployment is None else baseline.deployment.training_dataset_version
        origin = origin_of_deployment(connection, deployment.name, training_dataset_version=version).training_dataset
        return Monitored.feature_view(connection, origin.view, origin.view_version, origin.version)
    if log.feature_log is not None:
        return Monitored.feature_view(connection, log.feature_log.feature_view, log.feature_log.version)
    raise ConfigError(
        "store.hopsworks.native_results: Hopsworks keeps results of feature groups and feature views, and neither "
        "`baseline` nor `log` names one. Name it there (baseline.feature_group, baseline.training_dataset, "
        "baseline.deployment, log.deployment or log.feature_log), or leave native_results out."
    )
