"""From a deployment to its topic, its model, the model's feature view and training dataset."""

from __future__ import annotations

import pytest
from hopsworks.client.exceptions import RestAPIError
from hsfs.feature import Feature


@pytest.fixture
def view(server, iris):
    server.seed.feature_view("iris_view", iris.id, labels=["species"])
    return server.seed.training_dataset("iris_view")


@pytest.fixture
def registry(project):
    return project.get_model_registry()


@pytest.fixture
def serving(project):
    return project.get_model_serving()


def test_what_is_not_there_is_none(registry, serving):
    assert registry.get_model("nothing", version=1) is None
    assert registry.get_models("nothing") == []
    assert serving.get_deployment("nothing") is None
    assert serving.get_deployments() == []


def test_a_model_knows_where_it_comes_from(server, registry, view):
    server.seed.model("iris", feature_view=("iris_view", 1), training_dataset_version=view)
    model = registry.get_model("iris", version=1)
    assert (model.id, model.training_dataset_version) == ("iris_1", 1)
    assert model.get_feature_view(init=False).name == "iris_view"
    assert model.get_feature_view().labels == ["species"]  # made ready for batch data
    (dataset,) = model.get_training_dataset_provenance().accessible
    assert dataset.version == 1


def test_a_model_that_does_not(server, registry):
    server.seed.model("iris")
    model = registry.get_model("iris", version=1)
    assert model.training_dataset_version == 0  # as Hopsworks says "none"
    assert model.get_feature_view_provenance() is None


def test_the_way_back_to_the_model(server, registry, feature_store, iris, view):
    server.seed.model("iris", feature_view=("iris_view", 1), training_dataset_version=view)
    server.seed.model("stranger")
    of_view = feature_store.get_feature_view("iris_view", version=1)
    assert [each.name for each in of_view.get_parent_feature_groups().accessible] == ["iris"]
    assert [each.name for each in of_view.get_models()] == ["iris"]
    assert [each.name for each in iris.get_generated_feature_views().accessible] == ["iris_view"]


def test_models_by_metric(server, registry):
    for version, accuracy in ((1, 0.9), (2, 0.7)):
        server.seed.model("iris", version, metrics={"accuracy": accuracy})
    server.seed.model("other")
    assert [each.version for each in registry.get_models("iris")] == [1, 2]
    assert registry.get_best_model("iris", "accuracy", "max").version == 1


def test_what_a_client_saves(server, registry, feature_store, view, tmp_path):
    (tmp_path / "model.pkl").write_text("a model")
    of_view = feature_store.get_feature_view("iris_view", version=1)
    made = registry.python.create_model("mine", version=3, feature_view=of_view, training_dataset_version=1)
    made._model_engine._model_api._put(made, {})
    again = registry.get_model("mine", version=3)
    assert again.get_feature_view(init=False).name == "iris_view"
    again.delete()
    assert registry.get_model("mine", version=3) is None


@pytest.mark.parametrize("mode", ["ALL", "PREDICTIONS", "MODEL_INPUTS"])
def test_an_inference_logger(server, serving, mode):
    server.seed.deployment("irisdep", "iris", mode=mode, topic="iris-log", schema_version=3)
    logger = serving.get_deployment("irisdep").inference_logger
    assert (logger.mode, logger.kafka_topic.name) == (mode, "iris-log")


def test_no_inference_logger(server, serving):
    server.seed.deployment("irisdep", "iris", mode="NONE")
    logger = serving.get_deployment("irisdep").inference_logger
    assert (logger.mode, logger.kafka_topic) == ("NONE", None)


def test_what_a_client_deploys(server, project, registry, serving):
    from hsml.inference_logger import InferenceLogger

    server.seed.model("iris")
    server.dataset("Resources/predict.py").write_text("")
    model = registry.get_model("iris", version=1)
    logger = InferenceLogger(kafka_topic={"name": "CREATE"}, mode="ALL")
    model.deploy("irisdep", script_file="/Projects/demo/Resources/predict.py", inference_logger=logger)
    found = serving.get_deployment("irisdep")
    assert (found.model_name, found.model_version, found.is_stopped()) == ("iris", 1, True)
    topic = found.inference_logger.kafka_topic.name
    assert topic.startswith("irisdep-inf")
    assert [each.name for each in project.get_kafka_api().get_topics()] == [topic]
    assert [each.name for each in serving.get_deployments(model=model)] == ["irisdep"]
    found.delete(force=True)
    assert serving.get_deployment("irisdep") is None


def test_tags_need_a_schema(server, iris):
    assert iris.get_tags() == {}
    with pytest.raises(RestAPIError) as caught:
        iris.add_tag("owner", {"name": "me"})
    assert caught.value.error_code == 370000
    server.seed.tag_schema("owner")
    iris.add_tag("owner", {"name": "me"})
    assert iris.get_tag("owner") == {"name": "me"}
    assert iris.get_tags() == {"owner": {"name": "me"}}
    iris.delete_tag("owner")
    assert iris.get_tag("owner") is None


def test_tags_that_come_with_a_feature_group(server, feature_store):
    made = {"version": 1, "time_travel_format": "HUDI", "primary_key": ["k"], "features": [Feature("k", "string")]}
    tagged = {**made, "tags": {"name": "owner", "value": {"name": "me"}}}
    with pytest.raises(RestAPIError) as caught:
        feature_store.create_feature_group("tagged", **tagged).save()
    assert caught.value.error_code == 370000
    assert feature_store.get_feature_group("tagged", version=1) is None
    server.seed.tag_schema("owner")
    feature_store.create_feature_group("tagged", **tagged).save()
    assert feature_store.get_feature_group("tagged", version=1).get_tags() == {"owner": {"name": "me"}}


def test_tags_of_feature_views(server, feature_store, view):
    server.seed.tag_schema("owner")
    of_view = feature_store.get_feature_view("iris_view", version=1)
    of_view.add_tag("owner", "me")
    assert of_view.get_tags() == {"owner": "me"}
    of_view.add_training_dataset_tag(1, "owner", "you")
    assert of_view.get_training_dataset_tags(1) == {"owner": "you"}
