"""One log in micro-batches of 1,000, 37,000 and unlimited, from 1, 2 and 8 partitions: the same windows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from pyspark.sql import SparkSession

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.producer import publish
from hopsmon.core.techniques import registry
from hopsmon.streaming.run import run_query
from tests.support.monitors import MemoryStore, kafka_source, monitor, query
from tests.support.traffic import Traffic

TRAFFIC = Traffic(
    requests=40_000, every=timedelta(milliseconds=50), jitter=9.0, shift=3.0, shift_from=25_000, responses=False
)
SEQUENCES = ("e_detector", "cusum")
COUNTS = ("requests", "instances", "rejected", "late", "first_event", "last_event", "status")


def results(store: MemoryStore) -> dict[tuple[Any, ...], Any]:
    """What must be the same: counts, histograms and verdicts exactly; means to rounding."""
    found: dict[tuple[Any, ...], Any] = {}
    for row in store.rows("hopsmon_windows"):
        found["window", row["window_start"]] = [row[name] for name in COUNTS]
    for row in store.rows("hopsmon_statistics"):
        if row["count"] and row["feature"] != "score":
            key = ("statistics", row["window_start"], row["feature"])
            numbers = [row[name] for name in ("count", "nulls", "invalid", "min", "max", "distinct_approx")]
            mean = None if row["mean"] is None else pytest.approx(row["mean"], rel=1e-9)
            found[key] = [numbers, orjson.loads(row["histogram"]), mean]
    for row in store.rows("hopsmon_drift"):
        followed = row["technique"] in SEQUENCES and row["score"] is not None
        score = pytest.approx(row["score"], rel=1e-6, abs=1e-9) if followed else None
        found["drift", row["window_start"], row["feature"], row["technique"]] = (row["is_drift"], row["n"], score)
    return found


def test_cuts_make_no_difference(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    expected: dict[tuple[Any, ...], Any] = {}
    events = list(TRAFFIC.events())
    for partitions in (1, 2, 8):
        name = topic(partitions=partitions)
        spread = (event._replace(partition=number % partitions) for number, event in enumerate(events))
        publish(kafka.bootstrap_servers, name, spread)
        for limit in (None, 37_000, 1_000):
            source = kafka_source(kafka.bootstrap_servers, name, max_offsets_per_trigger=limit)
            names = dict.fromkeys((*registry.DEFAULT_TECHNIQUES, *SEQUENCES))
            techniques = tuple(registry.build(name) for name in names)
            plan = query(source, tmp_path / f"{partitions}-{limit}", [monitor(techniques=techniques)])
            report = run_query(spark, plan, once=True)
            assert isinstance(plan.store, MemoryStore)
            assert report.rows == TRAFFIC.requests
            assert report.batches >= (TRAFFIC.requests / limit if limit else 1)  # the limit was really kept
            found = results(plan.store)
            expected = expected or found
            assert found == expected, (partitions, limit)
    assert sum(row[1] for key, row in expected.items() if key[0] == "window") == TRAFFIC.requests
    drifted = {key[3] for key, value in expected.items() if key[0] == "drift" and value[0]}
    assert {"ks", *SEQUENCES} <= drifted
