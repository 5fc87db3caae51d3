"""Contract: every private name of the client that hopsmon uses is there, and does what it is used for.

Runs against whatever client is installed; it is to pass with every version that hopsmon knows.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hopsmon.adapters.hopsworks import private
from hopsmon.errors import OutsideError
from hopsmon.testing.hopsworks_server import HopsworksServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, brokers = tmp_path_factory.mktemp("hopsworks"), "broker-1:9092,broker-2:9092"
    with HopsworksServer(folder, kafka=brokers, version=private.client_version()) as running:
        yield running


@pytest.fixture(scope="module")
def project(server: HopsworksServer) -> Any:
    return server.login("python")


@pytest.fixture(scope="module")
def group(project: Any) -> Any:
    from hsfs.feature import Feature

    columns = [Feature("flight_id", "bigint"), Feature("departs", "timestamp"), Feature("distance", "double")]
    made = project.get_feature_store().get_or_create_feature_group(
        "flights", 1, features=columns, primary_key=["flight_id"], event_time="departs", time_travel_format="DELTA"
    )
    made.save()
    return made


@pytest.fixture(scope="module")
def view(project: Any, group: Any) -> Any:
    return project.get_feature_store().create_feature_view("flights_fv", group.select_all(), version=1)


def test_the_version() -> None:
    assert private.client_version()[:3] in private.KNOWN_VERSIONS


def test_the_session_in_force(server: HopsworksServer, project: Any) -> None:
    session = private.current_session()
    assert session == private.Session("127.0.0.1", server.port, "demo", "python", False)


def test_the_projects(project: Any) -> None:
    assert private.project_names() == ["demo"]


def test_plain_json(project: Any) -> None:
    assert private.get_json(("kafka", "topics"))["count"] == 0
    with pytest.raises(Exception, match="404"):
        private.get_json(("serving",), {"name": "nobody"})


def test_the_kafka_connector(project: Any) -> None:
    connector = private.kafka_connector(project.get_feature_store(), external=False)
    with pytest.warns(UserWarning, match="externally managed Kafka"):
        options = connector.kafka_options(distribute=False)
    assert options["bootstrap.servers"] == "broker-1:9092,broker-2:9092"


def test_the_topic_of_a_feature_group(group: Any) -> None:
    assert private.online_topic_name(group) == "demo_onlinefs"


def test_a_suite_of_a_feature_group(group: Any) -> None:
    from hsfs.expectation_suite import ExpectationSuite

    kind, kwargs = "expect_column_pair_values_to_be_equal", {"column_A": "distance", "column_B": "flight_id"}
    place = {"feature_store_id": group.feature_store_id, "feature_group_id": group.id}
    suite = ExpectationSuite("flights", [{"type": kind, "kwargs": kwargs, "meta": {}}], {}, **place)
    private.save_expectation_suite(group, suite)
    (found,) = group.get_expectation_suite(ge_type=False).expectations
    assert (found.expectation_type, found.kwargs) == (kind, kwargs)
    group.delete_expectation_suite()


def test_the_feature_group_a_view_starts_from(view: Any, group: Any) -> None:
    assert private.root_feature_group(view).id == group.id


def test_the_names_of_all_views(project: Any, view: Any) -> None:
    assert private.feature_view_names(project.get_feature_store()) == ["flights_fv"]


def test_statistics_of_our_own(group: Any) -> None:
    from hsfs.core.feature_descriptive_statistics import FeatureDescriptiveStatistics
    from hsfs.statistics import Statistics

    one = FeatureDescriptiveStatistics("distance", feature_type="Fractional", count=3, mean=2.0)
    private.save_statistics(group, Statistics(1_793_491_200_000, feature_descriptive_statistics=[one]))
    (found,) = group.get_statistics().feature_descriptive_statistics
    assert (found.feature_name, found.count, found.mean) == ("distance", 3, 2.0)


@pytest.mark.filterwarnings("ignore:Client initialisation failed", "ignore:Incremented version")
def test_statistics_of_a_training_dataset(server: HopsworksServer, view: Any) -> None:
    from hsfs.core.feature_descriptive_statistics import FeatureDescriptiveStatistics
    from hsfs.statistics import Statistics

    view.create_training_data(statistics_config=False)
    one = FeatureDescriptiveStatistics("distance", feature_type="Fractional", count=3, mean=2.0)
    made = Statistics(1_793_491_200_000, feature_descriptive_statistics=[one])
    (dataset,) = view.get_training_datasets()
    private.save_statistics(view, made, dataset)
    assert view.get_training_dataset_statistics(1).feature_descriptive_statistics[0].mean == 2.0


@pytest.mark.parametrize("entity", ["group", "view"])
def test_a_result_of_feature_monitoring(entity: str, request: pytest.FixtureRequest) -> None:
    from hsfs.core.feature_monitoring_result import FeatureMonitoringResult

    of = request.getfixturevalue(entity)
    config = of.create_feature_monitoring(f"drift_{entity}", cron_expression="0 0 * ? * * *")
    config = config.with_detection_window(time_offset="1d", window_length="1d")
    config = config.with_reference_window(time_offset="1w", window_length="1d")
    config = config.compare_on_distribution(feature_name="distance", metric="PSI", threshold=0.2).save()
    result = FeatureMonitoringResult(
        feature_store_id=67,
        execution_id=1,
        monitoring_time=1_793_959_200_000,
        feature_monitoring_config_id=config.id,
        shifted_feature_names=["distance"],
        feature_statistics_results=[],
    )
    private.save_monitoring_result(of, result)
    (found,) = of.get_feature_monitoring_history(config_id=config.id)
    assert set(found.shifted_feature_names) == {"distance"}


@pytest.mark.parametrize("entity", ["group", "view"])
def test_a_configuration_of_feature_monitoring(
    entity: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    of = request.getfixturevalue(entity)
    config = of.create_feature_monitoring(f"quiet_{entity}").with_detection_window().with_reference_window()
    config = config.compare_on_distribution(feature_name="distance", metric="PSI", threshold=0.2)
    made = private.create_monitoring_config(of, config)
    assert of.get_feature_monitoring_configs(name=f"quiet_{entity}").id == made.id
    assert capsys.readouterr().out == ""


def test_a_client_without_any_of_the_names() -> None:
    with pytest.raises(OutsideError, match=r"hopsworks \d+\.\d+\.\d+ has no _online_topic_name or online_topic_name"):
        private.online_topic_name(SimpleNamespace())
