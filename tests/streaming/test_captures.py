"""What a real KServe agent sent, through a real topic in both content modes and the whole engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pandas as pd
import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.schema import ModelRef
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.run import run_query
from tests.core.payloads.messages import capture
from tests.core.payloads.test_captures import COLUMNS, EXPECTED, SKIPPED, binary, is_json, structured
from tests.support.monitors import FlagAll, MemoryStore, kafka_source, monitor, query

MODEL = ModelRef("iris", 3)


@pytest.mark.parametrize("mode", ["binary", "structured", "structured-base64"])
def test_every_capture_is_decoded_or_accounted_for(
    spark: SparkSession, kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path, mode: str
) -> None:
    name = topic(partitions=2)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    for event in EXPECTED:
        as_base64 = mode == "structured-base64" or not is_json(event)  # what is no JSON can only travel so
        value, headers = binary(event) if mode == "binary" else structured(event, as_base64)
        producer.send(name, value=value, headers=list(headers or ()), key=event.encode())
    producer.close()
    frame = pd.DataFrame([[5.8, 3.0, 3.8, 1.2, 1]] * 40, columns=[*COLUMNS, "class"])
    reference = build_baseline(frame, MODEL, predictions=["class"])
    hour = WindowSpec(timedelta(hours=1), lateness=timedelta(minutes=1), close_idle_after=timedelta(0))
    # The captures' own time may lie ahead of this machine's clock: what is tested is decoding.
    watch = monitor(
        "iris",
        model=MODEL,
        schema=reference.schema,
        baseline=reference,
        techniques=(FlagAll(),),
        window=hour,
        max_clock_ahead=timedelta(days=3650),
    )
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path, [watch])
    report = run_query(spark, plan, once=True)
    store = plan.store
    assert isinstance(store, MemoryStore)

    inferences = {event: values for event, values in EXPECTED.items() if isinstance(values, list)}
    skipped = [event for event, values in EXPECTED.items() if values == SKIPPED]
    rejected = {event: values for event, values in EXPECTED.items() if isinstance(values, str) and values != SKIPPED}
    tally = report.tally
    assert (tally.messages, tally.decoded, tally.skipped, tally.rejected) == (
        len(EXPECTED),
        len(inferences),
        len(skipped),
        len(rejected),
    )

    found = {(row["event_id"], row["instance"]): orjson.loads(row["values"]) for row in store.rows("hopsmon_outliers")}
    wanted = {}
    for event, instances in inferences.items():
        if event.endswith(".request"):
            for number, values in enumerate(instances):
                named = values if isinstance(values, dict) else dict(zip(COLUMNS, values, strict=True))
                wanted[capture(event)[1]["Ce-Id"], number] = named
    assert set(found) == set(wanted)
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-7)  # FP32 tensors hold 6.8 as the nearest float32

    assert Counter(row["reason"] for row in store.rows("hopsmon_rejects")) == Counter(rejected.values())
    answers = [values for event, rows in inferences.items() if event.endswith(".response") for (values,) in rows]
    assert sum(row["predictions"] for row in store.rows("hopsmon_windows")) == len(answers)
    told = [row for row in store.rows("hopsmon_statistics") if row["feature"] == "class"]
    assert sum(row["count"] for row in told) == len(answers)
    assert sum(row["count"] * row["mean"] for row in told) == pytest.approx(sum(answers))
    assert {row[bound] for row in told for bound in ("min", "max")} == {1.0} == set(answers)
