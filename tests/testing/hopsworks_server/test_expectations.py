"""Great Expectations: suites and reports, written by the client and the library."""

from __future__ import annotations

import pytest

gx = pytest.importorskip("great_expectations")


@pytest.fixture
def suite():
    between = gx.expectations.ExpectColumnValuesToBeBetween(column="length", min_value=0, max_value=1)
    return gx.ExpectationSuite(name="lengths", expectations=[between])


def test_a_suite(iris, suite):
    assert iris.get_expectation_suite() is None
    iris.save_expectation_suite(suite, validation_ingestion_policy="ALWAYS")
    (expectation,) = iris.get_expectation_suite(ge_type=False).expectations
    assert expectation.kwargs["column"] == "length"
    assert expectation.id == 1
    iris.delete_expectation_suite()
    assert iris.get_expectation_suite() is None


def test_one_suite_a_feature_group(server, iris, suite):
    for _ in range(2):
        iris.save_expectation_suite(suite, overwrite=True)
    asked = [(request.method, request.status) for request in server.requests if "expectationsuite" in request.path]
    assert asked[-2:] == [("DELETE", 204), ("POST", 201)]


def test_reports(iris, suite):
    pandas = pytest.importorskip("pandas")
    iris.save_expectation_suite(suite)
    frame = pandas.DataFrame({"length": [0.5, 3.0]})
    report = iris.validate(frame, save_report=True, validation_options={"ge_type": False})
    assert not report.success
    latest = iris.get_latest_validation_report(ge_type=False)
    assert latest.ingestion_result in ("INGESTED", "EXPERIMENT", "UNKNOWN", "REJECTED")
    assert len(iris.get_all_validation_reports(ge_type=False)) == 1
