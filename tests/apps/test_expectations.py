"""Expectations in configurations, comparisons and on the command line: what data is held to, and what is said of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import hopsmon
from hopsmon import wiring
from hopsmon.config import MonitorConfig
from hopsmon.core.expectations.suite import Expectation, Suite, read_suite
from hopsmon.core.finding import Reason
from hopsmon.errors import ConfigError, UnknownNameError
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.apps.conftest import Run

TEMP = Expectation("expect_column_values_to_be_between", {"column": "TEMP", "min_value": 0, "max_value": 100})
ID = Expectation("expect_column_values_to_not_be_null", {"column": "flight_id"})
UNIQUE = Expectation("expect_column_values_to_be_unique", {"column": "seats"})
SUITE = Suite("flights", (TEMP, ID, UNIQUE))


@pytest.fixture
def suite_file(tmp_path: Path) -> Path:
    file = tmp_path / "suite.json"
    file.write_text(SUITE.to_json())
    return file


def plan_of(monitor_file: Path, section: str) -> Any:
    text = f"{monitor_file.read_text()}\nexpectations: {section}\n"
    return wiring.monitor_plan(MonitorConfig.from_yaml(text, folder=monitor_file.parent))


def test_a_monitor_is_held_to_the_suite_in_a_file(
    monitor_file: Path, suite_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = wiring.monitor_plan(MonitorConfig.from_file(monitor_file)).techniques
    with caplog.at_level(logging.WARNING, "hopsmon.wiring"):
        plan = plan_of(monitor_file, "{file: suite.json}")
    names = [one.name for one in plan.techniques[len(before) :]]
    assert names == ["expect_column_values_to_be_between", "expect_column_values_to_be_unique"]
    assert plan.techniques[len(before)].checks[0].feature == "temp"
    assert "1 of 3 expectations of suite 'flights' are on columns that the model does not have" in caplog.text
    assert "left out: flight_id" in caplog.text


def test_columns_may_have_other_names_in_the_feature_group(monitor_file: Path, suite_file: Path) -> None:
    plan = plan_of(monitor_file, "{file: suite.json, columns: {flight_id: origin}}")
    assert "expect_column_values_to_not_be_null" in [one.name for one in plan.techniques]
    with pytest.raises(UnknownNameError, match=r"'tempt'.*Did you mean 'temp'"):
        plan_of(monitor_file, "{file: suite.json, columns: {flight_id: tempt}}")


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        (None, "Cannot read the expectation suite '.*suite.json': No such file"),
        ("{", "suite.json: not JSON"),
        (Suite("s", (Expectation("expect_column_values_to_be_nul", {"column": "temp"}),)).to_json(), "Did you mean"),
        (Suite("s", (ID,)).to_json(), "no expectation of suite 's' is on a feature of the model: temp, seats, origin"),
    ],
    ids=["missing", "no JSON", "unknown expectation", "other columns only"],
)
def test_a_suite_that_cannot_be_used_ends_the_start(
    monitor_file: Path, tmp_path: Path, suite: str | None, told: str
) -> None:
    if suite is not None:
        (tmp_path / "suite.json").write_text(suite)
    with pytest.raises(ConfigError, match=told):
        plan_of(monitor_file, "{file: suite.json}")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[HopsworksServer]:
    from hopsmon.adapters.hopsworks.private import client_version

    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=client_version()) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def test_a_monitor_is_held_to_the_suite_of_a_feature_group(monitor_file: Path, server: HopsworksServer) -> None:
    from hsfs.expectation_suite import ExpectationSuite

    server.seed.feature_group("flights", {"flight_id": "bigint", "temp": "double"}, ("flight_id",))
    store = server.login("python").get_feature_store()
    store.get_feature_group("flights", 1).save_expectation_suite(ExpectationSuite(**SUITE.as_ge()))
    plan = plan_of(monitor_file, "{feature_group: {name: flights}}")
    held = [one for one in plan.techniques if one.name.startswith("expect_")]
    assert [check.feature for one in held for check in one.checks] == ["temp", "seats"]
    assert held[0].checks[0].expectation.id is not None
    with pytest.raises(ConfigError, match="There is no version 3 of feature group 'flights'"):
        plan_of(monitor_file, "{feature_group: {name: flights, version: 3}}")


def test_a_comparison_holds_data_to_a_suite() -> None:
    before = pd.DataFrame({"temp": range(100), "seats": range(100)})
    now = before.assign(temp=before["temp"] + 50)
    result = hopsmon.compare(before, now, techniques=["psi"], expectations=json.loads(SUITE.to_json()))
    expected = [one for one in result.findings if one.by_expectation]
    assert [(one.feature, one.score, one.reason) for one in expected] == [
        ("temp", 0.49, Reason.EXPECTATION_FAILED),
        ("seats", 0.0, Reason.OK),
    ]
    assert "1 of 2 expectations not met" in repr(result)
    assert "49% of 100 not as expected" in repr(result)
    assert hopsmon.compare(before, before, techniques=["psi"], expectations=SUITE).passed
    with pytest.raises(ConfigError, match="expectations must be a suite of Great Expectations or Hopsworks"):
        hopsmon.compare(before, now, expectations="suite.json")


def test_windows_of_a_comparison_are_held_one_by_one() -> None:
    times = pd.date_range("2026-01-01", periods=200, freq="min")
    now = pd.DataFrame({"at": times, "temp": [5.0] * 100 + [500.0] * 100})
    before = now.assign(temp=5.0)
    result = hopsmon.compare(
        before, now, techniques=["psi"], event_time="at", window="100m", expectations=Suite("s", (TEMP,))
    )
    assert [one.details["unexpected_count"] for one in result.findings if one.by_expectation] == [0, 40, 60]


def test_propose_writes_a_suite(run: Run, train: Path, tmp_path: Path) -> None:
    assert run("baseline", train, "-o", "baseline.json", "--prediction", "score").exit_code == 0
    written = run("expectations", "propose", "baseline.json", "-o", "made/suite.json")
    assert written.exit_code == 0
    suite = read_suite((tmp_path / "made" / "suite.json").read_text())
    told = f"suite 'train' with {len(suite.expectations)} expectations"
    assert told in written.stdout
    printed = run("expectations", "propose", "baseline.json")
    assert read_suite(printed.stdout) == suite
    shown = run("expectations", "show", "made/suite.json", "--baseline", "baseline.json")
    assert shown.exit_code == 0
    assert f"{len(suite.expectations)} expectations" in shown.stdout
    assert "Every instance: " in shown.stdout
    assert "Statistics: " in shown.stdout


def test_show_says_how_each_is_checked(run: Run, suite_file: Path, train: Path) -> None:
    shown = run("expectations", "show", suite_file)
    assert shown.exit_code == 0
    assert "Every instance: 2\n  expect_column_values_to_be_between  TEMP\n" in shown.stdout
    assert "Sample: 1\n  expect_column_values_to_be_unique  seats\n" in shown.stdout
    run("baseline", train, "-o", "baseline.json")
    model = run("expectations", "show", suite_file, "--baseline", "baseline.json").stdout
    assert "Left out: 1\n  expect_column_values_to_not_be_null  flight_id  the model has no 'flight_id'" in model


def test_types_lists_what_is_known(run: Run) -> None:
    listed = run("expectations", "types")
    assert listed.exit_code == 0
    assert "  expect_column_values_to_be_between\n" in listed.stdout
    assert "expect_column_values_to_be_increasing  the instances of a window have no order" in listed.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["expectations", "propose", "none.json"], "Cannot read the baseline 'none.json'"),
        (["expectations", "show", "none.json"], "Cannot read the expectation suite 'none.json'"),
        (["expectations", "show", "suite.json", "--module", "nobody"], "expectations.modules: 'nobody' cannot"),
        (["expectations", "sow"], "No such command 'sow'"),
    ],
)
def test_wrong_use_is_one_message(run: Run, suite_file: Path, words: list[str], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["propose", "show", "types"])
def test_every_command_has_an_example(run: Run, command: str) -> None:
    shown = run("expectations", command, "--help")
    assert f"hopsmon expectations {command}" in shown.stdout
