"""The suites of the result tables: for every table, only about its columns, and true of what the engine writes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import great_expectations as gx
import numpy as np
import pyarrow as pa
import pytest

from hopsmon.adapters.great_expectations import library
from hopsmon.core.expectations.reading import named_columns
from hopsmon.core.finding import Severity
from hopsmon.core.techniques import registry
from hopsmon.streaming.table_suites import suites_for_tables
from hopsmon.streaming.tables import DRIFT, OUTLIERS, REJECTS, STATISTICS, TABLES, WINDOWS
from tests.support.engine import SmallEngine, requests
from tests.support.monitors import monitor

SUITES = suites_for_tables()
WRITTEN = (WINDOWS, STATISTICS, DRIFT, OUTLIERS, REJECTS)


@pytest.fixture(scope="module")
def engine() -> SmallEngine:
    """A window with drift, outliers, nulls, rejects and late rows."""
    techniques = tuple(registry.build(name) for name in registry.DEFAULT_TECHNIQUES)
    engine = SmallEngine(monitor(techniques=techniques, slices=("city",)))
    rng = np.random.default_rng(1)
    rows = [(None if age > 70 else float(age), 1e6, "Atlantis") for age in rng.normal(60, 10, 200)]
    batch = requests(rows, np.linspace(0, 100, 200).tolist())
    broken = batch.set_column(0, "value", pa.array([b"{", *batch.column("value").to_pylist()[1:]], pa.binary()))
    engine.run([broken])
    engine.end()
    return engine


def failing(suite: Any, table: pa.Table) -> list[Any]:
    theirs = gx.ExpectationSuite(**json.loads(suite.to_json()))
    found = library._batches().get_batch({"dataframe": table.to_pandas()}).validate(theirs)
    assert len(found.results) == len(suite.expectations)
    return [one.expectation_config.to_json_dict() for one in found.results if not one.success]


def test_every_table_has_one_and_it_names_columns_of_that_table() -> None:
    assert SUITES.keys() == TABLES.keys()
    for name, suite in SUITES.items():
        columns = {column for column, _, _ in TABLES[name].columns}
        assert {column for one in suite.expectations for column in named_columns(one)} <= columns
        null = {one.kwargs["column"] for one in suite.expectations if one.type.endswith("not_be_null")}
        assert null == set(TABLES[name].key)
        assert all(one.meta["why"] and one.severity is Severity.CRITICAL for one in suite.expectations)


@pytest.mark.parametrize("spec", WRITTEN, ids=lambda spec: spec.name)
def test_what_the_engine_writes_meets_them(engine: SmallEngine, spec: Any) -> None:
    table = engine.store.read(spec.name)
    assert table.num_rows
    assert failing(SUITES[spec.name], table) == []


@pytest.mark.parametrize(
    ("spec", "column", "value"),
    [
        (WINDOWS, "instances", -1),
        (WINDOWS, "status", "odd"),
        (DRIFT, "p_value", 1.5),
        (DRIFT, "reason", "because"),
        (DRIFT, "technique", None),
        (STATISTICS, "nulls", -2),
    ],
)
def test_what_is_not_so_fails(engine: SmallEngine, spec: Any, column: str, value: object) -> None:
    rows = engine.store.read(spec.name).to_pylist()
    rows[0][column] = value
    (failed,) = failing(SUITES[spec.name], pa.Table.from_pylist(rows, schema=spec.schema))
    assert failed["kwargs"]["column"] == column


def test_a_window_that_ends_before_it_starts_fails(engine: SmallEngine) -> None:
    rows = engine.store.read(WINDOWS.name).to_pylist()
    rows[0] |= {"window_start": rows[0]["window_end"], "window_end": rows[0]["window_start"]}
    (failed,) = failing(SUITES[WINDOWS.name], pa.Table.from_pylist(rows, schema=WINDOWS.schema))
    assert failed["type"] == "expect_column_pair_values_a_to_be_greater_than_b"


def test_a_table_of_another_shape_has_a_suite_of_its_columns() -> None:
    from hopsmon.streaming.table_suites import suite_of_table

    small = replace(WINDOWS, columns=WINDOWS.columns[:6], name="small")
    kinds = {one.type for one in suite_of_table(small).expectations}
    assert kinds == {"expect_column_values_to_not_be_null", "expect_column_pair_values_a_to_be_greater_than_b"}
