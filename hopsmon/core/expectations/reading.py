"""Reading: an expectation's arguments, checked, and brought into the model's terms: its features and their types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from numbers import Real
from typing import Any, TypeVar

from hopsmon.core.batch import Side
from hopsmon.core.expectations.suite import Expectation
from hopsmon.core.expectations.values import Bounds
from hopsmon.core.frames import canonical_label
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.core.statistics.categories import label_key
from hopsmon.errors import ConfigError

Value = TypeVar("Value", float, str)
_COLUMNS = ("column", "column_A", "column_B", "column_list", "column_set")


class NotOfModelError(Exception):
    """The expectation is on a column that the model does not have."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class NotCheckableError(Exception):
    """The expectation makes no sense for this model's features; the text says why."""


class LeftToLibraryError(Exception):
    """Great Expectations has to look at it."""


@dataclass(frozen=True)
class Columns:
    """The model's features by the names of columns: their own, or those that the feature group has for them.

    A name that fits none exactly fits the only one that differs in case, or has a space for "_": feature groups know
    lower case only, and no spaces.

    Attributes:
        names: the feature's name by the column's, where they differ in more.
    """

    schema: ModelSchema
    names: Mapping[str, str] = field(default_factory=dict)

    def feature(self, column: str) -> Feature:
        """The feature that a column is.

        Raises:
            NotOfModelError: there is none.
        """
        name = self.names.get(column, column)
        exact = [feature for feature in self.schema.all if feature.name == name]
        alike = exact or [feature for feature in self.schema.all if _folded(feature.name) == _folded(name)]
        if len(alike) != 1:
            raise NotOfModelError(column)
        return alike[0]


def _folded(name: str) -> str:
    return name.lower().replace(" ", "_")


@dataclass(frozen=True)
class Reading:
    """One expectation's arguments.

    Every method raises ConfigError where an argument is missing or makes no sense in any suite, and
    `NotCheckableError` where it does not fit the model's features.
    """

    expectation: Expectation
    columns: Columns

    @property
    def features(self) -> tuple[Feature, ...]:
        """All features that it names, in its order."""
        return tuple(self.columns.feature(name) for name in named_columns(self.expectation))

    @property
    def feature(self) -> Feature:
        """The only one."""
        column = self.given("column", str, "the name of a column")
        return self.columns.feature(column)

    @property
    def pair(self) -> tuple[Feature, ...]:
        """Two."""
        return tuple(
            self.columns.feature(self.given(name, str, "the name of a column")) for name in ("column_A", "column_B")
        )

    @property
    def several(self) -> tuple[Feature, ...]:
        """Two or more."""
        names = self.items("column_list")
        if len(names) < 2:
            raise ConfigError(f"column_list must name at least two columns, got {list(names)!r}")
        return tuple(self.columns.feature(str(name)) for name in names)

    def side(self, features: Sequence[Feature]) -> Side:
        """Whether they come with requests or with responses."""
        predictions = {feature.name for feature in self.columns.schema.predictions}
        sides = {Side.RESPONSE if feature.name in predictions else Side.REQUEST for feature in features}
        if len(sides) > 1:
            raise NotCheckableError("features and predictions come in different messages, which are not joined")
        return sides.pop()

    def given(self, name: str, kind: type | tuple[type, ...], what: str, default: Any = None) -> Any:
        """An argument of a type."""
        value = self.expectation.kwargs.get(name, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ConfigError(f"{name} must be {what}, got {value!r:.200}")
        return value

    def flag(self, name: str) -> bool:
        """A yes or no; no where it is not said."""
        return bool(self.given(name, bool, "true or false", False))

    def word(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of some words."""
        value = self.expectation.kwargs.get(name, default) or default
        if value not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(allowed)}; got {value!r:.200}")
        return str(value)

    def items(self, name: str) -> Sequence[Any]:
        """A list."""
        value = self.expectation.kwargs.get(name)
        if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset) or not value:
            raise ConfigError(f"{name} must be a list with something in it, got {value!r:.200}")
        return list(value)

    @property
    def mostly(self) -> float:
        """The share of values that must be as expected."""
        share = self.given("mostly", Real, "a number from 0 to 1", 1.0)
        if not 0 <= share <= 1:
            raise ConfigError(f"mostly must be a number from 0 to 1, got {share!r}")
        return float(share)

    def bounds(self, read: Callable[[Any], Value], *, any_will_do: bool = False) -> Bounds[Value]:
        """min_value to max_value; `read` makes a bound of what is given.

        `any_will_do`: neither need be given, as GE has it for aggregates: then the value must only be there.
        """
        given = [self.expectation.kwargs.get(name) for name in ("min_value", "max_value")]
        if given == [None, None] and not any_will_do:
            raise ConfigError("min_value, max_value or both must be given")
        low, high = (None if value is None else read(value) for value in given)
        if low is not None and high is not None and low > high:
            raise ConfigError(f"min_value {given[0]!r} is larger than max_value {given[1]!r}")
        return Bounds(low, high, self.flag("strict_min"), self.flag("strict_max"))


def named_columns(expectation: Expectation) -> list[str]:
    """The columns that the arguments name, each once."""
    found: list[str] = []
    for name in _COLUMNS:
        value = expectation.kwargs.get(name)
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, Iterable) and not isinstance(value, Mapping):
            found += [str(column) for column in value]
    return list(dict.fromkeys(found))


def in_terms_of(columns: Columns, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with the features' own names for columns."""

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return columns.feature(value).name
        return [columns.feature(str(column)).name for column in value]

    return {name: renamed(value) if name in _COLUMNS else value for name, value in kwargs.items()}


def plain_number(value: object) -> float:
    """A number as it is written.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigError(f"expected a number, got {value!r:.200}")
    return float(value)


def number_for(feature: Feature) -> Callable[[Any], float]:
    """Reads numbers as a feature has them: times (ISO 8601, or seconds since 1970, UTC) as seconds."""

    def read(value: Any) -> float:
        found = number_or_none(value, feature.type)
        if found is None:
            raise NotCheckableError(
                f"{value!r:.100} is no number, and '{feature.name}' is {feature.type} in this model"
            )
        return found

    return read


def number_or_none(value: object, kind: FeatureType) -> float | None:
    """A number as a feature of that type has it; None for what is none."""
    if isinstance(value, Real):
        return float(value)
    if kind is FeatureType.TIMESTAMP and isinstance(value, str):
        try:
            time = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
    return None


def label_for(feature: Feature) -> Callable[[Any], str]:
    """Reads text for a feature of labels."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise NotCheckableError(f"{value!r:.100} is no text, and '{feature.name}' is {feature.type} in this model")
        return value

    return read


def labels_of(values: Iterable[Any]) -> frozenset[str]:
    """Values as labels are written: 3 and 3.0 are "3", true is "true"."""
    return frozenset(canonical_label(value) for value in values if isinstance(value, str | bool | Real))


def kept_labels_of(values: Iterable[Any]) -> frozenset[str]:
    """The same as statistics keep them, the longest cut."""
    return frozenset(map(label_key, labels_of(values)))
