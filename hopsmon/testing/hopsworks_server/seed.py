"""Seed: what a test needs to be in the project before it begins, without a client's help.

What a client creates in one call, such as a feature group, is here as well: for tests of what comes after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from hopsmon.errors import UnknownNameError
from hopsmon.testing.hopsworks_server import kafka, models, serving, statistics
from hopsmon.testing.hopsworks_server.alerts import keep_receiver
from hopsmon.testing.hopsworks_server.feature_groups import create_feature_group, feature_group_by_id
from hopsmon.testing.hopsworks_server.feature_logging import enable_logging
from hopsmon.testing.hopsworks_server.feature_views import create_feature_view
from hopsmon.testing.hopsworks_server.inference_schema import SUBJECT
from hopsmon.testing.hopsworks_server.state import Json, State, milliseconds
from hopsmon.testing.hopsworks_server.training_datasets import create_training_dataset

Mode: TypeAlias = Literal["ALL", "PREDICTIONS", "MODEL_INPUTS", "NONE"]
TimeTravel: TypeAlias = Literal["DELTA", "HUDI", "NONE"]
Statistics: TypeAlias = Sequence[Mapping[str, Any]]  # descriptive statistics as JSON, one object a feature

_RANDOM_SPLIT = "RANDOM_SPLIT"


class Seed:
    """Puts things into a server. Names and versions are Hopsworks'; what is given first is what the rest refers to."""

    def __init__(self, state: State) -> None:
        self._state = state

    def feature_group(
        self,
        name: str,
        features: Mapping[str, str],
        primary_key: Sequence[str] = (),
        event_time: str | None = None,
        version: int = 1,
        time_travel: TimeTravel = "DELTA",
    ) -> int:
        """A feature group, offline only and without data; its id.

        Args:
            name: its name.
            features: name and Hive type of each feature, in order.
            primary_key: the features that are its key.
            event_time: the feature that is its event time.
            version: its version.
            time_travel: its format.
        """
        known = {"partition": False, "hudiPrecombineKey": False, "onDemand": False, "description": ""}
        columns = [
            {"name": each, "type": kind, "primary": each in primary_key, **known} for each, kind in features.items()
        ]
        sent = {
            "name": name,
            "version": version,
            "description": "",
            "type": "cachedFeaturegroupDTO",
            "onlineEnabled": False,
            "timeTravelFormat": time_travel,
            "eventTime": event_time,
            "features": columns,
        }
        with self._state.lock:
            return int(create_feature_group(self._state, sent)["id"])

    def commit(self, feature_group: int, at: int, rows: int = 0) -> None:
        """A commit of a feature group at a time in milliseconds, without data."""
        made = {"commitID": at, "commitTime": at, "rowsInserted": rows, "rowsUpdated": 0, "rowsDeleted": 0, "href": ""}
        with self._state.lock:
            feature_group_by_id(self._state, feature_group)
            self._state.commits[feature_group].append(made)

    def feature_group_statistics(
        self,
        feature_group: int,
        features: Statistics,
        commits: tuple[int | None, int] | None = None,
        computed_at: int | None = None,
    ) -> None:
        """Statistics of a feature group, kept as they are given.

        Args:
            feature_group: its id.
            features: descriptive statistics as Hopsworks sends them: `featureName`, `count`, `percentiles` …
            commits: the window of commits they are of, in milliseconds.
            computed_at: when they were computed, in milliseconds; None: now.
        """
        start, end = commits or (None, None)
        window = {"windowStartCommitTime": start, "windowEndCommitTime": end}
        sent = {"featureGroupId": feature_group, "featureDescriptiveStatistics": _copies(features)}
        sent |= {name: time for name, time in window.items() if time is not None}
        with self._state.lock:
            feature_group_by_id(self._state, feature_group)
            self._statistics(statistics.feature_group_key(feature_group), sent, False, computed_at)

    def feature_view(
        self,
        name: str,
        feature_groups: int | Sequence[int],
        labels: Sequence[str] = (),
        version: int = 1,
        transformation_functions: Sequence[Json] = (),
    ) -> None:
        """A feature view of all features of a feature group, or of several joined by the primary keys they share."""
        numbers = [feature_groups] if isinstance(feature_groups, int) else list(feature_groups)
        with self._state.lock:
            queries = [_query(feature_group_by_id(self._state, number)) for number in numbers]
            joins = [{"query": query, "on": [], "leftOn": [], "rightOn": [], "type": "INNER"} for query in queries[1:]]
            sent = {
                "name": name,
                "version": version,
                "description": "",
                "type": "featureViewDTO",
                "query": {**queries[0], "joins": joins},
                "features": [{"name": label, "label": True} for label in labels],
                "loggingEnabled": False,
                "transformationFunctions": list(transformation_functions),
            }
            create_feature_view(self._state, sent)

    def training_dataset(
        self,
        feature_view: str,
        splits: Mapping[str, float] | None = None,
        feature_view_version: int = 1,
        data_format: str = "parquet",
    ) -> int:
        """A training dataset's next version, without data: files written to its folder are its data.

        That folder is `server.dataset("{project}_Training_Datasets/{view}_{view version}_{version}")`; in it lies a
        folder for each split with the split's name, and without splits one named `{view}_{view version}`.
        """
        made = [
            {"name": name, "splitType": _RANDOM_SPLIT, "percentage": share} for name, share in (splits or {}).items()
        ]
        sent: Json = {
            "dataFormat": data_format,
            "coalesce": False,
            "trainingDatasetType": "HOPSFS_TRAINING_DATASET",
            "splits": made,
            "trainSplit": "train" if "train" in (splits or {}) else None,
        }
        with self._state.lock:
            view = self._view(feature_view, feature_view_version)
            return int(create_training_dataset(self._state, view, sent)["version"])

    def training_dataset_statistics(
        self,
        feature_view: str,
        features: Statistics | Mapping[str, Statistics],
        version: int = 1,
        feature_view_version: int = 1,
        before_transformation: bool = False,
        computed_at: int | None = None,
    ) -> None:
        """Statistics of a training dataset, as a whole, or by the name of a split."""
        sent: Json = {"featureViewName": feature_view, "featureViewVersion": feature_view_version}
        sent["trainingDatasetVersion"] = version
        if isinstance(features, Mapping):
            splits = [{"name": name, "featureDescriptiveStatistics": _copies(of)} for name, of in features.items()]
            sent["splitStatistics"] = splits
        else:
            sent["featureDescriptiveStatistics"] = _copies(features)
        key = statistics.training_dataset_key(feature_view, feature_view_version, version)
        with self._state.lock:
            self._view(feature_view, feature_view_version)
            self._statistics(key, sent, before_transformation, computed_at)

    def feature_logging(
        self,
        feature_view: str,
        feature_view_version: int = 1,
        transport: Literal["realtime", "job"] = "realtime",
    ) -> int:
        """Feature logging of a feature view; the id of the feature group it logs to."""
        with self._state.lock:
            view = self._view(feature_view, feature_view_version)
            return int(enable_logging(self._state, view, [], transport)["group"])

    def model(
        self,
        name: str,
        version: int = 1,
        feature_view: tuple[str, int] | None = None,
        training_dataset_version: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """A version of a model, and which training dataset of which feature view it comes from."""
        view = {"name": feature_view[0], "version": feature_view[1]} if feature_view else None
        sent = {
            "name": name,
            "version": version,
            "description": f"A collection of models for {name}",
            "framework": "PYTHON",
            "metrics": dict(metrics or {}),
            "featureView": view,
            "trainingDatasetVersion": training_dataset_version,
        }
        with self._state.lock:
            models.keep_model(self._state, sent, "")

    def deployment(
        self,
        name: str,
        model: str,
        model_version: int = 1,
        mode: Mode = "ALL",
        topic: str | None = None,
        schema_version: int = 4,
    ) -> int:
        """A deployment of a model that does not run; its id.

        Args:
            name: its name.
            model: the model's name.
            model_version: the model's version.
            mode: what its inference logger logs.
            topic: where to; None: a topic named after the deployment.
            schema_version: which version of the inference schema the topic holds.
        """
        project = self._state.settings.project
        sent = {
            "name": name,
            "modelName": model,
            "modelVersion": model_version,
            "modelPath": f"/Projects/{project}/Models/{model}",
            "modelFramework": "PYTHON",
            "modelServer": "PYTHON",
            "servingTool": "KSERVE",
            "apiProtocol": "REST",
            "predictor": "predict.py",
            "inferenceLogging": mode,
            "kafkaTopicDTO": {"name": topic or "CREATE", "numOfReplicas": 1, "numOfPartitions": 1},
        }
        with self._state.lock:
            if topic and topic not in self._state.topics:
                self.kafka_topic(topic, SUBJECT, schema_version)
            deployment = serving.keep_deployment(self._state, sent, "")
            made = deployment["kafkaTopicDTO"]
            if made and not topic:
                made["schemaVersion"] = schema_version
            return int(deployment["id"])

    def kafka_topic(self, name: str, schema: str = SUBJECT, schema_version: int = 4, partitions: int = 1) -> None:
        """A topic as Hopsworks knows it; the broker must have its own."""
        sent = {"name": name, "schemaName": schema, "schemaVersion": schema_version, "numOfPartitions": partitions}
        with self._state.lock:
            kafka.keep_topic(self._state, {**sent, "numOfReplicas": 1}, "")

    def kafka_schema(self, subject: str, schema: Mapping[str, Any]) -> int:
        """An Avro schema as the next version of a subject; the version."""
        with self._state.lock:
            return int(kafka.keep_schema(self._state, subject, json.dumps(schema))["version"])

    def alert_receiver(self, name: str, email: str = "somebody@example.com") -> None:
        """A receiver of alerts by mail; Hopsworks knows it as `{project}__{name}`."""
        with self._state.lock:
            keep_receiver(self._state, {"name": name, "emailConfigs": [{"to": email, "sendResolved": False}]})

    def tag_schema(self, name: str) -> None:
        """The schema without which no tag of this name can be attached; any value passes."""
        with self._state.lock:
            self._state.tag_schemas[name] = {}

    def _view(self, name: str, version: int) -> Json:
        if (name, version) not in self._state.views:
            known = [f"{view}, version {number}" for view, number in self._state.views]
            raise UnknownNameError("feature view", f"{name}, version {version}", known)
        return self._state.views[(name, version)]

    def _statistics(self, key: tuple[str, ...], sent: Json, before: bool, computed_at: int | None) -> None:
        time = milliseconds() if computed_at is None else computed_at
        given = {"computationTime": time, "rowPercentage": 1.0, "beforeTransformation": before, "href": ""}
        statistics.keep(self._state, key, {**given, **sent})


def _query(group: Json) -> Json:
    facts = {"featureStoreId": group["featurestoreId"], "featureStoreName": group["featurestoreName"]}
    return {**facts, "leftFeatureGroup": group, "leftFeatures": list(group["features"]), "joins": []}


def _copies(features: Statistics) -> list[Json]:
    """Copies, as the server adds ids; of what is text on the wire and given as an object, the text."""
    made = []
    for feature in features:
        extended = feature.get("extendedStatistics")
        text = extended if isinstance(extended, str | None) else json.dumps(extended)
        made.append({**feature, "extendedStatistics": text} if text else dict(feature))
    return made
