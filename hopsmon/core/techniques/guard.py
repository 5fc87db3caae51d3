"""Guard: runs techniques so that one that fails is a finding with a reason, never a stopped stream.

Whatever a technique returns is looked at before anybody uses it: NaN is no score, `None` no list of findings, and
details that JSON cannot hold are no details.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np
import orjson

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, FloatArray
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.statistics.base import Measure, Statistic
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.protocols import (
    InstanceScores,
    InstanceTechnique,
    Measuring,
    SequenceTechnique,
    State,
    WindowTechnique,
)

MOST_FINDINGS = 100_000  # of one technique in one window: more are a generator that never ends
MOST_DETAILS = 1 << 16  # bytes of JSON a finding
MOST_STATE = 1 << 24  # bytes; each window's is written to the store
_TEXT_SHOWN = 2_000  # characters of what is too long, of exceptions as well
# A technique that calls sys.exit() ends itself, not the stream. Ctrl-C is nobody's failure and goes through.
FAILURES = (Exception, SystemExit)
_LARGEST = float(np.finfo(np.float64).max)


def run_window_technique(technique: WindowTechnique, window: Summary, baseline: Baseline) -> list[Finding]:
    """The technique's findings; one finding with reason `failed` and the exception's text where it raises."""
    try:
        return _checked(technique, listed(technique.judge(window, baseline)), window, baseline)
    except FAILURES as error:  # techniques may be anybody's; the error is the result
        return [failed(technique.name, error)]


def run_sequence_technique(
    technique: SequenceTechnique, state: State | None, window: Summary, baseline: Baseline
) -> tuple[list[Finding], State | None]:
    """The technique's findings and its next state; where it raises, a finding that says so, and the state as it was."""
    try:
        findings, after = technique.advance(state, window, baseline)
        if not isinstance(after, bytes):
            raise TypeError(f"its state is of type {type(after).__name__}, not bytes")
        if len(after) > MOST_STATE:
            raise ValueError(f"its state has {len(after):,} bytes; at most {MOST_STATE:,} can be kept")
        return _checked(technique, listed(findings), window, baseline), after
    except FAILURES as error:  # techniques may be anybody's; the error is the result
        return [failed(technique.name, error)], state


def run_instance_technique(technique: InstanceTechnique, batch: Batch, baseline: Baseline) -> InstanceScores:
    """The technique's scores; where it raises, no score, nothing flagged, and `error` says what happened."""
    try:
        return _checked_scores(technique.check(batch, baseline), len(batch))
    except FAILURES as error:  # techniques may be anybody's; the error is the result
        return InstanceScores.failed(len(batch), text_of(error))


def measures_of(techniques: Iterable[object]) -> tuple[Measure, ...]:
    """What those of the techniques measure that do; one that raises has measured nothing, and its findings say so."""
    return tuple(partial(_measured, technique) for technique in techniques if isinstance(technique, Measuring))


def _measured(technique: Measuring, batch: Batch) -> Statistic | None:
    try:
        return technique.measure(batch)
    except FAILURES:  # techniques may be anybody's; `judge` misses the statistic
        return None


def is_ours(technique: object) -> bool:
    """Whether a technique is hopsmon's own code; an adapter's runs others'.

    What wraps one of others says so in its own `__module__`.
    """
    return technique.__module__.startswith("hopsmon.core.")


def failed(technique: str, error: BaseException) -> Finding:
    """What is known about a technique that raised."""
    return Finding.not_computable(technique, None, Reason.FAILED, error=text_of(error))


