"""The result tables' columns as features: their types in the offline and in the online store."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from hopsmon.errors import ConfigError
from hopsmon.streaming.tables import STATES, TIME, TableSpec

WRITTEN_BY = "written_by"
_WRITTEN_BY = pa.field(
    WRITTEN_BY,
    pa.string(),
    metadata={"comment": "for hopsmon itself: the checkpoint and the micro-batch that wrote the row last"},
)
OFFLINE = {
    pa.string(): "string",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.binary(): "binary",
    TIME: "timestamp",
}
_ARROW = {offline: arrow for arrow, offline in OFFLINE.items()}

# Characters of the online store's key columns: it counts 4 bytes for each, and a key may have 3,072. What is longer is
# in the offline store only.
_WIDTHS = {
    "monitor": 100,
    "model_name": 100,
    "model_version": 50,
    "slice": 100,
    "feature": 150,
    "technique": 70,
    "event_id": 150,
    "topic": 190,
    "alert_id": 100,
    WRITTEN_BY: 200,
}
_LONG = ("histogram", "details", "top_features", "values", "message", "title", "body", "findings", "channels")


def schema_of(spec: TableSpec) -> pa.Schema:
    """A table's columns with the one that only its feature group has."""
    return spec.schema.append(_WRITTEN_BY)


def features_of(spec: TableSpec) -> list[Any]:
    """A table's features as the client's objects; each says what it means."""
    from hsfs.feature import Feature

    return [
        Feature(
            field.name,
            OFFLINE[field.type],
            description=field.metadata[b"comment"].decode(),
            online_type=online_type(field) if goes_online(spec) else None,
        )
        for field in schema_of(spec)
    ]


def goes_online(spec: TableSpec) -> bool:
    """Whether the online store may have the table: the states are nobody's but hopsmon's, and change all the time."""
    return spec is not STATES


def online_type(field: pa.Field) -> str | None:
    """A feature's type in the online store; None: what Hopsworks takes for its offline type."""
    if field.type == pa.binary():
        return "mediumblob"
    if field.type != pa.string():
        return None
    if field.name in _LONG:
        return "mediumtext"
    return f"varchar({_WIDTHS.get(field.name, 100)})"


def table_properties(spec: TableSpec) -> dict[str, str]:
    """Properties of the Delta table.

    The client reads all the commits that the log keeps with each write, so it must not keep many: a day. A change feed
    of states is nobody's, and would double their files.
    """
    return {
        "delta.enableChangeDataFeed": str(spec is not STATES).lower(),
        "delta.logRetentionDuration": "interval 1 days",
        "delta.deletedFileRetentionDuration": "interval 1 days",
    }


def frame_schema(spec: TableSpec, group: Any) -> pa.Schema:
    """What is written: also features that a newer hopsmon has added, as nulls, for the client wants all of them.

    Raises:
        ConfigError: the feature group has what hopsmon cannot write.
    """
    schema = schema_of(spec)
    for feature in group.columns:
        if feature.name not in schema.names:
            kind = _ARROW.get(feature.type)
            if kind is None:
                raise ConfigError(
                    f"Feature group '{group.name}' version {group.version} has a feature '{feature.name}' of type "
                    f"{feature.type}, which hopsmon does not know. {another_version(group)}"
                )
            schema = schema.append(pa.field(feature.name, kind))
    return schema


def another_version(group: Any) -> str:
    """What to do about a feature group that cannot be used."""
    return f"Set store.hopsworks.version: {group.version + 1}, and a new one is made; or delete this one."
