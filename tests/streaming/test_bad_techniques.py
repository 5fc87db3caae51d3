"""Somebody else's bad techniques never stop a stream, nor spoil what ours find: their findings say what is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from pyspark.sql import SparkSession

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.producer import publish
from hopsmon.core.techniques import registry
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.run import run_query
from tests.support.bad_techniques import EXPECTED, ON_INSTANCES, ON_WINDOWS, RaisesOnInstances
from tests.support.engine import START, SmallEngine, requests
from tests.support.monitors import MemoryStore, kafka_source, monitor, query
from tests.support.traffic import Traffic

SPEC = WindowSpec(timedelta(seconds=10), lateness=timedelta(seconds=3))
FINE = (40.0, 3000.0, "Bern")
OURS = tuple(registry.build(name) for name in ("range", "psi", "null_share"))


def failures(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The findings that say `failed`, by technique and feature."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["reason"] == "failed":
            found.setdefault((row["technique"], row["feature"]), []).append(row)
    return found


def ours(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = {technique.name for technique in OURS}
    return [
        (row["window_start"], row["feature"], row["technique"], row["score"], row["is_drift"])
        for row in rows
        if row["technique"] in names
    ]


def engine_of(*techniques: Any, **changes: Any) -> SmallEngine:
    return SmallEngine(monitor(techniques=techniques, window=SPEC, technique_seconds=0.3, **changes))


def run(engine: SmallEngine) -> SmallEngine:
    engine.run([requests([FINE] * 40, range(40)), requests([FINE] * 20, range(40, 60), 40)])
    engine.end()
    return engine


def test_every_bad_technique_is_told_of_in_every_window_and_ours_find_what_they_find() -> None:
    bad = run(engine_of(*ON_INSTANCES, *OURS, *ON_WINDOWS))
    found = failures(bad.rows("drift"))
    assert set(found) == set(EXPECTED)
    windows = {row["window_start"] for row in bad.rows("windows")}
    for key, said in EXPECTED.items():
        assert {row["window_start"] for row in found[key]} == windows, key
        assert len(found[key]) == len(windows), f"{key}: one row a window"
        assert all(said in orjson.loads(row["details"])["error"] for row in found[key]), key
        assert all(row["score"] is None and not row["is_drift"] for row in found[key])
    assert ours(bad.rows("drift")) == ours(run(engine_of(*OURS)).rows("drift"))
    assert {row["technique"] for row in bad.rows("outliers")} <= {"range"}


def test_verdicts_with_odd_details_stand() -> None:
    rows = [row for row in run(engine_of(*ON_WINDOWS)).rows("drift") if row["technique"] == "strange_findings"]
    details = {row["feature"]: orjson.loads(row["details"]) for row in rows if row["reason"] == "ok"}
    assert "object at" in details["income"]["of"]
    assert "too long" in details["city"]["details_error"]
    assert max(len(row["details"]) for row in rows) < 100_000


def test_a_window_counts_its_instances_that_failed_over_batches_and_tasks() -> None:
    engine = engine_of(RaisesOnInstances())
    engine.run([requests([FINE] * 4, [1, 2, 3, 11])], [requests([FINE] * 2, [4, 12], partition=1)])
    engine.run([requests([FINE] * 3, [5, 6, 13], 4)])
    engine.end()
    (rows,) = failures(engine.rows("drift")).values()
    start = datetime.fromtimestamp(START / 1e6, timezone.utc)
    assert {(row["window_start"] - start).seconds: row["n"] for row in rows} == {0: 6, 10: 3}


def test_which_of_several_errors_is_told_does_not_depend_on_the_order_of_tasks() -> None:
    tasks = [[requests([FINE], [at], partition=number)] for number, at in enumerate((1, 2, 3, 4))]
    told = set()
    for order in (tasks, tasks[::-1]):
        engine = engine_of(RaisesOnInstances())
        engine.run(*order)
        engine.end()
        told.add(engine.rows("drift")[0]["details"])
    assert len(told) == 1


def test_windows_that_overlap_each_count_theirs() -> None:
    spec = WindowSpec(timedelta(seconds=20), timedelta(seconds=10), timedelta(seconds=3))
    engine = SmallEngine(monitor(techniques=(RaisesOnInstances(),), window=spec))
    engine.run([requests([FINE] * 3, [5, 15, 16])])
    engine.end()
    assert [row["n"] for row in engine.rows("drift")] == [1, 3, 2]


def test_failures_are_told_once_a_slice_window_and_forgotten() -> None:
    engine = engine_of(RaisesOnInstances(), slices=("city",))
    for minute in range(10):
        engine.run([requests([FINE], [minute * 60.0], minute)])
        assert len(engine.state.failures.windows) <= 1
    assert {row["slice"] for row in engine.rows("drift")} == {""}


def test_a_run_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "hopsmon.run"):
        run(engine_of(*ON_INSTANCES, *ON_WINDOWS))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == len({technique for technique, _ in EXPECTED})
    assert any("technique 'leaves' failed: RuntimeError: it raised SystemExit(3)" in text for text in told)


def test_on_spark_the_stream_goes_on_to_its_end(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic(partitions=2)
    publish(kafka.bootstrap_servers, name, Traffic(requests=180).events(partitions=2))
    watch = monitor(techniques=(*ON_INSTANCES, *OURS, *ON_WINDOWS), technique_seconds=0.3)
    plan = query(kafka_source(kafka.bootstrap_servers, name, max_offsets_per_trigger=60), tmp_path, [watch])
    before = set(threading.enumerate())
    report = run_query(spark, plan, once=True)
    left = [thread.name for thread in threading.enumerate() if thread not in before and "hangs" in thread.name]
    assert left == ["hopsmon-hangs_on_windows"], "the one that hangs was waited for, or asked again"
    assert report.tally.decoded == 360
    assert isinstance(plan.store, MemoryStore)
    rows = plan.store.rows("hopsmon_drift")
    windows = {row["window_start"] for row in plan.store.rows("hopsmon_windows")}
    found = failures(rows)
    assert set(found) == set(EXPECTED)
    for key, said in EXPECTED.items():
        assert sorted(row["window_start"] for row in found[key]) == sorted(windows), key
        assert all(said in orjson.loads(row["details"])["error"] for row in found[key]), key
    assert len(ours(rows)) > 0