def text_of(error: BaseException) -> str:
    """An exception as one text, not too long; also where the exception itself cannot be written out."""
    try:
        return _shown(f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - its __str__ may raise anything
        return type(error).__name__


def listed(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, every one: a generator may raise, or never end."""
    found = list(islice(findings, MOST_FINDINGS + 1))
    if len(found) > MOST_FINDINGS:
        raise ValueError(f"more than {MOST_FINDINGS:,} findings")
    return found


def _checked(
    technique: WindowTechnique | SequenceTechnique, findings: Sequence[Finding], window: Summary, baseline: Baseline
) -> list[Finding]:
    """The findings, each sound or with the reason `failed`; one a feature."""
    known = {None, *(feature.name for feature in baseline.schema.all), *window.features}
    # Our own techniques' details are plain by their tests; looking at all of them would cost more than judging.
    ours = is_ours(technique)
    sound: dict[str | None, Finding] = {}
    for finding in findings:
        problem = _problem(finding, technique.name, known, sound.keys())
        if problem is not None:
            finding = _unsound(finding, technique.name, problem)  # noqa: PLW2901
        sound[finding.feature] = finding if ours else _plain(finding)
    return list(sound.values())


def _unsound(finding: Finding, technique: str, problem: str) -> Finding:
    feature = None if finding.feature is None else str(finding.feature)
    rows = finding.n if type(finding.n) is int else 0
    return Finding.not_computable(technique, feature, Reason.FAILED, rows, **_details_of(finding), error=problem)


def _plain(finding: Finding) -> Finding:
    """Without numpy's types and whatever else no table and no JSON can hold."""
    return replace(
        finding,
        score=_float(finding.score),
        threshold=_float(finding.threshold),
        n=int(finding.n),
        is_drift=bool(finding.is_drift),
        p_value=_float(finding.p_value),
        p_adjusted=_float(finding.p_adjusted),
        details=plain(finding.details),
    )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _problem(finding: Any, name: str, known: AbstractSet[str | None], before: AbstractSet[str | None]) -> str | None:
    """What is wrong with a finding; None: nothing.

    Raises:
        TypeError: it is no finding at all.
    """
    if not isinstance(finding, Finding):
        raise TypeError(f"it gave a value of type {type(finding).__name__} where a Finding belongs")
    if finding.technique != name:
        return f"it speaks in the name of '{finding.technique}'"
    if finding.feature not in known:
        return f"'{finding.feature}' is no feature or prediction of this model"
    if finding.feature in before:
        return f"it gave two findings for '{finding.feature}'"
    return _number_problem(finding) or _verdict_problem(finding)


def _number_problem(finding: Any) -> str | None:
    """NaN and infinity are no scores and no p-values."""
    for what, value in (("score", finding.score), ("threshold", finding.threshold)):
        if value is not None and not _is_number(value):
            return f"the {what} is {_shown(value)}"
    for what, value in (("p-value", finding.p_value), ("adjusted p-value", finding.p_adjusted)):
        if value is not None and not (_is_number(value) and 0 <= value <= 1):
            return f"the {what} is {_shown(value)}"
    return None


def _verdict_problem(finding: Any) -> str | None:
    if not isinstance(finding.reason, Reason) or not isinstance(finding.severity, Severity):
        return f"its reason is {_shown(finding.reason)} and its severity {_shown(finding.severity)}"
    if not isinstance(finding.details, Mapping):
        return f"its details are of type {type(finding.details).__name__}"
    if not isinstance(finding.n, (int, np.integer)) or not isinstance(finding.is_drift, (bool, np.bool_)):
        return f"its n is {_shown(finding.n)} and its verdict {_shown(finding.is_drift)}"
    if finding.is_drift and finding.score is None:
        return "it says drift without a score"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, (float, int, np.floating, np.integer)) and isfinite(value)


def _shown(value: object) -> str:
    """As text that UTF-8 can hold."""
    return str(value)[:_TEXT_SHOWN].encode("utf-8", "replace").decode()


def _details_of(finding: Any) -> Mapping[str, Any]:
    taken = ("technique", "feature", "reason", "n", "error")  # the arguments of not_computable
    if not isinstance(finding.details, Mapping):
        return {}
    return {str(name): value for name, value in finding.details.items() if name not in taken}


def plain(details: Mapping[str, Any]) -> dict[str, Any]:
    """Details as JSON holds them; what it cannot hold, or what is too long, is said in their place.

    >>> plain({"edges": np.array([0.5]), "of": {1: object}, "mean": float("nan")})
    {'edges': [0.5], 'of': {'1': "<class 'object'>"}, 'mean': None}
    """
    try:
        text = orjson.dumps(details, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    except Exception as error:  # noqa: BLE001 - orjson's, or a __str__'s
        return {"details_error": text_of(error)}
    if len(text) > MOST_DETAILS:
        shown = text[:_TEXT_SHOWN].decode("utf-8", "replace")
        return {"details_error": f"{len(text):,} bytes are too long to be kept", "details_begin": shown}
    result = orjson.loads(text)
    return result if isinstance(result, dict) else {}


def _checked_scores(scores: Any, instances: int) -> InstanceScores:
    """The scores in the types they must have.

    Raises:
        TypeError: no scores, or no numbers.
        ValueError: not one an instance.
    """
    if not isinstance(scores, InstanceScores):
        raise TypeError(f"it gave a value of type {type(scores).__name__} where InstanceScores belong")
    if scores.error is not None:
        return InstanceScores.failed(instances, _shown(scores.error))
    if len(scores.score) != instances or len(scores.flagged) != instances:
        raise ValueError(f"{len(scores.score)} scores for {instances} instances")
    if np.asarray(scores.flagged).dtype != np.bool_:
        raise TypeError(f"its verdicts are of type {np.asarray(scores.flagged).dtype}, not bool")
    if not np.any(scores.flagged):
        return scores
    score = _numbers("scores", scores.score, instances)
    # Infinite scores become the largest float, which JSON and stores can hold.
    largest = score if np.isfinite(score).all() else np.clip(score, -_LARGEST, _LARGEST)
    return InstanceScores(
        largest,
        np.asarray(scores.flagged) & ~np.isnan(score),
        float(scores.threshold),
        {str(name): _numbers(str(name), of, instances) for name, of in scores.contributions.items()},
        None,
        None if scores.p_value is None else _numbers("p-values", scores.p_value, instances),
    )


def _numbers(what: str, values: object, instances: int) -> FloatArray:
    array = np.asarray(values, np.float64)
    if array.shape != (instances,):
        raise ValueError(f"{what} of shape {array.shape} for {instances} instances")
    return array
