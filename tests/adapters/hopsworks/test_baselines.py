"""Baselines from statistics that Hopsworks keeps: of a feature group, a training dataset, or a deployment's name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.baselines import baseline_of
from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.deployments import origin_of_deployment
from hopsmon.adapters.hopsworks.references import Columns, FeatureGroupRef, TrainingDatasetRef
from hopsmon.core.baseline import Baseline
from hopsmon.core.schema import FeatureType, ModelRef
from hopsmon.core.statistics.moments import Moments
from hopsmon.errors import ConfigError
from hopsmon.testing.hopsworks_server import HopsworksServer

MODEL = ModelRef("flight_delay", 3)
COLUMNS = {
    "flight_id": "bigint",
    "departs": "timestamp",
    "distance": "double",
    "seats": "int",
    "carrier": "string",
    "late": "boolean",
}
COMPUTED = 1_793_491_200_000  # 2026-11-01T00:00:00Z
FIRST, SECOND = COMPUTED - 7_200_000, COMPUTED - 3_600_000


def numbers(name: str, mean: float = 1000.0, kind: str = "Fractional") -> dict[str, Any]:
    """As Hopsworks' profiler describes 1,000 normal values."""
    percents = np.quantile(np.random.default_rng(7).normal(mean, 100, 1000), np.arange(1, 100) / 100)
    counts = {"count": 1000, "numNonNullValues": 1000, "numNullValues": 0, "completeness": 1.0}
    moments = {"min": mean - 300, "max": mean + 300, "mean": mean, "stdDev": 100.0, "sum": mean * 1000}
    return {"featureName": name, "featureType": kind, **counts, **moments, "percentiles": percents.tolist()}


def labels(name: str, counts: dict[str, int], kind: str = "String") -> dict[str, Any]:
    bars = [{"value": value, "count": count, "ratio": count / 1000} for value, count in counts.items()]
    of_all = {"count": 1000, "numNonNullValues": 1000, "numNullValues": 0, "completeness": 1.0}
    more = {"approxNumDistinctValues": len(counts), "extendedStatistics": {"histogram": bars}}
    return {"featureName": name, "featureType": kind, **of_all, **more}


def statistics(mean: float = 1000.0) -> list[dict[str, Any]]:
    """In another order than the columns', and of all of them."""
    return [
        labels("late", {"false": 800, "true": 200}, "Boolean"),
        labels("carrier", {"UA": 600, "AA": 400}),
        numbers("seats", 150, "Integral"),
        numbers("distance", mean),
        numbers("flight_id", 500, "Integral"),
    ]


def mean_of(baseline: Baseline, name: str) -> float:
    moments = baseline.features[name].statistics["moments"]
    assert isinstance(moments, Moments)
    return float(moments.mean)


def names(baseline: Baseline) -> tuple[list[str], list[str]]:
    return [one.name for one in baseline.schema.features], [one.name for one in baseline.schema.predictions]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), version=private.client_version()) as running:
        yield running


@pytest.fixture(scope="module")
def connection(server: HopsworksServer) -> Connection:
    return connect(server.login("python"))


@pytest.fixture
def group(server: HopsworksServer, request: pytest.FixtureRequest) -> int:
    """A feature group of the test's own name, without statistics."""
    return server.seed.feature_group(title(request), COLUMNS, primary_key=["flight_id"], event_time="departs")


@pytest.fixture
def view(server: HopsworksServer, group: int, request: pytest.FixtureRequest) -> str:
    name = f"{title(request)}_fv"
    server.seed.feature_view(name, group, labels=["late"])
    return name


def title(request: pytest.FixtureRequest) -> str:
    return str(request.node.originalname.removeprefix("test_"))


def test_a_feature_group(
    server: HopsworksServer, connection: Connection, group: int, request: pytest.FixtureRequest
) -> None:
    server.seed.feature_group_statistics(group, statistics(), computed_at=COMPUTED)
    server.seed.feature_group_statistics(group, statistics(900.0), computed_at=COMPUTED - 1)
    name = title(request)
    baseline = baseline_of(connection, FeatureGroupRef(name), MODEL, Columns(predictions=("Late",)))
    assert names(baseline) == (["distance", "seats", "carrier"], ["late"])
    assert (baseline.model, baseline.rows) == (MODEL, 1000)
    assert mean_of(baseline, "distance") == pytest.approx(1000.0)
    assert baseline.type_of("seats") is FeatureType.INTEGER
    assert baseline.type_of("late") is FeatureType.BOOLEAN
    assert baseline.provenance.source == (
        f"Hopsworks project demo: statistics of feature group '{name}' version 1, "
        "computed 2026-11-01T00:00:00.000+00:00"
    )
    assert baseline.provenance.created_at is not None
    assert "Left out as a primary key: flight_id." in baseline.provenance.notes
    assert "Left out as the event time: departs." in baseline.provenance.notes


