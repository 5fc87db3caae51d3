"""Listening: findings to those who are told of them beside the store, after they were written; never in their way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from hopsmon.core.finding import Finding
from hopsmon.streaming.courier import Courier
from hopsmon.streaming.fold import ClosedWindow
from hopsmon.streaming.plan import QueryPlan
from hopsmon.streaming.ports import JudgedWindow, ResultListener

MOST_WAITING = 1_000  # windows that wait for a listener that does not answer; then the oldest are lost to it
MOST_AT_ONCE = 100
LAST_PATIENCE = 30.0  # seconds that the end of a run waits for it


class Listening:
    """The listeners of a query's monitors."""

    def __init__(self, plan: QueryPlan, clock: Callable[[], float]) -> None:
        self._of = {
            monitor.name: [_Listener(monitor.name, one, clock) for one in plan.audience(monitor.name).listeners]
            for monitor in plan.monitors
        }

    def begin(self) -> None:
        """A new micro-batch, or the same one again."""
        for listener in self._all():
            listener.seen.clear()

    def see(self, monitor: str, closed: ClosedWindow, findings: Sequence[Finding]) -> None:
        """A window that was judged; they are told once it is written, of windows of all traffic only."""
        if closed.slice:
            return
        for listener in self._of[monitor]:
            listener.seen.append(JudgedWindow(closed.window, closed.summary.instances, tuple(findings)))

    def tell(self) -> None:
        """The micro-batch was written: tell of its windows, without waiting for an answer."""
        for listener in self._all():
            listener.tell()

    def close(self) -> None:
        """At the end of a run: tell what is left."""
        deadline = time.monotonic() + LAST_PATIENCE
        for listener in self._all():
            listener.close(deadline)

    def _all(self) -> list[_Listener]:
        return [listener for listeners in self._of.values() for listener in listeners]


class _Listener:
    """One listener, and what it has still to be told.

    Attributes:
        seen: windows of the micro-batch that is not written yet.
    """

    def __init__(self, monitor: str, listener: ResultListener, clock: Callable[[], float]) -> None:
        self.seen: deque[JudgedWindow] = deque(maxlen=MOST_WAITING)
        self._waiting: deque[JudgedWindow] = deque(maxlen=MOST_WAITING)
        self._listener = listener
        self._courier = Courier(f"results of {monitor} to {listener.name}", clock)
        self._carried: tuple[JudgedWindow, ...] = ()

    def tell(self) -> None:
        self._waiting += self.seen
        self.seen.clear()
        self._fetch(0.0)
        self._start()

    def close(self, deadline: float) -> None:
        while self._courier.busy and time.monotonic() < deadline:
            self._fetch(deadline - time.monotonic())
            self._start()

    def _start(self) -> None:
        if self._waiting and self._courier.ready:
            self._carried = tuple(self._waiting)[:MOST_AT_ONCE]
            windows = self._carried
            self._courier.start(lambda: self._listener.tell(windows))

    def _fetch(self, seconds: float) -> None:
        told = self._courier.result(seconds)
        if told is not None and told.error is None:
            done = {window.window for window in self._carried}
            self._waiting = deque((one for one in self._waiting if one.window not in done), maxlen=MOST_WAITING)
