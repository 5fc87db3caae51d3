"""bind(): raw instances -> a Batch of typed columns, by a model's schema: by name or by position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hopsmon.core.batch import Batch, Column, Side
from hopsmon.core.payloads.decoded import Matrix, Named, RawColumn, RawInstances, Reject, RejectReason, Rows
from hopsmon.core.payloads.defects import is_defect, read_apart, rejected
from hopsmon.core.payloads.opened import UnreadableError
from hopsmon.core.payloads.typed import null_column, typed_column
from hopsmon.core.schema import Feature, ModelSchema

NAMES_SHOWN = 10


def bind(raw: RawInstances, schema: ModelSchema) -> tuple[Batch, list[Reject]]:
    """Type the columns: features for requests, predictions for responses.

    A value of a wrong type is marked invalid, a missing name is all null. Instances that cannot be the model's at all
    (another width, or no name in common) leave an empty batch and one reject a message. A side of which the schema
    says nothing gives a batch without columns.
    """
    try:
        return _bound(raw, schema)
    except Exception as error:
        if not is_defect(error):
            raise
    return _bound_apart(raw, schema)


def _bound_apart(raw: RawInstances, schema: ModelSchema) -> tuple[Batch, list[Reject]]:
    """Without the messages that cannot be bound alone; should the others fail together, then without any."""
    messages, starts = np.unique(raw.message, return_index=True)
    ends = np.append(starts, len(raw.message))
    _, failed = read_apart(
        lambda start, stop: _bound(raw.take(np.arange(ends[start], ends[stop])), schema), 0, len(starts)
    )
    rejects = [replace(reject, row=int(messages[reject.row])) for reject in failed]
    others = raw.take(np.flatnonzero(~np.isin(raw.message, [reject.row for reject in rejects])))
    try:
        batch, misfits = _bound(others, schema)
    except Exception as error:
        if not is_defect(error):
            raise
        none = np.empty(0, dtype=np.int64)
        batch = Batch(raw.side, none, none, none)
        misfits = [rejected(row, error) for row in np.unique(others.message).tolist()]
    return batch, rejects + misfits


def _bound(raw: RawInstances, schema: ModelSchema) -> tuple[Batch, list[Reject]]:
    features = schema.features if raw.side is Side.REQUEST else schema.predictions
    batch = Batch(raw.side, raw.event_time, raw.message, raw.instance)
    try:
        columns = _columns(raw.columns, features) if features else {}
    except UnreadableError as error:
        rejects = [Reject(row, error.reason, str(error)) for row in np.unique(raw.message).tolist()]
        return batch.take(np.empty(0, dtype=np.intp)), rejects
    return Batch(raw.side, raw.event_time, raw.message, raw.instance, columns), []


def _columns(columns: Matrix | Rows | Named, features: Sequence[Feature]) -> dict[str, Column]:
    if isinstance(columns, Named):
        return _by_name(columns, features)
    if isinstance(columns, Rows):
        width = columns.width
        return _by_position([columns.values[j::width] for j in range(width)], features)
    if columns.values.shape[1] != len(features):  # before a wide matrix is turned
        raise _wrong_width(columns.values.shape[1], features)
    return _by_position(list(np.ascontiguousarray(columns.values.T)), features)


def _by_position(columns: Sequence[RawColumn], features: Sequence[Feature]) -> dict[str, Column]:
    if len(columns) != len(features):
        raise _wrong_width(len(columns), features)
    pairs = zip(features, columns, strict=True)
    return {feature.name: typed_column(column, feature.type) for feature, column in pairs}


def _by_name(named: Named, features: Sequence[Feature]) -> dict[str, Column]:
    columns = _renamed(named.columns, [feature.name for feature in features])
    if not any(feature.name in columns for feature in features):
        if len(columns) == len(features) and (named.ordered or len(columns) == 1):
            return _by_position(list(columns.values()), features)
        raise _unknown_columns(columns, features)
    rows = len(next(iter(columns.values())))
    return {
        feature.name: typed_column(columns[feature.name], feature.type)
        if feature.name in columns
        else null_column(rows, feature.type)
        for feature in features
    }


def _renamed(columns: Mapping[str, RawColumn], wanted: Sequence[str]) -> Mapping[str, RawColumn]:
    """Columns by the features' names, where these are the senders' as a feature store keeps them.

    Hopsworks writes names small, and "_" for spaces; requests still say "Sepal Length". A name that fits exactly goes
    first, and two columns that would become one are left as they are.
    """
    missing = [name for name in wanted if name not in columns]
    if not missing:
        return columns
    spare: dict[str, list[str]] = {}
    for name in columns.keys() - set(wanted):
        spare.setdefault(name.lower().replace(" ", "_"), []).append(name)
    found = {name: spare[name][0] for name in missing if len(spare.get(name, ())) == 1}
    return {**columns, **{name: columns[sent] for name, sent in found.items()}} if found else columns


def _wrong_width(seen: int, features: Sequence[Feature]) -> UnreadableError:
    message = (
        f"An instance has {seen} values; the model's schema has {len(features)}: {_shown(f.name for f in features)}."
    )
    return UnreadableError(RejectReason.WRONG_WIDTH, message)


def _unknown_columns(columns: Mapping[str, RawColumn], features: Sequence[Feature]) -> UnreadableError:
    message = f"None of the columns ({_shown(columns)}) is in the model's schema: {_shown(f.name for f in features)}."
    return UnreadableError(RejectReason.UNKNOWN_COLUMNS, message)


def _shown(names: Iterable[str]) -> str:
    listed = list(names)
    more = f", … ({len(listed)} in all)" if len(listed) > NAMES_SHOWN else ""
    return ", ".join(name[:80] for name in listed[:NAMES_SHOWN]) + more
