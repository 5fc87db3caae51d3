"""The Avro schemas of Hopsworks' inference log, which every project has as versions 1 to 4 of one subject."""

from __future__ import annotations

import json

from hopsmon.testing.hopsworks_server.kafka import keep_schema
from hopsmon.testing.hopsworks_server.state import State

SUBJECT = "inferenceschema"
_MODEL = {"modelName": "string", "modelVersion": "int", "requestTimestamp": "long", "responseHttpCode": "int"}
_EXCHANGE = {"modelId": "int", **_MODEL, "inferenceRequest": "string", "inferenceResponse": "string"}
_VERSIONS = (
    _EXCHANGE,
    {**_EXCHANGE, "servingType": "string"},
    {**_EXCHANGE, "modelServer": "string", "servingTool": "string"},
    {"servingId": "int", **_MODEL, "inferenceId": "string", "messageType": "string", "payload": "string"},
)


def register_inference_schemas(state: State) -> None:
    """Keep the subject, as a new project has it."""
    for fields in _VERSIONS:
        columns = [{"name": name, "type": kind} for name, kind in fields.items()]
        keep_schema(state, SUBJECT, json.dumps({"type": "record", "name": "inferencelog", "fields": columns}))
