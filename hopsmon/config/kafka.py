"""The sections `log.kafka` and `log.hops`: an inference log in a Kafka topic, and how any topic is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from hopsmon.config.problems import PartErrors
from hopsmon.config.secrets import refuse_plain_secret
from hopsmon.config.values import Section
from hopsmon.errors import ConfigError, did_you_mean

# What hopsmon sets itself, or what Spark's Kafka source refuses.
_OWN_OPTIONS = {
    "kafka.bootstrap.servers": "use bootstrap_servers",
    "kafka.auto.offset.reset": "use starting_offsets",
    "kafka.enable.auto.commit": "the checkpoint keeps the offsets",
    "kafka.key.deserializer": "Spark sets it",
    "kafka.value.deserializer": "Spark sets it",
    "kafka.interceptor.classes": "Spark refuses it",
}
_STARTS = ("earliest", "latest")
_EARLIEST = -2  # as Spark's Kafka source has it; -1 is the latest
_TOPIC = r"^[A-Za-z0-9._-]{1,249}$"


def _text(value: object) -> str:
    """An option's value as Spark takes it: true and 30000 may stand unquoted in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int, float)):
        raise ConfigError("Expected text or a number.")
    return str(value)


def _check_option(key: str, value: object) -> str:
    if key in _OWN_OPTIONS:
        raise ConfigError(f"Cannot be set here: {_OWN_OPTIONS[key]}.")
    if not key.startswith("kafka."):
        raise ConfigError(f"Unknown option. Kafka client settings are written kafka.NAME. Did you mean 'kafka.{key}'?")
    return refuse_plain_secret(key, _text(value))


def _check_options(options: object) -> dict[str, str]:
    if not isinstance(options, Mapping):
        raise ConfigError("Expected a mapping, e.g. {kafka.security.protocol: SSL}.")
    wrong, right = PartErrors(), {}
    for key, value in options.items():
        with wrong.collect(str(key)):
            right[str(key)] = _check_option(str(key), value)
    wrong.raise_if_any()
    return right


def _check_start(value: object) -> str | dict[int, int]:
    if isinstance(value, Mapping) and value:
        given = [(_whole(partition), _whole(offset)) for partition, offset in value.items()]
        start = {partition: offset for partition, offset in given if partition is not None and offset is not None}
        if len(start) == len(given) and min(start) >= 0 and min(start.values()) >= _EARLIEST:
            return start
    elif isinstance(value, str) and value in _STARTS:
        return value
    hint = did_you_mean(value, _STARTS) if isinstance(value, str) else ""
    raise ConfigError(
        f"Not allowed: {value!r}. Allowed: {', '.join(_STARTS)}; or each partition's offset, as {{0: 1500, 1: -2}} "
        f"(-2: its earliest, -1: its latest).{hint}"
    )


def _whole(value: object) -> int | None:
    """A key of JSON is text."""
    text = str(value)
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) and not isinstance(value, bool) else None


def _comma_list(value: object) -> object:
    return ",".join(str(item) for item in value) if isinstance(value, (list, tuple)) else value


def _check_servers(value: str) -> str:
    if "@" in value:
        raise ConfigError("Expected host:port; user and password belong into options, as references (env:NAME).")
    if not all(re.fullmatch(r"\S+:\d+", server.strip()) for server in value.split(",")):
        raise ConfigError(f"Expected host:port, several with commas between; got {value!r}.")
    return value


def _check_topic(value: str) -> str:
    if not re.fullmatch(_TOPIC, value):
        raise ConfigError(f"Not a topic name: {value!r}. Allowed: letters, digits, '.', '_' and '-', at most 249.")
    return value


Servers = Annotated[
    str,
    BeforeValidator(_comma_list),
    AfterValidator(_check_servers),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "examples": ["broker:9092"]}
    ),
]
Topic = Annotated[str, AfterValidator(_check_topic), WithJsonSchema({"type": "string", "pattern": _TOPIC})]
StartingOffsets = Annotated[
    str | dict[int, int],
    BeforeValidator(_check_start),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": list(_STARTS)},
                {
                    "type": "object",
                    "propertyNames": {"pattern": r"^\d+$"},
                    "additionalProperties": {"type": "integer", "minimum": _EARLIEST},
                    "minProperties": 1,
                },
            ]
        }
    ),
]
Options = Annotated[
    dict[str, str],
    BeforeValidator(_check_options),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": r"^kafka\."},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }
    ),
]


class KafkaReading(Section):
    """How a topic is read, wherever its name comes from."""

    starting_offsets: StartingOffsets = "earliest"
    """Where a new query begins; later runs go on from its checkpoint. Default: earliest, so that a run with `--once`
    sees what is there. latest leaves out everything before the first start; {0: 1500, 1: -2} names an offset for every
    partition (-2: its earliest, -1: its latest)."""

    max_offsets_per_trigger: Annotated[int, Field(gt=0)] | None = 500_000
    """Most messages a micro-batch takes. Default: 500,000, a few seconds' work on two cores, so a backlog neither
    fills the memory nor hides its progress; null lifts the limit."""

    min_partitions: Annotated[int, Field(gt=0)] | None = None
    """Least number of Spark tasks a micro-batch is read with. Default: one a topic partition; set it to the number of
    cores where the topic has fewer partitions than that."""

    on_data_loss: Literal["report", "fail"] = "report"
    """What happens when the topic lost messages the query had not read (retention, deletion). Default: report it and
    go on, because waiting brings nothing back; fail stops the query."""

    options: Options = Field(default_factory=dict)
    """Any Kafka client setting as kafka.NAME, e.g. kafka.security.protocol. Default: none. Secrets only by reference:
    env:NAME or file:/path."""


class KafkaConfig(KafkaReading):
    """An inference log in a Kafka topic."""

    bootstrap_servers: Servers
    """Brokers to start from, host:port, several with commas between or as a list. Required."""

    topic: Topic
    """The topic with the inference events. Required. Several monitors may read one topic (see `match`)."""


class HopsConfig(KafkaReading):
    """An inference log in a topic of an old Hopsworks cluster: brokers and certificates come by its library `hops`."""

    topic: Topic
    """The topic of the deployment's inference logger. Required. Where `log.format` is hopsworks, its schema must be
    that of the inference log."""
