"""References: what a baseline is made of, and what its columns are; values that a configuration is turned into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from hopsmon.core.schema import FeatureType
from hopsmon.core.season import Season


@dataclass(frozen=True, slots=True)
class FeatureGroupRef:
    """A feature group, or what was committed to it between two times.

    Attributes:
        from_commit: the first commit that counts, with time zone; None: from the start.
        to_commit: the last one; None: until now.
    """

    name: str
    version: int = 1
    from_commit: datetime | None = None
    to_commit: datetime | None = None

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"feature group '{self.name}' version {self.version}"


@dataclass(frozen=True, slots=True)
class TrainingDatasetRef:
    """A training dataset of a feature view.

    Attributes:
        split: one of its splits; None: the whole, or "train" where it has splits.
        before_transformation: as the features are before the view's model-dependent transformations.
    """

    view: str
    view_version: int = 1
    version: int = 1
    split: str | None = None
    before_transformation: bool = False

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"training dataset {self.version} of feature view '{self.view}' version {self.view_version}"


Reference: TypeAlias = "FeatureGroupRef | TrainingDatasetRef"


@dataclass(frozen=True)
class Columns:
    """What is asked of a reference's columns; names may be in any case.

    Attributes:
        predictions: columns that are the model's output, labels among them; all others that can be are features.
        exclude: columns that are neither.
        types: types of columns, where the feature store's do not fit.
    """

    predictions: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    types: Mapping[str, FeatureType] = field(default_factory=dict)


@dataclass(frozen=True)
class Scan:
    """How data is scanned; the rest is as in `hopsmon.core.baseline_builder.build_baseline`.

    Attributes:
        event_time: column with each row's time, numbers with their unit as "ts:ms"; None: the feature group's event
            time where it is a time and there are windows; "": none.
        window: the size of the monitor's windows; None: the baseline has none of its own.
        slices: features by whose values the monitor cuts its traffic.
    """

    event_time: str | None = None
    window: timedelta | None = None
    season: Season = Season.NONE
    slices: tuple[str, ...] = ()
