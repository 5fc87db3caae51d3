"""The project's Kafka, as the feature store's connector says: servers, and options that need no files on executors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.errors import OutsideError

_SERVERS = "bootstrap.servers"
_STORES = ("ssl.truststore.", "ssl.keystore.", "ssl.key.")


class KafkaOptions(Mapping[str, str]):
    """Spark's `kafka.*` options by name. The values may be keys and passwords: no text of this object has them."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = dict(options)

    def __getitem__(self, name: str) -> str:
        return self._options[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def __repr__(self) -> str:
        return f"KafkaOptions({', '.join(self._options)})"


@dataclass(frozen=True, slots=True)
class Brokers:
    """A Kafka cluster.

    Attributes:
        bootstrap_servers: "host:port", several with commas.
        options: everything else, each name with "kafka." before it, as Spark takes them.
    """

    bootstrap_servers: str
    options: KafkaOptions


def brokers_of(connection: Connection) -> Brokers:
    """The project's brokers, at the addresses that hold where this runs.

    Raises:
        OutsideError: the project has no Kafka, or its connector lacks a key store.
    """
    with asking(f"The Kafka connector of project '{connection.name}'"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Getting connection details to externally managed Kafka")
        connector = private.kafka_connector(connection.feature_store, connection.external)
        options = connector.kafka_options(distribute=False)
        plain = {name: str(value) for name, value in options.items() if value is not None and not _is_stored(name)}
        if any(_is_stored(name) for name in options):
            plain |= _as_text(connector, options)
    servers = options[_SERVERS]
    plain.pop(_SERVERS, None)
    listed = servers if isinstance(servers, str) else ",".join(servers)
    return Brokers(listed, KafkaOptions({f"kafka.{name}": value for name, value in plain.items()}))


def _is_stored(name: str) -> bool:
    return name.startswith(_STORES)


def _as_text(connector: Any, options: Mapping[str, Any]) -> dict[str, str]:
    """Key stores as PEM text, which travels with the options; the client's own way to this needs a Spark session."""
    for store in ("keystore", "truststore"):
        if f"ssl.{store}.location" not in options:
            raise OutsideError(
                f"The project's Kafka connector asks for TLS, but has no {store}. Give the brokers and their options "
                "under log.kafka instead."
            )
    connector.create_pem_files(options)
    return {
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": Path(connector.ca_chain_path).read_text("utf-8"),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": Path(connector.client_cert_path).read_text("utf-8"),
        "ssl.keystore.key": Path(connector.client_key_path).read_text("utf-8"),
    }
