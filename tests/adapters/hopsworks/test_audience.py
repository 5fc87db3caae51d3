"""Whom a monitor tells in a project, as its configuration names it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hopsmon.adapters.hopsworks.alerts import ReceiverChannel
from hopsmon.adapters.hopsworks.native import NativeResults
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.config import MonitorConfig
from hopsmon.errors import ConfigError
from hopsmon.streaming.plan import Audience
from hopsmon.testing.hopsworks_server import HopsworksServer
from hopsmon.wiring.alerts import audience_of
from tests.support.monitors import monitor

BASE = {
    "name": "credit",
    "model": {"name": "credit", "version": 3},
    "log": {"files": {"path": "events"}},
    "baseline": {"file": "baseline.json"},
}
NATIVE = {"hopsworks": {"native_results": True}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=client_version()) as running:
        seed = running.seed
        seed.alert_receiver("slack")
        people = seed.feature_group("people", {"id": "bigint", "age": "double", "income": "double"}, ["id"])
        seed.feature_view("people_fv", people)
        seed.training_dataset("people_fv")
        seed.model("credit", 3, ("people_fv", 1), 1)
        seed.deployment("creditdep", "credit", 3)
        running.login("python")
        yield running


def audience(**changes: Any) -> Audience:
    return audience_of(MonitorConfig.from_mapping({**BASE, **changes}), monitor())


def test_without_channels_nobody_is_told_and_nobody_asked(server: HopsworksServer) -> None:
    before = len(server.requests)
    assert audience() == Audience()
    assert audience(alerts={"max_age": "2d"}, store={"hopsworks": {}}) == Audience()
    assert len(server.requests) == before


def test_channels(server: HopsworksServer) -> None:
    found = audience(alerts={"channels": [{"hopsworks": {"receiver": "demo__slack"}}], "max_age": "1h"})
    assert [channel.name for channel in found.channels] == ["hopsworks:slack"]
    assert found.max_age.total_seconds() == 3600


def test_a_receiver_that_does_not_exist_is_an_error_at_the_start(server: HopsworksServer) -> None:
    with pytest.raises(ConfigError, match=r"There is no alert receiver 'pager'\. There are: slack"):
        audience(alerts={"channels": [{"hopsworks": {"receiver": "pager"}}]})


def test_inside_a_job_an_alert_names_its_page(server: HopsworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = server.login("python").get_job_api()
    jobs.create_job("watch", {**jobs.get_configuration("PYTHON"), "appPath": "Resources/watch.py"})
    monkeypatch.setenv("HOPSWORKS_JOB_NAME", "watch")
    (channel,) = audience(alerts={"channels": [{"hopsworks": {"receiver": "slack"}}]}).channels
    assert isinstance(channel, ReceiverChannel)
    assert str(channel.generator_url).endswith("/jobs/named/watch")


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"baseline": {"feature_group": {"name": "people"}}}, "feature group 'people' version 1"),
        ({"baseline": {"training_dataset": {"feature_view": "people_fv"}}}, "feature view 'people_fv' version 1"),
        ({"baseline": {"deployment": {"name": "creditdep"}}}, "feature view 'people_fv' version 1"),
        ({"log": {"deployment": {"name": "creditdep"}}}, "feature view 'people_fv' version 1"),
        ({"log": {"feature_log": {"feature_view": "people_fv"}}}, "feature view 'people_fv' version 1"),
    ],
    ids=["group", "view", "deployment", "log of a deployment", "feature log"],
)
def test_native_results_are_of_what_the_configuration_names(
    server: HopsworksServer, changes: dict[str, Any], title: str
) -> None:
    (listener,) = audience(store=NATIVE, **changes).listeners
    assert isinstance(listener, NativeResults)
    assert listener.title == title


def test_native_results_of_nothing_are_refused(server: HopsworksServer) -> None:
    with pytest.raises(ConfigError, match="neither `baseline` nor `log` names one"):
        audience(store=NATIVE)
