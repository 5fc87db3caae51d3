"""`log: {hops: …}` on a real broker that speaks TLS alone, and asks its clients for the project's certificate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from hopsmon import wiring
from hopsmon.adapters.hops.cluster import brokers
from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.clients import client_settings
from hopsmon.adapters.kafka.producer import Event, publish
from hopsmon.config import MonitorConfig
from hopsmon.errors import ConfigError, OutsideError
from hopsmon.testing.hopsworks_server import HopsworksServer

pytest.importorskip("hops", reason="the library hops has an environment of its own: make extras")
TOPIC = "flights-inference"
MESSAGE = (Path(__file__).parents[2] / "data" / "avro" / "v4-request.bin").read_bytes()


@pytest.fixture
def broker(cluster: HopsworksServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalBroker]:
    """A broker of the cluster, with one message in the topic."""
    material = cluster.material
    options = brokers().options
    settings = {
        "listener.security.protocol.map": "PLAINTEXT:SSL,CONTROLLER:PLAINTEXT",
        "ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": in_one_line(material.server_certificate + material.ca),
        "ssl.keystore.key": in_one_line(material.server_key),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": in_one_line(material.ca),
    }
    with LocalBroker(settings=settings, options=options) as running:
        monkeypatch.setenv("KAFKA_BROKERS", f"INTERNAL://{running.bootstrap_servers}")
        running.create_topic(TOPIC)
        publish(running.bootstrap_servers, TOPIC, [Event({}, MESSAGE)], **client_settings(options))
        yield running


def in_one_line(pem: str) -> str:
    """As a file of Java properties writes line ends."""
    return pem.replace("\n", "\\n")


def monitor(**hops: Any) -> MonitorConfig:
    return MonitorConfig.from_mapping(
        {
            "name": "flights",
            "model": {"name": "flights"},
            "log": {"hops": {"topic": TOPIC, **hops}, "format": "hopsworks"},
            "baseline": {"file": "baseline.json"},
        }
    )


def test_the_topic_is_checked_and_read(spark: SparkSession, broker: LocalBroker, tmp_path: Path) -> None:
    source = wiring.log_of(monitor()).source
    source.check()
    seen: list[bytes] = []
    query = (
        source.load(spark)
        .writeStream.foreachBatch(lambda frame, _: seen.extend(bytes(row.value) for row in frame.collect()))
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    assert seen == [MESSAGE]
    assert "PRIVATE" not in f"{source!r}"


def test_options_of_the_configuration_win(spark: SparkSession, broker: LocalBroker) -> None:
    plain = wiring.log_of(monitor(options={"kafka.security.protocol": "PLAINTEXT"})).source
    with pytest.raises(OutsideError, match=r"lets nobody in with security\.protocol PLAINTEXT"):
        plain.check()


def test_a_topic_of_other_records_is_refused_before_anything_is_read(
    spark: SparkSession, cluster: HopsworksServer
) -> None:
    cluster.seed.kafka_schema("orders", {"type": "record", "name": "order", "fields": []})
    cluster.seed.kafka_topic("orders", schema="orders", schema_version=1)
    with pytest.raises(ConfigError, match="'orders' holds records 'order'"):
        wiring.log_of(monitor(topic="orders"))
