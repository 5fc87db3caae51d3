"""MonitorConfig: everything about one monitor, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator
from typing_extensions import Self

from hopsmon.config.alerts import AlertsConfig
from hopsmon.config.baseline import BaselineConfig
from hopsmon.config.expectations import ExpectationsConfig
from hopsmon.config.hopsworks import HopsworksConfig
from hopsmon.config.log import LogConfig
from hopsmon.config.problems import ConfigProblems, problems_of
from hopsmon.config.source import Source, parse_yaml
from hopsmon.config.store import LimitsConfig, StoreConfig
from hopsmon.config.values import (
    CorrectionName,
    Duration,
    FeatureSpec,
    ModelConfig,
    Name,
    Section,
    TechniqueSpec,
    ThresholdRuleName,
    Weight,
)
from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.techniques import registry
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES
from hopsmon.core.window import WindowSpec
from hopsmon.errors import ConfigError


def _each_once(specs: tuple[TechniqueSpec, ...]) -> tuple[TechniqueSpec, ...]:
    names = [registry.name_of(spec) for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        example = f"{{{twice[0]}: {{as: {twice[0]}_2, features: [...]}}}}"
        raise ConfigError(
            f"Each technique at most once; these stand twice: {', '.join(twice)}. One that judges windows may have a "
            f"name of its own: {example}."
        )
    return specs


Techniques: TypeAlias = Annotated[tuple[TechniqueSpec, ...], Field(min_length=1), AfterValidator(_each_once)]


class WindowConfig(Section):
    """How event time is cut into windows."""

    size: Duration = timedelta(minutes=15)
    """Length of a window. Default: 15m, Hopsworks' usual refresh. Techniques need some hundred instances a window."""

    slide: Duration | None = None
    """Distance between window starts. Default: the size (tumbling). Smaller: windows overlap, and size must be a
    multiple of it; techniques that follow the series of windows then see those only that do not overlap."""

    lateness: Duration = timedelta(minutes=1)
    """How far behind its partition's newest event an event may come and still be counted. Default: 1m. Results come so
    much later; what comes later still is counted as late, in no statistic."""

    close_idle_after: Duration = timedelta(seconds=30)
    """How long after its end plus lateness (wall clock) a window closes when traffic has stopped. Default: 30s."""

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        self.spec()
        return self

    def spec(self) -> WindowSpec:
        """The arithmetic these settings stand for."""
        return WindowSpec(self.size, self.slide, self.lateness, self.close_idle_after)


