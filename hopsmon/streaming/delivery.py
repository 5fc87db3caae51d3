"""Delivery: alerts to their channels, after their rows were written; what became of each is kept in its row.

An alert is a row of hopsmon_alerts first, waiting, and sent afterwards. So whatever happens in between, it is sent by
this run or by the next one: at least once. Its id and the time of its change name it, for receivers that want it once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import orjson

from hopsmon.core.alerting import Alert
from hopsmon.core.schema import Word
from hopsmon.core.window import to_datetime
from hopsmon.errors import HopsmonError, OutsideError
from hopsmon.streaming.alerts import alert_of, alert_row
from hopsmon.streaming.courier import Courier
from hopsmon.streaming.plan import Audience, QueryPlan
from hopsmon.streaming.ports import AlertChannel, ResultStore
from hopsmon.streaming.tables import ALERTS

log = logging.getLogger("hopsmon.run")

PATIENCE = 10.0  # seconds that a micro-batch waits for channels; what takes longer goes on beside the next ones
LAST_PATIENCE = 30.0  # seconds that the end of a run waits

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, Any]  # alert_id, changed_at


class Sending(Word):
    """What has become of an alert on its way to one channel."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # and is tried again
    LEFT_OUT = "left_out"  # too old, or a later change of the same alert says more


_OPEN = (Sending.WAITING, Sending.FAILED)


class MonitorDelivery:
    """The alerts of one monitor that are on their way."""

    def __init__(self, monitor: str, audience: Audience, store: ResultStore, clock: Callable[[], float]) -> None:
        self._monitor = monitor
        self._audience = audience
        self._store = store
        self._clock = clock
        self._couriers = {one.name: Courier(f"alerts of {monitor} to {one.name}", clock) for one in audience.channels}
        self._carried: dict[str, Key] = {}  # by channel, what its courier is at
        self._rows: dict[Key, Row] | None = None  # those there is still something to do with
        self._channels: dict[Key, dict[str, Any]] = {}  # of every row there is
        self._changed: set[Key] = set()

    def planned(self, alerts: Sequence[Alert]) -> list[Row]:
        """The rows of a micro-batch's alerts; those that are in the table already keep what became of them."""
        rows = self._loaded()
        return [self._planned(alert_row(alert), rows) for alert in alerts]

    def _planned(self, row: Row, rows: dict[Key, Row]) -> Row:
        key = _key(row)
        if key not in self._channels:
            waiting = {"result": str(Sending.WAITING), "tries": 0}
            self._channels[key] = {channel.name: dict(waiting) for channel in self._audience.channels}
            rows[key] = row
        return {**row, "channels": orjson.dumps(self._channels[key]).decode()}

    def _loaded(self) -> dict[Key, Row]:
        """What is in the table and was not sent, by this run or an earlier one."""
        if self._rows is None:
            self._rows = {}
            stored = self._store.read(ALERTS.name, self._monitor).to_pylist() if self._audience.channels else []
            for row in stored:
                self._channels[_key(row)] = orjson.loads(row["channels"] or "{}")
                self._rows[_key(row)] = row
            self._drop_done()
        return self._rows

    def deliver(self, deadline: float) -> None:
        """Send what is waiting, as far as it goes until then (`time.monotonic`)."""
        self._loaded()
        self._leave_out()
        for channel in self._audience.channels:
            self._serve(channel, deadline)
        self._drop_done()

    def finish(self, deadline: float) -> None:
        """Wait for what is being sent, and send the rest, as far as it goes until then."""
        self._loaded()
        self._leave_out()
        for channel in self._audience.channels:
            self._collect(channel, deadline)
            self._serve(channel, deadline)

    def unsaved(self) -> list[Row]:
        """The rows whose channels have changed since `saved`."""
        return [self._row(key) for key in sorted(self._changed)]

    def saved(self) -> None:
        """They are in the table."""
        self._changed.clear()

    def _serve(self, channel: AlertChannel, deadline: float) -> None:
        courier = self._couriers[channel.name]
        self._collect(channel, time.monotonic())
        while courier.ready and (key := next(self._open(channel.name), None)) is not None:
            alert = alert_of(self._loaded()[key])
            self._carried[channel.name] = key
            courier.start(partial(channel.send, alert))
            self._collect(channel, deadline)

    def _collect(self, channel: AlertChannel, deadline: float) -> None:
        """Note how the sending went, if it has ended by then."""
        told = self._couriers[channel.name].result(max(deadline - time.monotonic(), 0.0))
        if told is None:
            return
        key = self._carried.pop(channel.name)
        result = Sending.SENT if told.error is None else Sending.FAILED
        tries = self._channels[key].get(channel.name, {}).get("tries", 0) + 1
        self._note(key, channel.name, result, tries, told.error)

    def _note(self, key: Key, channel: str, result: Sending, tries: int, why: str | None) -> None:
        at = to_datetime(int(self._clock() * 1e6)).isoformat(timespec="seconds")
        entry = {"result": str(result), "tries": tries, "at": at, "why": why}
        self._channels[key][channel] = {name: value for name, value in entry.items() if value is not None}
        self._changed.add(key)

    def _open(self, channel: str) -> Iterator[Key]:
        """What the channel has still to be told, in order of time."""
        for key in sorted(self._loaded(), key=lambda key: (key[1], key[0])):
            if _is_open(self._channels[key].get(channel)) and self._carried.get(channel) != key:
                yield key

    def _leave_out(self) -> None:
        """Nobody needs old news, nor each of several changes that one message tells."""
        oldest = to_datetime(int(self._clock() * 1e6)) - self._audience.max_age
        newest = {key[0]: key[1] for key in sorted(self._channels, key=lambda key: key[1])}
        for channel in self._audience.channels:
            for key in list(self._open(channel.name)):
                tries = self._channels[key][channel.name]["tries"]
                if key[1] < oldest:
                    self._note(key, channel.name, Sending.LEFT_OUT, tries, "older than alerts.max_age")
                elif key[1] < newest[key[0]]:
                    self._note(key, channel.name, Sending.LEFT_OUT, tries, "a later change of this alert is sent")

    def _drop_done(self) -> None:
        rows = self._loaded()
        for key in list(rows):
            entries = [self._channels[key].get(channel.name) for channel in self._audience.channels]
            if key not in self._changed and not any(map(_is_open, entries)):
                del rows[key]

    def _row(self, key: Key) -> Row:
        return {**self._loaded()[key], "channels": orjson.dumps(self._channels[key]).decode()}


