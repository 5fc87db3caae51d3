"""What a model takes and returns: features, predictions and their types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from typing_extensions import Self

from hopsmon.errors import ConfigError, UnknownNameError


class Word(str, Enum):
    """A fixed word that is written as itself (Python 3.10 has no StrEnum)."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def named(cls, value: object) -> Self:
        """The word that a user wrote.

        >>> FeatureType.named("integer") is FeatureType.INTEGER
        True

        Raises:
            UnknownNameError: there is no such word.
        """
        try:
            return cls(str(value))
        except ValueError:
            what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()  # FeatureType: feature type
            raise UnknownNameError(what, str(value), map(str, cls)) from None


class FeatureType(Word):
    """How the values of a feature are read and which statistics make sense for them."""

    NUMERIC = "numeric"  # float64
    INTEGER = "integer"  # whole numbers; kept as float64, exact up to 2**53
    TIMESTAMP = "timestamp"  # seconds since 1970-01-01T00:00:00Z as float64
    BOOLEAN = "boolean"  # labels "false" and "true"
    CATEGORICAL = "categorical"  # a limited set of labels, known from the baseline
    STRING = "string"  # free text or ids: many labels, only the frequent ones are tracked

    @property
    def is_numeric(self) -> bool:
        """Whether values are numbers on a line (histograms, quantiles), not labels (category counts)."""
        return self in (FeatureType.NUMERIC, FeatureType.INTEGER, FeatureType.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Feature:
    """One input (or output) of a model."""

    name: str
    type: FeatureType


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model, in the words of its registry."""

    name: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """A model's features in the order in which positional instances give them, and its predictions.

    Raises:
        ConfigError: a name stands twice (features and predictions share one namespace: results are keyed by it).
    """

    features: tuple[Feature, ...]
    predictions: tuple[Feature, ...] = ()

    def __post_init__(self) -> None:
        names = [feature.name for feature in (*self.features, *self.predictions)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"A model schema needs distinct names; these stand twice: {', '.join(twice)}.")

    @property
    def all(self) -> tuple[Feature, ...]:
        """Features, then predictions."""
        return (*self.features, *self.predictions)
