"""Kafka: topics, schemas, the brokers' address, the feature store's connector, ingestion into online feature groups."""

from __future__ import annotations

import json
from typing import Any

from hopsmon.testing.hopsworks_server.errors import (
    CONNECTOR_NOT_FOUND,
    SCHEMA_INVALID,
    SCHEMA_VERSION_NOT_FOUND,
    SUBJECT_NOT_FOUND,
    TOPIC_EXISTS,
    TOPIC_NOT_FOUND,
)
from hopsmon.testing.hopsworks_server.feature_groups import GROUP, STORE, feature_group
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection, href, page
from hopsmon.testing.hopsworks_server.state import Json, State

routes = Routes()

_KAFKA = "/project/{project}/kafka"
_AVRO: dict[str, Any] = {
    "binary": "bytes",
    "boolean": "boolean",
    "date": {"type": "int", "logicalType": "date"},
    "double": "double",
    "float": "float",
    "int": "int",
    "smallint": "int",
    "tinyint": "int",
    "bigint": "long",
    "string": "string",
    "timestamp": {"type": "long", "logicalType": "timestamp-micros"},
}


@routes.get(_KAFKA + "/topics")
def topics(call: Call) -> Reply:
    return page(call, list(call.state.topics.values()))


@routes.post(_KAFKA + "/topics")
def create_topic(call: Call) -> Reply:
    sent = call.json()
    if sent["name"] in call.state.topics:
        raise TOPIC_EXISTS.because(sent["name"])
    schema_of(call.state, sent["schemaName"], str(sent["schemaVersion"]))
    return keep_topic(call.state, sent, href(call))


@routes.get(_KAFKA + "/topics/{topic}")
def find_topic(call: Call) -> Reply:
    return _topic(call)


@routes.delete(_KAFKA + "/topics/{topic}")
def delete_topic(call: Call) -> Reply:
    del call.state.topics[_topic(call)["name"]]
    return None


@routes.get(_KAFKA + "/topics/{topic}/subjects")
def schema_of_topic(call: Call) -> Reply:
    topic = _topic(call)
    return schema_of(call.state, topic["schemaName"], str(topic["schemaVersion"]))


@routes.get(_KAFKA + "/clusterinfo")
def cluster(call: Call) -> Reply:
    if call.state.settings.kafka is None:
        raise CONNECTOR_NOT_FOUND.because("this project has no Kafka")
    return {"brokers": call.state.settings.kafka.split(","), "href": href(call)}


@routes.get(_KAFKA + "/subjects")
def subjects(call: Call) -> Reply:
    return sorted(call.state.subjects)


@routes.get(_KAFKA + "/subjects/{subject}/versions")
def versions(call: Call) -> Reply:
    return [schema["version"] for schema in _subject(call.state, call["subject"])]


@routes.post(_KAFKA + "/subjects/{subject}/versions", status=200)
def register_schema(call: Call) -> Reply:
    """The same schema again is the version that is there."""
    text = str(call.json().get("schema", ""))
    try:
        json.loads(text)
    except ValueError as error:
        raise SCHEMA_INVALID.because(str(error)) from error
    kept = keep_schema(call.state, call["subject"], text)
    return {name: value for name, value in kept.items() if name != "schema"}


@routes.get(_KAFKA + "/subjects/{subject}/versions/{version}")
def find_schema(call: Call) -> Reply:
    return schema_of(call.state, call["subject"], call["version"])


@routes.delete(_KAFKA + "/subjects/{subject}")
def delete_subject(call: Call) -> Reply:
    _subject(call.state, call["subject"])
    del call.state.subjects[call["subject"]]
    return None


@routes.get(STORE + "/kafka/subjects/{subject}/versions/{version}")
def find_feature_group_schema(call: Call) -> Reply:
    """A feature group's schema, by the feature group's name and version as they are now."""
    for group in call.state.feature_groups.values():
        if f"{group['name']}_{group['version']}" == call["subject"]:
            return {
                "id": 500 + group["id"],
                "subject": call["subject"],
                "version": 1,
                "schema": _avro(call.state, group),
            }
    raise SUBJECT_NOT_FOUND.because(f"there is no subject {call['subject']}")


