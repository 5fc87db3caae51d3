"""Failures of writing and reading result tables: the client's, and those of Spark, delta-rs and Kafka behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from hopsmon.adapters.hopsworks.failures import explain
from hopsmon.errors import ConfigError, HopsmonError, OutsideError, TransientError

# As they are named in the texts of Spark, Delta, HopsFS, object stores and Kafka, which know no common class.
_CONFLICT = re.compile(r"Concurrent\w*Exception|DELTA_CONCURRENT|MetadataChangedException|ProtocolChangedException")
_PASSING = re.compile(
    r"java\.net\.\w+Exception|SafeModeException|StandbyException|RetriableException|ConnectTimeoutException"
    r"|kafka\.common\.errors\.(Timeout|Disconnect|Network)\w*|_ALL_BROKERS_DOWN|_TRANSPORT|_MSG_TIMED_OUT"
    r"|error sending request|[Cc]onnection (refused|reset|closed)|timed out"
)
# Whose exceptions are failures of the outside; what is left is a defect, and stays what it is.
_THEIRS = ("hopsworks", "hsfs", "pyspark", "py4j", "deltalake", "_internal", "confluent_kafka", "cimpl")
_NOT_INSTALLED = "Install what the client's engine needs: pip install 'hopsmon[hopsworks]'"


class Conflict(TransientError):
    """Another writer of the table was faster; looking again at what is there now helps."""


@contextmanager
def using(what: str) -> Iterator[None]:
    """Calls of the client and of what is behind it, whose failures become errors of ours.

    Args:
        what: the table, as in "Feature group 'hopsmon_drift'".

    Raises:
        Conflict: another writer was faster.
        TransientError: it may pass by itself.
        OutsideError: it will not.
        ConfigError: something is not installed, or the API key is not accepted.
    """
    try:
        yield
    except HopsmonError:
        raise
    except Exception as error:
        explained = _explained(_cause(error), what)
        if explained is None:
            raise
        raise explained from error


def _cause(error: BaseException) -> BaseException:
    """The client's Spark engine wraps whatever fails into an exception of its own."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    return error


def _explained(error: BaseException, what: str) -> HopsmonError | None:
    text = str(error)
    if isinstance(error, ImportError):
        return ConfigError(f"{what}: {error}. {_NOT_INSTALLED}")
    if _CONFLICT.search(text) or type(error).__name__ == "CommitFailedError":
        return Conflict(f"{what}: another writer was faster: {_shortened(text)}")
    known = explain(error, what) if isinstance(error, Exception) else None
    if isinstance(known, (TransientError, ConfigError)):
        return known
    if _PASSING.search(text):
        return TransientError(f"{what}: the storage does not answer: {_shortened(text)}")
    if known is None and (isinstance(error, OSError) or type(error).__module__.startswith(_THEIRS)):
        return OutsideError(f"{what}: {type(error).__name__}: {_shortened(text)}")
    return known


def _shortened(text: str) -> str:
    """The first words; Spark's errors go on with the JVM's stack."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2])[:500]
