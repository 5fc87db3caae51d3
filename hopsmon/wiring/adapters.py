"""The log source and the store a configuration names; secrets are read here, and nowhere kept."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from hopsmon.config import FilesConfig, KafkaReading, MonitorConfig
from hopsmon.config.secrets import is_reference
from hopsmon.core.payloads import OpenMessages
from hopsmon.errors import ConfigError
from hopsmon.streaming.ports import LogSource

# Which extra brings which module; the message of a missing one is the command that mends it.
EXTRAS = {
    "pyspark": "spark",
    "pandas": "spark",
    "kafka": "kafka",
    "deltalake": "local",
    "hopsworks": "hopsworks",
    "great_expectations": "expectations",
    "hops": "hops",
}


def require(*modules: str) -> None:
    """Look whether optional packages are installed, without loading them.

    Raises:
        ConfigError: one is not; the message has the command that installs it.
    """
    missing = sorted({EXTRAS[module] for module in modules if importlib.util.find_spec(module) is None})
    if missing:
        raise ConfigError(f"This needs an extra that is not installed: pip install 'hopsmon[{','.join(missing)}]'")


def resolve_secret(value: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret a reference stands for; any other value unchanged.

    Raises:
        ConfigError: the variable is not set or the file cannot be read.
    """
    if not is_reference(value):
        return value
    kind, _, place = value.partition(":")
    if kind == "env":
        if place not in environment:
            raise ConfigError(f"The configuration refers to {value}, but the environment variable {place} is not set.")
        return environment[place]
    try:
        return Path(place).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"The configuration refers to {value}, which cannot be read: {reason}.") from None


def source_of(config: MonitorConfig) -> LogSource:
    """The log as the engine reads it.

    Raises:
        ConfigError: an extra is not installed, a secret cannot be read, or Hopsworks has no such log.
        OutsideError: Hopsworks cannot be reached, or this is no job or notebook of the old cluster that log.hops names.
    """
    log = config.log
    if log.files is not None:
        return _files(log.files)
    if log.kafka is not None:
        return kafka_source(log.kafka, log.kafka.bootstrap_servers, log.kafka.topic, _options(log.kafka))
    if log.hops is not None:
        from hopsmon.wiring.hops import cluster_source

        return cluster_source(log.hops, log.format)
    if log.in_project is not None:
        from hopsmon.wiring.hopsworks import place_of

        place, reading = place_of(config.hopsworks, log.in_project), log.in_project
        return kafka_source(reading, place.bootstrap_servers, place.topic, {**place.options, **_options(reading)})
    raise ConfigError("log: no kind of log is given.")  # the configuration has refused it before


def reading_of(config: MonitorConfig) -> tuple[str | OpenMessages, dict[str, str]]:
    """The wire format of the log's messages, and the attributes by which the monitor knows its own.

    What Hopsworks knows of a log is taken where the configuration does not say otherwise.

    Raises:
        ConfigError: Hopsworks has no such log.
        OutsideError: Hopsworks cannot be reached.
    """
    log, match = config.log, config.log.match.model_dump(exclude_none=True)
    if log.in_project is None:
        return log.format, match
    from hopsmon.wiring.hopsworks import place_of

    place = place_of(config.hopsworks, log.in_project)
    told = not isinstance(place.format, str) and log.format == "auto"
    return place.format if told else log.format, {**place.match, **match}


def _options(reading: KafkaReading) -> dict[str, str]:
    return {name: resolve_secret(value) for name, value in reading.options.items()}


def kafka_source(reading: KafkaReading, servers: str, topic: str, options: Mapping[str, str]) -> LogSource:
    """A topic, read as a configuration says."""
    require("pyspark", "kafka")
    from hopsmon.adapters.kafka.source import KafkaSource

    return KafkaSource(
        bootstrap_servers=servers,
        topics=(topic,),
        starting_offsets=reading.starting_offsets,
        max_offsets_per_trigger=reading.max_offsets_per_trigger,
        min_partitions=reading.min_partitions,
        on_data_loss=reading.on_data_loss,
        options=options,
    )


def _files(files: FilesConfig) -> LogSource:
    require("pyspark")
    from hopsmon.adapters.files.source import FilesSource

    return FilesSource(path=files.path, max_files_per_trigger=files.max_files_per_trigger)
