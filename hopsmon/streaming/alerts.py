"""Alerts of the stream: decided as windows are judged, kept as rows of hopsmon_alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from hopsmon.core.alert_text import BySlice
from hopsmon.core.alerting import Alert, AlertState, OpenAlert, Watched, decide
from hopsmon.core.finding import Severity
from hopsmon.core.schema import ModelRef
from hopsmon.core.window import Window, to_datetime, to_micros
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.states import ALERT, States

TableRow = dict[str, Any]


class Decisions:
    """The alerts of one monitor's micro-batch. What is open is kept with the states, so that it can be done again."""

    def __init__(self, plan: MonitorPlan) -> None:
        self._of = Watched(plan.name, plan.model)
        self._rules = plan.alerts
        self.made: list[Alert] = []

    def begin(self) -> None:
        """A new micro-batch, or the same one again."""
        self.made = []

    def see(self, window: Window, findings: BySlice, states: States) -> None:
        """Decide on one window's findings in all slices; windows must come in order of time."""
        before = OpenAlert.from_bytes(states.before("", window.start).get(ALERT))
        after, alert = decide(before, self._of, window, findings, self._rules)
        if after != before:
            states.put("", window, {ALERT: b"" if after is None else after.to_bytes()})
        if alert is not None:
            self.made.append(alert)


def alert_row(alert: Alert) -> TableRow:
    """One row of hopsmon_alerts, without its channels."""
    return {
        "monitor": alert.monitor,
        "model_name": alert.model.name,
        "model_version": "" if alert.model.version is None else str(alert.model.version),
        "slice": "",
        "alert_id": alert.alert_id,
        "changed_at": to_datetime(alert.changed_at),
        "state": str(alert.state),
        "severity": str(alert.severity),
        "title": alert.title,
        "body": alert.body,
        "window_start": to_datetime(alert.window.start),
        "window_end": to_datetime(alert.window.end),
        "findings": orjson.dumps(alert.findings).decode(),
    }


def alert_of(row: Mapping[str, Any]) -> Alert:
    """The alert that a row holds."""
    version = row["model_version"]
    return Alert(
        monitor=row["monitor"],
        model=ModelRef(row["model_name"], int(version) if version else None),
        alert_id=row["alert_id"],
        changed_at=_micros(row["changed_at"]),
        state=AlertState(row["state"]),
        severity=Severity(row["severity"]),
        title=row["title"],
        body=row["body"],
        window=Window(_micros(row["window_start"]), _micros(row["window_end"])),
        findings=tuple(orjson.loads(row["findings"])),
    )


def _micros(moment: Any) -> int:
    return to_micros(moment - to_datetime(0))
