"""Certificates: an authority of the server's own, a certificate for 127.0.0.1 and one for the project's user."""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hopsmon.testing.hopsworks_server.jks import CertificateEntry, KeyEntry, key_store

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_VALID_FOR = dt.timedelta(days=30)
_CLOCKS_DIFFER = dt.timedelta(hours=1)


@dataclass(frozen=True, repr=False)
class Material:
    """All keys and certificates, as text (PEM) and as Java key stores."""

    ca: str
    server_certificate: str
    server_key: str
    client_certificate: str
    client_key: str
    key_store: bytes
    trust_store: bytes
    password: str

    def write(self, folder: Path, user: str) -> None:
        """Write what a process inside the cluster finds in MATERIAL_DIRECTORY, and the server's own PEM files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{user}__kstore.jks").write_bytes(self.key_store)
        (folder / f"{user}__tstore.jks").write_bytes(self.trust_store)
        for name, text in {
            f"{user}__cert.key": self.password,
            "ca.pem": self.ca,
            "server.pem": self.server_certificate,
            "server.key": self.server_key,
        }.items():
            (folder / name).write_text(text, encoding="ascii")


def make_material(user: str) -> Material:
    """New keys and certificates; the user is the common name of the client's."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    authority, authority_key = _issue("hopsmon test authority", None)
    local = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    server, server_key = _issue("127.0.0.1", (authority, authority_key), local)
    client, client_key = _issue(user, (authority, authority_key))
    password = secrets.token_urlsafe(16)
    made = int(client.not_valid_before_utc.timestamp() * 1000)
    der = [each.public_bytes(Encoding.DER) for each in (client, authority)]
    client_der = client_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Material(
        ca=_pem(authority),
        server_certificate=_pem(server),
        server_key=_key_pem(server_key),
        client_certificate=_pem(client),
        client_key=_key_pem(client_key),
        key_store=key_store([KeyEntry(user.lower(), client_der, der)], password, made),
        trust_store=key_store([CertificateEntry("hops_root_ca", der[1])], password, made),
        password=password,
    )


def _issue(
    name: str,
    issuer: tuple[x509.Certificate, EllipticCurvePrivateKey] | None,
    alternatives: Sequence[x509.GeneralName] | None = None,
) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    """A key and its certificate; without an issuer it is an authority that signs itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.timezone.utc) - _CLOCKS_DIFFER
    signer = issuer[1] if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(signer, hashes.SHA256()), key


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def _key_pem(key: EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
