"""Names: which columns of a feature view (or group) are a model's features, in which order, and what the others are.

Pure: `views.py` makes the value from the client's objects. The order is that of the feature vectors the client gives
out, so that positional instances get their names from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hopsmon.core.schema import FeatureType
from hopsmon.errors import ConfigError, did_you_mean

# Types of the offline store, which are Hive's; of text the data must say whether it is labels or free.
_TYPES = {
    **dict.fromkeys(("tinyint", "smallint", "int", "integer", "bigint", "long"), FeatureType.INTEGER),
    **dict.fromkeys(("float", "double", "decimal", "real"), FeatureType.NUMERIC),
    **dict.fromkeys(("timestamp", "date"), FeatureType.TIMESTAMP),
    "boolean": FeatureType.BOOLEAN,
}
_TEXT = ("string", "varchar", "char")

KEY = "a primary key"
EVENT_TIME = "the event time"
LABEL = "a label"
HELPER = "a helper column"
EXCLUDED = "excluded"


def folded(name: str) -> str:
    """A name as the feature store has it: the client writes names small, and "_" for spaces.

    >>> folded("Sepal Length")
    'sepal_length'
    """
    return name.lower().replace(" ", "_")


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """One column of a feature view.

    Attributes:
        type: the offline store's word, as "bigint" or "array<float>".
        label: what the model learns to predict.
        helper: there for training or inference code, not for the model.
        on_demand: computed from the request when it comes; a feature like others, but not in any feature group.
    """

    name: str
    type: str
    label: bool = False
    helper: bool = False
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class ViewFeatures:
    """A feature view's columns before and after its model-dependent transformations, in the order of its vectors.

    A feature group is one, too: it has no labels, and nothing is transformed.

    Attributes:
        title: what it is called in messages, as "feature view 'flights' version 1".
        columns: before the transformations.
        transformed: after them: columns that are transformed are gone, and their results stand at the end.
        keys: columns that are primary keys of the feature group they come from. One that merely joins others, as the
            origin of a flight joins its airport, is a feature.
        event_time: the column of the rows' own time, of the feature group it starts from.
    """

    title: str
    columns: tuple[ViewColumn, ...]
    transformed: tuple[ViewColumn, ...]
    keys: frozenset[str] = frozenset()
    event_time: str | None = None

    def at(self, transformed: bool) -> tuple[ViewColumn, ...]:
        """The columns on one side of the model-dependent transformations."""
        return self.transformed if transformed else self.columns


@dataclass(frozen=True, slots=True)
class Roles:
    """What each column is to a monitor.

    Attributes:
        features: in the order of positional instances.
        predictions: in the order they were asked for.
        types: of those whose type the feature store's own says.
        left_out: why a column is neither, by its name.
    """

    features: tuple[str, ...]
    predictions: tuple[str, ...] = ()
    types: Mapping[str, FeatureType] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        """Features, then predictions."""
        return (*self.features, *self.predictions)

    def notes(self) -> tuple[str, ...]:
        """What was left out for other reasons than being asked to, one sentence a reason."""
        reasons = sorted(set(self.left_out.values()) - {EXCLUDED})
        return tuple(
            f"Left out as {why}: {', '.join(n for n, w in self.left_out.items() if w == why)}." for why in reasons
        )


def roles_of(
    view: ViewFeatures, *, transformed: bool = True, predictions: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Roles:
    """Features and predictions of a model that was trained on this view.

    Keys, the event time, labels and helper columns are no features. Labels are predictions where they are asked for:
    what a model answered in training is then taken to be distributed as what it learned from.

    Args:
        view: the columns.
        transformed: whether requests carry features as they are after the model-dependent transformations.
        predictions: columns that are the model's output; any case.
        exclude: columns that are neither; any case.

    Raises:
        ConfigError: a name that is no column, or no feature is left.
    """
    columns = {column.name: column for column in view.at(transformed)}
    outputs = _known(predictions, "predictions", columns, view)
    unwanted = set(_known(exclude, "exclude", columns, view))
    left_out: dict[str, str] = {}
    features: list[str] = []
    for name, column in columns.items():
        if name in outputs:
            continue
        why = EXCLUDED if name in unwanted else _why_not(column, view)
        if why is None:
            features.append(name)
        else:
            left_out[name] = why
    if not features:
        told = "; ".join(f"{name} is {why}" for name, why in left_out.items())
        raise ConfigError(f"No feature is left of {view.title}: {told or 'it has no columns'}.")
    types = {name: kind for name in (*features, *outputs) if (kind := feature_type(columns[name].type)) is not None}
    return Roles(tuple(features), tuple(outputs), types, left_out)


def _why_not(column: ViewColumn, view: ViewFeatures) -> str | None:
    """Why a column is no feature; None: it is one."""
    if column.label:
        return LABEL
    if column.helper:
        return HELPER
    if column.name in view.keys:
        return KEY
    if column.name == view.event_time:
        return EVENT_TIME
    if feature_type(column.type) is None and not column.type.lower().startswith(_TEXT):
        return f"of type {column.type}, which cannot be monitored"
    return None


def _known(names: Sequence[str], where: str, columns: Iterable[str], view: ViewFeatures) -> list[str]:
    """The names as the feature store has them."""
    there = list(columns)
    found = [name if name in there else folded(name) for name in names]
    wrong = [name for name, own in zip(names, found, strict=True) if own not in there]
    if wrong:
        raise ConfigError(
            f"{where}: {view.title} has no column '{wrong[0]}'. It has: {', '.join(there) or 'none'}."
            f"{did_you_mean(wrong[0], there)}"
        )
    return list(dict.fromkeys(found))


def feature_type(store_type: str) -> FeatureType | None:
    """The type of a feature by the feature store's; None for text, which the data must settle, and for nested types.

    >>> feature_type("decimal(10,2)"), feature_type("varchar(100)")
    (<FeatureType.NUMERIC: 'numeric'>, None)
    """
    return _TYPES.get(re.split(r"[^a-z]", store_type.strip().lower())[0])
