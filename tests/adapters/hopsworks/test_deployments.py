"""Deployments: the log and the training data behind one's name, and what is said where the way ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from hopsmon.adapters.hopsworks.brokers import brokers_of
from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.deployments import (
    ModelOrigin,
    log_of_deployment,
    origin_of_deployment,
)
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.hopsworks.references import TrainingDatasetRef
from hopsmon.adapters.kafka.clients import client_settings
from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.core.batch import Side
from hopsmon.core.schema import ModelRef
from hopsmon.errors import ConfigError, OutsideError
from hopsmon.testing.hopsworks_server import HopsworksServer

BOTH = (Side.REQUEST, Side.RESPONSE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    folder, brokers = tmp_path_factory.mktemp("hopsworks"), "broker-1:9092,broker-2:9092"
    with HopsworksServer(folder, kafka=brokers, version=client_version()) as running:
        running.seed.model("flight_delay", 3)
        yield running


@pytest.fixture(scope="module")
def connection(server: HopsworksServer) -> Connection:
    return connect(server.login("python"))


@pytest.mark.parametrize(
    ("mode", "sides"), [("ALL", BOTH), ("MODEL_INPUTS", (Side.REQUEST,)), ("PREDICTIONS", (Side.RESPONSE,))]
)
def test_the_log_of_a_deployment(
    server: HopsworksServer, connection: Connection, mode: Any, sides: tuple[Side, ...]
) -> None:
    name = f"delays{mode.lower()}"
    number = server.seed.deployment(name, "flight_delay", 3, mode=mode)
    place = log_of_deployment(connection, name)
    assert place.topic == f"{name}-inf{1000 + number}"
    assert place.bootstrap_servers == "broker-1:9092,broker-2:9092"
    assert place.sides == sides
    assert place.format == "hopsworks"
    assert place.match == {}
    source = KafkaSource(place.bootstrap_servers, (place.topic,), options=place.options)
    assert source.identity == f"kafka: {place.topic}"


def test_nothing_is_logged(server: HopsworksServer, connection: Connection) -> None:
    server.seed.deployment("silent", "flight_delay", 3, mode="NONE")
    with pytest.raises(ConfigError, match=r"'silent' logs no inferences.* mode NONE.*InferenceLogger\(mode=\"ALL\"\)"):
        log_of_deployment(connection, "silent")


def test_no_such_deployment(server: HopsworksServer, connection: Connection) -> None:
    server.seed.deployment("arrivals", "flight_delay", 3)
    with pytest.raises(ConfigError, match=r"no deployment 'arivals'.*arrivals.*Did you mean 'arrivals'\?"):
        log_of_deployment(connection, "arivals")


def test_deployments_that_share_a_topic_are_told_apart(server: HopsworksServer, connection: Connection) -> None:
    numbers = [server.seed.deployment(name, "flight_delay", 3, topic="shared") for name in ("one", "two")]
    places = [log_of_deployment(connection, name) for name in ("one", "two")]
    assert [place.topic for place in places] == ["shared", "shared"]
    assert [place.match for place in places] == [{"serving": str(number)} for number in numbers]


def test_a_schema_newer_than_what_is_known(
    server: HopsworksServer, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    server.seed.deployment("tomorrow", "flight_delay", 3, schema_version=5)
    with caplog.at_level(logging.WARNING):
        place = log_of_deployment(connection, "tomorrow")
    assert "logs by schema inferenceschema version 5; hopsmon reads inferenceschema up to version 4" in caplog.text
    assert place.format == "hopsworks"


def test_without_tls_there_is_nothing_to_hide(connection: Connection) -> None:
    brokers = brokers_of(connection)
    assert dict(brokers.options) == {
        "kafka.security.protocol": "PLAINTEXT",
        "kafka.ssl.endpoint.identification.algorithm": "",
    }


def test_a_project_without_kafka(server: HopsworksServer, tmp_path: Any) -> None:
    with HopsworksServer(tmp_path, version=client_version()) as other:
        project = connect(other.login("python"))
        with pytest.raises(OutsideError, match="The Kafka connector of project 'demo': Hopsworks refuses"):
            brokers_of(project)
    server.login("python")


def test_certificates_travel_as_text(server: HopsworksServer, tmp_path: Any) -> None:
    with HopsworksServer(tmp_path, kafka="broker:9093", kafka_tls=True, version=client_version()) as other:
        brokers = brokers_of(connect(other.login("python")))
    options = brokers.options
    assert options["kafka.security.protocol"] == "SSL"
    assert not [name for name in options if name.endswith((".location", ".password"))]
    assert "BEGIN CERTIFICATE" in options["kafka.ssl.truststore.certificates"]
    assert "PRIVATE KEY" in options["kafka.ssl.keystore.key"]
    assert client_settings(options)["ssl_context"].get_ca_certs()  # OpenSSL takes them
    for value in options.values():
        assert len(value) < 8 or value not in repr(brokers) + str(options)
    server.login("python")


TRAINED = {"flight_id": "bigint", "distance": "double", "late": "boolean"}


def seed_view(server: HopsworksServer, name: str) -> int:
    group = server.seed.feature_group(f"{name}_fg", TRAINED, primary_key=["flight_id"])
    server.seed.feature_view(name, group, labels=["late"])
    return server.seed.training_dataset(name)


def test_the_training_data_of_a_deployment(server: HopsworksServer, connection: Connection) -> None:
    version = seed_view(server, "flights")
    server.seed.model("trained", 1, feature_view=("flights", 1), training_dataset_version=version)
    server.seed.deployment("departures", "trained", 1)
    expected = TrainingDatasetRef("flights", 1, version)
    assert origin_of_deployment(connection, "departures") == ModelOrigin(ModelRef("trained", 1), expected)
    another = origin_of_deployment(
        connection, "departures", training_dataset_version=9, split="train", before_transformation=True
    )
    assert another.training_dataset == TrainingDatasetRef("flights", 1, 9, "train", True)


def test_a_model_without_training_data(server: HopsworksServer, connection: Connection) -> None:
    server.seed.deployment("bare", "flight_delay", 3)
    with pytest.raises(ConfigError, match=r"model 'flight_delay' version 3 of deployment 'bare' names no feature view"):
        origin_of_deployment(connection, "bare")


def test_a_deployment_whose_model_is_gone(server: HopsworksServer, connection: Connection) -> None:
    server.seed.deployment("orphan", "nobody", 1)
    with pytest.raises(ConfigError, match=r"'orphan' has no model in the registry.*baseline\.training_dataset"):
        origin_of_deployment(connection, "orphan")
