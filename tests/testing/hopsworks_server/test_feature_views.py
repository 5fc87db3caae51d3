"""Feature views and training datasets: schema, labels, keys, and the query of their batch data."""

from __future__ import annotations

import pytest
from hopsworks.client.exceptions import RestAPIError


@pytest.fixture
def view(server, feature_store, iris):
    server.seed.feature_view("iris_view", iris.id, labels=["species"])
    return feature_store.get_feature_view("iris_view", version=1)


def batch_query(view, **more):
    asked = {"start_time": None, "end_time": None, "is_python_engine": False, **more}
    return view._feature_view_engine._feature_view_api._get_batch_query(view.name, view.version, **asked)


def test_what_is_not_there_is_none(feature_store):
    assert feature_store.get_feature_view("nothing", version=1) is None
    assert feature_store.get_feature_views("nothing") == []


def test_what_a_client_creates(feature_store, iris):
    made = feature_store.create_feature_view("mine", iris.select(["length", "species"]), version=2, labels=["species"])
    again = feature_store.get_feature_view("mine", version=2)
    assert (again.id, again.name, again.labels) == (made.id, "mine", ["species"])
    assert [(each.name, each.type, each.index, each.label) for each in again.schema] == [
        ("length", "double", 0, False),
        ("species", "string", 1, True),
    ]
    assert again.query._left_feature_group.id == iris.id
    with pytest.raises(RestAPIError) as caught:
        feature_store.create_feature_view("mine", iris.select_all(), version=2)
    assert caught.value.error_code == 270179
    assert [each.version for each in feature_store.get_feature_views("mine")] == [2]


def test_serving_keys(view):
    assert [(key.feature_name, key.required) for key in view.serving_keys] == [("id", True)]


def test_a_join_with_a_prefix(server, feature_store, iris):
    server.seed.feature_group("stems", {"id": "bigint", "length": "double"}, primary_key=["id"])
    stems = feature_store.get_feature_group("stems", version=1)
    query = iris.select(["id", "length"]).join(stems.select(["id", "length"]), prefix="stem_")
    view = feature_store.create_feature_view("joined", query, version=1, labels=["stem_length"])
    found = [(each.name, each.feature_group_feature_name, each.feature_group.name, each.label) for each in view.schema]
    assert found == [
        ("id", "id", "iris", False),
        ("length", "length", "iris", False),
        ("stem_id", "id", "stems", False),
        ("stem_length", "length", "stems", True),
    ]


def test_a_view_of_a_feature_group_that_was_deleted(feature_store, view, iris):
    with pytest.warns(match="All jobs associated"):
        iris.delete()
    with pytest.raises(ValueError, match="the query defined is no longer valid"):
        feature_store.get_feature_view("iris_view", version=1)


def test_batch_data_leave_labels_out(view):
    assert [each.name for each in batch_query(view).features] == ["id", "ts", "length"]
    assert [each.name for each in batch_query(view, with_label=True).features] == ["id", "ts", "length", "species"]


def test_keys_and_event_time_come_where_asked_for(feature_store, iris):
    view = feature_store.create_feature_view("narrow", iris.select(["length"]), version=1)
    asked = batch_query(view, primary_keys=True, event_time=True)
    assert {each.name for each in asked.features} == {"length", "id", "ts"}


def test_batch_data_between_two_event_times(view):
    sql = batch_query(view, start_time=1000, end_time=2000).to_string()
    assert sql.endswith("WHERE (`fg0`.`ts` >= timestamp_millis(1000) AND `fg0`.`ts` < timestamp_millis(2000))")


def test_training_datasets(server, view):
    with pytest.warns():  # the version; and that there is no query service, which the client looks for in any case
        version, job = view.create_train_test_split(
            test_size=0.2, data_format="parquet", statistics_config=False, write_options={"wait_for_job": False}
        )
    assert (version, job.name) == (1, "iris_view_1_1_create_fv_td")
    assert server.seed.training_dataset("iris_view") == 2
    found = {each.version: each for each in view.get_training_datasets()}
    assert [split.name for split in found[1].splits] == ["train", "test"]
    engine = view._feature_view_engine
    one = engine._get_training_dataset_metadata(view, 1)
    assert one.location == server.dataset("demo_Training_Datasets/iris_view_1_1").as_uri()
    view.delete_training_dataset(1)
    assert [each.version for each in view.get_training_datasets()] == [2]
    with pytest.raises(RestAPIError) as caught:
        engine._get_training_dataset_metadata(view, 1)
    assert caught.value.error_code == 270012


def test_transformation_functions(server, feature_store, iris):
    from hsfs.builtin_transformations import label_encoder

    query = iris.select(["length", "species"])
    feature_store.create_feature_view("encoded", query, version=1, transformation_functions=[label_encoder("species")])
    again = feature_store.get_feature_view("encoded", version=1)
    assert [each.hopsworks_udf.function_name for each in again.transformation_functions] == ["label_encoder"]
    assert feature_store.get_transformation_functions() == []
