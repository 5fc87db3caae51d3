"""The feature log of a feature view as an inference log: its topic as rows are logged, or its table once written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.brokers import brokers_of
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.deployments import LogPlace
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.adapters.hopsworks.feature_log_table import FeatureLogTable
from hopsmon.adapters.hopsworks.views import feature_view
from hopsmon.core.batch import Side
from hopsmon.core.payloads import FeatureLog, FeatureLogRows
from hopsmon.errors import ConfigError

_PREDICTED = "predicted_"
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class LogTable:
    """The table of a feature log, and how its rows are read.

    Attributes:
        source: the log as the engine reads it.
        format: the wire format, as a plan takes it.
        sides: requests alone where the feature view has no label.
    """

    source: FeatureLogTable
    format: FeatureLogRows
    sides: tuple[Side, ...]


def log_of_feature_view(connection: Connection, name: str, version: int) -> LogPlace:
    """The topic through which a feature view's log passes, seconds after it is written.

    Features come by the names they have in the feature view, predictions by those of its labels. The topic is that of
    all feature groups of the project: `match` says which rows are this log's.

    Raises:
        ConfigError: there is no such feature view, it does not log, or its log passes no topic.
        OutsideError: the project has no Kafka.
    """
    view, group = _logging(connection, name, version)
    if not group.stream:
        raise ConfigError(
            f"The log of feature view '{name}' version {version} passes no topic: its transport is 'job', which writes "
            "the table alone. Set log.feature_log.read_from: feature_group, or change the transport with feature_view."
            'delete_log(transport="realtime"), which deletes what was logged.'
        )
    labels = _labels(view, group)
    with asking(f"The log of feature view '{name}' version {version}"):
        topic = private.online_topic_name(group)
        wire = FeatureLog(str(group.id), _schemas(connection, group), labels)
    brokers = brokers_of(connection)
    match = {"feature_group": str(group.id)}
    return LogPlace(topic, brokers.bootstrap_servers, brokers.options, wire, _sides(labels), match)


def table_of_feature_view(
    connection: Connection,
    name: str,
    version: int,
    *,
    from_start: bool = True,
    max_files_per_trigger: int | None = None,
) -> LogTable:
    """The table of a feature view's log, whose rows are there when its job has written them.

    Args:
        connection: the project.
        name: the feature view's name.
        version: its version.
        from_start: whether a query without checkpoint begins with the oldest rows, or with those yet to come.
        max_files_per_trigger: at most so many of the table's files a micro-batch; None: Delta's limit of 1,000.

    Raises:
        ConfigError: there is no such feature view, it does not log, or the table is no Delta table.
    """
    view, group = _logging(connection, name, version)
    if group.time_travel_format != "DELTA":
        raise ConfigError(
            f"The log of feature view '{name}' version {version} is a table of format {group.time_travel_format}; only "
            "one of format DELTA can be read. Set log.feature_log.read_from: topic."
        )
    with asking(f"The table of feature view '{name}' version {version}"):
        location = group.prepare_spark_location() if connection.has_spark else group.location
    labels = _labels(view, group)
    source = FeatureLogTable(
        f"{group.name}_{group.version}", str(location), from_start, max_files_per_trigger, connection.external
    )
    return LogTable(source, FeatureLogRows(labels), _sides(labels))


def _logging(connection: Connection, name: str, version: int) -> tuple[Any, Any]:
    """A feature view and the feature group that it logs to."""
    view = feature_view(connection, name, version)
    with asking(f"The log of feature view '{name}' version {version}"):
        logging = view.feature_logging
        group = None if logging is None else logging.get_feature_group()
    if group is None:
        raise ConfigError(
            f"Feature view '{name}' version {version} does not log its features. Switch it on with feature_view."
            "enable_logging(), and have the deployment call feature_view.log(…)."
        )
    return view, group


def _labels(view: Any, group: Any) -> tuple[str, ...]:
    """What is predicted, by the log's columns; a feature may by itself be named like a prediction."""
    features = {one.name for one in view.features if not one.label}
    columns = [one.name for one in group.columns if one.name not in features]
    return tuple(name.removeprefix(_PREDICTED) for name in columns if name.startswith(_PREDICTED))


def _sides(labels: tuple[str, ...]) -> tuple[Side, ...]:
    return (Side.REQUEST, Side.RESPONSE) if labels else (Side.REQUEST,)


def _schemas(connection: Connection, group: Any) -> tuple[tuple[str, str], ...]:
    """The Avro schemas of a feature group by their ids, oldest first: each row is of the one it was written with."""
    newest = group.subject
    store = str(connection.feature_store.id)
    path = ("featurestores", store, "kafka", "subjects", newest["subject"], "versions")
    older = [_older(path, number) for number in range(1, int(newest["version"]))]
    found = [one for one in older if one is not None]
    return tuple((str(one["id"]), str(one["schema"])) for one in (*found, newest))


def _older(path: tuple[str, ...], version: int) -> Any:
    """An older version of a schema; None where it has been deleted."""
    from hopsworks_common.client.exceptions import RestAPIError

    try:
        return private.get_json((*path, str(version)))
    except RestAPIError as error:
        if error.response.status_code != _NOT_FOUND:
            raise
        return None
