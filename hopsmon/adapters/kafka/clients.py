"""kafka-python's clients, made from the options Spark's Kafka source takes."""

from __future__ import annotations

import contextlib
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_JAAS_FIELD = re.compile(r'\b(username|password)\s*=\s*"((?:[^"\\]|\\.)*)"')
_PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class NotForPython(Exception):
    """The options name something kafka-python does not know, such as a Java key store."""


@contextlib.contextmanager
def admin(bootstrap_servers: str, settings: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """An admin client that is closed at the end."""
    from kafka.admin import KafkaAdminClient

    client = KafkaAdminClient(bootstrap_servers=bootstrap_servers.split(","), **(settings or {}))
    try:
        yield client
    finally:
        client.close()


def client_settings(options: Mapping[str, str]) -> dict[str, Any]:
    """kafka-python's settings for Spark's `kafka.*` options about security; others are Spark's alone.

    Raises:
        NotForPython: kafka-python cannot do what they ask for.
    """
    given = {name.removeprefix("kafka."): value for name, value in options.items()}
    protocol = given.get("security.protocol", "PLAINTEXT").upper()
    settings: dict[str, Any] = {"security_protocol": protocol}
    if protocol.startswith("SASL"):
        settings |= _sasl(given)
    if protocol.endswith("SSL"):
        settings["ssl_context"] = _ssl_context(given)
        settings["ssl_check_hostname"] = settings["ssl_context"].check_hostname
    return settings


def _sasl(given: Mapping[str, str]) -> dict[str, str]:
    mechanism = given.get("sasl.mechanism", "GSSAPI").upper()
    if mechanism not in _PASSWORD_MECHANISMS:
        raise NotForPython(f"sasl.mechanism {mechanism}")
    login = {name: _unescaped(value) for name, value in _JAAS_FIELD.findall(given.get("sasl.jaas.config", ""))}
    if login.keys() != {"username", "password"}:
        raise NotForPython("a sasl.jaas.config without username and password")
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": login["username"],
        "sasl_plain_password": login["password"],
    }


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)


def _ssl_context(given: Mapping[str, str]) -> ssl.SSLContext:
    for store in ("truststore", "keystore"):
        kind = given.get(f"ssl.{store}.type", "JKS").upper()
        if f"ssl.{store}.location" in given and kind != "PEM":
            raise NotForPython(f"a {store} of type {kind}")
    context = ssl.create_default_context(
        cafile=given.get("ssl.truststore.location"), cadata=given.get("ssl.truststore.certificates")
    )
    context.check_hostname = given.get("ssl.endpoint.identification.algorithm", "https") != ""
    if "ssl.keystore.location" in given:
        context.load_cert_chain(given["ssl.keystore.location"], password=given.get("ssl.key.password"))
    elif "ssl.keystore.certificate.chain" in given:
        _load_inline(context, given)
    return context


def _load_inline(context: ssl.SSLContext, given: Mapping[str, str]) -> None:
    """Python reads certificates of a client from files only."""
    with tempfile.TemporaryDirectory(prefix="hopsmon-") as folder:  # for this user alone
        pem = Path(folder) / "client.pem"
        pem.write_text(given["ssl.keystore.certificate.chain"] + "\n" + given.get("ssl.keystore.key", ""))
        context.load_cert_chain(pem, password=given.get("ssl.key.password"))
