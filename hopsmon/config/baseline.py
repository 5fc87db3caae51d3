"""The `baseline` section: what windows are compared with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from typing_extensions import Self

from hopsmon.config.hopsworks import DeploymentBaselineConfig, FeatureGroupConfig, TrainingDatasetConfig
from hopsmon.config.values import Kind, Place, SeasonName, Section, check_one_of
from hopsmon.core.season import Season
from hopsmon.errors import ConfigError


class DataConfig(Section):
    """Reference data that a baseline is computed from when the monitor starts."""

    path: Place
    """A parquet or CSV file, a folder of parquet files, or a Delta table; relative to the configuration file.
    Required."""

    predictions: tuple[str, ...] = ()
    """Columns that are the model's predictions. Default: those named in the monitor's `predictions`; all other columns
    are features."""

    types: dict[str, Kind] = Field(default_factory=dict)
    """Types of columns where the data's own do not say it, e.g. {carrier_code: categorical}. Default: inferred."""

    exclude: tuple[str, ...] = ()
    """Columns that are neither feature nor prediction: ids, labels. Default: none."""

    event_time: str | None = None
    """Column with the time of each row; neither feature nor prediction. Default: none. With it, findings are judged by
    how the data's own windows of the monitor's size vary. Epoch numbers need their unit: "ts:ms" (s, ms, us, ns)."""

    season: SeasonName = Season.NONE
    """Which windows are alike: none, hour_of_day, day_of_week or hour_of_week, in UTC; needs event_time. Default: none.
    A window is then compared with the data of its own hour or weekday."""

    @model_validator(mode="after")
    def _season_needs_times(self) -> Self:
        if self.season is not Season.NONE and self.event_time is None:
            raise ConfigError(f"season: {self.season} needs event_time, the column with the time of each row.")
        return self


class BaselineConfig(Section):
    """What windows are compared with: exactly one of these."""

    file: Place | None = None
    """A baseline written by `hopsmon baseline`; relative to the configuration file. Default: not used."""

    data: DataConfig | None = None
    """Reference data to compute it from. Default: not used. It is read at every start; `hopsmon baseline`
    does it once and for all."""

    saved: Annotated[str, Field(min_length=1)] | None = None
    """Id of a baseline that the store keeps (`hopsmon baselines`), as `rebaseline` writes it. Default: not used."""

    feature_group: FeatureGroupConfig | None = None
    """A Hopsworks feature group. Default: not used."""

    training_dataset: TrainingDatasetConfig | None = None
    """A training dataset of a Hopsworks feature view. Default: not used."""

    deployment: DeploymentBaselineConfig | None = None
    """The training dataset of a Hopsworks deployment's model. Default: not used."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        check_one_of(self, "file", "data", "saved", "feature_group", "training_dataset", "deployment")
        return self

    @property
    def in_project(self) -> FeatureGroupConfig | TrainingDatasetConfig | DeploymentBaselineConfig | None:
        """The part that names something in a Hopsworks project, if it is there."""
        return self.feature_group or self.training_dataset or self.deployment
