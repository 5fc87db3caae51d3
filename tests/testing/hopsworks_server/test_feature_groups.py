"""Feature groups: what Hopsworks completes, what it refuses, and their commits."""

from __future__ import annotations

import pytest
from hopsworks.client.exceptions import RestAPIError
from hsfs.feature import Feature

START = 1_790_000_000_000  # the client takes small numbers for seconds


def created(feature_store, name="results", **more):
    group = feature_store.create_feature_group(
        **{
            "name": name,
            "primary_key": ["k"],
            "event_time": "ts",
            "time_travel_format": "HUDI",
            "features": [Feature("k", "string"), Feature("ts", "timestamp"), Feature("v", "double")],
            **more,
        }
    )
    group.save()
    return group


def refusal(call, *arguments, **more):
    with pytest.raises(RestAPIError) as caught:
        call(*arguments, **more)
    return caught.value.response.status_code, caught.value.error_code


def test_what_is_not_there_is_none(feature_store):
    assert feature_store.get_feature_group("nothing", version=1) is None
    assert feature_store.get_feature_groups("nothing") == []


def test_a_feature_group_as_hopsworks_completes_it(server, feature_store):
    group = created(feature_store, version=1, online_enabled=True)
    assert group.id == 1
    assert group.location == f"file://{server.folder}/apps/hive/warehouse/demo_featurestore.db/results_1"
    assert group._online_topic_name == "demo_onlinefs"
    types = {name: group.get_feature(name).online_type for name in ("k", "ts", "v")}
    assert types == {"k": "varchar(100)", "ts": "timestamp", "v": "double"}
    again = feature_store.get_feature_group("results", version=1)
    assert (again.id, again.primary_key, again.event_time) == (1, ["k"], "ts")
    assert again.creator.email == "admin@hopsworks.ai"


def test_versions_follow_the_highest(feature_store):
    assert [created(feature_store, version=version).version for version in (3, None)] == [3, 4]
    assert sorted(each.version for each in feature_store.get_feature_groups("results")) == [3, 4]
    assert refusal(created, feature_store, version=4) == (400, 270089)


def test_hudi_needs_a_key_to_merge_by(feature_store):
    group = created(feature_store, version=1)
    assert group.hudi_precombine_key == "k"
    assert created(feature_store, "more", version=1, hudi_precombine_key="v").hudi_precombine_key == "v"


def test_names(feature_store):
    assert refusal(created, feature_store, "1st", version=1) == (400, 270091)
    assert refusal(created, feature_store, "a" * 64, version=1) == (400, 270091)


def test_descriptions_change_and_features_are_added(feature_store):
    created(feature_store, version=1)
    group = feature_store.get_feature_group("results", version=1)
    group.update_feature_description("v", "a value")
    group.update_description("results")
    group.append_features(Feature("w", "string"))
    again = feature_store.get_feature_group("results", version=1)
    assert again.description == "results"
    assert again.get_feature("v").description == "a value"
    assert again.get_feature("w").online_type == "varchar(100)"


def test_features_neither_go_nor_change_their_type(feature_store):
    group = created(feature_store, version=1)
    group.get_feature("v").type = "int"
    update = group._feature_group_engine._feature_group_api._update_metadata
    assert refusal(update, group, group, "updateMetadata") == (400, 270114)


def test_statistics_configuration(feature_store):
    group = created(feature_store, version=1, statistics_config=False)
    group.statistics_config = {"enabled": True, "histograms": True}
    group.update_statistics_config()
    assert feature_store.get_feature_group("results", version=1).statistics_config.histograms is True


def test_stream_feature_groups_have_a_materialization_job(project, feature_store):
    group = created(feature_store, version=1, stream=True, online_enabled=True)
    assert group.materialization_job.name == "results_1_offline_fg_materialization"
    with pytest.warns(match="All jobs associated"):
        group.delete()
    assert project.get_job_api().get_job("results_1_offline_fg_materialization") is None
    assert feature_store.get_feature_group("results", version=1) is None


def test_a_feature_store_by_another_name(project):
    assert refusal(project.get_feature_store, "other") == (404, 270008)


@pytest.mark.parametrize("rows", ["2", 2], ids=["as Spark sends it", "as Python sends it"])
def test_commits(server, iris, rows):
    """Counters come back as they were sent."""
    from hsfs.feature_group_commit import FeatureGroupCommit

    api = iris._feature_group_engine._feature_group_api
    for time in (1000, 3000, 2000):
        sent = FeatureGroupCommit(commit_time=START + time, rows_inserted=rows, rows_updated=0, rows_deleted=0)
        assert api._commit(iris, sent).commitid == START + time
    details = iris.commit_details()
    assert list(details) == [START + 3000, START + 2000, START + 1000]
    assert details[START + 3000]["rowsInserted"] == rows
    assert list(iris.commit_details(wallclock_time=START + 2500, limit=1)) == [START + 2000]
    api._delete_content(iris)
    assert iris.commit_details() == {}
