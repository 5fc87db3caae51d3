"""Failures of the Hopsworks client in our words: what may pass by itself, what to mend, and what is there instead."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hopsmon.errors import ConfigError, HopsmonError, OutsideError, TransientError, did_you_mean

SCOPES = "project, job, kafka, featurestore, dataset_view, dataset_create, modelregistry, serving and user"
_OF_SPARK = ("pyspark.errors", "py4j")
_NAMES_SHOWN = 20
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 401, 403, 429


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Calls of the client, whose failures become errors of ours.

    Args:
        what: what is asked for, as in "The statistics of feature group 'flights' version 1".

    Raises:
        TransientError: Hopsworks cannot be reached, or is not itself.
        ConfigError: it refuses the API key.
        OutsideError: it refuses the rest.
    """
    try:
        yield
    except HopsmonError:
        raise
    except Exception as error:
        explained = explain(error, what)
        if explained is None:
            raise
        raise explained from error


def explain(error: Exception, what: str) -> HopsmonError | None:
    """A failure of the client as an error of ours; None where Hopsworks is not behind it."""
    import requests
    from hopsworks_common.client import exceptions

    if isinstance(error, exceptions.RestAPIError):
        return _refused(error, what)
    if isinstance(error, requests.exceptions.SSLError):
        return OutsideError(
            f"{what}: no TLS connection to Hopsworks ({_reason(error)}). Look at hopsworks.host, port, "
            "hostname_verification and trust_store."
        )
    if isinstance(error, requests.exceptions.RequestException):
        return TransientError(f"{what}: Hopsworks does not answer ({_reason(error)}).")
    if isinstance(error, exceptions.ExternalClientError):
        return ConfigError(f"{what}: {error}")
    if type(error).__module__ == exceptions.__name__ or type(error).__module__.startswith(_OF_SPARK):
        return OutsideError(f"{what}: {_first_lines(error)}")
    return None


def _first_lines(error: Exception) -> str:
    """What went wrong; Spark's errors go on with the JVM's stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:500] or type(error).__name__


def _refused(error: Any, what: str) -> HopsmonError:
    """An answer of the REST API that is none of success."""
    status = error.response.status_code
    if status == _UNAUTHORIZED:
        return ConfigError(
            f"{what}: Hopsworks does not accept the API key (401). Make one under Account settings, API keys, and "
            "give it by hopsworks.api_key."
        )
    said = f"{_said(error)} (HTTP {status}{_code(error)})"
    if status == _FORBIDDEN:
        return ConfigError(f"{what}: not allowed: {said}. The API key needs the scopes {SCOPES}.")
    if status >= 500 or status == _TOO_MANY:
        return TransientError(f"{what}: Hopsworks cannot answer now: {said}.")
    return OutsideError(f"{what}: Hopsworks refuses: {said}.")


def _said(error: Any) -> str:
    """What the backend says; its body is JSON, except where something before it answers."""
    try:
        body = error.response.json()
    except (ValueError, json.JSONDecodeError):
        body = None
    found = body if isinstance(body, dict) else {}
    text = str(found.get("usrMsg") or found.get("errorMsg") or error.response.reason or "no reason given")
    return text.strip().rstrip(".")[:500]


def _code(error: Any) -> str:
    code = getattr(error, "error_code", None)
    return f", error {code}" if code else ""


def _reason(error: Exception) -> str:
    """The innermost cause's text, without the objects' addresses that requests puts into its own."""
    cause: BaseException = error
    while cause.args and isinstance(cause.args[0], BaseException):
        cause = cause.args[0]
    reason = getattr(cause, "reason", None)
    inner = reason if isinstance(reason, BaseException) else cause
    return str(inner).rpartition(">: ")[2] or type(inner).__name__


def missing(kind: str, wanted: str, there: Iterable[str], next_step: str) -> ConfigError:
    """Something that was asked for by its name and is not there: what is, the nearest, and what to do."""
    names = list(dict.fromkeys(there))
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    return ConfigError(
        f"There is no {kind} '{wanted}'. There are: {shown or 'none'}.{did_you_mean(wanted, names)} {next_step}"
    )


def missing_version(kind: str, name: str, version: int, there: Iterable[int], next_step: str) -> ConfigError:
    """A version that is not there, of something that is."""
    versions = ", ".join(str(one) for one in sorted(there))
    shown = name if "'" in name else f"'{name}'"
    return ConfigError(f"There is no version {version} of {kind} {shown}. There are: {versions}. {next_step}")
