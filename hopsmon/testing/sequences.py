"""Checks of sequence techniques: a series of windows, and the state between them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hopsmon.core.finding import Finding
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import FAILURES
from hopsmon.core.techniques.protocols import SequenceTechnique, State
from hopsmon.testing.cases import SERIES, Cases, columns
from hopsmon.testing.problems import Problem, difference, drifted, frozen, unsound

_ROWS = 200  # of each window
_GARBAGE = (b"", b"\x00", b"garbage", b"\xff" * 100, b"\x01{}", b"null")


def series(cases: Cases) -> list[Summary]:
    """Windows of the reference's own distribution."""
    return [cases.window(columns(_ROWS, 100 + number)) for number in range(SERIES)]


def followed(
    technique: SequenceTechnique, windows: Sequence[Summary], cases: Cases
) -> list[tuple[list[Finding], State]]:
    """The findings and the state after each window."""
    state: State | None = None
    steps = []
    for window in windows:
        findings, state = technique.advance(state, window, cases.baseline)
        steps.append((list(findings), state))
    return steps


def _sound(technique: SequenceTechnique, cases: Cases) -> Iterator[Problem]:
    for number, (findings, state) in enumerate(followed(technique, series(cases), cases)):
        yield from unsound(technique.name, findings, f"window {number + 1} of a series")
        if type(state) is not bytes:
            yield f"the state is a {type(state).__name__}", "give bytes: it is stored with the results"
            return


def _calm(technique: SequenceTechnique, cases: Cases) -> Iterator[Problem]:
    for number, (findings, _) in enumerate(followed(technique, series(cases), cases)):
        if seen := drifted(findings):
            yield f"window {number + 1} of a series without drift: {seen}", "raise the threshold, or the band"
            return


def _replay(technique: SequenceTechnique, cases: Cases) -> Iterator[Problem]:
    """A stored state goes on as the technique itself would have, at any window and in another process."""
    windows = series(cases)
    steps = followed(technique, windows, cases)
    mend = "put everything that later findings depend on into the state, and nothing into the technique"
    for number in range(1, len(windows)):
        shipped = pickle.loads(pickle.dumps(technique))  # noqa: S301 - made in the same line
        findings, state = shipped.advance(steps[number - 1][1], windows[number], cases.baseline)
        if seen := difference(steps[number][0], findings):
            yield f"from the state stored after window {number}: {seen}", mend
            return
        if state != steps[number][1]:
            yield f"from the state stored after window {number}: another state of {len(state)} bytes", mend
            return


def _garbage(technique: SequenceTechnique, cases: Cases) -> Iterator[Problem]:
    """A state that is none: an ordinary error, or a fresh start."""
    window = series(cases)[0]
    _, good = technique.advance(None, window, cases.baseline)
    for state in (*_GARBAGE, good[: len(good) // 2]):
        try:
            findings, after = technique.advance(state, window, cases.baseline)
        except Exception:  # noqa: BLE001, S112 - an error is what is asked for
            continue
        yield from unsound(technique.name, findings, f"a damaged state ({state[:12]!r})")
        if type(after) is not bytes:
            yield f"after a damaged state it keeps a {type(after).__name__}", "raise, or start afresh"


def _odd_windows(technique: SequenceTechnique, cases: Cases) -> Iterator[Problem]:
    for where, window in cases.odd.items():
        before = series(cases)[:2]
        try:
            steps = followed(technique, [*before, window(), before[0]], cases)
        except FAILURES as error:  # somebody's technique may raise anything
            yield f"{where}: {type(error).__name__}: {error}", "Finding.not_computable, and the state as it was"
            continue
        for findings, _ in steps:
            yield from unsound(technique.name, findings, where)


def _odd_references(technique: SequenceTechnique, cases: Cases) -> Iterator[Problem]:
    for where, reference in cases.odd_references.items():
        baseline = reference()
        window = cases.window(columns(_ROWS, 1), cases.recipe_on(baseline))
        try:
            findings, _ = technique.advance(None, window, baseline)
        except FAILURES as error:  # somebody's technique may raise anything
            yield f"{where}: {type(error).__name__}: {error}", "Finding.not_computable with a Reason that says why"
            continue
        yield from unsound(technique.name, findings, where)


def _untouched(technique: SequenceTechnique, cases: Cases) -> Iterator[Problem]:
    window = series(cases)[0]
    before = frozen(window.to_bytes(), cases.baseline.to_json())
    technique.advance(None, window, cases.baseline)
    if frozen(window.to_bytes(), cases.baseline.to_json()) != before:
        yield "it changed the window or the baseline", "copy arrays before changing them"


SEQUENCE_CHECKS: Mapping[str, Callable[[Any, Cases], Iterator[Problem]]] = {
    "sound findings": _sound,
    "no drift where there is none": _calm,
    "goes on from its stored state": _replay,
    "damaged states": _garbage,
    "odd windows": _odd_windows,
    "odd references": _odd_references,
    "inputs untouched": _untouched,
}
