"""Java key stores (JKS, version 2) written without Java: what Hopsworks hands to its clients.

The layout and the key protection are those of Sun's provider, which Java's `keytool` and Hopsworks' client read.
SHA-1 is the format's, not a choice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_MAGIC = b"\xfe\xed\xfe\xed"
_VERSION = 2
_KEY_TAG, _CERTIFICATE_TAG = 1, 2
_DIGEST = 20  # bytes of SHA-1
_SALT_WORDS = b"Mighty Aphrodite"  # part of the format
# SEQUENCE { OBJECT IDENTIFIER 1.3.6.1.4.1.42.2.17.1.1 (Sun's key protector), NULL }
_PROTECTOR = bytes.fromhex("300e060a2b060104012a021101010500")


@dataclass(frozen=True)
class KeyEntry:
    """A private key (PKCS #8, DER) with its certificates (DER), its own first."""

    alias: str
    key: bytes
    chain: Sequence[bytes]


@dataclass(frozen=True)
class CertificateEntry:
    """A certificate (DER) to trust."""

    alias: str
    certificate: bytes


def key_store(entries: Sequence[KeyEntry | CertificateEntry], password: str, milliseconds: int) -> bytes:
    """The bytes of a key store.

    Args:
        entries: what it holds.
        password: protects the keys and the whole.
        milliseconds: when the entries were made, since 1970.
    """
    secret = password.encode("utf-16-be")
    data = _MAGIC + _number(_VERSION) + _number(len(entries))
    for entry in entries:
        tag = _KEY_TAG if isinstance(entry, KeyEntry) else _CERTIFICATE_TAG
        data += _number(tag) + _text(entry.alias) + milliseconds.to_bytes(8, "big")
        if isinstance(entry, KeyEntry):
            data += _block(_protected(entry.key, secret)) + _number(len(entry.chain))
            data += b"".join(_certificate(each) for each in entry.chain)
        else:
            data += _certificate(entry.certificate)
    return data + hashlib.sha1(secret + _SALT_WORDS + data).digest()  # noqa: S324 - the format's


def _protected(key: bytes, secret: bytes) -> bytes:
    """The key as EncryptedPrivateKeyInfo: salt, key xor a chain of digests, digest of the key."""
    salt = secrets.token_bytes(_DIGEST)
    stream, digest = b"", salt
    while len(stream) < len(key):
        digest = hashlib.sha1(secret + digest).digest()  # noqa: S324 - the format's
        stream += digest
    hidden = bytes(one ^ other for one, other in zip(key, stream, strict=False))
    check = hashlib.sha1(secret + key).digest()  # noqa: S324 - the format's
    return _tagged(0x30, _PROTECTOR + _tagged(0x04, salt + hidden + check))


def _tagged(tag: int, content: bytes) -> bytes:
    """ASN.1: tag, length, content."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _certificate(certificate: bytes) -> bytes:
    return _text("X.509") + _block(certificate)


def _block(content: bytes) -> bytes:
    return _number(len(content)) + content


def _text(text: str) -> bytes:
    encoded = text.encode("ascii")
    return len(encoded).to_bytes(2, "big") + encoded


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")
