"""Deployments: where one logs its inferences, and which training data its model comes from, by its name alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.brokers import KafkaOptions, brokers_of
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking, missing
from hopsmon.adapters.hopsworks.references import TrainingDatasetRef
from hopsmon.core.batch import Side
from hopsmon.core.payloads import OpenMessages
from hopsmon.core.schema import ModelRef
from hopsmon.errors import ConfigError

_LOG = logging.getLogger(__name__)
_SIDES: Final = {
    "ALL": (Side.REQUEST, Side.RESPONSE),
    "MODEL_INPUTS": (Side.REQUEST,),
    "PREDICTIONS": (Side.RESPONSE,),
}
_NO_TOPICS: Final = ("NONE", "CREATE")  # what the client writes in place of a name
_INFERENCE_SCHEMA: Final = "inferenceschema"
_NEWEST_SCHEMA: Final = 4
_SWITCH_ON: Final = (
    "Switch it on: `from hsml.inference_logger import InferenceLogger`, then "
    '`deployment.inference_logger = InferenceLogger(mode="ALL")` and `deployment.save()`; or in the deployment\'s page '
    "under Inference logging."
)


@dataclass(frozen=True)
class LogPlace:
    """Where a log is and how it is read; plain values, as no adapter knows another.

    Attributes:
        topic: the Kafka topic.
        bootstrap_servers: "host:port", several with commas.
        options: Spark's other `kafka.*` options; their values are in no text of this object.
        format: the wire format, as a plan takes it.
        sides: what the log has: requests, responses or both.
        match: attributes a message must have to be of this log; empty: all of the topic are.
    """

    topic: str
    bootstrap_servers: str
    options: KafkaOptions
    format: str | OpenMessages = "hopsworks"
    sides: tuple[Side, ...] = (Side.REQUEST, Side.RESPONSE)
    match: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """The model of a deployment, and the training dataset it was registered with."""

    model: ModelRef
    training_dataset: TrainingDatasetRef


def deployment_named(connection: Connection, name: str) -> Any:
    """A deployment, as the client's object.

    Raises:
        ConfigError: there is none of that name.
    """
    with asking(f"Deployment '{name}'"):
        serving = connection.project.get_model_serving()
        found = serving.get_deployment(name)
        if found is None:
            names = sorted(one.name for one in serving.get_deployments())
            raise missing("deployment", name, names, "Look at the name, and at which project this is.")
    return found


def log_of_deployment(connection: Connection, name: str) -> LogPlace:
    """Where a deployment logs its inferences.

    Raises:
        ConfigError: there is no such deployment, or its inference logger is off.
        OutsideError: the project has no Kafka.
    """
    deployment = deployment_named(connection, name)
    logger = deployment.inference_logger
    mode = "NONE" if logger is None or logger.kafka_topic is None else str(logger.mode).upper()
    topic = None if mode == "NONE" else logger.kafka_topic.name
    if topic is None or topic in _NO_TOPICS or mode not in _SIDES:
        raise ConfigError(f"Deployment '{name}' logs no inferences: its inference logger has mode {mode}. {_SWITCH_ON}")
    _warn_of_schema(name)
    brokers = brokers_of(connection)
    return LogPlace(
        topic,
        brokers.bootstrap_servers,
        brokers.options,
        sides=_SIDES[mode],
        match=_match(connection, deployment, topic),
    )


def _match(connection: Connection, deployment: Any, topic: str) -> dict[str, str]:
    """Where several deployments log to one topic, each record's number of the deployment tells whose it is."""
    with asking("The deployments that share a topic"):
        others = [one.name for one in connection.project.get_model_serving().get_deployments() if _logs_to(one, topic)]
    if others == [deployment.name]:
        return {}
    _LOG.info("topic %s has the inferences of %s; those of %s are taken", topic, ", ".join(others), deployment.name)
    return {"serving": str(deployment.id)}


def _logs_to(deployment: Any, topic: str) -> bool:
    logger = deployment.inference_logger
    return logger is not None and logger.kafka_topic is not None and logger.kafka_topic.name == topic


def _warn_of_schema(name: str) -> None:
    """The client keeps no schema of a deployment's topic; the records' versions are told by looking at each."""
    with asking(f"The topic of deployment '{name}'"):
        topic = private.get_json(("serving",), {"name": name}).get("kafkaTopicDTO") or {}
    schema, version = topic.get("schemaName", _INFERENCE_SCHEMA), int(topic.get("schemaVersion") or _NEWEST_SCHEMA)
    if schema != _INFERENCE_SCHEMA or version > _NEWEST_SCHEMA:
        _LOG.warning(
            "deployment %s logs by schema %s version %d; hopsmon reads %s up to version %d, and will reject what does "
            "not fit it",
            name,
            schema,
            version,
            _INFERENCE_SCHEMA,
            _NEWEST_SCHEMA,
        )


def origin_of_deployment(
    connection: Connection,
    name: str,
    *,
    training_dataset_version: int | None = None,
    split: str | None = None,
    before_transformation: bool = False,
) -> ModelOrigin:
    """The training dataset behind a deployment: deployment, model, feature view, training dataset.

    Args:
        connection: the project.
        name: the deployment's name.
        training_dataset_version: another version than the one the model was registered with.
        split: one split of it.
        before_transformation: as the features are before the view's model-dependent transformations.

    Raises:
        ConfigError: the chain is broken; the message says where, and how to name the training dataset by itself.
    """
    deployment = deployment_named(connection, name)
    with asking(f"The model of deployment '{name}'"):
        model = deployment.get_model() if deployment.model_name else None
        if model is None:
            raise ConfigError(f"Deployment '{name}' has no model in the registry. {_BY_ITSELF}")
        title = f"model '{model.name}' version {model.version} of deployment '{name}'"
        links = model.get_feature_view_provenance()
    view = _parent(links, title, "feature view")
    version = training_dataset_version or model.training_dataset_version
    if not version:
        raise ConfigError(
            f"The {title} names no training dataset. Register the model with training_dataset_version=…, or give "
            "baseline.deployment.training_dataset_version."
        )
    of = TrainingDatasetRef(view.name, view.version, int(version), split, before_transformation)
    return ModelOrigin(ModelRef(model.name, int(model.version)), of)


_BY_ITSELF: Final = "Name the reference by itself: baseline.training_dataset or baseline.feature_group."


def _parent(links: Any, title: str, kind: str) -> Any:
    """The one accessible artifact of provenance links."""
    if links is None:
        raise ConfigError(
            f"The {title} names no {kind}. Register the model with feature_view=…, training_dataset_version=…. "
            f"{_BY_ITSELF}"
        )
    gone = [*links.deleted, *links.inaccessible, *links.faulty]
    if gone or not links.accessible:
        names = ", ".join(f"'{one.name}' version {one.version}" for one in gone)
        raise ConfigError(
            f"The {kind} of the {title} is deleted or not shared with this project: {names}. {_BY_ITSELF}"
        )
    return links.accessible[0]