@routes.get(STORE + "/storageconnectors/kafka_connector/byok")
def connector(call: Call) -> Reply:
    settings = call.state.settings
    if settings.kafka is None:
        raise CONNECTOR_NOT_FOUND.because("this project has no Kafka")
    return {
        "type": "featurestoreKafkaConnectorDTO",
        "id": 1,
        "name": "kafka_connector",
        "description": "",
        "featurestoreId": settings.feature_store_id,
        "storageConnectorType": "KAFKA",
        "bootstrapServers": settings.kafka,
        "securityProtocol": "SSL" if settings.kafka_tls else "PLAINTEXT",
        "sslEndpointIdentificationAlgorithm": "",
        "options": [],
        "externalKafka": not settings.kafka_tls,
    }


@routes.post(GROUP + "/online_ingestion")
def ingest(call: Call) -> Reply:
    ingestion: Json = {"id": call.state.new_id("ingestion"), "numEntries": call.json().get("numEntries"), "results": []}
    call.state.ingestions[feature_group(call)["id"]].append(ingestion)
    return ingestion


@routes.get(GROUP + "/online_ingestion")
def ingestions(call: Call) -> Reply:
    made = call.state.ingestions[feature_group(call)["id"]]
    return page(call, [_ingested(each) for each in reversed(made)])


@routes.get(GROUP + "/online_ingestion/{ingestion}")
def find_ingestion(call: Call) -> Reply:
    made = call.state.ingestions[feature_group(call)["id"]]
    return collection(call, [_ingested(each) for each in made if each["id"] == call.number("ingestion")])


def keep_topic(state: State, sent: Json, where: str) -> Json:
    """Keep a topic; nothing is made on a broker."""
    topic = {"numOfReplicas": 1, "numOfPartitions": 1, "isShared": False, "accepted": True, **sent, "href": where}
    state.topics[topic["name"]] = topic
    return topic


def keep_schema(state: State, subject: str, text: str) -> Json:
    """Keep a schema as the subject's next version, unless it is there."""
    for known in state.subjects[subject]:
        if json.loads(known["schema"]) == json.loads(text):
            return known
    made = {
        "id": state.new_id("schema"),
        "subject": subject,
        "version": len(state.subjects[subject]) + 1,
        "schema": text,
    }
    state.subjects[subject].append(made)
    return made


def schema_of(state: State, subject: str, version: str) -> Json:
    """A subject's schema by its version, or the latest."""
    known = _subject(state, subject)
    if version == "latest":
        return known[-1]
    for schema in known:
        if str(schema["version"]) == version:
            return schema
    raise SCHEMA_VERSION_NOT_FOUND.because(f"subject {subject} has no version {version}")


def _subject(state: State, subject: str) -> list[Json]:
    if subject not in state.subjects:
        raise SUBJECT_NOT_FOUND.because(f"there is no subject {subject}")
    return state.subjects[subject]


def _topic(call: Call) -> Json:
    if call["topic"] not in call.state.topics:
        raise TOPIC_NOT_FOUND.because(f"there is no topic {call['topic']}")
    return call.state.topics[call["topic"]]


def _avro(state: State, group: Json) -> str:
    fields = [
        {"name": feature["name"], "type": ["null", _avro_type(feature["type"])], "default": None}
        for feature in group["features"]
    ]
    name = f"{group['name']}_{group['version']}"
    namespace = f"{state.settings.feature_store}.db"
    return json.dumps({"type": "record", "name": name, "namespace": namespace, "fields": fields})


def _avro_type(hive: str) -> Any:
    """The Avro type of a column; nested ones are text to nobody who reads ours, so only arrays are spelled out."""
    if hive.startswith("array<"):
        return {"type": "array", "items": ["null", _avro_type(hive[len("array<") : -1])]}
    return _AVRO.get(hive, "string")


def _ingested(ingestion: Json) -> Json:
    """Rows arrive at once: nobody is there to count them."""
    result = {"onlineIngestionId": ingestion["id"], "status": "UPSERTED", "rows": ingestion["numEntries"] or 0}
    return {**ingestion, "results": [result]}
