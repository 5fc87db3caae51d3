"""Where the command line writes: results to stdout, everything else to stderr; colours only on a terminal."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timezone

from rich.console import Console
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Ended(Exception):
    """Ends the command line with an exit code; all has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _ToStderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes above a running progress line, to the stderr of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        err.print(Text(self.format(record)), soft_wrap=True)


def set_up_logging(debug: bool) -> None:
    """One plain line a message, with UTC times; what other libraries say only from warnings on."""
    handler = _ToStderr()
    formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("hopsmon").setLevel(logging.DEBUG if debug else logging.INFO)


def quiet_batches() -> None:
    """Leave out the line a micro-batch: a terminal shows progress instead."""
    logging.getLogger("hopsmon.run").setLevel(logging.WARNING)


def tell_error(message: str) -> None:
    """One message on stderr; never markup, never cut."""
    err.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)


def iso(moment: datetime | None) -> str:
    """A point in time as ISO 8601, UTC, to the millisecond where it is not a whole second.

    >>> iso(datetime(2013, 7, 4, tzinfo=timezone.utc))
    '2013-07-04T00:00:00Z'
    """
    if moment is None:
        return ""
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(timezone.utc).isoformat(timespec=precision).replace("+00:00", "Z")


def short(moment: datetime | None) -> str:
    """The same without what is zero anyway.

    >>> short(datetime(2013, 7, 4, 12, 30, tzinfo=timezone.utc))
    '2013-07-04T12:30Z'
    """
    return (
        iso(moment).replace(":00Z", "Z")
        if moment is not None and not (moment.second or moment.microsecond)
        else iso(moment)
    )
