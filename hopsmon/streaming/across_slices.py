"""Across slices: what one window's findings in all slices say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log10

import numpy as np

from hopsmon.core.batch import BoolArray, FloatArray
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.multiplicity import Correction, e_benjamini_hochberg
from hopsmon.core.root_cause import MOST_RANKED, explained, of_drifted_model, rank_slices, unexplained
from hopsmon.core.verdicts import corrected

E_DETECTOR = "e_detector"  # its finding for the model: score = log10 of the evidence M, threshold = log10 of c
_LARGEST = 300.0  # beyond, 10^x is no float

BySlice = Mapping[str, Sequence[Finding]]


def together(findings: BySlice) -> dict[str, list[Finding]]:
    """The findings of one window's slices ("": all traffic) so that many slices do not give many alarms.

    e-BH (Wang & Ramdas, JRSS-B 84(3), 2022) over the K slices that have evidence M: their alarms stand where
    M ≥ c · K / k, k being how many stand. A hundred slices without drift then alarm together as seldom as one; slices
    that all drift need c each. All traffic is judged on its own. Where a slice's alarm does not stand, none of the
    detector's findings in it is drift, and `threshold` says what it would have taken.
    """
    result = {name: list(of) for name, of in findings.items()}
    models = {name: model for name, of in findings.items() if name and (model := _model(of)) is not None}
    if len(models) < 2:
        return result
    names = list(models)
    over = np.array([(models[name].score or 0.0) - (models[name].threshold or 0.0) for name in names])
    stand = stand_together(over)
    more = log10(len(names) / max(int(stand.sum()), 1))
    for name, stands in zip(names, stand.tolist(), strict=True):
        result[name] = [_judged(finding, more, len(names), stands=stands) for finding in result[name]]
    return result


def stand_together(over: FloatArray) -> BoolArray:
    """Which alarms of the e-detector stand by e-BH; `over`: log10 of each one's evidence M over its c."""
    return e_benjamini_hochberg(10.0 ** np.clip(over, -_LARGEST, _LARGEST), 1.0)


def _model(findings: Sequence[Finding]) -> Finding | None:
    for finding in findings:
        computed = finding.score is not None and finding.threshold is not None
        if finding.technique == E_DETECTOR and finding.feature is None and computed:
            return finding
    return None


def _judged(finding: Finding, more: float, slices: int, *, stands: bool) -> Finding:
    if finding.technique != E_DETECTOR:
        return finding
    if finding.feature is None and finding.threshold is not None:
        details = {**finding.details, "slices": slices, "threshold_alone": finding.threshold}
        finding = replace(finding, threshold=finding.threshold + more, details=details)
    if finding.is_drift and not stands:
        return replace(finding, is_drift=False, severity=Severity.NONE, reason=Reason.OK)
    return finding


def corrected_together(
    findings: BySlice, alphas: Mapping[str, float | None], importances: Mapping[str, float]
) -> dict[str, list[Finding]]:
    """The uncorrected findings of one window after e-BH over the features of all its slices, technique by technique.

    All traffic is corrected on its own, over its features: how many slices there are is not its business.

    Args:
        alphas: by technique, its level; None: its verdicts stay. What is of none of them stays as it is.
        importances: for the root causes, which follow from the verdicts.
    """
    result = {name: list(of) for name, of in findings.items()}
    families: dict[tuple[bool, str], list[tuple[str, int]]] = {}
    for name, of in result.items():
        for at, finding in enumerate(of):
            if finding.technique in alphas:
                families.setdefault((bool(name), finding.technique), []).append((name, at))
    for (_, technique), places in families.items():
        family = [result[name][at] for name, at in places]
        for (name, at), finding in zip(places, corrected(family, Correction.E_BH, alphas[technique]), strict=True):
            result[name][at] = finding
    return {name: explained(list(map(unexplained, of)), importances) for name, of in result.items()}


def ranked(findings: BySlice, rows: Mapping[str, int], importances: Mapping[str, float]) -> dict[str, list[Finding]]:
    """The same findings; those of drift in the model over all traffic name the slices it comes from.

    details["slices"]: at most ten slices of the same window, the largest contribution first (`rank_slices`).
    """
    result = {name: list(of) for name, of in findings.items()}
    slices = {name: of for name, of in findings.items() if name}
    whole = result.get("", [])
    if not slices or not any(map(of_drifted_model, whole)):
        return result
    ranking = rank_slices(slices, rows, importances)[:MOST_RANKED]
    result[""] = [
        replace(finding, details={**finding.details, "slices": ranking}) if of_drifted_model(finding) else finding
        for finding in whole
    ]
    return result
