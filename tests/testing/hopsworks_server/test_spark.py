"""The client's Spark engine on a local session: feature groups, feature views and training data from disk."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server import HopsworksServer

OPTIONS = {"schema_validation": False, "fetch_expectation_suite": False, "run_validation": False}


def test_insert_and_read(spark, tmp_path, client_version):
    features = {"id": "bigint", "ts": "timestamp", "length": "double", "species": "string"}
    with HopsworksServer(tmp_path, tls=True, version=client_version) as server:
        server.seed.feature_group("iris", features, primary_key=["id"], event_time="ts")
        server.seed.feature_view("iris_view", 1, labels=["species"])
        version = server.seed.training_dataset("iris_view")
        store = server.login("spark-delta").get_feature_store()
        iris = store.get_feature_group("iris", version=1)
        frame = spark.range(10).selectExpr(
            "id", "timestamp_seconds(id * 60) ts", "id / 2 length", "cast(id % 2 as string) species"
        )
        iris.insert(frame, operation="insert", validation_options=OPTIONS)
        iris.insert(frame.where("id < 5"), operation="insert", validation_options=OPTIONS)
        commits = iris.commit_details()
        assert [commit["rowsInserted"] for commit in commits.values()] == ["5", "10"]  # text, from this engine
        assert iris.as_of(min(commits)).read().count() == 10
        assert iris.filter(iris.length >= 2.0).read().count() == 7

        view = store.get_feature_view("iris_view", version=1)
        batch = view.get_batch_data(start_time=60_000, end_time=180_000)
        assert batch.columns == ["id", "ts", "length"]
        folder = server.dataset(f"demo_Training_Datasets/iris_view_1_{version}/iris_view_1")
        frame.write.parquet(folder.as_uri())
        instances, labels = view.get_training_data(version)
        assert (instances.columns, labels.columns) == (["id", "ts", "length"], ["species"])
        assert instances.count() == 10
