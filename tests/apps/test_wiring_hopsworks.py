"""What a configuration names in Hopsworks, found by the real client and made plans of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hopsmon
from hopsmon import wiring
from hopsmon.adapters.hopsworks.feature_log_table import FeatureLogTable
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.expectations.propose import propose
from hopsmon.errors import ConfigError
from hopsmon.sdk import Monitor
from hopsmon.testing.hopsworks_profiles import Profiler
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.monitors import MODEL
from tests.support.traffic import reference

TYPES = {"id": "bigint", "age": "double", "income": "double", "city": "string", "score": "double"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HopsworksServer]:
    with HopsworksServer(tmp_path / "project", kafka="127.0.0.1:9092", version=client_version()) as server:
        group = server.seed.feature_group("people", TYPES, primary_key=["id"])
        server.seed.feature_view("people", group, labels=["score"])
        version = server.seed.training_dataset("people")
        server.seed.training_dataset_statistics("people", Profiler().profile(reference()), version)
        server.seed.model("credit", 3, ("people", 1), version)
        yield server


def monitor(server: HopsworksServer, **sections: Any) -> Monitor:
    store = hopsmon.connect(server.login("python"))
    here = {"hopsworks": {"folder": (server.folder / "checkpoints").as_uri()}}
    sections = {"store": here, "predictions": [{"score": "numeric"}], **sections}
    return store.create_model_monitor("credit", deployment="scoring", **sections).save()


@pytest.mark.parametrize(
    ("mode", "features", "predictions"),
    [
        ("ALL", ["age", "income", "city"], ["score"]),
        ("MODEL_INPUTS", ["age", "income", "city"], []),
        ("PREDICTIONS", [], ["score"]),
    ],
)
def test_a_log_tells_of_the_sides_that_it_has(
    server: HopsworksServer, mode: Any, features: list[str], predictions: list[str]
) -> None:
    server.seed.deployment("scoring", "credit", 3, mode=mode, topic="scoring-inference")
    (plan,) = wiring.query_plans([monitor(server).config])
    (watched,) = plan.monitors
    assert [feature.name for feature in watched.schema.features] == features
    assert [feature.name for feature in watched.schema.predictions] == predictions
    assert isinstance(plan.source, KafkaSource)
    assert plan.source.topics == ("scoring-inference",)


def test_slices_need_requests(server: HopsworksServer) -> None:
    server.seed.deployment("scoring", "credit", 3, mode="PREDICTIONS", topic="scoring-inference")
    with pytest.raises(ConfigError, match="its log has responses alone"):
        wiring.query_plans([monitor(server, slices=["city"]).config])


def test_a_logger_that_is_off_says_how_to_switch_it_on(server: HopsworksServer) -> None:
    server.seed.deployment("scoring", "credit", 3, mode="NONE")
    with pytest.raises(ConfigError, match=r'InferenceLogger\(mode="ALL"\)'):
        wiring.query_plans([monitor(server).config])


def test_a_feature_log_is_read_from_its_table_where_that_is_asked_for(server: HopsworksServer) -> None:
    server.seed.deployment("scoring", "credit", 3, topic="scoring-inference")
    server.seed.feature_logging("people", transport="job")
    log = {"feature_log": {"feature_view": "people", "read_from": "feature_group"}}
    made = monitor(server, log=log, model="credit", model_version=3)
    (plan,) = wiring.query_plans([made.config])
    assert isinstance(plan.source, FeatureLogTable)
    assert not isinstance(plan.monitors[0].format, str)  # rows of that table are of no wire format that has a name


def test_local_files_of_a_monitor_are_kept_in_the_project(server: HopsworksServer, tmp_path: Path) -> None:
    server.seed.deployment("scoring", "credit", 3, topic="scoring-inference")
    baseline = build_baseline(reference(), MODEL, predictions=["score"])
    files = tmp_path / "baseline.json", tmp_path / "suite.json"
    for file, text in zip(files, (baseline.to_json(), propose(baseline).to_json()), strict=True):
        file.write_text(text)
    store = hopsmon.connect(server.login("python"))
    builder = store.create_model_monitor("credit", deployment="scoring")
    made = builder.with_reference_baseline(files[0]).with_expectations(file=files[1]).save()
    assert (made.config.baseline.saved, made.config.expectations and made.config.expectations.saved) == (
        baseline.id,
        True,
    )
    for file in files:
        file.unlink()
    plan = wiring.monitor_plan(store.monitor("credit").config)
    assert plan.baseline.id == baseline.id
    assert any(technique.name.startswith("expect_") for technique in plan.techniques)


def test_results_are_read_in_the_version_that_the_monitor_writes(server: HopsworksServer) -> None:
    server.seed.deployment("scoring", "credit", 3, topic="scoring-inference")
    second = monitor(server, store={"hopsworks": {"version": 2}})
    assert wiring.version_of(second._home) == 2
    assert second.results().tables is second._home.tables
    assert len(second.store._tables()) == 2