class MonitorConfig(Section):
    """One monitor: a model, its inference log, a baseline, windows, techniques and a store."""

    name: Name
    """Name of the monitor, unique in its store. Required: result rows, checkpoint and commands carry it."""

    model: ModelConfig
    """Which model is watched. Required."""

    log: LogConfig
    """Where its requests and responses come from. Required."""

    baseline: BaselineConfig
    """What its windows are compared with. Required."""

    features: tuple[FeatureSpec, ...] | None = None
    """The model's inputs in the order of positional instances: names, or {name: type} for one the baseline does not
    know. Default: the baseline's features in its order."""

    predictions: tuple[FeatureSpec, ...] | None = None
    """The model's outputs in the order of its responses: names, or {name: type}. Default: the
    baseline's predictions."""

    window: WindowConfig = Field(default_factory=WindowConfig)
    """How event time is cut. Default: tumbling windows of 15m."""

    slices: tuple[str, ...] = ()
    """Features whose values each get windows of their own, beside the windows over all traffic. Default: none."""

    techniques: Techniques = DEFAULT_TECHNIQUES
    """Names, or {name: {parameter: value}}; `hopsmon techniques` lists them. To use one twice, say what the second is
    called: {psi: {as: psi_of_prices, features: [price], threshold: 0.5}}. Default: one proven test for each kind of
    feature and for single instances."""

    expectations: ExpectationsConfig | None = None
    """A suite of Great Expectations that windows are held to as well. Default: none."""

    correction: CorrectionName = Correction.BENJAMINI_HOCHBERG
    """How each technique's p-values of one window are corrected for the number of features.
    Default: benjamini_hochberg, which bounds the share of false findings; bonferroni allows fewer, none corrects
    nothing. e_bh bounds that share over all slices of the window together and however features depend on each other,
    at the cost of small drifts; lord, saffron and e_lond do over all windows of a slice."""

    threshold_rule: ThresholdRuleName = ThresholdRule.ROOM
    """How thresholds follow from how techniques score the baseline's own windows, where it has them (data with an event
    time); a technique's own threshold counts where it is larger. Default: room, the largest of these scores and four of
    their standard deviations; mean_3sd, their mean and three, and quantile, which one window in a hundred exceeds, find
    smaller drifts, and alarm more often the more features there are."""

    importances: dict[str, Weight] = Field(default_factory=dict)
    """How much each feature matters to the model, {feature: weight}, in any unit: root causes are ranked by it as well.
    Default: none."""

    alerts: AlertsConfig = Field(default_factory=AlertsConfig)
    """When findings are an alert, and who is told. Default: every finding of drift, and nobody."""

    store: StoreConfig = Field(default_factory=StoreConfig)
    """Where the results go. Default: the folder ./monitoring."""

    hopsworks: HopsworksConfig = Field(default_factory=HopsworksConfig)
    """How to reach Hopsworks, where log, baseline or store are there. Default: as inside a job, or by the
    environment."""

    query: Name | None = None
    """Monitors of one log with the same query share one pass over it and one checkpoint. Default: the monitor's name,
    so each reads for itself."""

    trigger: Duration = timedelta(0)
    """Least time between micro-batches when running continuously. Default: 0s, the next starts at once: lowest latency,
    most small writes."""

    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    """Bounds for odd messages and clocks. Default: see each."""

    @model_validator(mode="before")
    @classmethod
    def _store_is_anchored(cls, data: Any) -> Any:
        """Validate the default store like a written one, so that its path is relative to the file as well."""
        return {**data, "store": {}} if isinstance(data, Mapping) and "store" not in data else data

    @property
    def query_name(self) -> str:
        """Name of the streaming query this monitor belongs to."""
        return self.query or self.name

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], where: str = "configuration", folder: Path | None = None) -> Self:
        """A configuration from plain values; relative paths are relative to `folder`.

        Raises:
            ConfigProblems: everything that is wrong, at once.
        """
        return cls._checked(Source(dict(data)), where, folder)

    @classmethod
    def from_yaml(cls, text: str, where: str = "configuration", folder: Path | None = None) -> Self:
        """A configuration from YAML text; errors name line and column."""
        return cls._checked(parse_yaml(text, where), where, folder)

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """A configuration from a YAML file; relative paths in it are relative to its folder."""
        path = Path(path)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise ConfigError(f"Cannot read the configuration '{path}': {reason}.") from error
        return cls.from_yaml(text, str(path), path.parent)

    @classmethod
    def _checked(cls, source: Source, where: str, folder: Path | None) -> Self:
        context = {"folder": folder.resolve()} if folder else None
        problems = list(source.problems)
        try:
            config = cls.model_validate(source.data, context=context)
        except ValidationError as error:
            problems += [source.place(problem) for problem in problems_of(error, cls)]
        if problems:
            raise ConfigProblems(where, problems) from None  # pydantic's error would show the values
        return config

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that `from_mapping` reads back."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """YAML text that `from_yaml` reads back; defaults are written out, so a later default changes nothing."""
        return str(yaml.safe_dump(self.to_mapping(), sort_keys=False, allow_unicode=True))

    def anchored(self, folder: Path) -> Self:
        """The same configuration with relative paths made absolute against a folder."""
        return self.from_mapping(self.to_mapping(), folder=folder)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of the file, with every field's meaning."""
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **cls.model_json_schema()}
