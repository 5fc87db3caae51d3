"""The real `hops`, in the environment of a job: the double's certificates, token and REST API, and its own readers."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hopsmon.adapters.hops.cluster import brokers, check_inference_log, topic_schema
from hopsmon.adapters.kafka.clients import client_settings
from hopsmon.errors import ConfigError, OutsideError, TransientError
from hopsmon.testing.hopsworks_server import HopsworksServer

jks = pytest.importorskip("jks", reason="the library hops has an environment of its own: make extras")
PLAIN = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
SERVERS = "10.0.2.15:9091,10.0.2.16:9091"


def test_brokers_and_certificates_are_options_for_spark(cluster: HopsworksServer) -> None:
    found = brokers()

    assert found.bootstrap_servers == SERVERS
    assert found.options["kafka.security.protocol"] == "SSL"
    assert found.options["kafka.ssl.endpoint.identification.algorithm"] == ""
    assert [found.options[f"kafka.ssl.{store}.type"] for store in ("truststore", "keystore")] == ["PEM", "PEM"]
    assert found.options["kafka.ssl.truststore.certificates"] == cluster.material.ca
    chain = found.options["kafka.ssl.keystore.certificate.chain"]
    assert chain == cluster.material.client_certificate + cluster.material.ca


def test_the_key_is_the_users_and_in_no_representation(cluster: HopsworksServer) -> None:
    found = brokers()

    key = load_pem_private_key(found.options["kafka.ssl.keystore.key"].encode(), None)
    own = load_pem_private_key(cluster.material.client_key.encode(), None)
    assert key.public_key() == own.public_key()
    assert "PRIVATE" not in f"{found!r} {found}"


def test_a_server_that_asks_for_certificates_lets_the_user_in(cluster: HopsworksServer) -> None:
    folder = cluster.folder / "material"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem", folder / "server.key")
    server.load_verify_locations(folder / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    context = client_settings(brokers().options)["ssl_context"]
    seen = []

    def answer(listener: socket.socket) -> None:
        with server.wrap_socket(listener.accept()[0], server_side=True) as one:
            seen.append(one.getpeercert(binary_form=True))
            one.sendall(b"ready")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        with socket.create_connection(listener.getsockname()) as plain, context.wrap_socket(plain) as secure:
            said = secure.recv(5)
        thread.join()

    assert said == b"ready"
    assert seen == [ssl.PEM_cert_to_DER_cert(cluster.material.client_certificate)]


def test_an_rsa_key_is_given_in_the_form_that_kafka_reads(cluster: HopsworksServer) -> None:
    """As on real clusters, whose keys are RSA; the key store is written by pyjks."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = key.private_bytes(*PLAIN)
    user = cluster.environment["HADOOP_USER_NAME"]
    place = cluster.folder / "material" / f"{user}__kstore.jks"
    chain = [ssl.PEM_cert_to_DER_cert(cluster.material.client_certificate)]
    jks.KeyStore.new("jks", [jks.PrivateKeyEntry.new(user.lower(), chain, plain, "pkcs8")]).save(
        str(place), cluster.material.password
    )

    written = brokers().options["kafka.ssl.keystore.key"]

    assert written.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert load_pem_private_key(written.encode(), None).private_bytes(*PLAIN) == plain


def test_material_in_the_working_folder_comes_first(cluster: HopsworksServer, tmp_path: Path) -> None:
    """YARN puts it there for each container."""
    (tmp_path / "k_certificate").write_bytes(cluster.material.key_store)
    (tmp_path / "t_certificate").write_bytes(cluster.material.trust_store)
    (tmp_path / "material_passwd").write_text(cluster.material.password)
    for file in (cluster.folder / "material").glob("*__*"):
        file.unlink()

    assert brokers().options["kafka.ssl.truststore.certificates"] == cluster.material.ca


