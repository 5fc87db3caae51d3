"""Expectations in a stream: exact counts for windows and slices, whatever the cuts, and the same after a replay."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
from pyspark.sql import SparkSession

from hopsmon.adapters.files.source import FilesSource
from hopsmon.adapters.great_expectations.sampled import suite_techniques
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.expectations.suite import Expectation, Suite
from hopsmon.core.techniques.protocols import Technique
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.run import run_query
from tests.support.engine import SmallEngine, requests
from tests.support.monitors import MODEL, MemoryStore, baseline, monitor, query
from tests.support.traffic import reference

NOON = 1_772_366_400  # 2026-03-01T12:00:00Z
SPEC = WindowSpec(timedelta(seconds=10), lateness=timedelta(seconds=3))
SUITE = Suite(
    "credit",
    (
        Expectation("expect_column_values_to_be_between", {"column": "age", "min_value": 18, "mostly": 0.9}),
        Expectation("expect_column_values_to_not_be_null", {"column": "age"}),
        Expectation("expect_column_values_to_be_in_set", {"column": "city", "value_set": ["Bern", "Genf"]}),
        Expectation("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "income", "column_B": "age"}),
        Expectation("expect_column_values_to_be_between", {"column": "score", "max_value": 1}),
        Expectation("expect_table_row_count_to_be_between", {"min_value": 3}),
        Expectation("expect_column_values_to_be_unique", {"column": "age"}),
        Expectation("expect_column_values_to_be_increasing", {"column": "age"}),
    ),
)
Row = tuple[Any, Any, Any]


def held(suite: Suite = SUITE) -> tuple[Technique, ...]:
    return suite_techniques(suite, baseline().schema)[1]


def plan(suite: Suite = SUITE, **changes: Any) -> MonitorPlan:
    return monitor(techniques=held(suite), window=SPEC, **changes)


def details(engine: SmallEngine, kind: str, feature: str, slice_name: str = "") -> list[dict[str, Any]]:
    """Of each window, in order of time."""
    rows = [
        row
        for row in engine.rows("drift")
        if (row["technique"], row["feature"], row["slice"]) == (f"expect_{kind}", feature, slice_name)
    ]
    return [json.loads(row["details"]) for row in sorted(rows, key=lambda row: row["window_start"])]


def counts(engine: SmallEngine, kind: str, feature: str, slice_name: str = "") -> list[tuple[int, int, int]]:
    names = ("element_count", "missing_count", "unexpected_count")
    return [tuple(one[name] for name in names) for one in details(engine, kind, feature, slice_name)]


INSTANCES: list[Row] = [
    (30.0, 3000.0, "Bern"),
    (5.0, 3.0, "Zug"),
    (None, 3000.0, "Genf"),
    (40.0, 30.0, None),
    (5.0, 3000.0, "Basel"),
    ("old", 3000.0, "Bern"),
]


def test_every_window_has_its_counts_and_its_verdicts() -> None:
    engine = SmallEngine(plan())
    engine.run([requests(INSTANCES, [0, 1, 2, 3, 4, 12])])
    engine.end()
    assert counts(engine, "column_values_to_be_between", "age") == [(5, 1, 2), (1, 0, 1)]
    assert counts(engine, "column_values_to_not_be_null", "age") == [(5, 0, 1), (1, 0, 0)]
    assert counts(engine, "column_values_to_be_in_set", "city") == [(5, 1, 2), (1, 0, 0)]
    assert counts(engine, "column_pair_values_a_to_be_greater_than_b", "") == [(5, 0, 3), (1, 0, 1)]
    rows = {(row["technique"], row["feature"]): row for row in engine.rows("drift")[: len(SUITE.expectations)]}
    between = rows["expect_column_values_to_be_between", "age"]
    assert (between["score"], between["threshold"], between["n"], between["is_drift"]) == (0.5, 0.1, 4, True)
    assert (between["reason"], between["severity"]) == ("expectation_failed", "warning")
    assert json.loads(between["details"])["unexpected_values"] == [{"value": 5.0, "count": 2}]
    assert rows["expect_table_row_count_to_be_between", ""]["score"] == 5
    assert rows["expect_column_values_to_be_increasing", "age"]["reason"] == "not_checkable"
    assert rows["expect_column_values_to_be_between", "score"]["reason"] == "insufficient"  # no response came
    unique = json.loads(rows["expect_column_values_to_be_unique", "age"]["details"])
    assert (unique["on"], unique["rows"], unique["unexpected_count"]) == ("sample", 5, 2)


def test_tasks_and_micro_batches_make_no_difference() -> None:
    rng = np.random.default_rng(5)
    many = [INSTANCES[at] for at in rng.integers(0, len(INSTANCES), 60)]
    times = (np.arange(60) / 3).tolist()
    whole = SmallEngine(plan())
    whole.run([requests(many, times)])
    whole.end()
    pieces = SmallEngine(plan())
    for start in range(0, 60, 20):
        cut = [slice(at, at + 5) for at in range(start, start + 20, 5)]
        tasks = [[requests(many[one], times[one], first=one.start)] for one in cut]
        pieces.run(*tasks[::-1])
    pieces.end()
    key = ("window_start", "feature", "technique")
    compared = [
        sorted(
            ([row[name] for name in (*key, "score", "is_drift", "details")] for row in engine.rows("drift")), key=str
        )
        for engine in (whole, pieces)
    ]
    assert compared[0] == compared[1]
    assert sum(one[0] for one in counts(whole, "column_values_to_not_be_null", "age")) == 60


def test_a_micro_batch_that_is_done_again_changes_nothing() -> None:
    engine = SmallEngine(plan())
    first = [requests(INSTANCES[:3], [0, 1, 2])]
    engine.run(first)
    before = engine.state
    engine.run([requests(INSTANCES[3:], [3, 4, 25])])
    again = SmallEngine(plan(), state=before)
    again.run([requests(INSTANCES[3:], [3, 4, 25])])
    rows = [list(one.rows("drift")) for one in (engine, again)]
    assert rows[0] == rows[1]
    assert rows[0]


def test_slices_have_counts_of_their_own_and_none_of_the_feature_that_makes_them() -> None:
    engine = SmallEngine(plan(slices=("city",)))
    engine.run([requests(INSTANCES, [0, 1, 2, 3, 4, 5])])
    engine.end()
    assert counts(engine, "column_values_to_be_between", "age") == [(6, 1, 3)]
    assert counts(engine, "column_values_to_be_between", "age", "city=Bern") == [(2, 0, 1)]
    assert counts(engine, "column_values_to_be_between", "age", "city=Zug") == [(1, 0, 1)]
    assert details(engine, "table_row_count_to_be_between", "", "city=Bern")[0]["observed_value"] == 2
    assert details(engine, "column_values_to_be_in_set", "city", "city=Bern") == []


def test_a_suite_that_changes_while_a_window_is_open_counts_what_came_since() -> None:
    engine = SmallEngine(plan())
    engine.run([requests(INSTANCES[:3], [0, 1, 2])])
    other = Suite("credit", (Expectation("expect_column_values_to_be_between", {"column": "age", "max_value": 35}),))
    changed = SmallEngine(plan(other), state=engine.state)
    changed.run([requests(INSTANCES[3:5], [3, 4], first=3)])
    changed.end()
    (found,) = details(changed, "column_values_to_be_between", "age")
    assert (found["element_count"], found["unexpected_count"], found["only_of"]) == (2, 1, 5)


def test_natural_variation_and_corrections_leave_expectations_alone() -> None:
    """The reference's own windows have nulls and means of their own; what somebody wrote down stands."""
    frame = reference().assign(at=pd.date_range("2026-01-01", periods=4_000, freq="min"))
    seasoned = build_baseline(frame, MODEL, predictions=["score"], event_time="at", window=timedelta(hours=1))
    suite = Suite("s", (Expectation("expect_column_mean_to_be_between", {"column": "age", "max_value": 39}),))
    _, techniques = suite_techniques(suite, seasoned.schema)
    engine = SmallEngine(monitor(techniques=techniques, window=SPEC, baseline=seasoned))
    engine.run([requests([(39.5, 3000.0, "Bern")] * 50, [0.1] * 50)])
    engine.end()
    (row,) = engine.rows("drift")
    assert (row["score"], row["threshold"], row["is_drift"], row["p_adjusted"]) == (39.5, 39.0, True, None)


