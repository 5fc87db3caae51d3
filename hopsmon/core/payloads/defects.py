"""The last line of defence: a message on which hopsmon itself fails becomes a reject, and all others are read.

Readers reject what they cannot read, and never raise on data. Should one raise all the same, the query would stop at
that message, and stop there again at each new start. So its batch is halved until the message stands alone.
"""

from __future__ import annotations

import gzip
import traceback
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from hopsmon.core.payloads.decoded import Reject, RejectReason
from hopsmon.core.payloads.opened import UnreadableError
from hopsmon.errors import HopsmonError

T = TypeVar("T")
Piece: TypeAlias = tuple[int, int, T]  # what was read of the messages from the first number to before the second

# Not a message's fault: the configuration, the outside world (a registry that a reader asks), no memory left.
OTHERS_FAULT: Final = (HopsmonError, OSError, MemoryError)
MOST_SAID: Final = 300  # characters of an error


def is_defect(error: Exception) -> bool:
    """Whether whoever raised this met a defect on data; all else is for the caller to see."""
    return not isinstance(error, OTHERS_FAULT) or isinstance(error, gzip.BadGzipFile)


def read_apart(read: Callable[[int, int], T], start: int, stop: int) -> tuple[list[Piece[T]], list[Reject]]:
    """Read messages in pieces as large as can be; those that fail alone are rejects."""
    try:
        return [(start, stop, read(start, stop))], []
    except Exception as error:
        if not is_defect(error):
            raise
        if stop - start <= 1:
            return [], [rejected(row, error) for row in range(start, stop)]
    middle = (start + stop) // 2
    first, second = read_apart(read, start, middle), read_apart(read, middle, stop)
    return first[0] + second[0], first[1] + second[1]


def rejected(row: int, error: Exception) -> Reject:
    """The message in this row, which nobody could read for this error."""
    if isinstance(error, UnreadableError):  # of a reader that leaves it to others to say where
        return Reject(row, error.reason, str(error))
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    place = f"{frame.f_globals.get('__name__')}, line {line}"
    said = "".join(traceback.format_exception_only(error)).strip()[:MOST_SAID]
    said = said.encode("utf-8", "replace").decode()  # it may hold what is no text
    message = f"A defect of hopsmon, or of the log's format, was met: {said} ({place}). Please report it."
    return Reject(row, RejectReason.DEFECT, message)
