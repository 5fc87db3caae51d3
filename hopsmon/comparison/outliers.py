"""Outliers: the techniques on single instances, over the current data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from hopsmon.comparison.panels import Assignment
from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, IntArray
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.techniques.guard import run_instance_technique
from hopsmon.core.techniques.protocols import InstanceScores, InstanceTechnique


@dataclass(frozen=True, slots=True)
class Flagged:
    """One row that a technique flagged.

    Attributes:
        start: when the row's window starts, µs; None without windows.
        row: its place in the current data, from 0.
        p_value: share of the reference's own rows that are at least as extreme, where the technique knows it.
        top_features: what drove the score, and each one's own score.
    """

    start: int | None
    row: int
    technique: str
    score: float
    threshold: float
    p_value: float | None
    top_features: dict[str, float]


def outliers_of(
    assignments: Sequence[Assignment], batches: Sequence[Batch], baseline: Baseline, places: IntArray, start: int | None
) -> tuple[list[Finding], list[Flagged]]:
    """For each technique and side of the model the share of flagged rows, and these rows."""
    findings: list[Finding] = []
    flagged: list[Flagged] = []
    for technique, _ in assignments:
        if not isinstance(technique, InstanceTechnique):
            continue
        for batch in batches:
            scores = run_instance_technique(technique, batch, baseline)
            findings.append(_share(technique.name, scores, batch))
            flagged += _rows(technique.name, scores, places, start)
    return findings, flagged


def _share(technique: str, scores: InstanceScores, batch: Batch) -> Finding:
    """How many rows were flagged. No verdict: how many are too many is a question to drift techniques."""
    n = int(np.count_nonzero(~np.isnan(scores.score)))
    if scores.error is not None:
        return Finding.not_computable(technique, None, Reason.FAILED, len(batch), error=scores.error)
    if not n:
        return Finding.not_computable(technique, None, Reason.NO_STATISTIC, len(batch), missing_in=[str(batch.side)])
    flagged = int(np.count_nonzero(scores.flagged))
    details = {"kind": "flagged", "flagged": flagged, "side": str(batch.side)}
    return Finding(technique, None, flagged / n, None, n, Reason.OK, details=details)


def _rows(technique: str, scores: InstanceScores, places: IntArray, start: int | None) -> Iterator[Flagged]:
    for row in np.flatnonzero(scores.flagged).tolist():
        p_value = None if scores.p_value is None else float(scores.p_value[row])
        yield Flagged(
            start,
            int(places[row]),
            technique,
            float(scores.score[row]),
            scores.threshold,
            p_value if p_value is not None and isfinite(p_value) else None,
            dict(scores.top_features(row)),
        )
