"""What the client prints, kept off stdout, which may be a command's JSON; one thread at a time: stdout is all's."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

_TURN = threading.RLock()


@contextlib.contextmanager
def prints_on_stderr() -> Iterator[None]:
    """Send to stderr what the client prints meanwhile."""
    with _TURN, contextlib.redirect_stdout(sys.stderr):
        yield
