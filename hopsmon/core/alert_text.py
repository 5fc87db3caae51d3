"""Alert text: what drifted in a window as one title and one body for a person, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from hopsmon.core.finding import Finding, Severity
from hopsmon.core.root_cause import evidence
from hopsmon.core.schema import ModelRef
from hopsmon.core.window import Window, to_datetime

BySlice: TypeAlias = Mapping[str, Sequence[Finding]]  # by slice; "": all traffic

_NAMED = 3  # features, slices, techniques that a phrase names
_LINES = 10  # causes that a body has; the drift table has all
_ROWS = 50  # findings that the table's column holds
_RANK = {Severity.NONE: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class Cause:
    """What one feature shows in one window, by whichever technique and in whichever slice.

    Attributes:
        feature: None for the model as a whole.
        severity: the worst of its findings'.
        moved: how far, in thresholds; scores of different techniques do not compare.
        found: slice and finding, the worst first.
    """

    feature: str | None
    severity: Severity
    moved: float
    found: tuple[tuple[str, Finding], ...]

    @property
    def in_all_traffic(self) -> bool:
        """Whether it shows in all traffic, not in slices only."""
        return any(not name for name, _ in self.found)


def rank(severity: Severity) -> int:
    """Severities in order.

    >>> rank(Severity.CRITICAL) > rank(Severity.WARNING)
    True
    """
    return _RANK[severity]


def causes(findings: BySlice, least: Severity) -> list[Cause]:
    """One window's findings of drift at least so severe, by feature, the worst first; the model's stand last."""
    by_feature: dict[str | None, list[tuple[str, Finding]]] = {}
    for name in sorted(findings):
        for finding in findings[name]:
            if finding.is_drift and rank(finding.severity) >= max(rank(least), 1):
                by_feature.setdefault(finding.feature, []).append((name, finding))
    loud = sorted({name for of in by_feature.values() for name, _ in of})
    moved = [evidence(findings[name]) for name in loud]
    made = [_cause(feature, found, moved) for feature, found in by_feature.items()]
    return sorted(made, key=lambda one: (one.feature is None, -rank(one.severity), -one.moved, one.feature or ""))


def _cause(feature: str | None, found: Sequence[tuple[str, Finding]], moved: Sequence[Mapping[str, float]]) -> Cause:
    worst_first = sorted(found, key=lambda one: (-rank(one[1].severity), one[0], -_times(one[1]), one[1].technique))
    furthest = 0.0 if feature is None else max((of.get(feature, 0.0) for of in moved), default=0.0)
    return Cause(feature, worst_first[0][1].severity, furthest, tuple(worst_first))


def _times(finding: Finding) -> float:
    return finding.score / finding.threshold if finding.score is not None and finding.threshold else 0.0


def subject(features: Sequence[str | None]) -> str:
    """What drifted, in a few words.

    >>> subject(["temp", "wind", "seats", "hour", None]), subject([None])
    ('temp, wind, seats and 1 more', 'the model as a whole')
    """
    names = [name for name in features if name is not None]
    return listed(names) if names else "the model as a whole"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def body(monitor: str, model: ModelRef, window: Window, since: int, found: Sequence[Cause]) -> str:
    """What drifted in the window, since when, and where to look.

    Args:
        since: start of the first window of the alert.
    """
    lines = [_line(cause) for cause in found[:_LINES]]
    if len(found) > _LINES:
        lines.append(f"- and {len(found) - _LINES} more")
    began = "" if since == window.start else f" The first window with drift began {time(since)}."
    look = f"Look: hopsmon show drift --monitor {monitor} --since {iso(window.start)} --until {iso(window.end)}"
    return "\n".join([f"{named(model)}, window {time(window.start)} to {time(window.end)} UTC.{began}", *lines, look])


def over(model: ModelRef, since: int, until: int, quiet: int, features: Sequence[str]) -> str:
    """That an alert is resolved: what it was about, and how long it lasted."""
    return "\n".join(
        [
            f"{named(model)}: no drift in the last {quiet} windows that could be judged.",
            f"It lasted from {time(since)} to {time(until)} UTC, in {subject(features)}.",
        ]
    )


def _line(cause: Cause) -> str:
    name = "the model as a whole" if cause.feature is None else cause.feature
    first = cause.found[0][1]
    others = dict.fromkeys(finding.technique for _, finding in cause.found if finding.technique != first.technique)
    also = f", also by {listed(list(others))}" if others else ""
    return f"- {name}: {_measured(first)}{also}; {cause.severity}, in {_where(cause)}{_origin(first)}"


def _measured(finding: Finding) -> str:
    """A verdict in numbers; an expectation is told by its own name."""
    what = str(finding.details["expectation"]) if finding.by_expectation else finding.technique
    if finding.score is None:
        return what
    limit = "" if finding.threshold is None else f" (limit {finding.threshold:.3g})"
    return f"{what} {finding.score:.3g}{limit}"


def _where(cause: Cause) -> str:
    slices = list(dict.fromkeys(name for name, _ in cause.found if name))
    parts = ["all traffic"] if cause.in_all_traffic else []
    return " and ".join([*parts, listed(slices)] if slices else parts)


def _origin(finding: Finding) -> str:
    """Which features a finding on the whole model comes from, where it says so."""
    ranking = finding.details.get("ranking") if finding.feature is None else None
    if not ranking:
        return ""
    return "; from " + listed([f"{entry['feature']} {entry['contribution']:.0%}" for entry in ranking])


def named(model: ModelRef) -> str:
    """A model as people name it.

    >>> named(ModelRef("flight_delay", 1))
    'Model flight_delay version 1'
    """
    return f"Model {model.name}" + ("" if model.version is None else f" version {model.version}")


def rows(found: Sequence[Cause]) -> tuple[dict[str, Any], ...]:
    """The findings behind an alert, JSON-ready, the worst causes first."""
    every = [(cause, name, finding) for cause in found for name, finding in cause.found]
    return tuple(
        {
            "feature": cause.feature,
            "slice": name,
            "technique": finding.technique,
            "score": finding.score,
            "threshold": finding.threshold,
            "p_value": finding.p_value if finding.p_adjusted is None else finding.p_adjusted,
            "severity": str(finding.severity),
        }
        for cause, name, finding in every[:_ROWS]
    )


def time(micros: int) -> str:
    """A point in time for a person.

    >>> time(1_000_000), time(60_000_000)
    ('1970-01-01 00:00:01', '1970-01-01 00:01')
    """
    moment = to_datetime(micros)
    return f"{moment:%Y-%m-%d %H:%M}" if _whole_minute(moment) else f"{moment:%Y-%m-%d %H:%M:%S}"


def _whole_minute(moment: datetime) -> bool:
    return not (moment.second or moment.microsecond)


def iso(micros: int) -> str:
    """A point in time as commands take it.

    >>> iso(1_000_000)
    '1970-01-01T00:00:01Z'
    """
    return to_datetime(micros).isoformat().replace("+00:00", "Z")
