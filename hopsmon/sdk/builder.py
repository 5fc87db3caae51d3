"""MonitorBuilder: a configuration said step by step, in the words of Hopsworks' feature monitoring."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from hopsmon.config import HopsworksConfig, MonitorConfig
from hopsmon.core.baseline import Baseline
from hopsmon.errors import ConfigError
from hopsmon.sdk.comparisons import Comparisons
from hopsmon.wiring.deployment import model_served_by
from hopsmon.wiring.history import BaselineHistory

if TYPE_CHECKING:
    from hopsmon.sdk.monitor import Monitor
    from hopsmon.sdk.store import Store


class MonitorBuilder:
    """What a monitor shall be; `save()` makes it. Each method gives the builder back.

    Nothing is checked before `save`, which tells all that is wrong at once. What is not said has the configuration's
    defaults; so have the techniques, until a comparison is named: then these run, and nothing else. Named outlier
    detectors take the place of the default ones.
    """

    def __init__(self, store: Store, name: str, settings: Mapping[str, Any]) -> None:
        self._store = store
        self._settings: dict[str, Any] = {"name": name, **settings}
        self._comparisons = Comparisons()
        self._baseline: Baseline | None = None
        self._deployment: str | None = settings.get("log", {}).get("deployment", {}).get("name")

    def __repr__(self) -> str:
        said = [key for key in self._settings if key != "name"]
        return f"MonitorBuilder({self._settings['name']!r}: {', '.join(said)}; save() makes it)"

    def with_log(self, **log: Any) -> Self:
        """Where requests and responses come from, as the configuration's `log`: kafka={…}, files="events", format=…."""
        files = log.get("files")
        section = {**log, "files": {"path": str(files)}} if isinstance(files, (str, os.PathLike)) else log
        return self._with("log", section)

    def with_reference_training_dataset(
        self,
        training_dataset_version: int | None = None,
        *,
        feature_view: str | None = None,
        version: int = 1,
        **more: Any,
    ) -> Self:
        """Compare with a training dataset: of a feature view, or of the deployment's model.

        Args:
            training_dataset_version: without, the one that the model was registered with; of a feature view, 1.
            feature_view: its name; without, the one behind the deployment.
            version: the feature view's.
            more: split, read and others of the configuration's `baseline.training_dataset`.
        """
        chosen = {} if training_dataset_version is None else {"training_dataset_version": training_dataset_version}
        if feature_view is not None:
            where = {"training_dataset": {"feature_view": feature_view, "version": version, **chosen, **more}}
        elif self._deployment is not None:
            where = {"deployment": {"name": self._deployment, **chosen, **more}}
        else:
            raise ConfigError(
                "A training dataset belongs to a feature view: say feature_view=…, or create the monitor for a "
                "deployment=…, whose model knows it."
            )
        return self._with_baseline(where)

    def with_reference_feature_group(self, name: str, version: int = 1, **more: Any) -> Self:
        """Compare with a feature group; more: read, from_commit and others of `baseline.feature_group`."""
        return self._with_baseline({"feature_group": {"name": name, "version": version, **more}})

    def with_reference_data(self, path: str | os.PathLike[str], **more: Any) -> Self:
        """Compare with data in a file or folder; more: predictions, exclude and others of `baseline.data`."""
        return self._with_baseline({"data": {"path": str(path), **more}})

    def with_reference_baseline(self, baseline: Baseline | str | os.PathLike[str]) -> Self:
        """Compare with a baseline that was built already, or the file of one."""
        if isinstance(baseline, Baseline):
            self._with_baseline({"saved": baseline.id})
            self._baseline = baseline
            return self
        return self._with_baseline({"file": str(baseline)})

    def with_detection_window(
        self, window_length: str, slide: str | None = None, watermark: str | None = None, **more: str
    ) -> Self:
        """How event time is cut into windows, as "5m".

        Args:
            window_length: how long a window is.
            slide: distance between starts; without, the length.
            watermark: how late an event may come and still be counted.
            more: close_idle_after.
        """
        known = {"size": window_length, "slide": slide, "lateness": watermark}
        return self._with("window", {**{key: value for key, value in known.items() if value is not None}, **more})

    def compare_on_distribution(
        self,
        metric: str = "PSI",
        threshold: float | None = None,
        feature_name: str | Iterable[str] | None = None,
        **parameters: Any,
    ) -> Self:
        """Compare distributions: PSI, KL_DIVERGENCE, JS_DIVERGENCE, HELLINGER, WASSERSTEIN or KOLMOGOROV_SMIRNOV.

        hopsmon's techniques of these names: their bins are the baseline's, and a finding needs a p-value as well.

        Args:
            metric: which distance, as Hopsworks spells it.
            threshold: as there; without, 0.2 for PSI, and the technique's own default for others.
            feature_name: one feature, or several; without, all that have such a distance.
            parameters: further ones of the technique, as alpha.
        """
        self._comparisons.on_distribution(metric, threshold, feature_name, parameters)
        return self

    def compare_on(
        self,
        metric: str,
        threshold: float,
        feature_name: str | Iterable[str] | None = None,
        strict: bool = False,
        relative: bool = False,
        specific_value: float | None = None,
    ) -> Self:
        """Compare one statistic: mean, std_dev, min, max, count, completeness and others of `statistic_change`.

        Args:
            metric: which statistic, as Hopsworks spells it.
            threshold: how large a difference counts.
            feature_name: one feature, or several; without, all that have the statistic.
            strict: only above the threshold, not at it.
            relative: the difference as a share of the reference's value.
            specific_value: compare with this number, not with the reference.
        """
        given = {"strict": strict, "relative": relative, "specific_value": specific_value}
        said = {name: value for name, value in given.items() if value not in (False, None)}
        self._comparisons.on_statistic(metric, {"threshold": threshold, **said}, feature_name)
        return self

    def detect_outliers(self, technique: str, **parameters: Any) -> Self:
        """Flag single instances: isolation_forest, range, z_score, mahalanobis and others; with their parameters."""
        self._comparisons.of_instances(technique, parameters)
        return self

    def with_techniques(self, *techniques: str | Mapping[str, Any]) -> Self:
        """Run these techniques: names, or {name: {parameter: value}}."""
        self._comparisons.specs += techniques
        return self

    def with_slices(self, *features: str) -> Self:
        """One more set of windows for each value of these features."""
        return self._with("slices", list(features))

    def with_features(self, *features: str | Mapping[str, str]) -> Self:
        """The model's inputs in the order of positional instances: names, or {name: type}."""
        return self._with("features", list(features))

    def with_predictions(self, *predictions: str | Mapping[str, str]) -> Self:
        """The model's outputs in the order of its responses: names, or {name: type}."""
        return self._with("predictions", list(predictions))

    def with_expectations(self, *, file: str | os.PathLike[str] | None = None, **suite: Any) -> Self:
        """Hold windows to a suite of Great Expectations: file="suite.json", or feature_group={"name": …}."""
        return self._with("expectations", suite if file is None else {"file": str(file), **suite})

    def with_alerts(self, *, receiver: str | Iterable[str] = (), **settings: Any) -> Self:
        """Tell receivers of the Hopsworks project of drift; settings: min_severity and others of `alerts`."""
        names = [receiver] if isinstance(receiver, str) else list(receiver)
        return self._with("alerts", {"channels": [{"hopsworks": {"receiver": name}} for name in names], **settings})

    def with_settings(self, **sections: Any) -> Self:
        """Anything else that a configuration can say: limits={…}, correction="none", threshold_rule="quantile"."""
        self._settings |= sections
        return self

    def config(self) -> MonitorConfig:
        """What `save` would save.

        Raises:
            ConfigError: everything that is wrong with it, at once.
        """
        return self._store._config(self._values(), {})

    def save(self) -> Monitor:
        """Make the monitor; one of the same name is replaced, its results stay.

        Raises:
            ConfigError: everything that is wrong with the configuration, at once.
            OutsideError: the store cannot be written.
        """
        config = self.config()
        if self._baseline is not None:
            BaselineHistory(self._store._home.documents, config.name).save(self._baseline)
        return self._store.create_monitor(config)

    def _values(self) -> dict[str, Any]:
        values = dict(self._settings)
        techniques = self._comparisons.all()
        if techniques:
            values.setdefault("techniques", techniques)
        if "model" not in values and self._deployment is not None:
            served = model_served_by(HopsworksConfig(**values.get("hopsworks", {})), self._deployment)
            values["model"] = {"name": served.name, "version": served.version}
        return values

    def _with(self, section: str, value: Any) -> Self:
        self._settings[section] = value
        return self

    def _with_baseline(self, section: Mapping[str, Any]) -> Self:
        self._baseline = None
        return self._with("baseline", section)
