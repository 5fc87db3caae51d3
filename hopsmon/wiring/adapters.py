"""The log source and the store a configuration names; secrets are read here, and nowhere kept."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hopsmon.config import LogConfig
from hopsmon.config.secrets import is_reference
from hopsmon.errors import ConfigError
from hopsmon.streaming.ports import LogSource

if TYPE_CHECKING:
    from hopsmon.adapters.local.store import LocalStore

# Which extra brings which module; the message of a missing one is the command that mends it.
_EXTRAS = {"pyspark": "spark", "pandas": "spark", "kafka": "kafka", "deltalake": "local"}


def require(*modules: str) -> None:
    """Look whether optional packages are installed, without loading them.

    Raises:
        ConfigError: one is not; the message has the command that installs it.
    """
    missing = sorted({_EXTRAS[module] for module in modules if importlib.util.find_spec(module) is None})
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


def source_of(log: LogConfig) -> LogSource:
    """The log as the engine reads it.

    Raises:
        ConfigError: an extra is not installed, or a secret cannot be read.
    """
    if log.kafka is None:
        return _files(log)
    require("pyspark", "kafka")
    from hopsmon.adapters.kafka.source import KafkaSource

    kafka = log.kafka
    return KafkaSource(
        bootstrap_servers=kafka.bootstrap_servers,
        topics=(kafka.topic,),
        starting_offsets=kafka.starting_offsets,
        max_offsets_per_trigger=kafka.max_offsets_per_trigger,
        min_partitions=kafka.min_partitions,
        on_data_loss=kafka.on_data_loss,
        options={name: resolve_secret(value) for name, value in kafka.options.items()},
    )


def _files(log: LogConfig) -> LogSource:
    require("pyspark")
    from hopsmon.adapters.files.source import FilesSource

    if log.files is None:  # the configuration has exactly one of the two; this tells the type checker
        raise ConfigError("log: give exactly one of: kafka, files.")
    return FilesSource(path=log.files.path, max_files_per_trigger=log.files.max_files_per_trigger)


def store_at(path: str | Path) -> LocalStore:
    """The store in a folder.

    Raises:
        ConfigError: the place is no local folder, or the extra is not installed.
    """
    if "://" in str(path):
        raise ConfigError(f"The store must be a local folder for now; got '{path}'.")
    require("deltalake")
    from hopsmon.adapters.local.store import LocalStore

    return LocalStore(Path(path))
