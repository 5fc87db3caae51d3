"""Looks whether topics can be read now, and says what to do where they cannot."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from hopsmon.adapters.kafka.clients import NotForPython, admin, client_settings
from hopsmon.adapters.kafka.failures import when_missing
from hopsmon.errors import OutsideError, TransientError, did_you_mean

_LOG = logging.getLogger(__name__)
_CONNECT_SECONDS = 5.0
_ANSWER_MS = 10_000
_NAMES_SHOWN = 10


def check(bootstrap_servers: str, topics: Sequence[str], options: Mapping[str, str], section: str) -> None:
    """Look whether a broker answers, lets us in and has the topics; `section` of the configuration names them.

    Raises:
        TransientError: no broker answers.
        OutsideError: it does not let us in, or a topic is missing.
    """
    _reach(bootstrap_servers, section)
    try:
        settings = client_settings(options)
    except NotForPython as unknown:
        _LOG.info(
            "Kafka at %s: only looked whether it answers; %s can be tried by Spark alone", bootstrap_servers, unknown
        )
        return
    except (OSError, ssl.SSLError) as error:
        raise OutsideError(f"The certificates in {section}.options cannot be used: {error}.") from error
    _find(topics, _topics(bootstrap_servers, settings, section), bootstrap_servers, section)


def is_up(bootstrap_servers: str, settings: Mapping[str, Any] | None = None) -> bool:
    """Whether a broker answers and knows itself as part of a cluster."""
    from kafka.errors import KafkaError

    if _refusal(bootstrap_servers) is not None:
        return False
    try:
        with admin(bootstrap_servers, {"bootstrap_timeout_ms": _ANSWER_MS, **(settings or {})}) as client:
            return bool(client.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False


def _reach(bootstrap_servers: str, section: str) -> None:
    refusals = [(server, _refusal(server)) for server in bootstrap_servers.split(",")]
    if all(refusal for _, refusal in refusals):
        tried = "; ".join(f"{server.strip()}: {refusal}" for server, refusal in refusals)
        raise TransientError(
            f"No Kafka broker answers ({tried}). Is it running, and can it be reached from here as {section} says?"
        )


def _refusal(server: str) -> str | None:
    """Why no connection to host:port is to be had; None where it is."""
    host, _, port = server.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS):
            return None
    except ValueError:
        return "not host:port"
    except OSError as error:
        return error.strerror or str(error)


def _handshake(bootstrap_servers: str, context: ssl.SSLContext, section: str) -> None:
    """TLS with the first server that takes a connection: kafka-python does not say why it fails."""
    server = next(server.strip() for server in bootstrap_servers.split(",") if _refusal(server) is None)
    host, _, port = server.rpartition(":")
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host.strip("[]")),
        ):
            return
    except (ssl.SSLError, OSError) as error:
        raise OutsideError(
            f"TLS with {server} fails: {error}. Does that listener speak TLS, and do the certificates in "
            f"{section}.options belong to it?"
        ) from error


def _topics(bootstrap_servers: str, settings: Mapping[str, Any], section: str) -> list[str]:
    from kafka import errors

    protocol = settings["security_protocol"]
    if "ssl_context" in settings:
        _handshake(bootstrap_servers, settings["ssl_context"], section)
    try:
        with admin(bootstrap_servers, {"bootstrap_timeout_ms": _ANSWER_MS, **settings}) as client:
            return sorted(client.list_topics())
    except (errors.KafkaError, OSError) as error:
        # A refused login, too, ends in a time-out. The error's own text may quote what was sent, so it is not told.
        login = "user and password, and " if protocol.startswith("SASL") else ""
        raise OutsideError(
            f"Something answers at {bootstrap_servers}, but lets nobody in with security.protocol {protocol} "
            f"({type(error).__name__}). Look at {login}the listener's protocol in {section}.options."
        ) from None


def _find(wanted: Sequence[str], there: Sequence[str], bootstrap_servers: str, section: str) -> None:
    for topic in wanted:
        if topic in there:
            continue
        hint = did_you_mean(topic, there)
        names = ", ".join(there[:_NAMES_SHOWN]) + (", …" if len(there) > _NAMES_SHOWN else "")
        raise OutsideError(
            f"Kafka at {bootstrap_servers} has no topic '{topic}'. It has: {names or 'none'}.{hint} "
            f"{when_missing(section)}"
        )