def test_a_window_of_commits(
    server: HopsworksServer, connection: Connection, group: int, request: pytest.FixtureRequest
) -> None:
    for at in (FIRST, SECOND):
        server.seed.commit(group, at)
    server.seed.feature_group_statistics(group, statistics(), commits=(FIRST, FIRST), computed_at=COMPUTED - 2)
    server.seed.feature_group_statistics(group, statistics(900.0), commits=(FIRST, SECOND), computed_at=COMPUTED)
    moments = [dt.datetime.fromtimestamp(at / 1000, dt.timezone.utc) for at in (FIRST, SECOND)]
    name = title(request)
    first = baseline_of(connection, FeatureGroupRef(name, 1, moments[0], moments[0]), MODEL)
    both = baseline_of(connection, FeatureGroupRef(name, 1, moments[0], moments[1]), MODEL)
    assert [mean_of(one, "distance") for one in (first, both)] == [pytest.approx(1000.0), pytest.approx(900.0)]
    assert "commits from 2026-10-31T22:00:00.000+00:00 to 2026-10-31T23:00:00.000+00:00" in both.provenance.source
    with pytest.raises(
        ConfigError, match=r"no statistics of feature group .* of the commits from 2026-10-31T23:00"
    ) as no:
        baseline_of(connection, FeatureGroupRef(name, 1, moments[1], moments[1]), MODEL)
    assert "There are: computed 2026-11-01T00:00:00.000+00:00, commits from 2026-10-31T22:00:00.000" in str(no.value)


def test_not_computed_yet(connection: Connection, group: int, request: pytest.FixtureRequest) -> None:
    with pytest.raises(ConfigError, match=r"no statistics of feature group .*There are: none\. Compute them") as caught:
        baseline_of(connection, FeatureGroupRef(title(request)), MODEL)
    assert "StatisticsConfig(histograms=True, kll=True)" in str(caught.value)
    assert "feature_group.compute_statistics()" in str(caught.value)
    assert "read: data" in str(caught.value)


def test_of_some_rows_only(connection: Connection, group: int, request: pytest.FixtureRequest) -> None:
    from hsfs.core.feature_descriptive_statistics import FeatureDescriptiveStatistics
    from hsfs.statistics import Statistics

    entries = [FeatureDescriptiveStatistics.from_response_json(one) for one in statistics()]
    client = connection.feature_store.get_feature_group(title(request), 1)
    private.save_statistics(client, Statistics(COMPUTED, row_percentage=0.25, feature_descriptive_statistics=entries))
    baseline = baseline_of(connection, FeatureGroupRef(title(request)), MODEL)
    assert "The statistics are of 25% of the rows." in baseline.provenance.notes


def test_a_feature_without_statistics_keeps_its_place(
    server: HopsworksServer, connection: Connection, group: int, request: pytest.FixtureRequest
) -> None:
    server.seed.feature_group_statistics(group, [one for one in statistics() if one["featureName"] != "seats"])
    baseline = baseline_of(connection, FeatureGroupRef(title(request)), MODEL, Columns(exclude=("late",)))
    assert names(baseline) == (["distance", "seats", "carrier"], [])
    assert "seats" not in baseline.features
    assert any("no statistics of it (seats)" in note for note in baseline.provenance.notes)


def test_types_that_the_user_knows_better(
    server: HopsworksServer, connection: Connection, group: int, request: pytest.FixtureRequest
) -> None:
    server.seed.feature_group_statistics(group, statistics())
    columns = Columns(exclude=("late",), types={"carrier": FeatureType.STRING})
    baseline = baseline_of(connection, FeatureGroupRef(title(request)), MODEL, columns)
    assert baseline.type_of("carrier") is FeatureType.STRING


def test_a_training_dataset(server: HopsworksServer, connection: Connection, view: str) -> None:
    version = server.seed.training_dataset(view)
    server.seed.training_dataset_statistics(view, statistics(), version, computed_at=COMPUTED)
    baseline = baseline_of(connection, TrainingDatasetRef(view, 1, version), MODEL)
    assert names(baseline) == (["distance", "seats", "carrier"], [])
    assert "Left out as a label: late." in baseline.provenance.notes
    assert f"statistics of training dataset 1 of feature view '{view}' version 1" in baseline.provenance.source
    asked = baseline_of(connection, TrainingDatasetRef(view, 1, version), MODEL, Columns(predictions=("late",)))
    assert names(asked) == (["distance", "seats", "carrier"], ["late"])