def _key(row: Mapping[str, Any]) -> Key:
    return row["alert_id"], row["changed_at"]


def _is_open(entry: Mapping[str, Any] | None) -> bool:
    """A channel that the configuration has since got is not told of what was before."""
    return entry is not None and entry["result"] in _OPEN


class Deliveries:
    """The alerts of a query's monitors, on their way after each micro-batch."""

    def __init__(self, plan: QueryPlan, app_id: str, clock: Callable[[], float]) -> None:
        self._store = plan.store
        self._app_id = f"{app_id}:alerts"
        self._clock = clock
        self._last = 0
        self._monitors = {
            monitor.name: MonitorDelivery(monitor.name, plan.audience(monitor.name), plan.store, clock)
            for monitor in plan.monitors
        }

    def planned(self, monitor: str, alerts: Sequence[Alert]) -> list[Row]:
        """A micro-batch's alerts as rows of hopsmon_alerts, which must be written before `deliver`."""
        return self._monitors[monitor].planned(alerts)

    def deliver(self) -> None:
        """After a micro-batch: send what is waiting. Takes `PATIENCE` at most, and never fails."""
        deadline = time.monotonic() + PATIENCE
        for monitor in self._monitors.values():
            monitor.deliver(deadline)
        self._save()

    def close(self) -> None:
        """At the end of a run: send what is waiting, and wait for what is being sent."""
        deadline = time.monotonic() + LAST_PATIENCE
        try:
            for monitor in self._monitors.values():
                monitor.finish(deadline)
        except OutsideError as error:
            log.warning("alerts that wait cannot be read: %s", error)
        self._save()

    def _save(self) -> None:
        """Keep what became of them. What cannot be kept is kept with the next, else sent once more by the next run."""
        rows = [row for monitor in self._monitors.values() for row in monitor.unsaved()]
        if not rows:
            return
        # Each such write counts once, and one of an earlier run is never this one: the clock numbers them.
        self._last = max(self._last + 1, int(self._clock() * 1000))
        try:
            self._store.write({ALERTS.name: ALERTS.table(rows)}, self._app_id, self._last)
        except HopsmonError as error:  # whatever is wrong with the store, the stream's own write says it
            log.warning("what became of %d alerts cannot be written now: %s", len(rows), error)
            return
        for monitor in self._monitors.values():
            monitor.saved()
