"""Looks things up in the feature store: feature groups and views, training datasets; says what is there instead."""

from __future__ import annotations

from typing import Any

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking, missing, missing_version
from hopsmon.adapters.hopsworks.names import ViewColumn, ViewFeatures
from hopsmon.errors import ConfigError

_NO_TRAINING_DATASET = 270012  # the backend's number
_SPELLING = "Look at the name, and at which project this is."


def feature_group(connection: Connection, name: str, version: int) -> Any:
    """A feature group, as the client's object.

    Raises:
        ConfigError: there is none of that name, or not of that version.
    """
    store = connection.feature_store
    with asking(f"Feature group '{name}' version {version}"):
        found = store.get_feature_group(name, version)
        if found is not None:
            return found
        versions = [one.version for one in store.get_feature_groups(name)]
        if versions:
            raise missing_version("feature group", name, version, versions, "Name one of these.")
        raise missing("feature group", name, [one.name for one in store.get_feature_groups()], _SPELLING)


def feature_view(connection: Connection, name: str, version: int) -> Any:
    """A feature view, as the client's object.

    Raises:
        ConfigError: there is none of that name, or not of that version.
    """
    store = connection.feature_store
    with asking(f"Feature view '{name}' version {version}"):
        try:
            found = store.get_feature_view(name, version)
        except ValueError as error:  # of a view whose feature groups are gone
            raise ConfigError(f"Feature view '{name}' version {version} cannot be used: {error}") from error
        if found is not None:
            return found
        versions = [one.version for one in store.get_feature_views(name)]
        if versions:
            raise missing_version("feature view", name, version, versions, "Name one of these.")
        raise missing("feature view", name, private.feature_view_names(store), _SPELLING)


def training_dataset(view: Any, version: int) -> Any:
    """The metadata of a training dataset of a feature view: its splits, format, location and span of time.

    Raises:
        ConfigError: the view has none of that version.
    """
    from hopsworks_common.client.exceptions import RestAPIError

    title = f"'{view.name}' version {view.version}"
    with asking(f"Training dataset {version} of feature view {title}"):
        try:
            return private.training_dataset(view, version)
        except RestAPIError as error:
            if error.error_code != _NO_TRAINING_DATASET:
                raise
        known = [one.version for one in view.get_training_datasets()]
        next_step = "Make one with feature_view.create_training_data(…)."
        if not known:
            raise ConfigError(f"Feature view {title} has no training dataset {version}, nor any other. {next_step}")
        raise missing_version("the training dataset of feature view", title, version, known, next_step)


def view_features(view: Any, training_dataset_version: int | None = None) -> ViewFeatures:
    """Names, types and roles of a feature view's columns.

    Args:
        view: the client's feature view.
        training_dataset_version: where a transformation depends on the training data (one-hot encoding), of which.
    """
    title = f"feature view '{view.name}' version {view.version}"
    with asking(f"The schema of {title}"):
        columns = _in_order(view.features)
        transformed = columns
        if view.transformation_functions:
            after = view.get_training_dataset_schema(training_dataset_version)
            transformed = tuple(_column(one) for one in after)
        keys = frozenset(one.name for one in view.features if _is_key(one, view.serving_keys))
        event_time = private.root_feature_group(view).event_time
    return ViewFeatures(title, columns, transformed, keys, event_time)


def group_features(group: Any) -> ViewFeatures:
    """Names and types of a feature group's columns; primary keys and event time are no features."""
    columns = tuple(ViewColumn(one.name, str(one.type)) for one in group.columns)
    keys = frozenset(one.name for one in group.columns if one.primary)
    title = f"feature group '{group.name}' version {group.version}"
    return ViewFeatures(title, columns, columns, keys, group.event_time)


def _in_order(features: Any) -> tuple[ViewColumn, ...]:
    """The columns of a view in the order of its vectors; its answer may list them otherwise."""
    numbered = list(features)
    if all(one.index is not None for one in numbered):
        numbered.sort(key=lambda one: one.index)
    return tuple(_column(one) for one in numbered)


def _is_key(feature: Any, keys: Any) -> bool:
    """Whether a column of a view is a primary key of the feature group that it comes from."""
    of = feature.feature_group
    name = feature.feature_group_feature_name or feature.name
    return any(
        key.feature_name == name
        and (key.required if of is None or key.feature_group is None else key.feature_group.id == of.id)
        for key in keys
    )


def _column(feature: Any) -> ViewColumn:
    return ViewColumn(
        name=feature.name,
        type=str(feature.type),
        label=bool(feature.label),
        helper=bool(feature.inference_helper_column or feature.training_helper_column),
        on_demand=feature.on_demand_transformation_function is not None,
    )
