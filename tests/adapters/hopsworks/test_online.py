"""Results in the online store as well: its rows go to a real broker, as the cluster's own ingestion reads them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer

from hopsmon.adapters.hopsworks.connection import connect
from hopsmon.adapters.hopsworks.home import ProjectHome
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.config import HopsworksStoreConfig
from hopsmon.streaming.tables import WINDOWS
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.result_rows import START, days, late_only, put_windows, window


@pytest.mark.filterwarnings("ignore:Getting connection details to externally managed Kafka:UserWarning")
def test_the_online_store_gets_final_rows_and_gets_them_again(
    kafka: LocalBroker, topic: Callable[..., str], tmp_path: Path
) -> None:
    project = topic().replace("-", "_")[:20]
    kafka.create_topic(f"{project}_onlinefs")
    with HopsworksServer(tmp_path, project, kafka=kafka.bootstrap_servers, version=client_version()) as server:
        store = ProjectHome(connect(server.login("python")), HopsworksStoreConfig(online=True)).tables
        put_windows(store, [window(1), window(2)], 0)
        for _ in range(2):  # the second time offline has it all; whether online does, nobody knows
            put_windows(store, [late_only(1, 3)], 1)
        group = server.login("python").get_feature_store().get_feature_group(WINDOWS.name, 1)
        schema = fastavro.parse_schema(json.loads(group.avro_schema))
        assert days(store) == {1: (5, 3, 1, "ok"), 2: (5, 0, 0, "ok")}
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "t", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([f"{project}_onlinefs"])
    messages = consumer.consume(4, timeout=30)
    assert consumer.poll(1.0) is None
    consumer.close()
    rows: list[Any] = [fastavro.schemaless_reader(io.BytesIO(one.value() or b""), schema, None) for one in messages]
    assert [((row["window_start"] - START).days, row["late"]) for row in rows] == [(1, 0), (2, 0), (1, 3), (1, 3)]
    assert {dict(one.headers() or ())["storage"] for one in messages} == {b"online"}
