"""Secrets stand in a configuration only by reference; this says what is a secret and what is a reference."""

from __future__ import annotations

import re

from hopsmon.errors import ConfigError

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
_SECRET_KEY = re.compile(
    r"password|passphrase|secret|token$|credential|user\.info|ssl\.keystore\.key$|api\.?key", re.IGNORECASE
)
# A JAAS line may name a Kerberos keytab (no secret in it) or hold a password in the middle of its text.
_SECRET_VALUE = re.compile(r"(password|passphrase|secret|token|\bkey)\s*=|BEGIN [A-Z ]*PRIVATE KEY", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"//[^/@\s]*:[^/@\s]*@")


def is_reference(value: str) -> bool:
    """Whether the value says where a secret stands instead of holding it.

    >>> is_reference("env:KAFKA_PASSWORD"), is_reference("hunter2")
    (True, False)
    """
    return bool(_REFERENCE.fullmatch(value))


def looks_secret(text: str) -> bool:
    """Whether a text seems to hold a secret; then no message repeats it."""
    return bool(_SECRET_VALUE.search(text) or _IN_ADDRESS.search(text))


def refuse_plain_secret(key: str, value: str) -> str:
    """The value unchanged if it holds no secret.

    Raises:
        ConfigError: it is a secret in plain text. The message does not repeat it.
    """
    if is_reference(value):
        return value
    if _SECRET_KEY.search(key) or looks_secret(value):
        raise ConfigError(
            f"'{key}' holds a secret in plain text (not shown). "
            "Allowed: a reference, env:NAME or file:/path, that is read when the monitor starts."
        )
    return value
