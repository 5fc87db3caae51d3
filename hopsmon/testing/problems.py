"""Problems: what checks yield, and the questions that several of them ask of findings."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from math import isclose, isfinite
from typing import Any, TypeAlias

import orjson

from hopsmon.core.finding import Finding, Reason, Severity

Problem: TypeAlias = tuple[str, str]  # what was seen, what to do about it
TOLERANCE = 1e-9  # sums of floats differ by their order


def unsound(technique: str, findings: object, where: str) -> Iterator[Problem]:
    """What is wrong with findings, whatever they are about."""
    if not isinstance(findings, Sequence) or not all(isinstance(finding, Finding) for finding in findings):
        yield f"{where}: it returned {type(findings).__name__}", "return a sequence of hopsmon.core.finding.Finding"
        return
    for finding in findings:
        about = f"{where}, {finding.feature or 'the model'}"
        yield from _numbers(finding, about)
        if finding.technique != technique:
            yield f"{about}: the finding says technique {finding.technique!r}", "use self.name"
        if finding.is_drift and finding.score is None:
            yield f"{about}: drift without a score", "where there is no score, is_drift is False and reason says why"
        if finding.is_drift != (finding.reason is Reason.DRIFT):
            yield f"{about}: is_drift={finding.is_drift} with reason {finding.reason}", "let them say the same"
        if not finding.is_drift and finding.severity is not Severity.NONE:
            yield f"{about}: severity {finding.severity} without drift", "Severity.NONE where there is no drift"
        yield from _details(finding, about)


def _numbers(finding: Finding, about: str) -> Iterator[Problem]:
    if finding.score is not None and not isfinite(finding.score):
        yield f"{about}: the score is {finding.score}", "give None and a Reason where it is not defined"
    if finding.score is None and finding.reason in (Reason.OK, Reason.DRIFT):
        yield f"{about}: no score, and reason {finding.reason}", "Finding.not_computable with a Reason that says why"
    for name in ("p_value", "p_adjusted"):
        value = getattr(finding, name)
        if value is not None and not 0 <= value <= 1:
            yield f"{about}: {name} is {value}", "a probability, or None"
    if finding.threshold is not None and not isfinite(finding.threshold):
        yield f"{about}: the threshold is {finding.threshold}", "a finite number, or None"


def _details(finding: Finding, about: str) -> Iterator[Problem]:
    try:
        orjson.dumps(dict(finding.details))
    except TypeError as error:
        yield f"{about}: details are no JSON: {error}", "use str, float, int, bool, None, list and dict"


def difference(one: Sequence[Finding], other: Sequence[Finding]) -> str | None:
    """What differs between two lists of findings beyond rounding; None: nothing."""
    first = {(finding.feature, finding.technique): finding for finding in one}
    second = {(finding.feature, finding.technique): finding for finding in other}
    if list(first) != list(second):
        return f"findings on {sorted(map(str, first))} and on {sorted(map(str, second))}"
    for key, finding in first.items():
        again = second[key]
        for name in ("score", "threshold", "p_value", "is_drift", "severity", "reason", "n"):
            if not alike(getattr(finding, name), getattr(again, name)):
                return f"{finding.feature or 'the model'}: {name} {getattr(finding, name)} and {getattr(again, name)}"
    return None


def alike(one: Any, other: Any) -> bool:
    """Equal, to rounding for floats."""
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-6, abs_tol=TOLERANCE)
    return bool(one == other)


def drifted(findings: Sequence[Finding]) -> str | None:
    """The first finding of drift, in words; None: there is none."""
    found = next((finding for finding in findings if finding.is_drift), None)
    if found is None:
        return None
    return f"drift in {found.feature or 'the model'} (score {found.score:.4g}, threshold {found.threshold})"


def frozen(*values: Any) -> bytes:
    """The bytes of some values, to see later whether they have changed."""
    return pickle.dumps(values)