def test_nothing_is_written_anywhere(cluster: HopsworksServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    brokers()

    assert list(temporary.iterdir()) == []


def test_the_schema_of_a_topic(cluster: HopsworksServer) -> None:
    assert '"name": "inferencelog"' in topic_schema("flights-inference")
    assert cluster.requests[-1].path.endswith("/kafka/topics/flights-inference/subjects")
    check_inference_log("flights-inference")


def test_a_topic_of_other_records_is_no_inference_log(cluster: HopsworksServer) -> None:
    orders = {"type": "record", "name": "order", "fields": [{"name": "number", "type": "long"}]}
    cluster.seed.kafka_schema("orders", orders)
    cluster.seed.kafka_topic("orders", schema="orders", schema_version=1)

    with pytest.raises(ConfigError, match=r"'orders' holds records 'order'.*has records 'inferencelog'"):
        check_inference_log("orders")


def test_a_topic_that_is_not_there(cluster: HopsworksServer) -> None:
    with pytest.raises(OutsideError, match="The schema of the topic 'flight-inference': Hopsworks refuses") as caught:
        topic_schema("flight-inference")
    assert type(caught.value) is OutsideError


def test_a_cluster_that_does_not_answer(cluster: HopsworksServer) -> None:
    cluster.go_away()

    with pytest.raises(TransientError, match="Hopsworks does not answer"):
        topic_schema("flights-inference")


@pytest.mark.parametrize("name", ["KAFKA_BROKERS", "MATERIAL_DIRECTORY", "HADOOP_USER_NAME"])
def test_outside_of_a_cluster_that_is_said(
    cluster: HopsworksServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(OutsideError, match=f"{name} is not set in the environment.*use log.kafka"):
        brokers()


@pytest.mark.parametrize("name", ["HOPSWORKS_PROJECT_ID", "REST_ENDPOINT"])
def test_a_schema_needs_the_project(cluster: HopsworksServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(OutsideError, match=f"{name} is not set in the environment"):
        topic_schema("flights-inference")


def test_material_that_cannot_be_used(cluster: HopsworksServer) -> None:
    folder = cluster.folder / "material"
    user = cluster.environment["HADOOP_USER_NAME"]
    (folder / f"{user}__cert.key").write_text("another")
    with pytest.raises(OutsideError, match="certificates of the project's user: cannot be read") as caught:
        brokers()
    assert "another" not in str(caught.value)

    (folder / f"{user}__tstore.jks").unlink()
    (folder / f"{user}__cert.key").write_text(cluster.material.password)
    with pytest.raises(OutsideError, match="No such file"):
        brokers()


def test_a_token_that_is_missing(cluster: HopsworksServer) -> None:
    (cluster.folder / "secrets" / "token.jwt").unlink()

    with pytest.raises(OutsideError, match=r"cannot be read: .*token\.jwt"):
        topic_schema("flights-inference")


def in_a_fresh_process(program: str) -> str:
    """What a program says that imports `hops` for the first time."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout


def test_without_an_old_notebook_it_says_what_is_missing() -> None:
    said = in_a_fresh_process(
        "import sys\n"
        "sys.modules['notebook.notebookapp'] = None  # as Notebook 7 has it\n"
        "from hopsmon.adapters.hops.cluster import brokers\n"
        "from hopsmon.errors import OutsideError\n"
        "try:\n    brokers()\nexcept OutsideError as error:\n    print(error)"
    )
    assert "notebook.notebookapp" in said
    assert said.rstrip().endswith("pip install 'notebook<7'.")


def test_the_log_of_the_process_stays_its_own(cluster: HopsworksServer) -> None:
    """Importing `hops` gives a root logger without handlers one that writes to stdout, at level INFO."""
    said = in_a_fresh_process(
        "import logging\n"
        "from hopsmon.adapters.hops.cluster import topic_schema\n"
        "topic_schema('flights-inference')\n"
        "print(logging.getLogger().handlers, logging.getLogger().level)"
    )
    assert said == f"[] {logging.WARNING}\n"
