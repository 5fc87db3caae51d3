"""Root cause: which features, and which slices, a drift finding for the whole model comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum, isfinite
from typing import Any

from hopsmon.core.finding import Finding

MOST_RANKED = 10  # features a finding names
_RANKINGS = ("ranking", "weighted_ranking")  # what `explained` adds to details
_MOST_TIMES = 100.0  # a score of more thresholds says no more than that: scores of different techniques do not compare
# One technique's scores compare between features. Of those that judged most features, the first of these: they are
# distances, so a feature that has moved twice as far counts more, and most of them judge numbers and labels alike.
_PREFERRED = ("psi", "js", "hellinger", "tvd", "kl", "linf", "wasserstein", "energy", "ks", "cvm")


def explained(findings: Sequence[Finding], importances: Mapping[str, float]) -> list[Finding]:
    """The findings of one window; those of drift in the whole model name the features it comes from.

    details["ranking"] holds at most 10 features, the largest contribution first: `feature`, `contribution` (its share;
    all features together have 1), and where `importances` are given `importance` and `weighted` (its share of
    contribution × importance). details["weighted_ranking"] is then the same by `weighted`.

    Contributions are those the technique gives (details["contributions"]), else the `evidence` of the same window.
    """
    if not any(map(of_drifted_model, findings)):
        return list(findings)
    beside = evidence(findings)
    return [_explained(finding, beside, importances) if of_drifted_model(finding) else finding for finding in findings]


def unexplained(finding: Finding) -> Finding:
    """The finding as it was before `explained`, for when verdicts change afterwards."""
    details = {name: value for name, value in finding.details.items() if name not in _RANKINGS}
    return replace(finding, details=details) if len(details) < len(finding.details) else finding


def of_drifted_model(finding: Finding) -> bool:
    """Whether it says that the whole model has drifted; an expectation on several features does not."""
    return finding.is_drift and finding.feature is None and not finding.by_expectation


def _explained(finding: Finding, beside: Mapping[str, float], importances: Mapping[str, float]) -> Finding:
    ranking = ranked(_contributions(finding.details.get("contributions")) or beside, importances)
    if not ranking:
        return finding
    extra = {_RANKINGS[0]: ranking[:MOST_RANKED]}
    if importances:
        extra[_RANKINGS[1]] = by_weight(ranking)[:MOST_RANKED]
    return replace(finding, details={**finding.details, **extra})


def _contributions(given: object) -> dict[str, float]:
    """What a technique says itself, as far as it is usable: numbers above 0 by feature."""
    if not isinstance(given, Mapping):
        return {}
    return {str(name): float(value) for name, value in given.items() if _positive(value)}


def _positive(value: object) -> bool:
    return isinstance(value, (int, float)) and isfinite(value) and value > 0


def ranked(contributions: Mapping[str, float], importances: Mapping[str, float]) -> list[dict[str, Any]]:
    """Features by their share of all contributions, largest first; equal ones by name.

    >>> ranked({"temp": 1.0, "wind": 1.0}, {"wind": 3.0, "temp": 1.0})[1]
    {'feature': 'wind', 'contribution': 0.5, 'importance': 3.0, 'weighted': 0.75}
    """
    shares = _shares({name: value for name, value in contributions.items() if _positive(value)})
    order = sorted(shares, key=lambda name: (-shares[name], name))
    if not importances:
        return [{"feature": name, "contribution": shares[name]} for name in order]
    weight = {name: max(float(importances.get(name, 0.0)), 0.0) for name in order}
    weighted = _shares({name: shares[name] * weight[name] for name in order})
    return [
        {"feature": name, "contribution": shares[name], "importance": weight[name], "weighted": weighted[name]}
        for name in order
    ]


def by_weight(ranking: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A ranking by contribution × importance."""
    return sorted(map(dict, ranking), key=lambda entry: (-entry["weighted"], entry["feature"]))


