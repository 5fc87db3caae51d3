"""Alerts of the stream: written once and sent at least once, whatever channels do, and wherever a run is killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.producer import publish
from hopsmon.adapters.local.store import LocalStore
from hopsmon.core.alerting import Alert, AlertRules, AlertState
from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.window import Window, WindowSpec
from hopsmon.errors import OutsideError
from hopsmon.streaming import delivery
from hopsmon.streaming.alerts import alert_of, alert_row
from hopsmon.streaming.batch_writer import BatchWriter
from hopsmon.streaming.courier import FIRST_PAUSE, HANGS
from hopsmon.streaming.fold import WINDOW, ClosedWindow
from hopsmon.streaming.plan import Audience, MonitorPlan
from hopsmon.streaming.ports import JudgedWindow
from hopsmon.streaming.run import run_query
from tests.core.techniques.cases import baseline_of
from tests.support.engine import Frame
from tests.support.monitors import KeyedStore, kafka_source, monitor, query
from tests.support.traffic import Traffic

MINUTE = 60_000_000
UNKNOWN, CALM, AGE, AGE_WORSE, INCOME = range(5)
FINDINGS = {
    CALM: ("age", Severity.NONE),
    AGE: ("age", Severity.WARNING),
    AGE_WORSE: ("age", Severity.CRITICAL),
    INCOME: ("income", Severity.WARNING),
}


@dataclass(frozen=True)
class AsTold:
    """Finds what the number of instances says."""

    name: ClassVar[str] = "as_told"
    needs: ClassVar[frozenset[Any]] = frozenset()

    def judge(self, window: Summary, baseline: Baseline) -> list[Finding]:
        if window.instances == UNKNOWN:
            return [Finding.not_computable(self.name, "age", Reason.INSUFFICIENT)]
        feature, severity = FINDINGS[window.instances]
        drift = severity is not Severity.NONE
        return [Finding(self.name, feature, 0.5, 0.2, 100, Reason.DRIFT if drift else Reason.OK, drift, severity)]


@dataclass
class Channel:
    """Keeps what it is sent; may refuse, or not answer."""

    name: str = "mine"
    refuses: str | None = None
    answers: threading.Event | None = None
    got: list[Alert] = field(default_factory=list)
    asked: int = 0

    def send(self, alert: Alert) -> None:
        self.asked += 1
        if self.answers is not None:
            self.answers.wait()
        if self.refuses is not None:
            raise OutsideError(self.refuses)
        self.got.append(alert)

    @property
    def titles(self) -> list[str]:
        return [alert.title.removeprefix("credit: ") for alert in self.got]


@dataclass
class Listener:
    """Keeps what it is told."""

    name: str = "listener"
    refuses: bool = False
    got: list[JudgedWindow] = field(default_factory=list)

    def tell(self, windows: Sequence[JudgedWindow]) -> None:
        if self.refuses:
            raise OutsideError("not now")
        self.got += windows

    @property
    def minutes(self) -> list[int]:
        return [window.window.start // MINUTE for window in self.got]


class Log:
    """Closed windows of a minute each, written by a query that may be stopped and started at any time."""

    def __init__(self, *channels: Channel, store: Any = None, **changes: Any) -> None:
        rules = AlertRules(resolve_after=2, widen_after=1)
        settings = {"techniques": (AsTold(),), "window": WindowSpec(timedelta(minutes=1)), "alerts": rules, **changes}
        self.plan: MonitorPlan = monitor(**settings)
        self.store = KeyedStore() if store is None else store
        self.audience = Audience(channels)
        self.now = -1.0  # wall clock, seconds
        self.minute = self.number = 0
        self.restart()

    def restart(self, app_id: str = "app", **changes: Any) -> None:
        """A new process, a second later; what was only in memory is gone."""
        self.now += 1.0
        self.plan = replace(self.plan, **changes)
        plan = query(SimpleNamespace(contiguous=False), Path("unused"), [self.plan], self.store)
        plan = replace(plan, audiences={"credit": self.audience})
        self.writer = BatchWriter(plan, app_id, lambda: self.now)

    def tell(self, **changes: Any) -> None:
        """A new process with another audience."""
        self.audience = replace(self.audience, **changes)
        self.restart()

    def batch(self, *windows: int) -> None:
        """One micro-batch of so many windows, at the time at which the last of them ends."""
        rows = [closed(self.minute + step, instances) for step, instances in enumerate(windows)]
        self.now = max(self.now, (self.minute + len(windows)) * 60.0)
        self.writer.write(Frame(rows), self.number)  # type: ignore[arg-type]
        self.minute, self.number = self.minute + len(windows), self.number + 1

    def alerts(self) -> list[dict[str, Any]]:
        rows = sorted(self.store.read("hopsmon_alerts").to_pylist(), key=lambda row: row["changed_at"])
        return [{**row, "channels": orjson.loads(row["channels"])} for row in rows]

    def results(self, channel: str = "mine") -> list[str]:
        return [row["channels"][channel]["result"] for row in self.alerts()]


def closed(minute: int, instances: int, slice_name: str = "") -> tuple[str, str, bytes]:
    window = Window(minute * MINUTE, (minute + 1) * MINUTE)
    return "credit", WINDOW, ClosedWindow(slice_name, window, True, Summary(instances=instances)).to_bytes()


def test_an_alert_is_written_and_sent_when_it_fires_changes_and_ends(tmp_path: Path) -> None:
    channel = Channel()
    log = Log(channel, store=LocalStore(tmp_path))
    log.batch(CALM, AGE)
    log.batch(AGE)
    log.batch(AGE_WORSE, AGE)
    log.batch(INCOME)
    log.batch(CALM, UNKNOWN)
    log.batch(CALM)
    assert channel.titles == [
        "drift in age",
        "drift is critical now, in age",
        "drift also in income",
        "no more drift in age, income",
    ]
    rows = log.alerts()
    assert [(row["state"], row["severity"]) for row in rows] == [
        ("firing", "warning"),
        ("firing", "critical"),
        ("firing", "critical"),
        ("resolved", "critical"),
    ]
    assert len({row["alert_id"] for row in rows}) == 1
    assert [row["changed_at"] for row in rows] == [row["window_end"] for row in rows]
    assert rows[0]["channels"] == {"mine": {"result": "sent", "tries": 1, "at": "1970-01-01T00:02:00+00:00"}}
    assert orjson.loads(rows[0]["findings"])[0]["feature"] == "age"
    assert [alert_of(row) for row in log.store.read("hopsmon_alerts").to_pylist()] == channel.got


def test_without_channels_alerts_are_written_all_the_same() -> None:
    log = Log()
    log.batch(AGE)
    assert [row["channels"] for row in log.alerts()] == [{}]


def test_what_was_sent_is_not_sent_again_after_a_restart() -> None:
    channel = Channel()
    log = Log(channel)
    log.batch(AGE)
    log.restart()
    log.batch(AGE)
    log.writer.close()
    assert channel.titles == ["drift in age"]


def test_a_failing_channel_is_noted_and_tried_again_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    channel, other = Channel(refuses="no such room"), Channel("other")
    log = Log(channel, other)
    log.batch(AGE)
    log.batch()
    log.batch()
    assert (channel.asked, other.titles) == (1, ["drift in age"])
    failed = log.alerts()[0]["channels"]["mine"]
    assert (failed["result"], failed["tries"], failed["why"]) == ("failed", 1, "no such room")
    log.now += FIRST_PAUSE
    log.batch()
    assert log.alerts()[0]["channels"]["mine"]["tries"] == 2
    log.now += FIRST_PAUSE  # the second pause is longer
    log.batch()
    assert channel.asked == 2
    channel.refuses = None
    log.now += FIRST_PAUSE
    log.batch()
    assert log.alerts()[0]["channels"]["mine"]["tries"] == 3
    assert log.results() == log.results("other") == ["sent"]
    assert channel.asked == 3
    assert len([record for record in caplog.records if "no such room" in record.message]) == 1


def test_the_next_run_tries_at_once_and_also_without_anything_to_read() -> None:
    channel = Channel(refuses="not now")
    log = Log(channel)
    log.batch(AGE)
    channel.refuses = None
    log.restart()
    log.writer.close()
    assert channel.titles == ["drift in age"]
    assert log.results() == ["sent"]


@pytest.mark.parametrize("error", [SystemExit(3), KeyError("receiver"), RuntimeError()], ids=repr)
def test_whatever_a_channel_raises_the_stream_goes_on(error: BaseException) -> None:
    class Odd(Channel):
        def send(self, alert: Alert) -> None:
            raise error

    log = Log(Odd())
    log.batch(AGE)
    log.batch(CALM, CALM)
    assert log.results() == ["left_out", "failed"]
    assert log.alerts()[0]["channels"]["mine"]["why"] == "a later change of this alert is sent"


def test_a_channel_that_does_not_answer_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PATIENCE", 0.01)
    channel = Channel(answers=threading.Event())
    log = Log(channel)
    log.batch(AGE)
    log.batch(AGE_WORSE)
    assert (channel.asked, log.results()) == (1, ["waiting", "waiting"])
    assert channel.answers is not None
    channel.answers.set()
    log.writer.close()
    assert channel.titles == ["drift in age", "drift is critical now, in age"]
    assert log.results() == ["sent", "sent"]


def test_no_answer_for_long_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PATIENCE", 0.01)
    never = threading.Event()
    channel = Channel(answers=never)
    log = Log(channel)
    log.batch(AGE)
    log.now += HANGS
    log.batch()
    assert log.alerts()[0]["channels"]["mine"]["why"] == "no answer in 300 s"
    channel.answers = None
    log.now += FIRST_PAUSE
    log.batch()
    assert channel.titles == ["drift in age"]
    never.set()


def test_old_news_is_written_and_not_sent() -> None:
    channel = Channel()
    log = Log(channel)
    log.audience = replace(log.audience, max_age=timedelta(minutes=5))
    log.restart()
    log.now = 9 * 60.0
    log.batch(CALM, AGE, CALM, CALM, AGE)  # alerts at minutes 2, 4 and 5
    assert log.results() == ["left_out", "sent", "sent"]
    assert log.alerts()[0]["channels"]["mine"]["why"] == "older than alerts.max_age"


def test_of_several_changes_at_once_the_last_one_is_sent() -> None:
    channel = Channel()
    log = Log(channel)
    log.batch(AGE, AGE_WORSE, CALM, CALM, INCOME)
    assert channel.titles == ["no more drift in age", "drift in income"]
    assert log.results() == ["left_out", "left_out", "sent", "sent"]


def test_a_new_channel_is_told_of_what_comes_and_one_that_went_leaves_its_notes() -> None:
    old, new = Channel("old", refuses="gone"), Channel("new")
    log = Log(old)
    log.batch(AGE)
    log.tell(channels=(new,))
    log.batch(AGE_WORSE)
    assert new.titles == ["drift is critical now, in age"]
    assert [sorted(row["channels"]) for row in log.alerts()] == [["old"], ["new"]]


def test_an_alert_outlives_its_baseline_and_its_model_version() -> None:
    log = Log()
    log.batch(AGE)
    log.restart(baseline=baseline_of({"age": [1.0, 2.0]}), model=ModelRef("credit", 4))
    log.batch(CALM)
    log.restart()
    log.batch(CALM)
    fired, over = log.alerts()
    assert (over["state"], over["alert_id"], over["model_version"]) == ("resolved", fired["alert_id"], "4")


def test_slices_of_one_time_are_one_alert() -> None:
    channel = Channel()
    log = Log(channel, slices=("city",))
    rows = [closed(0, AGE, "city=Bern"), closed(0, CALM), closed(0, AGE_WORSE, "city=Zug")]
    log.now = 60.0
    log.writer.write(Frame(rows), 0)  # type: ignore[arg-type]
    (alert,) = channel.got
    assert "- age: as_told 0.5 (limit 0.2); critical, in city=Zug, city=Bern" in alert.body


def test_a_log_read_again_from_its_beginning_sends_nothing_again(tmp_path: Path) -> None:
    channel = Channel()
    log = Log(channel, store=LocalStore(tmp_path))
    log.batch(AGE, CALM)
    log.batch(CALM, AGE)
    rows, told = log.alerts(), list(channel.got)
    log.minute = log.number = 0
    log.restart("after the reset")
    log.batch(AGE)
    log.batch(CALM, CALM, AGE)
    assert (log.alerts(), channel.got) == (rows, told)


def test_a_store_that_fails_after_the_sending_loses_no_row_and_the_alert_may_come_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Forgetful(KeyedStore):
        def write(self, tables: Any, app_id: str, batch_id: int) -> None:
            if app_id.endswith(":alerts"):
                raise OutsideError("disk full")
            super().write(tables, app_id, batch_id)

    channel = Channel()
    log = Log(channel, store=Forgetful())
    log.batch(AGE)
    log.batch(AGE)
    assert (channel.titles, log.results()) == (["drift in age"], ["waiting"])
    assert "disk full" in caplog.text
    log.restart()
    log.batch(AGE)
    assert channel.titles == ["drift in age", "drift in age"]


def test_a_run_ends_with_the_alerts_that_waited(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    start = datetime.now(timezone.utc) - timedelta(minutes=10)
    publish(kafka.bootstrap_servers, name, Traffic(requests=150, shift=40.0, start=start).events())
    channel = Channel(refuses="not now")
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path, store=LocalStore(tmp_path / "store"))
    plan = replace(plan, audiences={"credit": Audience((channel,))})
    report = run_query(spark, plan, once=True)
    assert report.alerts == plan.store.read("hopsmon_alerts").num_rows > 0
    assert channel.got == []
    channel.refuses = None
    assert run_query(spark, plan, once=True).rows == 0
    (alert,) = channel.got
    assert (alert.state, alert.severity) == (AlertState.FIRING, Severity.CRITICAL)
    assert "age" in alert.title


STEPS = st.lists(st.sampled_from([UNKNOWN, CALM, CALM, AGE, AGE_WORSE, INCOME]), min_size=1, max_size=3)


@given(st.lists(st.tuples(STEPS, st.sampled_from(["fine", "killed", "restarted"])), max_size=8), st.data())
@settings(max_examples=40)
def test_cut_killed_and_done_again_the_alerts_are_the_same(
    history: list[tuple[list[int], str]], data: st.DataObject
) -> None:
    calm, rough = Channel(), Channel()
    undisturbed, log = Log(calm), Log(rough)
    for windows, _ in history:
        for one in windows:
            undisturbed.batch(one)
    for windows, fate in history:
        if fate == "killed":
            log.store.tables_left = data.draw(st.integers(0, 4))
            with pytest.raises(OutsideError):
                log.batch(*windows)
            log.store.tables_left = None
        if fate != "fine":
            log.restart()
        log.batch(*windows)
    log.writer.close()

    def facts(of: Log) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name != "channels"} for row in of.alerts()]

    assert facts(log) == facts(undisturbed)
    assert set(log.results()) <= {"sent", "left_out"}
    last = {alert.alert_id: alert for alert in calm.got}
    assert {alert.alert_id: alert for alert in rough.got} == last


def test_rows_and_alerts_are_each_others_inverse() -> None:
    for version in (None, 3):
        window = Window(0, MINUTE)
        alert = Alert(
            "m",
            ModelRef("n", version),
            "id",
            MINUTE,
            AlertState.FIRING,
            Severity.WARNING,
            "title",
            "a\nb",
            window,
            ({"feature": None},),
        )
        assert alert_of(alert_row(alert)) == alert


def told_to(listener: Listener) -> Log:
    log = Log()
    log.tell(listeners=(listener,))
    return log


def test_listeners_are_told_of_all_traffic_in_order_of_time() -> None:
    listener = Listener()
    log = told_to(listener)
    log.writer.write(Frame([closed(1, AGE), closed(0, CALM), closed(0, AGE, "city=Bern")]), 0)  # type: ignore[arg-type]
    log.writer.close()
    assert listener.minutes == [0, 1]
    assert [finding.is_drift for window in listener.got for finding in window.findings] == [False, True]


def test_a_listener_that_fails_is_told_later_and_a_batch_done_again_is_told_once() -> None:
    listener = Listener(refuses=True)
    log = told_to(listener)
    log.batch(CALM)
    log.writer.close()
    listener.refuses = False
    log.store.tables_left = 0
    with pytest.raises(OutsideError):
        log.batch(AGE)
    log.store.tables_left = None
    log.now += FIRST_PAUSE
    log.batch(AGE)
    log.writer.close()
    assert listener.minutes == [0, 1]
