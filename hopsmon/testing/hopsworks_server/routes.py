"""Routes: all of them, in the order in which they are tried."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server import (
    alerts,
    charts,
    datasets,
    environments,
    executions,
    expectations,
    feature_groups,
    feature_logging,
    feature_views,
    jobs,
    kafka,
    login,
    models,
    monitoring,
    provenance,
    queries,
    serving,
    statistics,
    tags,
    training_datasets,
)
from hopsmon.testing.hopsworks_server.router import Router

# Where two patterns match a path, the first wins: what is written out stands before what has a {name} there.
ROUTER = Router(
    module.routes
    for module in (
        login,
        queries,
        provenance,
        tags,
        alerts,
        monitoring,
        kafka,
        expectations,
        statistics,
        training_datasets,
        feature_logging,
        feature_views,
        feature_groups,
        executions,
        jobs,
        environments,
        models,
        serving,
        datasets,
        charts,
    )
)
