"""Entry: what all jobs share: arguments as the scheduler appends them, one log line an event, signals, exit codes."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import hopsmon
from hopsmon import wiring
from hopsmon.errors import ConfigError, HopsmonError

WRONG_USE, OUTSIDE = 1, 2  # as the command line has them; a defect of hopsmon ends with Python's own 1 and a traceback
HERE = "hopsworks:"  # the project that the job runs in
log = logging.getLogger("hopsmon.jobs")

Work: TypeAlias = Callable[[argparse.Namespace, threading.Event], None]


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """A parser with what every job takes: where the monitors are, and the times that the scheduler appends."""
    # No -h: argparse would take whatever the scheduler appends that begins with it for a wrong use of it.
    parser = argparse.ArgumentParser(description=doc, allow_abbrev=False, add_help=False)
    parser.add_argument("--help", action="help", help="show this and exit")
    parser.add_argument("--store", default=HERE, help="a folder, or hopsworks:PROJECT (default: the job's own project)")
    parser.add_argument("-start_time", metavar="TIME", help="what the scheduler appends: the last time it was due")
    parser.add_argument("-end_time", metavar="TIME", help="what the scheduler appends: the time it is due")
    return parser


def of_a_monitor(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The same for a job of one saved monitor."""
    parser.add_argument("--monitor", required=True, help="name of the monitor, as it is saved in the store")
    return parser


def run(parser: argparse.ArgumentParser, arguments: Sequence[str], work: Work) -> int:
    """Do a job's work; gives its exit code.

    SIGTERM sets the event that the work is given. Arguments that nobody knows are warned of and left out: the scheduler
    may append more than it does today.
    """
    _set_up_logging()
    known, unknown = parser.parse_known_args(arguments)
    if unknown:
        log.warning("unknown arguments, left out: %s", " ".join(unknown))
    where, python = hopsmon.__file__, platform.python_version()
    log.info("hopsmon %s (%s), Python %s, process %d", hopsmon.__version__, where, python, os.getpid())
    stop = threading.Event()
    try:
        wiring.check_spark_of_job()
        with wiring.own_session(), wiring.stopping_on_signals(stop, log.info):
            work(known, stop)
    except HopsmonError as error:
        log.error("%s", error)  # no traceback: our errors say all there is
        return WRONG_USE if isinstance(error, ConfigError) else OUTSIDE
    return 0


def time_of(known: argparse.Namespace, name: str) -> str | None:
    """The scheduler's time: as it appends it, or as it sets it in the environment of a run that somebody starts."""
    return getattr(known, name) or os.environ.get(f"HOPS_{name.upper()}")


class _ToStdout(logging.Handler):
    """Writes to the stdout of the moment, at once: a job that is killed has told all it knew."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(f"{self.format(record)}\n")
        sys.stdout.flush()


def _set_up_logging() -> None:
    """One plain line a message, with UTC times; what other libraries say only from warnings on."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = _ToStdout()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("hopsmon").setLevel(logging.INFO)
    logging.getLogger("py4j").setLevel(logging.WARNING)
