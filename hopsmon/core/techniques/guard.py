"""Guard: runs techniques so that one that fails is a finding with a reason, never a stopped stream."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.protocols import (
    InstanceScores,
    InstanceTechnique,
    SequenceTechnique,
    State,
    WindowTechnique,
)


def run_window_technique(technique: WindowTechnique, window: Summary, baseline: Baseline) -> list[Finding]:
    """The technique's findings; one finding with reason `failed` and the exception's text where it raises."""
    try:
        return [_checked(finding) for finding in technique.judge(window, baseline)]
    except Exception as error:  # noqa: BLE001 - techniques may be anybody's; the error is the result
        return [failed(technique.name, error)]


def run_sequence_technique(
    technique: SequenceTechnique, state: State | None, window: Summary, baseline: Baseline
) -> tuple[list[Finding], State | None]:
    """The technique's findings and its next state; where it raises, a finding that says so, and the state as it was."""
    try:
        findings, after = technique.advance(state, window, baseline)
        return [_checked(finding) for finding in findings], after
    except Exception as error:  # noqa: BLE001 - techniques may be anybody's; the error is the result
        return [failed(technique.name, error)], state


def run_instance_technique(technique: InstanceTechnique, batch: Batch, baseline: Baseline) -> InstanceScores:
    """The technique's scores; where it raises, no score, nothing flagged, and `error` says what happened."""
    try:
        scores = technique.check(batch, baseline)
        if len(scores.score) != len(batch) or len(scores.flagged) != len(batch):
            raise ValueError(f"{len(scores.score)} scores for {len(batch)} instances")
        return _checked_scores(scores)
    except Exception as error:  # noqa: BLE001 - techniques may be anybody's; the error is the result
        return InstanceScores.failed(len(batch), _text(error))


def failed(technique: str, error: Exception) -> Finding:
    """What is known about a technique that raised."""
    return Finding.not_computable(technique, None, Reason.FAILED, error=_text(error))


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _checked(finding: Finding) -> Finding:
    """NaN and infinity are no scores and no p-values."""
    if finding.score is not None and not isfinite(finding.score):
        details = {**finding.details, "error": f"the score is {finding.score}"}
        return Finding.not_computable(finding.technique, finding.feature, Reason.FAILED, finding.n, **details)
    p_value = finding.p_value
    if p_value is not None and not 0 <= p_value <= 1:  # NaN too
        details = {**finding.details, "error": f"the p-value is {p_value}"}
        return Finding.not_computable(finding.technique, finding.feature, Reason.FAILED, finding.n, **details)
    return finding


def _checked_scores(scores: InstanceScores) -> InstanceScores:
    if not scores.flagged.any():
        return scores
    return replace(scores, flagged=scores.flagged & ~np.isnan(scores.score))
