"""Results in the online store as well: its rows go to a real broker, as the cluster's own ingestion reads them."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import fastavro
import pytest
from confluent_kafka import Consumer, Message
from hsfs.feature import Feature

from hopsmon.adapters.hopsworks.connection import connect
from hopsmon.adapters.hopsworks.home import ProjectHome
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.config import HopsworksStoreConfig
from hopsmon.streaming.tables import WINDOWS
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.result_rows import START, days, late_only, put_windows, window


@pytest.mark.filterwarnings("ignore:Getting connection details to externally managed Kafka:UserWarning")
@pytest.mark.parametrize("engine", ["python", "spark"])
def test_the_online_store_gets_final_rows_and_gets_them_again(
    engine: Literal["python", "spark"],
    kafka: LocalBroker,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if engine == "spark":  # what jobs write with
        request.getfixturevalue("spark")
    project = f"online_{engine}"
    kafka.create_topic(f"{project}_onlinefs")
    with HopsworksServer(tmp_path, project, kafka=kafka.bootstrap_servers, version=client_version()) as server:
        home = ProjectHome(connect(server.login(engine)), HopsworksStoreConfig(online=True))
        put_windows(home.tables, [window(1), window(2)], 0)
        for _ in range(2):  # the second time offline has it all; whether online does, nobody knows
            put_windows(home.tables, [late_only(1, 3)], 1)
        group = server.login(engine).get_feature_store().get_feature_group(WINDOWS.name, 1)
        schema = fastavro.parse_schema(json.loads(group.avro_schema))
        assert days(home.tables) == {1: (5, 3, 1, "ok"), 2: (5, 0, 0, "ok")}
        # Another job runs a newer hopsmon. The client's Python engine would start a job for the table.
        add = group.append_features if engine == "spark" else group.update_features
        add([Feature("cause", "string")])
        put_windows(replace(home).tables, [window(3)], 2)
        newer = fastavro.parse_schema(json.loads(group.avro_schema))
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "t", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([f"{project}_onlinefs"])
    messages = consumer.consume(5, timeout=30)
    assert consumer.poll(1.0) is None
    consumer.close()
    rows = [row_of(one, schema) for one in messages[:4]]
    assert sorted(((row["window_start"] - START).days, row["late"]) for row in rows[:2]) == [(1, 0), (2, 0)]
    assert [((row["window_start"] - START).days, row["late"]) for row in rows[2:]] == [(1, 3), (1, 3)]
    last = row_of(messages[4], newer)
    assert ((last["window_start"] - START).days, last["cause"]) == (3, None)
    assert {dict(one.headers() or ())["storage"] for one in messages} == {b"online"}


def row_of(message: Message, schema: Any) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(message.value() or b""), schema, None)
