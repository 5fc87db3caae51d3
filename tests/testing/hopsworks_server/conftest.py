"""The server, and the real client logged in to it as in a job of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from hopsmon.testing.hopsworks_server import HopsworksServer

if TYPE_CHECKING:
    from hopsworks.project import Project
    from hsfs.feature_group import FeatureGroup
    from hsfs.feature_store import FeatureStore

CLIENT = version("hopsworks")
FEATURES = {"id": "bigint", "ts": "timestamp", "length": "double", "species": "string"}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    """A server of the client's own version, or the client warns."""
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=CLIENT) as running:
        yield running


@pytest.fixture
def project(server: HopsworksServer) -> Project:
    return server.login("python")


@pytest.fixture
def feature_store(project: Project) -> FeatureStore:
    return project.get_feature_store()


@pytest.fixture
def iris(server: HopsworksServer, feature_store: FeatureStore) -> FeatureGroup:
    """A feature group that is there already."""
    server.seed.feature_group("iris", FEATURES, primary_key=["id"], event_time="ts")
    return feature_store.get_feature_group("iris", version=1)


@pytest.fixture
def client_version() -> str:
    return CLIENT
