"""The Kafka of the cluster that this runs in, as the archived library `hops` knows it: brokers, TLS material, schemas.

`hops` finds all of it by what a job's or notebook's environment holds. Outside of a cluster there is nothing to find.
"""

from __future__ import annotations

import base64
import json
import logging
import ssl
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hopsmon.errors import ConfigError, OutsideError, TransientError

INFERENCE_RECORD = "inferencelog"  # the name in every version of the schema of Hopsworks' inference log


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where Kafka is and how it lets this project's user in.

    Attributes:
        bootstrap_servers: "host:port", several with commas.
        options: Spark's `kafka.*` options; the certificates as text, so that executors need no files. They hold the
            user's private key, so they are in no representation of this object.
    """

    bootstrap_servers: str
    options: Mapping[str, str] = field(repr=False)


def brokers() -> Brokers:
    """The cluster's own Kafka.

    Raises:
        OutsideError: this runs in no job or notebook of a cluster, or what belongs to one cannot be used.
    """
    kafka, tls, jks = _library()
    with _asking("Kafka's brokers"):
        servers = kafka.get_broker_endpoints()
    with _asking("The certificates of the project's user"):
        password = tls.get_key_store_pwd()
        keys = jks.KeyStore.load(tls.get_key_store(), password)
        trusted = jks.KeyStore.load(tls.get_trust_store(), password)
    return Brokers(servers, {"kafka.security.protocol": kafka.get_security_protocol(), **_material(keys, trusted)})


def check_inference_log(topic: str) -> None:
    """Look whether a topic's schema is that of Hopsworks' inference log.

    Raises:
        ConfigError: it is another.
        OutsideError: the cluster gives none.
    """
    record = json.loads(topic_schema(topic)).get("name")
    if record != INFERENCE_RECORD:
        raise ConfigError(
            f"The topic '{topic}' holds records '{record}'; Hopsworks' inference log has records '{INFERENCE_RECORD}'. "
            "Name the topic of the deployment's inference logger, or the format that the topic has (log.format)."
        )


def topic_schema(topic: str) -> str:
    """A topic's Avro schema, as JSON text.

    Raises:
        TransientError: Hopsworks does not answer.
        OutsideError: it knows no such topic, or does not let us ask.
    """
    kafka, _, _ = _library()
    with _asking(f"The schema of the topic '{topic}'"):
        return str(kafka.get_schema(topic))


def _library() -> tuple[Any, Any, Any]:
    """The modules `hops.kafka` and `hops.tls`, and the reader of Java key stores that `hops` brings."""
    root, nothing = logging.getLogger(), logging.NullHandler()
    root.addHandler(nothing)  # a root logger without handlers is given one by `hops`, which writes to stdout
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in its docstrings, and of old imports
            import jks
            from hops import kafka, tls
    except ImportError as error:
        raise OutsideError(
            f"The library hops cannot be imported: {error}. It needs a Jupyter Notebook before 7, and does not say "
            "so: pip install 'hopsmon[hops]', or pip install 'notebook<7'."
        ) from error
    finally:
        root.removeHandler(nothing)
    return kafka, tls, jks


def _material(keys: Any, trusted: Any) -> dict[str, str]:
    """The user's key and the certificates as options of a Kafka client.

    `hops.tls` would write them to files: readable by everybody, kept for good, taken for this project's even if another
    has left them there, and with a key in a form (PKCS #1) that Kafka does not read.
    """
    (entry,) = keys.private_keys.values()
    authorities = [each.cert for store in (keys, trusted) for each in store.certs.values()]
    key = base64.encodebytes(entry.pkey_pkcs8).decode("ascii")
    return {
        "kafka.ssl.endpoint.identification.algorithm": "",  # the brokers go by addresses, their certificates by names
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.certificates": "".join(map(ssl.DER_cert_to_PEM_cert, authorities)),
        "kafka.ssl.keystore.type": "PEM",
        "kafka.ssl.keystore.certificate.chain": "".join(ssl.DER_cert_to_PEM_cert(der) for _, der in entry.cert_chain),
        "kafka.ssl.keystore.key": f"-----BEGIN PRIVATE KEY-----\n{key}-----END PRIVATE KEY-----\n",
    }


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Calls of `hops`, whose failures become errors of ours."""
    import jks
    import requests
    from hops.exceptions import RestAPIError

    try:
        yield
    except KeyError as error:
        raise OutsideError(
            f"{what}: {error.args[0]} is not set in the environment. Jobs and notebooks of a Hopsworks cluster have "
            "it, and log.hops works in these alone; elsewhere, use log.kafka."
        ) from error
    except requests.RequestException as error:
        raise TransientError(f"{what}: Hopsworks does not answer ({type(error).__name__}).") from error
    except RestAPIError as error:
        raise OutsideError(f"{what}: Hopsworks refuses. {error}") from error
    except (OSError, jks.KeystoreException) as error:
        raise OutsideError(f"{what}: cannot be read: {error}.") from error