def events(rows: list[Row], start: int, every: float) -> bytes:
    """KServe's requests as structured CloudEvents, one a line."""
    lines = [
        {
            "specversion": "1.0",
            "id": str(number),
            "source": "p",
            "type": "org.kubeflow.serving.inference.request",
            "time": f"2026-03-01T12:{int(at // 60):02d}:{at % 60:06.3f}Z",
            "data": {"instances": [list(row)]},
        }
        for number, row in enumerate(rows, start)
        for at in [number * every]
    ]
    return b"\n".join(orjson.dumps(line) for line in lines) + b"\n"


def test_counts_are_exact_through_spark(spark: SparkSession, tmp_path: Path) -> None:
    """Eight files in micro-batches of three, each file a task of its own."""
    rng = np.random.default_rng(11)
    rows = [INSTANCES[at] for at in rng.integers(0, len(INSTANCES), 400)]
    log = tmp_path / "log"
    log.mkdir()
    for number in range(8):
        part = slice(number * 50, number * 50 + 50)
        file = log / f"{number}.jsonl"
        file.write_bytes(events(rows[part], part.start, 0.5))
        os.utime(file, (NOON + number, NOON + number))  # files are read in the order of their times
    monitors = [monitor(techniques=held(), slices=("city",))]
    planned = query(FilesSource(log, max_files_per_trigger=3), tmp_path, monitors)
    report = run_query(spark, planned, once=True)
    store = planned.store
    assert isinstance(store, MemoryStore)
    assert report.batches >= 3

    minutes = [rows[at : at + 120] for at in range(0, 400, 120)]
    found = [row for row in store.rows("hopsmon_drift") if row["technique"] == "expect_column_values_to_be_between"]
    ages = sorted(
        (row for row in found if (row["feature"], row["slice"]) == ("age", "")), key=lambda r: r["window_start"]
    )
    told = [json.loads(row["details"]) for row in ages]
    expected = [
        (len(minute), sum(age is None for age, _, _ in minute), sum(age in (5.0, "old") for age, _, _ in minute))
        for minute in minutes
    ]
    assert [(one["element_count"], one["missing_count"], one["unexpected_count"]) for one in told] == expected
    assert [{one["value"]: one["count"] for one in of["unexpected_values"]} for of in told] == [
        {
            "(invalid)": sum(age == "old" for age, _, _ in minute),
            5.0: sum(age == 5.0 for age, _, _ in minute),
        }
        for minute in minutes
    ]
    zug = [json.loads(row["details"]) for row in found if (row["feature"], row["slice"]) == ("age", "city=Zug")]
    assert sum(one["element_count"] for one in zug) == sum(city == "Zug" for _, _, city in rows)
    unique = [row for row in store.rows("hopsmon_drift") if row["technique"] == "expect_column_values_to_be_unique"]
    assert {row["is_drift"] for row in unique if not row["slice"]} == {True}
