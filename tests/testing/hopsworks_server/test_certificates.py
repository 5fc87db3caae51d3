"""Keys and certificates: read by the client, by Java, and by TLS."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from hopsmon.errors import OutsideError
from hopsmon.streaming.jvm import find_java
from hopsmon.testing.hopsworks_server.certificates import make_material
from hopsmon.testing.hopsworks_server.jks import KeyEntry, key_store


@pytest.fixture(scope="module")
def material():
    return make_material("demo__meb10000")


@pytest.fixture
def stores(material, tmp_path):
    material.write(tmp_path, "user")
    return tmp_path / "user__kstore.jks", tmp_path / "user__tstore.jks"


def test_the_client_reads_the_key_stores(material, stores):
    from hopsworks_common.client.base import Client

    keys, _ = Client._load_jks(stores[0], material.password)
    _, trusted = Client._load_jks(stores[1], material.password)
    key, chain = keys[0]
    assert ssl.DER_cert_to_PEM_cert(chain[0]) == material.client_certificate
    assert ssl.DER_cert_to_PEM_cert(chain[1]) == ssl.DER_cert_to_PEM_cert(trusted[0]) == material.ca
    assert ssl.DER_cert_to_PEM_cert(key).split("\n")[1:-2] == material.client_key.split("\n")[1:-2]


def test_the_password_is_checked(stores):
    from hopsworks_common.client.base import Client

    with pytest.raises(ValueError, match="integrity check failed"):
        Client._load_jks(stores[0], "wrong")


def test_java_reads_the_key_stores(material, stores):
    try:
        keytool = find_java().command.with_name("keytool")
    except OutsideError:
        pytest.skip("there is no Java")
    for store, kind in zip(stores, ("PrivateKeyEntry", "trustedCertEntry"), strict=True):
        listed = subprocess.run(
            [keytool, "-list", "-keystore", store, "-storepass", material.password],
            capture_output=True,
            text=True,
            check=True,
        )
        assert kind in listed.stdout
    exported = subprocess.run(
        [keytool, "-exportcert", "-rfc", "-alias", "demo__meb10000", "-keystore", stores[0]],
        input=material.password,
        capture_output=True,
        text=True,
        check=True,
    )
    assert exported.stdout.split() == material.client_certificate.split()


@pytest.mark.parametrize("size", [1, 20, 127, 128, 300, 70_000])
def test_keys_of_any_length(size, tmp_path):
    from hopsworks_common.client.base import Client

    (tmp_path / "store").write_bytes(key_store([KeyEntry("a", bytes(size), [b"chain"])], "secret", 0))
    assert Client._load_jks(tmp_path / "store", "secret")[0] == [(bytes(size), [b"chain"])]


def test_client_and_server_trust_each_other(material, tmp_path):
    material.write(tmp_path, "user")
    (tmp_path / "client.pem").write_text(material.client_certificate + material.client_key)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=tmp_path / "ca.pem")
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    server.load_verify_locations(tmp_path / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    client.load_cert_chain(tmp_path / "client.pem")
    assert ("commonName", "demo__meb10000") in (pair for part in handshake(server, client)["subject"] for pair in part)


def handshake(server, client):
    """The client's certificate, as the server sees it after a handshake in memory."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    answering = server.wrap_bio(there, back, server_side=True)
    asking = client.wrap_bio(back, there, server_hostname="127.0.0.1")
    for _ in range(4):
        for side in (asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return answering.getpeercert()
