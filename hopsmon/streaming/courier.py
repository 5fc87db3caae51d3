"""Courier: tells somebody outside, one thing at a time, in its own thread: whoever does not answer stops nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("hopsmon.run")

FIRST_PAUSE = 30.0  # seconds after a failure until the next try, doubled with each further one
LONGEST_PAUSE = 3600.0
HANGS = 300.0  # seconds without an answer that count as a failure
_MOST_SAID = 500  # characters of an error; some have a page of HTML in them


@dataclass(frozen=True, slots=True)
class Told:
    """How it went; `error` is None where it went well."""

    error: str | None = None


class Courier:
    """One addressee outside. Says in the log when it begins to fail, and when it works again."""

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        """Nothing happens before `start`.

        Args:
            name: of the addressee, for the log.
            clock: gives seconds, from any moment on.
        """
        self.name = name
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._outcome: list[Told] = []
        self._began = 0.0
        self._failures = 0
        self._not_before = clock()

    @property
    def busy(self) -> bool:
        """Whether it is at work, and its result was not fetched yet."""
        return self._thread is not None

    @property
    def ready(self) -> bool:
        """Whether it can be given something to do: it is not at work, and no pause after a failure is on."""
        return not self.busy and self._clock() >= self._not_before

    def start(self, work: Callable[[], None]) -> None:
        """Begin; `result` says how it went."""
        outcome: list[Told] = []

        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - whatever a channel does, it ends this thread only
                outcome.append(Told((str(error) or repr(error))[:_MOST_SAID]))
            else:
                outcome.append(Told())

        self._outcome, self._began = outcome, self._clock()
        self._thread = threading.Thread(target=run, name=f"hopsmon-{self.name}", daemon=True)
        self._thread.start()

    def result(self, seconds: float) -> Told | None:
        """How it went; None while it goes on after so many seconds."""
        if self._thread is None:
            return None
        self._thread.join(seconds)
        if self._thread.is_alive():
            if self._clock() - self._began < HANGS:
                return None
            self._outcome = [Told(f"no answer in {HANGS:.0f} s")]  # a thread cannot be ended: it is left behind
        self._thread = None
        told = self._outcome[0]
        self._note(told)
        return told

    def _note(self, told: Told) -> None:
        if told.error is None:
            if self._failures:
                log.info("%s works again", self.name)
            self._failures = 0
            return
        if not self._failures:
            log.warning(
                "%s: %s. It is tried again with later micro-batches; nothing waits for it.", self.name, told.error
            )
        self._failures += 1
        self._not_before = self._clock() + min(FIRST_PAUSE * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE)