def test_a_split(server: HopsworksServer, connection: Connection, view: str) -> None:
    version = server.seed.training_dataset(view, {"train": 0.8, "test": 0.2})
    splits = {"train": statistics(), "test": statistics(900.0)}
    server.seed.training_dataset_statistics(view, splits, version)
    means = [
        mean_of(baseline_of(connection, TrainingDatasetRef(view, 1, version, split), MODEL), "distance")
        for split in (None, "train", "test")
    ]
    assert means == [pytest.approx(1000.0), pytest.approx(1000.0), pytest.approx(900.0)]
    with pytest.raises(ConfigError, match=r"no split 'tset'\. It has: train, test\. Did you mean 'test'\?"):
        baseline_of(connection, TrainingDatasetRef(view, 1, version, "tset"), MODEL)


def test_a_split_of_what_has_none(server: HopsworksServer, connection: Connection, view: str) -> None:
    version = server.seed.training_dataset(view)
    with pytest.raises(ConfigError, match=r"no split 'train'\. It has none: leave split out"):
        baseline_of(connection, TrainingDatasetRef(view, 1, version, "train"), MODEL)


def test_a_training_dataset_that_is_not_there(server: HopsworksServer, connection: Connection, view: str) -> None:
    with pytest.raises(ConfigError, match="has no training dataset 7, nor any other"):
        baseline_of(connection, TrainingDatasetRef(view, 1, 7), MODEL)
    server.seed.training_dataset(view)
    with pytest.raises(ConfigError, match=r"no version 7 of the training dataset of feature view .* There are: 1\."):
        baseline_of(connection, TrainingDatasetRef(view, 1, 7), MODEL)
    with pytest.raises(
        ConfigError, match=r"no statistics of training dataset 1 .*create_training_data\(…, statistics_"
    ):
        baseline_of(connection, TrainingDatasetRef(view, 1, 1), MODEL)


@pytest.fixture
def scaled(server: HopsworksServer, connection: Connection, group: int, request: pytest.FixtureRequest) -> str:
    """A feature view that scales the distance for its models, with statistics from before and after."""
    from hsfs.builtin_transformations import standard_scaler

    store = connection.feature_store
    name = f"{title(request)}_fv"
    query = store.get_feature_group(title(request), 1).select_all()
    store.create_feature_view(
        name, query, version=1, labels=["late"], transformation_functions=[standard_scaler("distance")]
    )
    server.seed.training_dataset(name)
    after = [one for one in statistics() if one["featureName"] != "distance"]
    server.seed.training_dataset_statistics(name, [*after, numbers("standard_scaler_distance_", 0.0)])
    server.seed.training_dataset_statistics(name, [numbers("distance")], before_transformation=True)
    return name


def test_after_transformation(connection: Connection, scaled: str) -> None:
    baseline = baseline_of(connection, TrainingDatasetRef(scaled), MODEL)
    assert names(baseline)[0] == ["seats", "carrier", "standard_scaler_distance_"]
    assert mean_of(baseline, "standard_scaler_distance_") == pytest.approx(0.0)


def test_before_transformation(connection: Connection, scaled: str) -> None:
    """Hopsworks keeps statistics from before of what is transformed alone; the others are as they are after."""
    baseline = baseline_of(connection, TrainingDatasetRef(scaled, before_transformation=True), MODEL)
    assert names(baseline)[0] == ["distance", "seats", "carrier"]
    assert mean_of(baseline, "distance") == pytest.approx(1000.0)
    assert mean_of(baseline, "seats") == pytest.approx(150.0)


def test_nothing_but_a_deployments_name(server: HopsworksServer, connection: Connection, view: str) -> None:
    version = server.seed.training_dataset(view, {"train": 0.8, "test": 0.2})
    server.seed.training_dataset_statistics(view, {"train": statistics(), "test": statistics(900.0)}, version)
    server.seed.model("flight_delay", 3, feature_view=(view, 1), training_dataset_version=version)
    server.seed.deployment("delays", "flight_delay", 3)
    origin = origin_of_deployment(connection, "delays")
    baseline = baseline_of(connection, origin.training_dataset, origin.model)
    assert baseline.model == MODEL
    assert names(baseline) == (["distance", "seats", "carrier"], [])
    assert mean_of(baseline, "distance") == pytest.approx(1000.0)
