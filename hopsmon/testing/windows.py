"""Checks of window techniques: one closed window against the baseline."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import FAILURES
from hopsmon.core.techniques.protocols import WindowTechnique
from hopsmon.testing.cases import ROWS, Cases, columns
from hopsmon.testing.problems import Problem, difference, drifted, frozen, unsound


def _usual(technique: WindowTechnique, cases: Cases) -> list[Finding]:
    """The findings on a usual window, judged once for all the checks that compare with them: some take seconds."""
    if "usual" not in cases.kept:
        cases.kept["usual"] = list(technique.judge(cases.usual, cases.baseline))
    return cases.kept["usual"]


def _sound(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    before = frozen(cases.usual.to_bytes(), cases.baseline.to_json())
    findings = technique.judge(cases.usual, cases.baseline)
    yield from unsound(technique.name, findings, "a usual window")
    if not findings:
        yield "no finding on numbers, labels, booleans, text and times", "give one a feature, or one for the model"
    if frozen(cases.usual.to_bytes(), cases.baseline.to_json()) != before:
        yield "it changed the window or the baseline", "copy arrays before changing them"


def _repeatable(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    mend = "draw random numbers from a generator seeded by a parameter, and keep nothing between calls"
    if seen := difference(_usual(technique, cases), technique.judge(cases.usual, cases.baseline)):
        yield f"twice the same window: {seen}", mend
    shipped, window, baseline = pickle.loads(pickle.dumps((technique, cases.usual, cases.baseline)))  # noqa: S301
    if seen := difference(_usual(technique, cases), shipped.judge(window, baseline)):
        yield f"the same window in another process: {seen}", mend


def _identity(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    if seen := drifted(technique.judge(cases.window(columns(ROWS)), cases.baseline)):
        yield f"the reference's own rows: {seen}", "identical data must score as no drift"


def _same_distribution(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    for rows, seed in ((ROWS, 1), (100, 3), (30, 4)):
        usual = rows == ROWS
        found = (
            _usual(technique, cases) if usual else technique.judge(cases.window(columns(rows, seed)), cases.baseline)
        )
        if seen := drifted(found):
            yield (
                f"{rows} other rows of the same distribution: {seen}",
                "ask for more than chance explains: a p-value beside the threshold, and enough rows",
            )


def _merge_order(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    parts = cases.parts(columns(ROWS, 1))
    forwards = technique.judge(reduce(Summary.__add__, parts), cases.baseline)
    backwards = technique.judge(reduce(Summary.__add__, reversed(parts)), cases.baseline)
    if seen := difference(forwards, backwards):
        yield f"the same parts, merged in another order: {seen}", "use only what the merged statistics say"


def _stored(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    again = Summary.from_bytes(cases.usual.to_bytes())
    if seen := difference(_usual(technique, cases), technique.judge(again, cases.baseline)):
        yield f"a window that was stored and read: {seen}", "use only what the statistics keep"


def _odd_windows(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    for where, window in cases.odd.items():
        yield from _survives(technique, where, window(), cases.baseline)


def _odd_references(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    for where, reference in cases.odd_references.items():
        baseline = reference()
        for rows in (columns(200, 1), columns(1, 1)):
            window = cases.window(rows, cases.recipe_on(baseline))
            yield from _survives(technique, where, window, baseline)


def _survives(technique: WindowTechnique, where: str, window: Summary, baseline: Baseline) -> Iterator[Problem]:
    try:
        findings = technique.judge(window, baseline)
    except FAILURES as error:  # somebody's technique may raise anything
        yield f"{where}: {type(error).__name__}: {error}", "Finding.not_computable with a Reason that says why"
        return
    yield from unsound(technique.name, findings, where)


def _few_rows(technique: WindowTechnique, cases: Cases) -> Iterator[Problem]:
    for rows in (0, 1, 2):
        if seen := drifted(technique.judge(cases.window(columns(rows, 1)), cases.baseline)):
            yield f"{rows} rows: {seen}", "reason `insufficient` below a least number of rows"


WINDOW_CHECKS: Mapping[str, Callable[[Any, Cases], Iterator[Problem]]] = {
    "sound findings, inputs untouched": _sound,
    "repeatable": _repeatable,
    "no drift in the reference itself": _identity,
    "no drift in data of the same distribution": _same_distribution,
    "any order of merging": _merge_order,
    "stored windows": _stored,
    "odd windows": _odd_windows,
    "odd references": _odd_references,
    "few rows": _few_rows,
}
