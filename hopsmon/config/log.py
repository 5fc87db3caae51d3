"""The `log` section: where the inference log is and which of its messages are the monitor's."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from typing_extensions import Self

from hopsmon.config.hopsworks import DeploymentLogConfig, FeatureLogConfig
from hopsmon.config.kafka import HopsConfig, KafkaConfig
from hopsmon.config.values import Place, Section, check_one_of
from hopsmon.core.payloads.formats import FORMATS, format_names
from hopsmon.errors import ConfigError, did_you_mean


class FilesConfig(Section):
    """An inference log as files of JSON lines, one CloudEvent a line, in a folder."""

    path: Place
    """The folder; relative to the configuration file. Required. Files must appear in it complete (write, then move)."""

    max_files_per_trigger: Annotated[int, Field(gt=0)] | None = None
    """Most new files a micro-batch takes. Default: no limit."""


class MatchConfig(Section):
    """Envelope attributes a message must have to be this monitor's; what is not named is not looked at."""

    service: str | None = None
    """Name of the inference service (KServe: `inferenceservicename`). Default: any."""

    namespace: str | None = None
    """Kubernetes namespace of the service. Default: any."""

    component: str | None = None
    """predictor, transformer or explainer. Default: any. Set it where a service logs more than one, else each
    prediction counts twice."""

    source: str | None = None
    """CloudEvents `source`. Default: any."""

    model_version: str | None = None
    """Version of the model in the envelope, as text. Default: any."""


def check_format(value: str) -> str:
    """A wire format that hopsmon or an installed package reads."""
    known = format_names()
    if value not in known:
        raise ConfigError(f"Not allowed: {value!r}. Allowed: {', '.join(known)}.{did_you_mean(value, known)}")
    return value


WireFormat: TypeAlias = Annotated[
    str, AfterValidator(check_format), WithJsonSchema({"type": "string", "examples": list(FORMATS)})
]


class LogConfig(Section):
    """Where the requests and responses come from: one of kafka, deployment, feature_log, hops and files."""

    kafka: KafkaConfig | None = None
    """A Kafka topic. Default: not used."""

    deployment: DeploymentLogConfig | None = None
    """The inference log of a Hopsworks deployment, found by the deployment's name. Default: not used."""

    feature_log: FeatureLogConfig | None = None
    """The feature log of a Hopsworks feature view: named features and predictions. Default: not used."""

    hops: HopsConfig | None = None
    """A topic of an old Hopsworks cluster that ships the library `hops`, read by a job or notebook in it. Default: not
    used."""

    files: FilesConfig | None = None
    """A folder of JSON lines. Default: not used."""

    format: WireFormat = "auto"
    """Wire format: kserve (CloudEvents), hopsworks (Avro), hopsmon (the JSON of the 2020 inference logger), or one that
    an installed package adds. Default: auto, which looks at each message."""

    match: MatchConfig = Field(default_factory=MatchConfig)
    """Which messages of the log are this monitor's. Default: all."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        check_one_of(self, "kafka", "deployment", "feature_log", "hops", "files")
        return self

    @property
    def in_project(self) -> DeploymentLogConfig | FeatureLogConfig | None:
        """The part that names a log of a Hopsworks project, if it is one."""
        return self.deployment or self.feature_log
