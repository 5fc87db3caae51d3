"""Patience: other packages' techniques run in threads of their own, and one that takes too long is left behind.

Our own run as they are: a thread for each batch would cost, and they end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.finding import Finding
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import is_ours, listed
from hopsmon.core.techniques.protocols import (
    InstanceScores,
    InstanceTechnique,
    SequenceTechnique,
    State,
    Technique,
    WindowTechnique,
)

T = TypeVar("T")

# Before the first window a technique judges hundreds of the reference's. Each may take its time; all together so many
# times as long.
_WINDOWS = 10

# Who took too long, in this process: Spark's Python workers outlive the tasks that they run.
_SUSPENDED: set[tuple[str, str]] = set()


class TookTooLongError(Exception):
    """A technique did not end in its time; the guard makes a finding of it."""


class _Patient:
    """A technique with so much time; all else is the technique's own.

    A thread cannot be ended from outside: one that hangs stays behind, at the latest until the process ends. Where it
    holds Python's lock for ever (code in C that does not release it), nothing in the process runs any more.
    """

    def __init__(self, technique: Any, seconds: float, run: str) -> None:
        self.name = technique.name
        self.needs = technique.needs
        self.__module__ = type(technique).__module__  # whose it is, for the guard
        self._technique = technique
        self._seconds = seconds
        self._left = _WINDOWS * seconds
        self._key = (run, technique.name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # while it is being unpickled there is no technique yet
            raise AttributeError(name)
        return getattr(self._technique, name)

    def begin(self) -> None:
        """A new window: it has all its time again."""
        self._left = _WINDOWS * self._seconds

    def call(self, work: Callable[[], T]) -> T:
        """What the work gives or raises.

        Raises:
            TookTooLongError: there was no time left for it, now or before.
        """
        if self._key in _SUSPENDED:
            raise self._too_long()
        outcome: list[tuple[bool, Any]] = []

        def run() -> None:
            try:
                outcome.append((True, work()))
            except BaseException as error:  # noqa: BLE001 - sys.exit() of a technique ends the technique only
                outcome.append((False, error))

        began = time.monotonic()
        thread = threading.Thread(target=run, name=f"hopsmon-{self.name}", daemon=True)
        thread.start()
        thread.join(max(min(self._seconds, self._left), 0.0))
        self._left -= time.monotonic() - began
        if not outcome:
            _SUSPENDED.add(self._key)
            raise self._too_long()
        good, value = outcome[0]
        if good:
            result: T = value
            return result
        raise value if isinstance(value, Exception) else RuntimeError(f"it raised {value!r}")

    def _too_long(self) -> TookTooLongError:
        return TookTooLongError(
            f"took longer than {self._seconds:g} s; suspended until the next start (limits.technique_seconds)"
        )


class PatientWindow(_Patient):
    """A window technique with so much time for a window."""

    def judge(self, window: Summary, baseline: Baseline) -> list[Finding]:
        return self.call(lambda: listed(self._technique.judge(window, baseline)))


class PatientSequence(_Patient):
    """A sequence technique with so much time for a window."""

    def advance(self, state: State | None, window: Summary, baseline: Baseline) -> tuple[list[Finding], State]:
        def work() -> tuple[list[Finding], State]:
            findings, after = self._technique.advance(state, window, baseline)
            return listed(findings), after

        return self.call(work)


class PatientInstance(_Patient):
    """An instance technique with so much time for a batch."""

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        self.begin()
        scores: InstanceScores = self.call(lambda: self._technique.check(batch, baseline))
        return scores


_KINDS: tuple[tuple[Any, type[Any]], ...] = (
    (InstanceTechnique, PatientInstance),
    (WindowTechnique, PatientWindow),
    (SequenceTechnique, PatientSequence),
)


def patient(technique: T, seconds: float, run: str) -> T:
    """The technique, with so much time if it is another package's.

    Args:
        run: names the run (and monitor) whose later calls do without it, once it took too long.
    """
    if not is_ours(technique):
        for protocol, kind in _KINDS:
            if isinstance(technique, protocol):
                made: T = kind(technique, seconds, run)
                return made
    return technique


def begin(techniques: Iterable[Technique]) -> None:
    """A new window: all of them have all their time again."""
    for technique in techniques:
        if isinstance(technique, _Patient):
            technique.begin()
