"""Suites are read from every form they are met in; what is wrong with one is told at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hopsmon.core.expectations.suite import Expectation, Suite, parameters_of, read_suite, suite_of
from hopsmon.core.finding import Severity
from hopsmon.errors import ConfigError

BETWEEN = {"column": "age", "min_value": 0, "max_value": 120, "mostly": 0.9}
NULL = {"column": "city"}
MEANT = (
    ("expect_column_values_to_be_between", BETWEEN),
    ("expect_column_values_to_not_be_null", NULL),
)

GE_1 = {
    "name": "flights",
    "id": None,
    "expectations": [{"type": kind, "kwargs": kwargs, "meta": {}, "severity": "critical"} for kind, kwargs in MEANT],
    "meta": {"great_expectations_version": "1.24.0"},
    "notes": None,
}
GE_0 = {
    "expectation_suite_name": "flights",
    "data_asset_type": None,
    "ge_cloud_id": None,
    "expectations": [
        {"expectation_type": kind, "kwargs": {**kwargs, "row_condition": None, "result_format": "BASIC"}, "meta": {}}
        for kind, kwargs in MEANT
    ],
    "meta": {"great_expectations_version": "0.18.22"},
}
# As Hopsworks' REST API answers.
REST = {
    "id": 7,
    "featureStoreId": 67,
    "featureGroupId": 1,
    "expectationSuiteName": "flights",
    "expectations": [
        {"id": 11 + at, "expectationType": kind, "kwargs": json.dumps(kwargs), "meta": "{}"}
        for at, (kind, kwargs) in enumerate(MEANT)
    ],
    "meta": '{"great_expectations_version": "1.24.0"}',
    "runValidation": True,
    "validationIngestionPolicy": "ALWAYS",
}


@pytest.mark.parametrize(
    "form", [GE_1, GE_0, REST, {"href": "…", "count": 1, "items": [REST]}], ids=["1.x", "0.18", "REST", "collection"]
)
def test_every_form_says_the_same(form: dict[str, Any]) -> None:
    suite = read_suite(json.dumps(form))
    assert suite.name == "flights"
    assert [(one.type, dict(one.kwargs)) for one in suite.expectations] == list(MEANT)
    assert [one.key for one in suite.expectations] == [Expectation(*meant).key for meant in MEANT]
    form = form.get("items", [form])[0]
    assert suite.meta["great_expectations_version"] in str(form["meta"])


def test_hopsworks_numbers_expectations() -> None:
    assert [one.id for one in suite_of(REST).expectations] == [11, 12]
    numbered = {"type": "t", "kwargs": {}, "meta": {"expectationId": 5}}
    assert suite_of({"name": "s", "expectations": [numbered]}).expectations[0].id == 5
    assert [one.id for one in suite_of(GE_1).expectations] == [None, None]


@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ({"severity": "critical"}, Severity.CRITICAL),
        ({"severity": "warning"}, Severity.WARNING),
        ({"severity": "info"}, Severity.WARNING),
        ({}, Severity.WARNING),
        ({"meta": {"severity": "critical"}}, Severity.CRITICAL),
    ],
)
def test_severity_is_what_the_suite_says(given: dict[str, Any], severity: Severity) -> None:
    suite = suite_of({"name": "s", "expectations": [{"type": "t", "kwargs": {}, **given}]})
    assert suite.expectations[0].severity is severity


def test_written_and_read_again_it_is_the_same() -> None:
    suite = Suite("s", (Expectation("t", {"column": "Zürich"}, {"why": "so"}, Severity.CRITICAL),), {"rows": 3})
    assert read_suite(suite.to_json()) == suite


def test_an_expectation_stands_once_and_its_key_does_not_depend_on_the_order_of_its_arguments() -> None:
    twice = [
        {"type": "t", "kwargs": {"column": "a", "mostly": 1}},
        {"type": "t", "kwargs": {"mostly": 1, "column": "a"}},
    ]
    (only,) = suite_of({"name": "s", "expectations": twice}).expectations
    assert only.key == Expectation("t", {"mostly": 1, "column": "a"}).key
    assert only.key != Expectation("t", {"mostly": 0.5, "column": "a"}).key
    assert only.key != Expectation("u", {"mostly": 1, "column": "a"}).key


def test_names_of_arguments_that_hopsworks_has_put_into_lower_case() -> None:
    given = [{"type": "t", "kwargs": {"column_a": "Age", "column_b": "b"}}]
    assert suite_of({"name": "s", "expectations": given}).expectations[0].kwargs == {"column_A": "Age", "column_B": "b"}


def test_parameters_become_their_values_where_the_suite_has_them() -> None:
    given = [{"type": "t", "kwargs": {"column": "a", "min_value": {"$PARAMETER": "low"}}}]
    (known,) = suite_of({"name": "s", "expectations": given, "suite_parameters": {"low": 3}}).expectations
    assert known.kwargs["min_value"] == 3
    assert not list(parameters_of(known))
    (unknown,) = suite_of({"name": "s", "expectations": given}).expectations
    assert list(parameters_of(unknown)) == ["low"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "suite.json: not JSON"),
        ("[]", "suite.json: no expectation suite: it needs a name and a list of expectations"),
        ('{"name": "s"}', "no expectation suite"),
        ('{"name": "s", "expectations": []}', "suite.json: the suite has no expectations"),
        (
            '{"name": "s", "expectations": [{"kwargs": {}}, 5]}',
            r"2 of its expectations cannot be read:\n  1: .*\n  2: ",
        ),
        ('{"name": "s", "expectations": [{"type": "t", "kwargs": "{"}]}', "1: t: kwargs must be a mapping, got '{'"),
    ],
)
def test_what_is_no_suite_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_suite(text, "suite.json")
