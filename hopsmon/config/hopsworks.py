"""What a configuration says of Hopsworks: the connection, and where log, baseline and results are in a project."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from typing_extensions import Self

from hopsmon.config.kafka import KafkaReading
from hopsmon.config.secrets import is_reference
from hopsmon.config.values import Moment, Name, Place, SeasonName, Section
from hopsmon.core.season import Season
from hopsmon.errors import ConfigError

_ENTITY = r"^[a-z][a-z0-9_]{0,62}$"


def _check_reference(value: str) -> str:
    if not is_reference(value):
        raise ConfigError("The API key stands here in plain text (not shown). Allowed: env:NAME or file:/path.")
    return value


Secret = Annotated[str, AfterValidator(_check_reference), WithJsonSchema({"type": "string", "pattern": "^(env|file):"})]
Entity = Annotated[str, Field(pattern=_ENTITY)]
Version = Annotated[int, Field(ge=1)]


class HopsworksConfig(Section):
    """How to reach Hopsworks. Inside a Hopsworks job nothing of it is needed, and nothing is used."""

    host: str | None = None
    """Host name of the cluster, without https://. Default: the environment's HOPSWORKS_HOST."""

    port: Annotated[int, Field(gt=0, lt=65536)] = 443
    """Its port. Default: 443."""

    project: Name | None = None
    """Project to log in to. Default: the environment's HOPSWORKS_PROJECT, else the only one there is."""

    api_key: Secret | None = None
    """Where the API key stands: env:NAME or file:/path. Default: the environment's HOPSWORKS_API_KEY."""

    hostname_verification: bool = False
    """Whether the host's name must agree with its certificate. Default: false, as the client has it."""

    trust_store: Place | None = None
    """File with the certificates (PEM) to trust. Default: none, as the client has it."""


class DeploymentLogConfig(KafkaReading):
    """The inference log of a deployment: topic, format and brokers are found by its name."""

    name: Name
    """Name of the deployment. Required. Its inference logger must be on; in mode PREDICTIONS or MODEL_INPUTS
    one side is watched."""


class FeatureLogConfig(KafkaReading):
    """The feature log of a feature view with logging enabled."""

    feature_view: Entity
    """Name of the feature view. Required."""

    version: Version = 1
    """Its version. Default: 1."""

    read_from: Literal["topic", "feature_group"] = "topic"
    """The topic that realtime logging writes to, seconds behind; or the logging feature group, as often as it is
    materialised. Default: topic."""


class _Reference(Section):
    """What baselines from Hopsworks have in common."""

    read: Literal["statistics", "data"] = "statistics"
    """What the baseline is made of: the statistics that Hopsworks keeps, at once; or a scan of the data, which knows
    everything a baseline can hold. Default: statistics."""

    predictions: tuple[str, ...] = ()
    """Columns that stand for the model's predictions, as a label whose distribution they should have. Default: none:
    labels are left out, and predictions are compared with nothing."""

    exclude: tuple[str, ...] = ()
    """Columns that are neither feature nor prediction. Default: none; keys, labels and the event time are left out by
    themselves."""

    event_time: str | None = None
    """Of a scan: column with the time of each row, so that the baseline knows how its own windows vary. Default: the
    feature group's event time where it is a time; "" for none."""

    season: SeasonName = Season.NONE
    """Of a scan: which windows are alike: none, hour_of_day, day_of_week or hour_of_week, in UTC. Default: none."""

    @model_validator(mode="after")
    def _season_needs_a_scan(self) -> Self:
        if self.season is not Season.NONE and self.read != "data":
            raise ConfigError(f"season: {self.season} needs the data's own windows: read: data.")
        return self


class FeatureGroupConfig(_Reference):
    """A feature group as reference."""

    name: Entity
    """Name of the feature group. Required."""

    version: Version = 1
    """Its version. Default: 1."""

    from_commit: Moment | None = None
    """Only what was committed from this time on (ISO 8601, UTC, or epoch milliseconds). Default: from the start."""

    to_commit: Moment | None = None
    """Only what was committed until this time. Default: the latest."""


class TrainingDatasetConfig(_Reference):
    """A training dataset of a feature view as reference: what the model has learned from."""

    feature_view: Entity
    """Name of the feature view. Required."""

    version: Version = 1
    """Its version. Default: 1."""

    training_dataset_version: Version = 1
    """Version of the training dataset. Default: 1."""

    split: str | None = None
    """One split of it, as train. Default: the whole, or train where it has splits."""

    before_transformation: bool = False
    """Whether requests carry features before the feature view's model-dependent transformations. Default: false: as
    the model gets them."""


class DeploymentBaselineConfig(_Reference):
    """The training dataset of a deployment's model, found by the deployment's name."""

    name: Name
    """Name of the deployment. Required."""

    training_dataset_version: Version | None = None
    """Another version than the one the model was registered with. Default: that one."""

    split: str | None = None
    """One split of it, as train. Default: the whole, or train where it has splits."""

    before_transformation: bool = False
    """Whether requests carry features before the feature view's model-dependent transformations. Default: false."""


class HopsworksStoreConfig(Section):
    """Results as feature groups of the project; configurations, baselines and checkpoints under its Resources."""

    online: bool = False
    """Whether the result feature groups are in the online store as well. Default: false. It is settled when they
    are made."""

    version: Version = 1
    """Version of the result feature groups. Default: 1."""

    folder: Place | None = None
    """Where checkpoints lie, on any file system that Spark can write: hdfs://, s3://, file://. Default: what the
    environment says in HOPSMON_CHECKPOINTS, else the project's Resources/hopsmon."""

    tags: dict[str, object] = Field(default_factory=dict)
    """Tags for the result feature groups, {name: value}; their schemas must exist. Default: none."""

    native_results: bool = False
    """Whether drift is posted to Hopsworks' own feature monitoring too, so that its pages show it. Default: false."""
