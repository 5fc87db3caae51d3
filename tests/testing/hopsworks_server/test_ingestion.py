"""Rows written by the client's Python engine: Delta tables in the server's folder, online rows to a real broker."""

from __future__ import annotations

import io
import json

import fastavro
import pandas as pd
import pytest
from deltalake import DeltaTable

from hopsmon.testing.hopsworks_server import HopsworksServer

DAYS = pd.to_datetime(["2026-11-01", "2026-11-02"]).astype("datetime64[us]")
ROWS = pd.DataFrame({"k": ["a", "b"], "ts": DAYS, "v": [0.5, 0.7]})


def test_a_delta_table(server, feature_store):
    group = feature_store.get_or_create_feature_group(
        "results", version=1, primary_key=["k"], event_time="ts", time_travel_format="DELTA", stream=False
    )
    group.insert(ROWS)
    group.insert(ROWS.assign(v=[0.9, 0.7]))  # the same keys
    found = DeltaTable(group.location).to_pandas().sort_values("k")
    assert found["v"].tolist() == [0.9, 0.7]
    assert [commit["rowsInserted"] for commit in group.commit_details().values()][-1] == 2
    asked = [request.path for request in server.requests if request.method == "POST"]
    assert asked[1:] == ["/project/119/featurestores/67/featuregroups/1/commits"] * 2


def test_an_online_feature_group(kafka, topic, tmp_path, client_version):
    """Values are the Avro of the feature group's schema; a job takes them to the offline table."""
    from confluent_kafka import Consumer

    project = topic().replace("-", "_")[:20]
    kafka.create_topic(f"{project}_onlinefs")
    servers = kafka.bootstrap_servers
    with HopsworksServer(tmp_path, project, kafka=servers, version=client_version) as server:
        store = server.login("python").get_feature_store()
        group = store.get_or_create_feature_group(
            "results",
            version=1,
            primary_key=["k"],
            event_time="ts",
            time_travel_format="HUDI",
            stream=True,
            online_enabled=True,
        )
        with pytest.warns():  # that the broker is not the cluster's, and that the offline table is still empty
            job, _ = group.insert(ROWS, write_options={"wait_for_online_ingestion": False})
        assert job.get_final_state() == "SUCCEEDED"
        schema = fastavro.parse_schema(json.loads(group.avro_schema))
        consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "auto.offset.reset": "earliest"})
        consumer.subscribe([f"{project}_onlinefs"])
        messages = consumer.consume(2, timeout=30)
        consumer.close()
    rows: list = [fastavro.schemaless_reader(io.BytesIO(message.value() or b""), schema, None) for message in messages]
    assert sorted((row["k"], row["v"]) for row in rows) == [("a", 0.5), ("b", 0.7)]
    assert dict(messages[0].headers() or ())["featureGroupId"] == b"1"
