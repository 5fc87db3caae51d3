"""Alerting: when a monitor fires, what it says, when it is quiet, and that none of it depends on how windows come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.alerting import Alert, AlertRules, AlertState, OpenAlert, Watched, decide
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import ModelRef
from hopsmon.core.window import Window

HOUR = 3_600_000_000
OF = Watched("flights", ModelRef("flight_delay", 1))
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
BySlice = Mapping[str, Sequence[Finding]]


def drift(
    feature: str | None, severity: Severity = WARNING, technique: str = "psi", score: float = 0.5, **details: Any
) -> Finding:
    return Finding(technique, feature, score, 0.2, 500, Reason.DRIFT, True, severity, details=details)


def calm(feature: str | None = "temp") -> Finding:
    return Finding("psi", feature, 0.01, 0.2, 500, Reason.OK)


CALM: BySlice = {"": [calm()]}
UNKNOWN: BySlice = {"": [Finding.not_computable("psi", "temp", Reason.INSUFFICIENT, 3)]}


@dataclass
class Series:
    """Windows of an hour, one after another."""

    rules: AlertRules = field(default_factory=AlertRules)
    open: OpenAlert | None = None
    hour: int = 0
    told: list[Alert] = field(default_factory=list)

    def see(self, *windows: BySlice) -> list[Alert]:
        """What these windows make the monitor tell."""
        before = len(self.told)
        for findings in windows:
            window = Window(self.hour * HOUR, (self.hour + 1) * HOUR)
            self.open, alert = decide(self.open, OF, window, findings, self.rules)
            self.told += [alert] if alert else []
            self.hour += 1
        return self.told[before:]


def loud(*features: str, severity: Severity = WARNING, slice_name: str = "") -> BySlice:
    return {slice_name: [drift(name, severity) for name in features]}


def test_the_first_window_with_drift_fires_once() -> None:
    series = Series()
    assert series.see(CALM, CALM) == []
    (alert,) = series.see(loud("temp"))
    assert (alert.state, alert.severity, alert.changed_at) == (AlertState.FIRING, WARNING, 3 * HOUR)
    assert alert.window == Window(2 * HOUR, 3 * HOUR)
    assert series.see(*[loud("temp")] * 10) == []


def test_it_resolves_after_quiet_windows_one_after_another() -> None:
    series = Series(AlertRules(resolve_after=2))
    (fired,) = series.see(loud("temp"))
    assert series.see(CALM, loud("temp"), CALM) == []
    (over,) = series.see(CALM)
    assert (over.state, over.alert_id, over.severity) == (AlertState.RESOLVED, fired.alert_id, WARNING)
    assert over.findings == ()
    assert "It lasted from 1970-01-01 00:00 to 1970-01-01 03:00 UTC, in temp." in over.body
    assert series.open is None


def test_drift_after_the_end_is_another_alert() -> None:
    series = Series(AlertRules(resolve_after=1))
    first, _ = series.see(loud("temp"), CALM)
    (second,) = series.see(loud("temp"))
    assert first.alert_id != second.alert_id


def test_windows_that_cannot_be_judged_neither_fire_nor_resolve() -> None:
    series = Series(AlertRules(resolve_after=1))
    assert series.see(UNKNOWN, {}) == []
    series.see(loud("temp"))
    assert series.see(UNKNOWN, {}, UNKNOWN) == []
    assert [alert.state for alert in series.see(CALM)] == [AlertState.RESOLVED]


def test_a_higher_severity_is_told_a_lower_one_is_not() -> None:
    series = Series()
    (fired,) = series.see(loud("temp"))
    (worse,) = series.see(loud("temp", severity=CRITICAL))
    assert (worse.alert_id, worse.severity) == (fired.alert_id, CRITICAL)
    assert worse.title == "flights: drift is critical now, in temp"
    assert series.see(loud("temp"), loud("temp", severity=CRITICAL)) == []
    resolved = series.see(CALM, CALM, CALM)[-1]
    assert resolved.severity is CRITICAL


def test_findings_below_the_least_severity_are_quiet() -> None:
    series = Series(AlertRules(min_severity=CRITICAL, resolve_after=1))
    assert series.see(loud("temp")) == []
    assert [alert.state for alert in series.see(loud("temp", severity=CRITICAL), loud("temp"))] == [
        AlertState.FIRING,
        AlertState.RESOLVED,
    ]


def test_further_features_are_told_together_and_not_at_once() -> None:
    series = Series(AlertRules(widen_after=3))
    series.see(loud("temp"))
    assert series.see(loud("temp", "wind"), loud("temp", "seats")) == []
    (wider,) = series.see(loud("temp"))
    assert wider.title == "flights: drift also in wind, seats"
    assert series.see(*[loud("temp", "wind", "seats")] * 9) == []


def test_further_features_need_not_be_told() -> None:
    series = Series(AlertRules(widen_after=0))
    series.see(loud("temp"))
    assert series.see(*[loud("wind")] * 9) == []


def test_what_drifted_in_a_slice_and_now_does_in_all_traffic_is_told() -> None:
    series = Series(AlertRules(widen_after=1))
    series.see(loud("temp", slice_name="origin=JFK"))
    assert series.see(loud("temp", slice_name="origin=LGA")) == []
    (wider,) = series.see({"": [drift("temp"), drift("wind")], "origin=JFK": [drift("temp")]})
    assert wider.title == "flights: drift also in wind; temp in all traffic now"
    assert series.see(*[loud("temp", "wind")] * 9) == []


def test_one_message_groups_slices_features_and_techniques_worst_first() -> None:
    findings = {
        "": [
            drift(None, CRITICAL, "e_detector", 5.0, ranking=[{"feature": "temp", "contribution": 0.61}]),
            drift("temp", CRITICAL, score=0.8),
            drift("temp", WARNING, "ks", 0.3),
            drift("wind", WARNING, score=0.3),
            calm("seats"),
        ],
        "origin=JFK": [drift("hour", CRITICAL, score=0.4), drift("temp", CRITICAL)],
        "origin=LGA": [calm()],
    }
    (alert,) = Series().see(findings)
    assert alert.title == "flights: drift in temp, hour, wind"
    assert alert.body.splitlines() == [
        "Model flight_delay version 1, window 1970-01-01 00:00 to 1970-01-01 01:00 UTC.",
        "- temp: psi 0.8 (limit 0.2), also by ks; critical, in all traffic and origin=JFK",
        "- hour: psi 0.4 (limit 0.2); critical, in origin=JFK",
        "- wind: psi 0.3 (limit 0.2); warning, in all traffic",
        "- the model as a whole: e_detector 5 (limit 0.2); critical, in all traffic; from temp 61%",
        "Look: hopsmon show drift --monitor flights --since 1970-01-01T00:00:00Z --until 1970-01-01T01:00:00Z",
    ]
    assert [(row["feature"], row["slice"], row["technique"]) for row in alert.findings] == [
        ("temp", "", "psi"),
        ("temp", "origin=JFK", "psi"),
        ("temp", "", "ks"),
        ("hour", "origin=JFK", "psi"),
        ("wind", "", "psi"),
        (None, "", "e_detector"),
    ]


def test_a_message_later_on_says_since_when() -> None:
    series = Series()
    series.see(CALM, loud("temp"))
    (worse,) = series.see(loud("temp", severity=CRITICAL))
    assert "The first window with drift began 1970-01-01 01:00." in worse.body


def test_drift_of_the_model_alone() -> None:
    (alert,) = Series().see({"": [drift(None, technique="mmd")]})
    assert alert.title == "flights: drift in the model as a whole"


def test_an_expectation_is_told_by_its_name() -> None:
    broken = Finding(
        "expectations",
        "temp",
        0.02,
        0.0,
        500,
        Reason.EXPECTATION_FAILED,
        True,
        WARNING,
        details={"expectation": "expect_column_values_to_not_be_null"},
    )
    (alert,) = Series().see({"": [broken]})
    assert "- temp: expect_column_values_to_not_be_null 0.02 (limit 0); warning" in alert.body


def test_a_flood_is_cut_in_text_and_findings_but_counted() -> None:
    (alert,) = Series().see(loud(*[f"f{number:03}" for number in range(200)]))
    assert alert.title == "flights: drift in f000, f001, f002 and 197 more"
    assert "- and 190 more" in alert.body
    assert len(alert.findings) == 50


def test_ids_differ_by_monitor_model_version_and_window() -> None:
    window, later = Window(0, HOUR), Window(HOUR, 2 * HOUR)
    all_of_them = {
        OF.alert_id(window),
        OF.alert_id(later),
        Watched("other", OF.model).alert_id(window),
        Watched(OF.monitor, ModelRef("flight_delay", 2)).alert_id(window),
        Watched(OF.monitor, ModelRef("flight_delay")).alert_id(window),
        Watched(OF.monitor, ModelRef("late", 1)).alert_id(window),
    }
    assert len(all_of_them) == 6


@pytest.mark.parametrize("data", [None, b"", b"{}", b"[1]", b"nonsense", b'{"form": 2}', b'{"form": 1}'])
def test_a_state_that_cannot_be_read_is_none(data: bytes | None) -> None:
    assert OpenAlert.from_bytes(data) is None


SEVERITIES = st.sampled_from([WARNING, CRITICAL])
LOUD = st.dictionaries(
    st.sampled_from(["", "origin=JFK", "origin=LGA"]),
    st.lists(st.builds(drift, st.sampled_from(["temp", "wind", "seats", None]), SEVERITIES), min_size=1, max_size=4),
    min_size=1,
)
WINDOWS = st.lists(st.one_of(st.just(CALM), st.just(CALM), st.just(UNKNOWN), LOUD), max_size=40)
RULES = st.builds(AlertRules, SEVERITIES, st.integers(1, 4), st.integers(0, 4))


@given(WINDOWS, RULES)
def test_messages_come_in_order_and_are_few(windows: list[BySlice], rules: AlertRules) -> None:
    series = Series(rules)
    series.see(*windows)
    by_alert: dict[str, list[Alert]] = {}
    for alert in series.told:
        by_alert.setdefault(alert.alert_id, []).append(alert)
    for changes in by_alert.values():
        states = [change.state for change in changes]
        assert states[0] is AlertState.FIRING
        assert AlertState.RESOLVED not in states[:-1]
        assert [change.changed_at for change in changes] == sorted({change.changed_at for change in changes})
        # Fires, at most once worse, at most once each feature alone and in all traffic, ends.
        assert len(changes) <= 2 + 2 * 3 + 1
    open_ones = [alert_id for alert_id, changes in by_alert.items() if changes[-1].state is AlertState.FIRING]
    assert open_ones == ([series.open.alert_id] if series.open else [])


@given(WINDOWS, RULES, st.data())
def test_stopping_and_going_on_from_the_kept_state_changes_nothing(
    windows: list[BySlice], rules: AlertRules, data: st.DataObject
) -> None:
    whole, cut = Series(rules), Series(rules)
    whole.see(*windows)
    for findings in windows:
        if data.draw(st.booleans()):
            cut.open = OpenAlert.from_bytes(cut.open.to_bytes() if cut.open else b"")
        cut.see(findings)
    assert (cut.told, cut.open) == (whole.told, whole.open)


@given(WINDOWS, st.randoms())
def test_the_order_of_findings_and_slices_does_not_matter(windows: list[BySlice], random: Any) -> None:
    def shuffled(findings: BySlice) -> BySlice:
        names = random.sample(list(findings), len(findings))
        return {name: random.sample(list(findings[name]), len(findings[name])) for name in names}

    one, other = Series(), Series()
    one.see(*windows)
    other.see(*map(shuffled, windows))
    assert [(alert.alert_id, alert.changed_at, alert.title) for alert in one.told] == [
        (alert.alert_id, alert.changed_at, alert.title) for alert in other.told
    ]
