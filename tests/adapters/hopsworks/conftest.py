"""The test double of Hopsworks, and a project that the real client has logged in to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.testing.hopsworks_server import HopsworksServer


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    """Clients log in as inside the cluster, which is of the client's own version."""
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=client_version()) as running:
        yield running
