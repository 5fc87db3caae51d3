"""A process that is a job in an old cluster, as far as the library `hops` can tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hopsmon.testing.hopsworks_server import HopsworksServer


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HopsworksServer]:
    """The cluster, with the topic of an inference log."""
    with HopsworksServer(tmp_path / "cluster") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("KAFKA_BROKERS", "INTERNAL://10.0.2.15:9091,INTERNAL://10.0.2.16:9091")
        monkeypatch.chdir(tmp_path)  # where YARN puts the certificates
        server.seed.kafka_topic("flights-inference")
        yield server
