"""Bad input on a real topic: nothing is lost, everything is accounted for, and one bad clock moves nobody's windows."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import fastavro
import orjson
import pytest
from pyspark.sql import SparkSession

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.producer import Event, publish
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.streaming.run import run_query
from tests.core.payloads.messages import AVRO
from tests.support.monitors import MemoryStore, baseline, kafka_source, monitor, query
from tests.support.traffic import START, Traffic, attributes

Topic = Callable[..., str]


def request(number: int, body: bytes | None, time: datetime | None = None) -> Event:
    return Event(attributes(number, time or START + timedelta(seconds=number), "request"), body)


def row(age: object, income: object = 3000.0, city: object = "Bern") -> bytes:
    return orjson.dumps({"instances": [[age, income, city]]})


def avro(body: bytes) -> Event:
    """The same request as Hopsworks logs it, version 4: raw Avro, its clock in seconds."""
    record = {
        "servingId": 1,
        "modelName": "credit",
        "modelVersion": 3,
        "requestTimestamp": int(START.timestamp()) + 20,
        "responseHttpCode": 200,
        "inferenceId": "avro-1",
        "messageType": "request",
        "payload": body.decode(),
    }
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(orjson.loads((AVRO / "v4.avsc").read_bytes())), record)
    return Event({}, out.getvalue())


def nested(depth: int) -> bytes:
    return b'{"instances": ' + b"[" * depth + b"]" * depth + b"}"


def test_odd_messages_are_accounted_for(spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path) -> None:
    name = topic()
    v2 = {
        "inputs": [
            {"name": "age", "shape": [1], "datatype": "FP64", "data": [41.0]},
            {"name": "income", "shape": [1], "datatype": "FP64", "data": [2500.0]},
            {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Zug"]},
        ]
    }
    messages = {
        "good": request(0, row(40.0)),
        "v2": request(1, orjson.dumps(v2)),
        "same id again": request(0, row(40.0)),
        "null": request(2, row(None)),
        "not a number": request(3, b'{"instances": [[NaN, Infinity, "Bern"]]}'),
        "wrong type": request(4, row("forty")),
        "probe": request(5, None),
        "ready": Event(attributes(5, START + timedelta(seconds=5), "response"), b'{"ready": true}'),
        "no json": request(6, b"{oops"),
        "deep": request(7, nested(20_000)),
        "10 MiB": request(8, row(40.0, 3000.0, "x" * (10 << 20))),
        "narrow": request(9, b'{"instances": [[1.0]]}'),
        "huge shape": request(9, orjson.dumps({"inputs": [{**v2["inputs"][0], "shape": [2**63, 1]}]})),
        "1970": request(10, row(40.0), datetime(1970, 1, 1, tzinfo=timezone.utc)),
        "2100": request(11, row(40.0), datetime(2100, 1, 1, tzinfo=timezone.utc)),
    }
    publish(kafka.bootstrap_servers, name, messages.values(), max_request_size=32 << 20)
    publish(kafka.bootstrap_servers, name, [Event({}, (AVRO / "v4-request.bin").read_bytes()), avro(row(40.0))])
    publish(kafka.bootstrap_servers, name, [request(12, row(42.0)), request(90, row(43.0))])
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path)
    report = run_query(spark, plan, once=True)
    store = plan.store
    assert isinstance(store, MemoryStore)

    tally = report.tally
    assert tally.messages == len(messages) + 4
    assert tally.messages == tally.decoded + tally.skipped + tally.rejected
    assert (tally.decoded, tally.skipped) == (10, 2)
    reasons = Counter(reject["reason"] for reject in store.rows("hopsmon_rejects"))
    assert reasons == {
        "bad_json": 1,
        "too_deep": 1,
        "bad_shape": 1,
        "wrong_width": 2,  # the narrow one, and the first Avro message, which is another model's
        "implausible_time": 2,
    }
    assert all(len(reject["payload"]) <= 4096 for reject in store.rows("hopsmon_rejects"))
    # The Avro message told its own time, so it is counted as rejected in a window of 2022.
    windows = {row["window_start"]: row for row in store.rows("hopsmon_windows") if row["instances"]}
    assert sorted(windows) == [START, START + timedelta(minutes=1)]
    assert windows[START]["instances"] == 9
    assert windows[START]["late"] == 0  # neither 1970 nor 2100 moved the clock
    age = next(
        row for row in store.rows("hopsmon_statistics") if row["feature"] == "age" and row["window_start"] == START
    )
    assert (age["count"], age["nulls"], age["invalid"]) == (9, 1, 2)  # invalid: one NaN, one text


def test_a_feature_the_baseline_lacks_is_a_finding(
    spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path
) -> None:
    name = topic()
    schema = baseline().schema
    wider = ModelSchema((*schema.features, Feature("balance", FeatureType.NUMERIC)), schema.predictions)
    bodies = [orjson.dumps({"instances": [[40.0, 3000.0, "Bern", 1.5]]})] * 60
    publish(kafka.bootstrap_servers, name, [request(i, body) for i, body in enumerate(bodies)])
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path, [monitor(schema=wider)])
    run_query(spark, plan, once=True)
    assert isinstance(plan.store, MemoryStore)
    verdicts = [row for row in plan.store.rows("hopsmon_drift") if row["feature"] == "balance"]
    assert verdicts
    assert {(row["score"], row["is_drift"], row["reason"]) for row in verdicts} == {(None, False, "baseline_missing")}


def test_traffic_outside_the_baselines_range_is_drift(
    spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path
) -> None:
    name = topic()
    publish(kafka.bootstrap_servers, name, [request(i, row(4_000.0 + i)) for i in range(60)])
    plan = query(kafka_source(kafka.bootstrap_servers, name), tmp_path)
    run_query(spark, plan, once=True)
    assert isinstance(plan.store, MemoryStore)
    found = {row["technique"]: row["is_drift"] for row in plan.store.rows("hopsmon_drift") if row["feature"] == "age"}
    assert found["psi"]
    assert found["ks"]
    flagged = {(row["event_id"], row["technique"]) for row in plan.store.rows("hopsmon_outliers")}
    assert {("credit-0", "range"), ("credit-59", "z_score")} <= flagged


@pytest.mark.parametrize("policy", ["report", "fail"])
def test_offsets_the_broker_deleted_are_told(
    spark: SparkSession, kafka: LocalBroker, topic: Topic, tmp_path: Path, policy: str
) -> None:
    from hopsmon.errors import OutsideError

    name = topic()
    publish(kafka.bootstrap_servers, name, list(Traffic(requests=20, responses=False).events()))
    plan = query(kafka_source(kafka.bootstrap_servers, name, on_data_loss=policy), tmp_path)
    run_query(spark, plan, once=True)
    later = Traffic(requests=40, responses=False, start=START + timedelta(minutes=10))
    publish(kafka.bootstrap_servers, name, list(later.events()))
    kafka.delete_records(name, {0: 35})
    again = replace(plan, store=MemoryStore())
    if policy == "fail":
        with pytest.raises(OutsideError, match="on_data_loss: report"):
            run_query(spark, again, once=True)
        return
    report = run_query(spark, again, once=True)
    assert report.rows == 25
    assert [(gap.first, gap.last) for gap in report.gaps] == [(20, 34)]
    assert isinstance(again.store, MemoryStore)
    lost = [row for row in again.store.rows("hopsmon_rejects") if row["reason"] == "lost_offsets"]
    assert [(row["offset"], "20 to 34" in row["message"]) for row in lost] == [(20, True)]