def _shares(values: Mapping[str, float]) -> dict[str, float]:
    largest = max(values.values(), default=0.0)
    if largest <= 0:
        return dict.fromkeys(values, 0.0)
    scaled = {name: value / largest for name, value in values.items()}  # the sum of huge numbers may be infinite
    total = fsum(scaled.values())  # the same in any order
    return {name: value / total for name, value in scaled.items()}


def evidence(findings: Sequence[Finding]) -> dict[str, float]:
    """How far each feature has moved, from the findings of one window; 0 and up, in thresholds.

    The score of one technique, less what it has without drift where it says so (details["expected_without_drift"]),
    over its threshold: PSI where it ran, else the distance that judged most features. A drifted feature which that
    one does not judge counts with its largest score over threshold, at most 100.
    """
    shifts = [finding for finding in findings if finding.feature is not None and not finding.by_expectation]
    single = [finding for finding in shifts if _times(finding) is not None]
    chosen = _yardstick(single)
    found: dict[str, float] = {}
    for finding in single:
        if finding.technique == chosen and finding.feature is not None:
            found[finding.feature] = max(found.get(finding.feature, 0.0), _times(finding) or 0.0)
    for finding in single:
        if finding.is_drift and finding.feature is not None and not found.get(finding.feature):
            others = [_times(f) or 0.0 for f in single if f.is_drift and f.feature == finding.feature]
            found[finding.feature] = min(max(others), _MOST_TIMES)
    return {name: value for name, value in found.items() if value > 0}


def _times(finding: Finding) -> float | None:
    """The score in thresholds, without what it has by chance; None where there is nothing to divide."""
    if finding.score is None or not finding.threshold or finding.threshold <= 0:
        return None
    chance = finding.details.get("expected_without_drift", 0.0)
    return max(finding.score - (float(chance) if _positive(chance) else 0.0), 0.0) / finding.threshold


def _yardstick(findings: Sequence[Finding]) -> str | None:
    judged = {name: sum(finding.technique == name for finding in findings) for name in _PREFERRED}
    if judged["psi"]:
        return "psi"
    best = max(judged, key=lambda name: judged[name])  # the first of equals
    return best if judged[best] else None


def rank_slices(
    by_slice: Mapping[str, Sequence[Finding]],
    rows: Mapping[str, int],
    importances: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """The slices of one window, the largest contribution first; slices without drift are left out.

    A slice contributes the evidence of its drifted features times its rows: a small slice that moved far may matter
    less than a large one that moved a little. `contribution` is its share of all slices'; with importances each
    feature's evidence is weighted first, and `weighted` is the share of that. `features`: its own ranking.

    Args:
        by_slice: each slice's findings, by its name ("origin=JFK").
        rows: how many instances each slice has.
        importances: how much each feature matters to the model.
    """
    moved = {name: _drifted(findings) for name, findings in by_slice.items()}
    moved = {name: of for name, of in moved.items() if of}
    plain = _shares({name: rows.get(name, 0) * sum(of.values()) for name, of in moved.items()})
    known = importances or {}
    weights = {
        name: rows.get(name, 0) * sum(value * max(known.get(feature, 0.0), 0.0) for feature, value in of.items())
        for name, of in moved.items()
    }
    weighted = _shares(weights)
    result = []
    for name in sorted(moved, key=lambda name: (-plain[name], name)):
        entry = {"slice": name, "rows": rows.get(name, 0), "contribution": plain[name]}
        if known:
            entry["weighted"] = weighted[name]
        result.append({**entry, "features": ranked(moved[name], known)[:MOST_RANKED]})
    return result


def _drifted(findings: Sequence[Finding]) -> dict[str, float]:
    """The evidence of those features that have drifted."""
    names = {finding.feature for finding in findings if finding.is_drift and not finding.by_expectation}
    return {name: value for name, value in evidence(findings).items() if name in names}


def drifted_evidence(windows: Sequence[Sequence[Finding]]) -> dict[str, float]:
    """The evidence of the drifted features, added up over windows."""
    total: dict[str, float] = {}
    for findings in windows:
        for name, value in _drifted(findings).items():
            total[name] = total.get(name, 0.0) + value
    return total
