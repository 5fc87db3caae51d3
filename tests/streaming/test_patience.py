"""Other packages' techniques that are slow, hang or leave: the stream goes on, and a finding says so."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques import registry
from hopsmon.core.techniques.guard import run_instance_technique, run_sequence_technique, run_window_technique
from hopsmon.core.techniques.protocols import InstanceScores, SequenceTechnique, WindowTechnique
from hopsmon.streaming.patience import begin, patient
from tests.core.techniques.cases import baseline_of, batch_of

BASELINE = baseline_of({"x": [1.0, 2.0]})
BATCH = batch_of({"x": [1.0, 2.0, 3.0]})


@dataclass
class Window:
    """Does what the test says."""

    act: Callable[[], Any]
    alpha: float = 0.01
    name: ClassVar[str] = "theirs"
    needs: ClassVar[frozenset[Any]] = frozenset()

    def judge(self, window: Summary, baseline: Baseline) -> Any:
        return self.act()


@dataclass
class Instance:
    """Does what the test says."""

    act: Callable[[], Any]
    name: ClassVar[str] = "theirs"
    needs: ClassVar[frozenset[Any]] = frozenset()

    def check(self, batch: Batch, baseline: Baseline) -> Any:
        return self.act()


@dataclass
class Series:
    """Does what the test says."""

    act: Callable[[], Any]
    name: ClassVar[str] = "theirs"
    needs: ClassVar[frozenset[Any]] = frozenset()

    def advance(self, state: bytes | None, window: Summary, baseline: Baseline) -> Any:
        return self.act()


def fine() -> list[Finding]:
    return [Finding("theirs", "x", 0.5, 0.1, 3, Reason.OK)]


@pytest.fixture
def hang() -> Iterator[Callable[[], None]]:
    """Hangs until the test is over."""
    over = threading.Event()

    def wait() -> None:
        over.wait(60)

    yield wait
    over.set()


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def test_ours_run_as_they_are(run: str) -> None:
    psi = registry.build("psi")
    assert patient(psi, 1.0, run) is psi


def test_theirs_keep_their_parameters_and_their_kind(run: str) -> None:
    wrapped = patient(Window(fine, alpha=0.2), 1.0, run)
    assert wrapped.alpha == 0.2
    assert getattr(wrapped, "threshold", None) is None
    assert isinstance(wrapped, WindowTechnique)
    assert not isinstance(wrapped, SequenceTechnique)
    assert isinstance(patient(Series(fine), 1.0, run), SequenceTechnique)
    assert run_window_technique(wrapped, Summary(), BASELINE) == fine()


def test_one_that_hangs_is_left_behind_and_suspended(run: str, hang: Callable[[], None]) -> None:
    calls: list[int] = []

    def act() -> None:
        calls.append(1)
        hang()

    wrapped = patient(Window(act), 0.1, run)
    before = set(threading.enumerate())
    for _ in range(50):
        begin([wrapped])
        (finding,) = run_window_technique(wrapped, Summary(), BASELINE)
        assert finding.reason is Reason.FAILED
        assert "took longer than 0.1 s; suspended until the next start" in finding.details["error"]
    assert len(calls) == 1
    assert [thread.name for thread in set(threading.enumerate()) - before] == ["hopsmon-theirs"]  # the one left behind
    assert run_window_technique(patient(Window(fine), 0.1, run + " later"), Summary(), BASELINE) == fine()


def test_a_worker_remembers_who_hung_from_task_to_task(run: str, hang: Callable[[], None]) -> None:
    first = patient(Instance(hang), 0.1, run)
    assert "took longer" in str(run_instance_technique(first, BATCH, BASELINE).error)
    scores = InstanceScores(np.zeros(3), np.zeros(3, np.bool_), 1.0, {})
    again = patient(Instance(lambda: scores), 0.1, run)  # unpickled anew for the next task
    assert "suspended" in str(run_instance_technique(again, BATCH, BASELINE).error)


def test_a_generator_that_hangs_halfway_is_left_behind_too(run: str, hang: Callable[[], None]) -> None:
    def act() -> Iterator[Finding]:
        yield from fine()
        hang()

    (finding,) = run_window_technique(patient(Window(act), 0.1, run), Summary(), BASELINE)
    assert "took longer" in finding.details["error"]


def test_many_calls_for_one_window_have_ten_times_its_time(run: str) -> None:
    """Judging the first window means judging hundreds of the reference's."""

    def act() -> list[Finding]:
        time.sleep(0.05)
        return fine()

    wrapped = patient(Window(act), 0.2, run)
    for _ in range(3):
        begin([wrapped])
        for _ in range(8):
            assert run_window_technique(wrapped, Summary(), BASELINE) == fine()
    reasons = [run_window_technique(wrapped, Summary(), BASELINE)[0].reason for _ in range(45)]
    assert reasons[:2] == [Reason.OK] * 2
    assert reasons[-1] is Reason.FAILED


def test_a_technique_that_leaves_leaves_alone(run: str) -> None:
    (finding,) = run_window_technique(patient(Window(sys.exit), 1.0, run), Summary(), BASELINE)
    assert "SystemExit" in finding.details["error"]


def test_their_errors_are_told_as_they_are(run: str) -> None:
    def act() -> None:
        raise ZeroDivisionError("no rows")

    (finding,) = run_window_technique(patient(Window(act), 1.0, run), Summary(), BASELINE)
    assert finding.details["error"] == "ZeroDivisionError: no rows"
    findings, state = run_sequence_technique(patient(Series(act), 1.0, run), b"before", Summary(), BASELINE)
    assert (findings[0].details["error"], state) == ("ZeroDivisionError: no rows", b"before")


def test_their_details_are_looked_at_through_the_wrapper(run: str) -> None:
    odd = Finding("theirs", "x", 0.5, 0.1, 3, Reason.OK, details={"a": {1, 2}})
    (finding,) = run_window_technique(patient(Window(lambda: [odd]), 1.0, run), Summary(), BASELINE)
    assert isinstance(finding.details["a"], str)


def test_a_state_comes_through(run: str) -> None:
    wrapped = patient(Series(lambda: (fine(), b"after")), 1.0, run)
    assert run_sequence_technique(wrapped, None, Summary(), BASELINE) == (fine(), b"after")
