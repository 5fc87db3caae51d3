"""Alerts to receivers of a project: which receiver, what it is told, and when a route is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from hopsmon.adapters.hopsworks.alerts import ReceiverChannel, job_url, lasting
from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.core.alerting import Alert, AlertState
from hopsmon.core.finding import Severity
from hopsmon.core.schema import ModelRef
from hopsmon.core.window import Window
from hopsmon.errors import ConfigError, TransientError
from hopsmon.streaming.ports import AlertChannel
from hopsmon.testing.hopsworks_server import HopsworksServer

MINUTE = 60_000_000
FIRED = Alert(
    monitor="flight-delay",
    model=ModelRef("flight_delay", 1),
    alert_id="0123456789abcdef",
    changed_at=15 * MINUTE,
    state=AlertState.FIRING,
    severity=Severity.WARNING,
    title="flight-delay: drift in temp",
    body="Model flight_delay version 1, window …\n- temp: psi 0.8 (limit 0.2); warning, in all traffic",
    window=Window(0, 15 * MINUTE),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=client_version()) as running:
        running.seed.alert_receiver("slack")
        running.seed.alert_receiver("global-receiver__ops")
        yield running


@pytest.fixture(scope="module")
def connection(server: HopsworksServer) -> Connection:
    return connect(server.login("python"))


def triggered(server: HopsworksServer) -> list[dict[str, Any]]:
    """The alerts that were triggered; labels and annotations by name."""
    every = []
    for request in server.requests:
        if (request.method, request.path.endswith("/alerts")) == ("POST", True):
            for alert in request.body["alerts"]:
                pairs = {name: {one["key"]: one["value"] for one in alert[name]} for name in ("labels", "annotations")}
                every.append({**alert, **pairs})
    return every


def routes(server: HopsworksServer) -> list[Any]:
    made = [one for one in server.requests if one.method == "POST" and one.path.endswith("/alerts/routes")]
    return [(one.body["receiver"], one.body["status"]) for one in made if one.status < 300]


@pytest.mark.parametrize("spelling", ["slack", "demo__slack"])
def test_what_a_receiver_is_told(server: HopsworksServer, connection: Connection, spelling: str) -> None:
    channel: AlertChannel = ReceiverChannel(connection, spelling, "https://host/p/119/jobs/named/watch")
    assert channel.name == "hopsworks:slack"
    channel.send(FIRED)
    sent = triggered(server)[-1]
    assert sent["labels"] == {
        "alertname": "flight-delay 0123456789abcdef 1970-01-01T00:15:00Z",
        "severity": "warning",
        "status": "hopsmon_firing",
        "api": "alerts-api",
    }
    assert sent["annotations"] == {
        "title": "flight-delay: drift in temp",
        "summary": "Model flight_delay version 1, window …",
        "description": FIRED.body,
    }
    assert sent["generatorURL"] == "https://host/p/119/jobs/named/watch"
    ends, starts = (datetime.fromisoformat(sent[name]) for name in ("endsAt", "startsAt"))
    assert ends - starts >= timedelta(hours=1) - timedelta(seconds=1)


def test_each_change_is_an_alert_of_its_own_and_the_same_one_is_the_same(
    server: HopsworksServer, connection: Connection
) -> None:
    channel = ReceiverChannel(connection, "slack")
    over = replace(FIRED, changed_at=30 * MINUTE, state=AlertState.RESOLVED)
    for alert in (FIRED, FIRED, replace(FIRED, severity=Severity.CRITICAL), over):
        channel.send(alert)
    first, again, worse, resolved = (one["labels"] for one in triggered(server)[-4:])
    assert first == again
    assert worse["severity"] == "critical"
    assert (resolved["status"], resolved["severity"]) == ("hopsmon_resolved", "info")
    assert resolved["alertname"] != first["alertname"]


def test_a_route_is_made_once_for_each_state_and_severity(server: HopsworksServer, connection: Connection) -> None:
    for _ in range(2):
        ReceiverChannel(connection, "slack").send(replace(FIRED, severity=Severity.CRITICAL))
    made = routes(server)
    assert ("demo__slack", "hopsmon_firing") in made
    assert len(made) == len([one for one in made if one[0] == "demo__slack"]) <= 3


def test_receivers_of_the_whole_cluster(server: HopsworksServer, connection: Connection) -> None:
    for spelling in ("ops", "global-receiver__ops"):
        channel = ReceiverChannel(connection, spelling)
        assert channel.name == "hopsworks:global-receiver__ops"
        channel.send(FIRED)
    assert all(receiver == "demo__slack" for receiver, _ in routes(server))


def test_a_receiver_that_does_not_exist_is_told_with_those_that_do(connection: Connection) -> None:
    with pytest.raises(ConfigError) as caught:
        ReceiverChannel(connection, "slak")
    assert str(caught.value) == (
        "There is no alert receiver 'slak'. There are: slack, global-receiver__ops. Did you mean 'slack'? "
        "Make one under Project settings, Alerts, or with alerts_api.create_alert_receiver(...)."
    )


def test_a_receiver_that_went_away(server: HopsworksServer, connection: Connection) -> None:
    server.seed.alert_receiver("gone")
    channel = ReceiverChannel(connection, "gone")
    receivers = next(one.path for one in reversed(server.requests) if one.path.endswith("/alerts/receivers"))
    address = f"{server.url}/hopsworks-api/api{receivers}/demo__gone"
    requests.delete(address, headers={"Authorization": f"ApiKey {server.api_key}"}, timeout=10).raise_for_status()
    with pytest.raises(ValueError, match="Receiver demo__gone does not exist"):
        channel.send(FIRED)


def test_hopsworks_away_passes(server: HopsworksServer, connection: Connection) -> None:
    channel = ReceiverChannel(connection, "slack")
    server.go_away(refuse=False)
    try:
        with pytest.raises(TransientError, match="Alert 'flight-delay: drift in temp' to receiver 'demo__slack'"):
            channel.send(FIRED)
    finally:
        server.come_back()
    channel.send(FIRED)


@pytest.mark.parametrize(("hours", "lasts"), [(-8, 9), (0, 1), (2, 1)])
def test_an_alert_lasts_an_hour_wherever_the_clock_is(hours: int, lasts: int) -> None:
    zone = timezone(timedelta(hours=hours))
    assert lasting(datetime(2026, 11, 1, tzinfo=zone)) == timedelta(hours=lasts)


def test_the_page_of_a_job(connection: Connection) -> None:
    jobs = connection.project.get_job_api()
    jobs.create_job("watch", {**jobs.get_configuration("PYTHON"), "appPath": "Resources/watch.py"})
    url = job_url(connection, "watch")
    assert url is not None
    assert url.endswith("/p/119/jobs/named/watch")
    assert job_url(connection, "none") is None
