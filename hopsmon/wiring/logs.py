"""The log that a configuration names: where it is read from, how its messages are read, and what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hopsmon.config import DeploymentLogConfig, FeatureLogConfig, FilesConfig, KafkaReading, MonitorConfig
from hopsmon.core.batch import Side
from hopsmon.core.payloads import OpenMessages
from hopsmon.errors import ConfigError
from hopsmon.streaming.ports import LogSource
from hopsmon.wiring.adapters import require, resolve_secret

BOTH: Final = (Side.REQUEST, Side.RESPONSE)


@dataclass(frozen=True)
class Log:
    """A log, and what is known of it beside the configuration.

    Attributes:
        source: where it is read from.
        opener: reads its messages, where no name of a wire format says how; None: as the configuration says.
        match: attributes that a message of it has; those of the configuration come on top.
        sides: whether it has requests, responses or both.
    """

    source: LogSource
    opener: OpenMessages | None = None
    match: Mapping[str, str] = field(default_factory=dict)
    sides: tuple[Side, ...] = BOTH


def log_of(config: MonitorConfig) -> Log:
    """The log as the engine reads it.

    Raises:
        ConfigError: an extra is not installed, a secret cannot be read, or Hopsworks has no such log.
        OutsideError: Hopsworks cannot be reached, or this is no job or notebook of the old cluster that log.hops names.
    """
    log = config.log
    if log.files is not None:
        return Log(_files(log.files))
    if log.kafka is not None:
        return Log(topic_source("log.kafka", log.kafka, log.kafka.bootstrap_servers, log.kafka.topic, {}))
    if log.hops is not None:
        from hopsmon.wiring.hops import cluster_source

        return Log(cluster_source(log.hops, log.format))
    if log.in_project is not None:
        return _in_project(config, log.in_project)
    raise ConfigError("log: no kind of log is given.")  # the configuration has refused it before


def _in_project(config: MonitorConfig, log: DeploymentLogConfig | FeatureLogConfig) -> Log:
    from hopsmon.wiring.hopsworks import place_of, table_of

    if isinstance(log, FeatureLogConfig) and log.read_from == "feature_group":
        require("pyspark")
        table = table_of(config.hopsworks, log)
        return Log(table.source, table.format, sides=table.sides)
    place = place_of(config.hopsworks, log)
    section = "log.feature_log" if isinstance(log, FeatureLogConfig) else "log.deployment"
    source = topic_source(section, log, place.bootstrap_servers, place.topic, place.options)
    return Log(source, None if isinstance(place.format, str) else place.format, place.match, place.sides)


def topic_source(
    section: str, reading: KafkaReading, servers: str, topic: str, options: Mapping[str, str]
) -> LogSource:
    """A topic, read as a section of the configuration says; its own options win over those that Hopsworks knows."""
    require("pyspark", "kafka")
    from hopsmon.adapters.kafka.source import KafkaSource

    return KafkaSource(
        bootstrap_servers=servers,
        topics=(topic,),
        starting_offsets=reading.starting_offsets,
        max_offsets_per_trigger=reading.max_offsets_per_trigger,
        min_partitions=reading.min_partitions,
        on_data_loss=reading.on_data_loss,
        section=section,
        options={**options, **{name: resolve_secret(value) for name, value in reading.options.items()}},
    )


def _files(files: FilesConfig) -> LogSource:
    require("pyspark")
    from hopsmon.adapters.files.source import FilesSource

    return FilesSource(path=files.path, max_files_per_trigger=files.max_files_per_trigger)
