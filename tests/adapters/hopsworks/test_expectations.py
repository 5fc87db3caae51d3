"""Suites of feature groups through the real client: read whichever form they have, and attached to our own tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import great_expectations as gx
import pytest
from hsfs.expectation_suite import ExpectationSuite

from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.expectations import attach, attach_result_suite, attached, suite_of_feature_group
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.hopsworks.views import feature_group
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.expectations.propose import propose
from hopsmon.core.expectations.suite import Expectation, Suite, suite_of
from hopsmon.core.finding import Severity
from hopsmon.core.schema import ModelRef
from hopsmon.errors import ConfigError
from hopsmon.streaming.table_suites import suites_for_tables
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.traffic import reference

AGE = Expectation("expect_column_values_to_be_between", {"column": "age", "min_value": 18, "max_value": 120})
PAIR = Expectation("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "age", "column_B": "id"})
CITY = Expectation("expect_column_values_to_be_in_set", {"column": "city", "value_set": ["Bern", "Zug"], "mostly": 0.9})
SUITE = Suite("credit", (AGE, CITY))
# As Great Expectations 0.18 wrote it; the client takes it as its own.
OLD = {
    "expectation_suite_name": "credit",
    "expectations": [
        {"expectation_type": one.type, "kwargs": dict(one.kwargs), "meta": {}} for one in SUITE.expectations
    ],
    "meta": {"great_expectations_version": "0.18.22"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=client_version()) as running:
        yield running


@pytest.fixture(scope="module")
def connection(server: HopsworksServer) -> Connection:
    return connect(server.login("python"))


@pytest.fixture
def group(server: HopsworksServer, connection: Connection, request: pytest.FixtureRequest) -> Any:
    """A feature group of its own for each test."""
    name = f"group_{abs(hash(request.node.name))}"[:40]
    server.seed.feature_group(name, {"id": "bigint", "age": "double", "city": "string"}, ("id",))
    return feature_group(connection, name, 1)


def meant(suite: Suite) -> list[tuple[str, dict[str, Any]]]:
    return [(one.type, dict(one.kwargs)) for one in suite.expectations]


@pytest.mark.parametrize(
    "given",
    [
        lambda: gx.ExpectationSuite(**SUITE.as_ge()),
        lambda: ExpectationSuite(**OLD),
        lambda: ExpectationSuite(**SUITE.as_ge()),
    ],
    ids=["1.x", "0.18", "a proposed one"],
)
def test_the_suite_of_a_feature_group_is_read_whoever_wrote_it(connection: Connection, group: Any, given: Any) -> None:
    group.save_expectation_suite(given())
    suite = suite_of_feature_group(connection, group.name, 1)
    assert suite.name == "credit"
    assert meant(suite) == meant(SUITE)
    assert all(one.id is not None for one in suite.expectations)


def test_a_pair_is_read_as_it_was_meant(connection: Connection, group: Any) -> None:
    """The client writes column_A as column_a where a suite of its own type is saved, and then fails to read it."""
    pair = Suite("pair", (PAIR,))
    with pytest.raises(ValueError, match="column_a"):
        group.save_expectation_suite(ExpectationSuite(**pair.as_ge()))
    found = attached(group)
    assert found is not None
    assert "column_a" in found["expectations"][0]["kwargs"]
    assert meant(suite_of_feature_group(connection, group.name, 1)) == meant(pair)


def test_a_proposed_suite_can_be_attached_and_read_back(connection: Connection, group: Any) -> None:
    suite = propose(build_baseline(reference(500), ModelRef("credit", 3), predictions=["score"]))
    group.save_expectation_suite(gx.ExpectationSuite(**json.loads(suite.to_json())))
    back = suite_of_feature_group(connection, group.name, 1)
    assert meant(back) == meant(suite)
    assert {one.severity for one in back.expectations} == {Severity.WARNING}
    assert [one.meta["why"] for one in back.expectations] == [one.meta["why"] for one in suite.expectations]


def test_a_feature_group_without_a_suite_says_what_to_do(connection: Connection, group: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"has no expectation suite. Attach one: feature_group.save_expectation_suite"
    ):
        suite_of_feature_group(connection, group.name, 1)


def test_a_feature_group_that_is_not_there_is_told(connection: Connection, group: Any) -> None:
    with pytest.raises(ConfigError, match="There is no version 7 of feature group"):
        suite_of_feature_group(connection, group.name, 7)
    with pytest.raises(ConfigError, match="There is no feature group 'nobody'"):
        suite_of_feature_group(connection, "nobody", 1)


def test_a_suite_is_attached_once_and_again_only_where_it_changed(
    server: HopsworksServer, group: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attach(group, SUITE)
    assert not attach(group, SUITE)
    changed = Suite("credit", (AGE,))
    assert attach(group, changed)
    found = attached(group)
    assert found is not None
    assert meant(suite_of(found)) == meant(changed)
    assert found["runValidation"] is False  # rows of a stream are not validated by the client, batch by batch
    assert capsys.readouterr().out == ""


def test_somebody_elses_suite_stays(group: Any) -> None:
    group.save_expectation_suite(ExpectationSuite(**OLD))
    assert not attach(group, Suite("hopsmon_drift_suite", (AGE,)))
    found = attached(group)
    assert found is not None
    assert found["expectationSuiteName"] == "credit"


def test_every_suite_of_our_own_tables_can_be_attached(server: HopsworksServer, connection: Connection) -> None:
    suites, groups = suites_for_tables(), {}
    for name in suites:
        server.seed.feature_group(name, {"monitor": "string"}, ("monitor",))
        groups[name] = feature_group(connection, name, 1)
    for name, group in groups.items():
        attach_result_suite(group, name)
    for name, suite in suites.items():
        assert meant(suite_of_feature_group(connection, name, 1)) == meant(suite)
