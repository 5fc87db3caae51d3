"""Hopsworks' own feature monitoring, feature logging, Python environments, charts."""

from __future__ import annotations

import datetime as dt

import pytest
from hopsworks.client.exceptions import RestAPIError

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.timezone.utc)


@pytest.fixture
def view(server, feature_store, iris):
    server.seed.feature_view("iris_view", iris.id, labels=["species"])
    return feature_store.get_feature_view("iris_view", version=1)


@pytest.fixture
def drift(iris):
    made = iris.create_feature_monitoring("drift", cron_expression="0 0 * ? * * *")
    made = made.with_detection_window(time_offset="1h", window_length="1h")
    made = made.with_reference_window(time_offset="1w", window_length="1d")
    return made.compare_on(feature_name="length", metric="mean", threshold=0.3, relative=True).save()


def result(config, time, shifted):
    from hsfs.core.feature_monitoring_result import FeatureMonitoringResult

    names = ["length"] if shifted else []
    facts = {
        "feature_store_id": 67,
        "execution_id": 1,
        "feature_statistics_results": [],
        "shifted_feature_names": names,
    }
    return FeatureMonitoringResult(feature_monitoring_config_id=config.id, monitoring_time=time, **facts)


def test_configurations(iris, drift):
    assert drift.job_name.endswith("drift_run_feature_monitoring")
    assert iris.get_feature_monitoring_configs(name="nothing") in (None, [])
    assert iris.get_feature_monitoring_configs(name="drift").id == drift.id
    assert [each.name for each in iris.get_feature_monitoring_configs(feature_name="length")] == ["drift"]
    assert iris.get_feature_monitoring_configs(feature_name="species") == []
    assert [each.id for each in iris.get_feature_monitoring_configs()] == [drift.id]
    drift.delete()
    assert iris.get_feature_monitoring_configs() == []


def test_results(iris, drift):
    start = int(NOON.timestamp() * 1000)
    api = iris._feature_monitoring_result_engine._feature_monitoring_result_api
    for hours, shifted in ((0, False), (2, True), (1, False)):
        api._create(result(drift, start + hours * 3_600_000, shifted))
    history = iris.get_feature_monitoring_history(config_name="drift")
    assert [set(each.shifted_feature_names or ()) for each in history] == [{"length"}, set(), set()]
    later = iris.get_feature_monitoring_history(config_id=drift.id, start_time=start + 3_600_000)
    assert len(later) == 2


def test_running_a_configuration_once(drift):
    assert drift.run_once().get_final_state() == "SUCCEEDED"


def test_feature_logging(server, view):
    assert view.feature_logging is None
    log = view.enable_logging(extra_log_columns=[{"name": "region", "type": "string"}]).feature_logging
    group = log.get_feature_group()
    names = [each.name for each in group._features]
    assert group.name == "iris_view_1_log"
    assert {"log_id", "log_time", "model_name", "request_id", "length", "predicted_species", "region"} <= set(names)
    assert (group.event_time, group.stream, group.online_enabled) == ("log_time", True, True)
    view.pause_logging()
    view.resume_logging()
    (job,) = view.materialize_log()
    assert job.name == "iris_view_1_log_1_offline_fg_materialization"
    view.delete_log()
    again = view._feature_view_engine._get_feature_logging(view)
    assert again.get_feature_group().id != group.id


def test_feature_logging_that_is_there(server, feature_store, view):
    number = server.seed.feature_logging("iris_view")
    again = feature_store.get_feature_view("iris_view", version=1)
    assert again.logging_enabled
    assert again.feature_logging.get_feature_group().id == number


def test_environments(server, project, tmp_path):
    api = project.get_environment_api()
    assert api.get_environment("hopsmon") is None
    made = api.create_environment("hopsmon", base_environment_name="spark-feature-pipeline", await_creation=False)
    (tmp_path / "hopsmon-1-py3-none-any.whl").write_text("a wheel")
    path = project.get_dataset_api().upload(str(tmp_path / "hopsmon-1-py3-none-any.whl"), "Resources")
    made.install_wheel(path, await_installation=False)
    posted = server.requests[-1]
    assert (posted.status, posted.body["packageSource"]) == (201, "WHEEL")
    assert posted.path.endswith("/python/environments/hopsmon/libraries/hopsmon-1-py3-none-any.whl")
    assert "hopsmon" in [each.name for each in api.get_environments()]
    api.get_environment("hopsmon").delete()
    assert api.get_environment("hopsmon") is None
    with pytest.raises(RestAPIError) as caught:
        api.create_environment("again", base_environment_name="none", await_creation=False)
    assert caught.value.error_code == 300000


def test_charts(server, feature_store):
    feature_store.create_chart(title="PSI", description="by window", url="/Resources/psi.html")
    feature_store.create_dashboard(name="hopsmon", charts=[])
    assert [request.status for request in server.requests[-2:]] == [201, 201]
