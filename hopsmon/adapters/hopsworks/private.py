"""Private names of the Hopsworks client: all that hopsmon touches, each in one function, for hopsworks 5.1 and 5.2.

Many of them had no leading underscore before 5.0, and may change again: where none of the known names fits, the error
says which client that is. `tests/adapters/hopsworks/test_private.py` holds them against the client that is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hopsmon.errors import OutsideError

KNOWN_VERSIONS = "5.1 and 5.2"


def client_version() -> str:
    """Version of the installed client."""
    import hopsworks

    return str(hopsworks.__version__)


@dataclass(frozen=True, slots=True)
class Session:
    """Where this process is logged in; the client allows one connection a process.

    Attributes:
        engine: as the client names it: python, spark, spark-delta, spark-no-metastore or training.
        external: not inside the cluster.
    """

    host: str
    port: int
    project: str | None
    engine: str
    external: bool


def current_session() -> Session | None:
    """The login that is in force, whoever made it; None: there is none."""
    from hopsworks_common import client, connection

    active = _member(client, "_client", "client")
    engine = _member(connection, "_hsfs_engine_type", default=None)
    if active is None or engine is None:
        return None
    return Session(
        host=str(_member(active, "_host", "host")),
        port=int(_member(active, "_port", "port")),
        project=_member(active, "_project_name", "project_name"),
        engine=str(engine),
        external=bool(_member(active, "_is_external", "is_external")()),
    )


def project_names() -> list[str]:
    """The projects that the API key in force may enter."""
    from hopsworks_common.core.project_api import ProjectApi

    found = _member(ProjectApi(), "_get_projects", "get_projects")()
    return sorted(str(project.name) for project in found)


def get_json(path: tuple[str, ...], query: Mapping[str, object] | None = None) -> Any:
    """What the REST API answers below `project/{id}`: for what the client's objects leave out."""
    from hopsworks_common import client

    active = _member(client, "_get_instance", "get_instance")()
    project = str(_member(active, "_project_id", "project_id"))
    send = _member(active, "_send_request", "send_request")
    return send("GET", ["project", project, *path], query_params=dict(query or {}))


def kafka_connector(feature_store: Any, external: bool) -> Any:
    """The feature store's own Kafka connector; `external`: with the brokers' addresses as seen from outside."""
    api = _member(feature_store, "_storage_connector_api")
    return _member(api, "get_kafka_connector", "_get_kafka_connector")(feature_store.id, external)


def online_topic_name(feature_group: Any) -> str:
    """The topic through which rows of a feature group reach the online store."""
    return str(_member(feature_group, "_online_topic_name", "online_topic_name"))


def root_feature_group(feature_view: Any) -> Any:
    """The feature group a feature view's query starts from; its event time is the view's."""
    return _member(feature_view.query, "_left_feature_group", "left_feature_group")


def feature_view_names(feature_store: Any) -> list[str]:
    """The names of all feature views."""
    api = _member(_member(feature_store, "_feature_view_engine"), "_feature_view_api")
    return sorted({str(one["name"]) for one in _member(api, "_get_all", "get_all")()})


def training_dataset(feature_view: Any, version: int) -> Any:
    """The metadata of one training dataset; the client's public call asks for each of them all."""
    engine = _member(feature_view, "_feature_view_engine")
    return _member(engine, "_get_training_dataset_metadata", "get_training_dataset_metadata")(feature_view, version)


def save_statistics(entity: Any, statistics: Any, training_dataset: Any = None) -> Any:
    """Register statistics that we have computed: of a feature group, or of a training dataset of a feature view."""
    save = _member(_member(entity, "_statistics_engine"), "_save_statistics", "save_statistics")
    return save(statistics, entity, None) if training_dataset is None else save(statistics, training_dataset, entity)


def save_expectation_suite(feature_group: Any, suite: Any) -> Any:
    """Attach a suite of the client's own type; its public call would write `column_A` as `column_a`."""
    engine = _member(feature_group, "_expectation_suite_engine")
    return _member(engine, "_save", "save")(suite)


def save_monitoring_result(entity: Any, result: Any) -> Any:
    """Post a result of Hopsworks' own feature monitoring for a feature group or feature view."""
    engine = _member(entity, "_feature_monitoring_result_engine")
    api = _member(engine, "_feature_monitoring_result_api")
    return _member(api, "_create", "create")(result)


def create_monitoring_config(entity: Any, config: Any) -> Any:
    """Register a configuration of Hopsworks' own feature monitoring, without the client's note on stdout."""
    engine = _member(entity, "_feature_monitoring_config_engine")
    api = _member(engine, "_feature_monitoring_config_api")
    return _member(api, "_create", "create")(config)


def delta_rs_place(feature_group: Any) -> tuple[str, dict[str, str]]:
    """Where delta-rs finds a feature group's Delta table, and its options: as the client's Python engine does it.

    The client looks for HopsFS behind whatever has no connector, and fails outside of the cluster; a location says
    itself what it is.
    """
    from urllib.parse import urlsplit

    from hsfs.core.delta_engine import DeltaEngine

    location = str(feature_group.location)
    if feature_group.storage_connector is None and urlsplit(location).scheme not in ("", "hopsfs", "hdfs"):
        return location, {}
    arguments = (feature_group.feature_store_id, feature_group.feature_store_name, feature_group, None, None)
    engine = DeltaEngine(*arguments)
    options: dict[str, str] = _member(engine, "_get_delta_rs_storage_options")()
    return str(_member(engine, "_get_delta_rs_location")()), options


def register_last_commit(
    feature_group: Any, spark: Any, location: str, options: Mapping[str, str] | None = None
) -> None:
    """Tell Hopsworks of the last commit of a feature group's Delta table; it keeps one it knows as it is."""
    from hsfs.core.delta_engine import DeltaEngine
    from hsfs.core.feature_group_api import FeatureGroupApi

    commit = _member(DeltaEngine, "_get_last_commit_metadata")(spark, location, options)
    if commit is not None:
        _member(FeatureGroupApi(), "_commit", "commit")(feature_group, commit)


_REQUIRED = object()


def _member(owner: Any, *names: str, default: Any = _REQUIRED) -> Any:
    """The first of these names that the owner has.

    Raises:
        OutsideError: it has none of them.
    """
    for name in names:
        found = getattr(owner, name, _REQUIRED)
        if found is not _REQUIRED:
            return found
    if default is not _REQUIRED:
        return default
    kind = getattr(owner, "__name__", type(owner).__name__)
    raise OutsideError(
        f"hopsworks {client_version()} has no {' or '.join(names)} in {kind}; hopsmon knows {KNOWN_VERSIONS}: "
        "pip install 'hopsworks>=5.1,<5.3', or look for a newer hopsmon."
    )
