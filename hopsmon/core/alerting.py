"""Alerting: the findings of closed windows and the alert that is open -> alerts, few and grouped. Delivers nothing.

A monitor has at most one alert open, whatever drifts in whichever slice: one cause is one message. It is told of when
it fires, gets worse, takes in further features, and when it is over; not at every window in between.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any

from typing_extensions import Self

from hopsmon.core import alert_text as text
from hopsmon.core.alert_text import BySlice, Cause, rank
from hopsmon.core.finding import Severity
from hopsmon.core.schema import ModelRef, Word
from hopsmon.core.window import Window

_ID_DIGITS = 16
_FORM = 1  # of the state's JSON


class AlertState(Word):
    """Whether an alert is on."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class AlertRules:
    """When there is an alert.

    Attributes:
        min_severity: findings below it are no alert.
        resolve_after: so many windows without drift, one after another, end it.
        widen_after: what drifts in addition is told when its last message is so many windows old; 0: never.
    """

    min_severity: Severity = Severity.WARNING
    resolve_after: int = 3
    widen_after: int = 3


@dataclass(frozen=True, slots=True)
class Alert:
    """One change of an alert, to be told to somebody.

    Attributes:
        alert_id: the same for all changes of one alert, and whenever the same windows are judged again.
        changed_at: end of the window that changed it, µs; with `alert_id` it names the change.
        severity: the highest so far.
        title: one line.
        findings: what is behind it, JSON-ready, the worst first; empty where it is resolved.
    """

    monitor: str
    model: ModelRef
    alert_id: str
    changed_at: int
    state: AlertState
    severity: Severity
    title: str
    body: str
    window: Window
    findings: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """What must be known of an alert that is on, to judge the next window.

    Attributes:
        since: start of its first window; until: end of its last one with drift.
        severity: the highest so far.
        told: the features it was told with; True where they drift in all traffic, False where in slices only.
        waiting: likewise, what has come in addition and was not told yet.
        quiet: windows without drift, up to now.
        untold: windows since its last message.
    """

    alert_id: str
    since: int
    until: int
    severity: Severity
    told: Mapping[str, bool]
    waiting: Mapping[str, bool] = field(default_factory=dict)
    quiet: int = 0
    untold: int = 0

    def to_bytes(self) -> bytes:
        """JSON with the number of its form."""
        return json.dumps({"form": _FORM, **asdict(self)}).encode()

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Self | None:
        """Inverse of `to_bytes`; None without an alert, and for bytes that this code cannot read."""
        try:
            values = json.loads(data) if data else {}
            if values.pop("form", None) != _FORM:
                return None
            return cls(**{**values, "severity": Severity(values["severity"])})
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Watched:
    """Whose alerts these are."""

    monitor: str
    model: ModelRef

    def alert_id(self, window: Window) -> str:
        """The id of the alert whose first window this is."""
        parts = [self.monitor, self.model.name, self.model.version, window.start, window.end]
        return sha256(json.dumps(parts).encode()).hexdigest()[:_ID_DIGITS]


def decide(
    before: OpenAlert | None, of: Watched, window: Window, findings: BySlice, rules: AlertRules
) -> tuple[OpenAlert | None, Alert | None]:
    """The alert that is open after a window, and what there is to tell.

    Args:
        before: the alert that was open after the monitor's window before this one.
        findings: of all slices, in that window.
    """
    found = text.causes(findings, rules.min_severity)
    if found:
        moment = _Moment(of, window, found)
        return moment.fired() if before is None else moment.went_on(before, rules)
    judged = any(finding.score is not None for of_slice in findings.values() for finding in of_slice)
    if before is None or not judged:  # a window that nobody could judge says nothing, for or against
        return before, None
    return _quiet(before, of, window, rules)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A window with drift."""

    of: Watched
    window: Window
    found: Sequence[Cause]

    @property
    def severity(self) -> Severity:
        return max((cause.severity for cause in self.found), key=rank)

    @property
    def scope(self) -> dict[str, bool]:
        """The features that drift; whether in all traffic."""
        return {cause.feature: cause.in_all_traffic for cause in self.found if cause.feature is not None}

    def fired(self) -> tuple[OpenAlert, Alert]:
        window = self.window
        opened = OpenAlert(self.of.alert_id(window), window.start, window.end, self.severity, self.scope)
        return opened, self._alert(opened, f"drift in {text.subject([cause.feature for cause in self.found])}")

    def went_on(self, before: OpenAlert, rules: AlertRules) -> tuple[OpenAlert, Alert | None]:
        waiting = _widest(before.waiting, self.scope)
        waiting = {name: whole for name, whole in waiting.items() if whole > before.told.get(name, -1)}
        after = replace(before, until=self.window.end, waiting=waiting, quiet=0, untold=before.untold + 1)
        if rank(self.severity) > rank(before.severity):
            title = f"drift is {self.severity} now, in {text.subject([cause.feature for cause in self.found])}"
        elif waiting and 0 < rules.widen_after <= after.untold:
            title = _wider(before.told, list(waiting))
        else:
            return after, None
        severity = max(before.severity, self.severity, key=rank)
        told = _widest(before.told, _widest(waiting, self.scope))
        after = replace(after, severity=severity, told=told, waiting={}, untold=0)
        return after, self._alert(after, title)

    def _alert(self, after: OpenAlert, title: str) -> Alert:
        of, window = self.of, self.window
        return Alert(
            of.monitor,
            of.model,
            after.alert_id,
            window.end,
            AlertState.FIRING,
            after.severity,
            f"{of.monitor}: {title}",
            text.body(of.monitor, of.model, window, after.since, self.found),
            window,
            text.rows(self.found),
        )


def _wider(told: Mapping[str, bool], waiting: Sequence[str]) -> str:
    further, known = ([name for name in waiting if (name in told) is one] for one in (False, True))
    parts = [f"drift also in {text.listed(further)}"] if further else []
    return "; ".join([*parts, f"{text.listed(known)} in all traffic now"] if known else parts)


def _widest(one: Mapping[str, bool], other: Mapping[str, bool]) -> dict[str, bool]:
    return {name: one.get(name, False) or other.get(name, False) for name in (*one, *other)}


def _quiet(before: OpenAlert, of: Watched, window: Window, rules: AlertRules) -> tuple[OpenAlert | None, Alert | None]:
    """A window without drift while an alert is open."""
    after = replace(before, quiet=before.quiet + 1, untold=before.untold + 1)
    if after.quiet < rules.resolve_after:
        return after, None
    features = [*before.told, *(name for name in before.waiting if name not in before.told)]
    title = f"{of.monitor}: no more drift in {text.subject(features)}"
    said = text.over(of.model, before.since, before.until, after.quiet, features)
    return None, Alert(
        of.monitor, of.model, before.alert_id, window.end, AlertState.RESOLVED, before.severity, title, said, window
    )
