"""Kafka as Hopsworks describes it: topics, schemas, the connector, plain and by TLS."""

from __future__ import annotations

import json
import ssl

import pytest
from hopsworks.client.exceptions import RestAPIError

from hopsmon.testing.hopsworks_server import HopsworksServer

RECORD = {"type": "record", "name": "inferencelog", "fields": [{"name": "servingId", "type": "int"}]}


def connector(feature_store):
    api = feature_store._storage_connector_api
    return (getattr(api, "get_kafka_connector", None) or api._get_kafka_connector)(feature_store.id)


@pytest.fixture
def kafka(project):
    return project.get_kafka_api()


def test_every_project_has_the_inference_schemas(kafka):
    latest = kafka.get_schema("inferenceschema", 4)
    assert [field["name"] for field in json.loads(latest.schema)["fields"]][-2:] == ["messageType", "payload"]
    assert json.loads(kafka.get_schema("inferenceschema", 1).schema)["fields"][0]["name"] == "modelId"
    assert kafka.get_schema("inferenceschema", 5) is None


def test_the_same_schema_is_the_same_version(kafka):
    assert [kafka.create_schema("mine", RECORD).version for _ in range(2)] == [1, 1]
    assert kafka.create_schema("mine", {**RECORD, "fields": []}).version == 2


def test_topics(server, kafka):
    assert kafka.get_topics() == []
    made = kafka.create_topic("iris-inf", "inferenceschema", 4, replicas=1, partitions=2)
    assert (made.name, made.num_partitions) == ("iris-inf", 2)
    with pytest.raises(RestAPIError) as caught:
        kafka.create_topic("iris-inf", "inferenceschema", 4)
    assert caught.value.response.status_code == 409
    server.seed.kafka_topic("more")
    assert [each.name for each in kafka.get_topics()] == ["iris-inf", "more"]
    assert kafka.get_topic("more").name == "more"


def test_the_schema_of_a_feature_group_follows_its_features(server, iris):
    fields = {field["name"]: field["type"] for field in json.loads(iris.avro_schema)["fields"]}
    assert fields["length"] == ["null", "double"]
    assert fields["ts"] == ["null", {"type": "long", "logicalType": "timestamp-micros"}]


def test_no_kafka(feature_store):
    with pytest.raises(RestAPIError) as caught:
        connector(feature_store)
    assert caught.value.error_code == 270042


def test_a_broker_in_the_open(tmp_path, client_version):
    with HopsworksServer(tmp_path, kafka="127.0.0.1:9092", version=client_version) as server:
        project = server.login("python")
        with pytest.warns(match="externally managed Kafka"):
            options = connector(project.get_feature_store()).kafka_options()
        assert (options["bootstrap.servers"], options["security.protocol"]) == ("127.0.0.1:9092", "PLAINTEXT")
        assert not [name for name in options if name.endswith("location")]
        assert project.get_kafka_api().get_default_config()["bootstrap.servers"] == "127.0.0.1:9092"


@pytest.mark.parametrize("tls", [False, True], ids=["inside", "outside"])
def test_a_broker_that_asks_for_tls(tmp_path, client_version, tls):
    """The client turns the project's key stores into PEM files that a TLS client can use."""
    with HopsworksServer(tmp_path, tls=tls, kafka="127.0.0.1:9093", kafka_tls=True, version=client_version) as server:
        options = connector(server.login("python").get_feature_store()).confluent_options()
        context = ssl.create_default_context(cafile=options["ssl.ca.location"])
        context.load_cert_chain(options["ssl.certificate.location"], options["ssl.key.location"])
        subject = context.get_ca_certs()[0]["subject"]
    assert options["security.protocol"] == "SSL"
    assert subject == ((("commonName", "hopsmon test authority"),),)


def test_online_ingestion(server, feature_store):
    server.seed.feature_group("online", {"k": "string"}, primary_key=["k"])
    group = feature_store.get_feature_group("online", version=1)
    from hsfs.core.online_ingestion import OnlineIngestion
    from hsfs.core.online_ingestion_api import OnlineIngestionApi

    api = OnlineIngestionApi()
    made = api._create_online_ingestion(group, OnlineIngestion(num_entries=3))
    (result,) = api._get_online_ingestion(group, query_params={"filter_by": f"ID:{made.id}"}).results
    assert (result.status, result.rows) == ("UPSERTED", 3)
