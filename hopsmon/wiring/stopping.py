"""Stopping: SIGTERM and Ctrl-C end a run between two micro-batches. Spark's own handlers would cancel its jobs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def stopping_on_signals(stop: threading.Event, say: Callable[[str], None]) -> Iterator[None]:
    """Set `stop` on a signal, and say so; the second signal interrupts at once. For the main thread of a program."""

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal handlers are given
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("Stopping after this micro-batch; once more stops at once.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
