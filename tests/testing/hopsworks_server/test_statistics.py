"""Statistics: registered and found by commit window, time, feature, split; computed by nobody."""

from __future__ import annotations

import pytest
from hopsworks.client.exceptions import RestAPIError
from hsfs import statistics
from hsfs.core.feature_descriptive_statistics import FeatureDescriptiveStatistics

START = 1_790_000_000_000  # the client takes small numbers for seconds
LENGTH = {"featureName": "length", "featureType": "Fractional", "count": 150, "mean": 5.8, "stdDev": 0.8}
SPECIES = {"featureName": "species", "featureType": "String", "count": 150}


def registered(group, **window):
    described = [FeatureDescriptiveStatistics(feature_name="length", feature_type="Fractional", count=2, mean=0.5)]
    made = statistics.Statistics(computation_time=10, feature_descriptive_statistics=described, **window)
    group._statistics_engine._save_statistics(made, group, None)


def refusal(call, *arguments, **more):
    with pytest.raises(RestAPIError) as caught:
        call(*arguments, **more)
    return caught.value.response.status_code, caught.value.error_code


def names(found):
    return [each.feature_name for each in found.feature_descriptive_statistics]


def test_none_yet(iris):
    assert iris.get_statistics() is None
    assert iris.get_all_statistics() is None


def test_the_latest_and_the_latest_at_a_time(server, iris):
    for time in (START + 1000, START + 3000, START + 2000):
        server.seed.feature_group_statistics(iris.id, [{**LENGTH, "mean": time}, SPECIES], computed_at=time)
    assert iris.get_statistics().computation_time == START + 3000
    earlier = iris.get_statistics(computation_time=START + 2500)
    assert earlier.computation_time == START + 2000
    assert earlier.feature_descriptive_statistics[0].mean == START + 2000
    assert names(iris.get_statistics(feature_names=["species"])) == ["species"]
    assert names(iris.get_statistics(feature_names=["none"])) == []
    every = iris.get_all_statistics()
    assert [each.computation_time for each in every] == [START + 3000, START + 2000, START + 1000]
    assert all(each.feature_descriptive_statistics is None for each in every)  # only one has its content


def test_what_a_client_registers(iris, server):
    server.seed.commit(iris.id, 2)
    registered(iris, window_end_commit_time=2)
    found = iris.get_statistics()
    assert (found.window_end_commit_time, names(found)) == (2, ["length"])


def test_a_window_ends_at_the_commit_at_or_before(server, iris):
    for time in (1000, 2000):
        server.seed.commit(iris.id, START + time)
    registered(iris, window_start_commit_time=START + 1000, window_end_commit_time=START + 2700)
    first, found = START + 1000, iris.get_statistics_by_commit_window
    assert found(from_commit_time=first, to_commit_time=START + 2999).window_end_commit_time == START + 2000
    assert found(from_commit_time=first, to_commit_time=START + 1500) is None
    assert found(to_commit_time=START + 500) is None  # before the first commit: refused, which the client knows


def test_the_same_window_again_adds_and_replaces_features(server, iris):
    server.seed.commit(iris.id, 2)
    server.seed.feature_group_statistics(iris.id, [{**LENGTH, "mean": 1}, SPECIES], commits=(None, 2))
    registered(iris, window_end_commit_time=2)
    assert len(iris.get_all_statistics()) == 1
    found = {each.feature_name: each.mean for each in iris.get_statistics().feature_descriptive_statistics}
    assert found == {"length": 0.5, "species": None}


def test_no_windows_without_time_travel(server, feature_store):
    number = server.seed.feature_group("plain", {"length": "double"}, time_travel="NONE")
    plain = feature_store.get_feature_group("plain", version=1)
    registered(plain)
    assert plain.get_statistics().feature_group_id == number
    assert refusal(registered, plain, window_end_commit_time=2) == (400, 270229)


def test_extended_statistics_are_text_on_the_wire(server, iris):
    histogram = [{"value": "4.30 to 4.48", "count": 4, "ratio": 0.02}]
    server.seed.feature_group_statistics(iris.id, [{**LENGTH, "extendedStatistics": {"histogram": histogram}}])
    assert iris.get_statistics().feature_descriptive_statistics[0].extended_statistics == {"histogram": histogram}


def test_computing_starts_a_job(server, iris):
    server.seed.commit(iris.id, START)
    job = iris.compute_statistics()
    assert job.name.startswith("iris_1_compute_stats_")
    assert job.get_final_state() == "SUCCEEDED"
    assert iris.get_statistics() is None  # nobody has computed anything


def test_training_datasets_whole_and_by_split(server, feature_store, iris):
    server.seed.feature_view("iris_view", iris.id, labels=["species"])
    whole = server.seed.training_dataset("iris_view")
    split = server.seed.training_dataset("iris_view", splits={"train": 0.8, "test": 0.2})
    server.seed.training_dataset_statistics("iris_view", [LENGTH], whole)
    server.seed.training_dataset_statistics("iris_view", {"train": [LENGTH, SPECIES], "test": [LENGTH]}, split)
    server.seed.training_dataset_statistics("iris_view", [SPECIES], whole, before_transformation=True)
    view = feature_store.get_feature_view("iris_view", version=1)
    assert names(view.get_training_dataset_statistics(whole)) == ["length"]
    assert names(view.get_training_dataset_statistics(whole, before_transformation=True)) == ["species"]
    splits = view.get_training_dataset_statistics(split).split_statistics
    assert [(each.name, names(each)) for each in splits] == [("train", ["length", "species"]), ("test", ["length"])]
    of_one = view.get_training_dataset_statistics(split, feature_names=["species"]).split_statistics
    assert [names(each) for each in of_one] == [["species"], []]
    assert view.get_training_dataset_statistics(99) is None
