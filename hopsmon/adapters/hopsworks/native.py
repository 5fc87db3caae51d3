"""Findings as results of Hopsworks' own feature monitoring, so that its pages show them and its alerts fire.

An extra, not the store of record: a result of ours stands for one closed window of all traffic, in Hopsworks' words as
far as it has them. The configuration that they belong to has a schedule that is off: hopsmon computes, not Hopsworks.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from hopsmon.adapters.hopsworks import private, views
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.adapters.hopsworks.names import ViewColumn, folded
from hopsmon.core.finding import Finding
from hopsmon.core.techniques.protocols import Technique
from hopsmon.core.window import Window, to_datetime
from hopsmon.errors import ConfigError
from hopsmon.streaming.ports import JudgedWindow

_LOG = logging.getLogger(__name__)

Ids: TypeAlias = Mapping[str, Mapping[str, int]]  # of comparisons, by feature and metric

# By technique, the metric that measures the same; `_measured` turns our score into Hopsworks' unit.
METRICS: Final = {
    "psi": "PSI",
    "kl": "KL_DIVERGENCE",
    "js": "JS_DIVERGENCE",
    "hellinger": "HELLINGER",
    "ks": "KOLMOGOROV_SMIRNOV",
}
_NUMBERS_ONLY: Final = ("KOLMOGOROV_SMIRNOV",)
_NUMBERS: Final = re.compile(r"(tiny|small|big)?int|float|double|decimal.*", re.IGNORECASE)
_LABELS: Final = re.compile(r"string|boolean|(var)?char.*", re.IGNORECASE)
_NEVER: Final = "0 0 0 1 1 ? 2099"  # Quartz; a schedule must have a time although it is off
_LONGEST_NAME: Final = 64  # Hopsworks' limit


@runtime_checkable
class Measure(Protocol):
    """A technique whose score is a distance with a threshold."""

    @property
    def threshold(self) -> float:
        """From where on it is drift."""
        ...


@dataclass(frozen=True)
class Monitored:
    """What results are posted for.

    Attributes:
        entity: the client's feature group or feature view.
        title: what it is called in messages.
        columns: its columns.
        training_dataset_version: what a feature view's windows are compared with; None: all of its data.
    """

    entity: Any
    title: str
    columns: tuple[ViewColumn, ...]
    training_dataset_version: int | None = None

    @classmethod
    def feature_group(cls, connection: Connection, name: str, version: int) -> Monitored:
        """A feature group.

        Raises:
            ConfigError: there is none.
        """
        group = views.feature_group(connection, name, version)
        found = views.group_features(group)
        return cls(group, found.title, found.columns)

    @classmethod
    def feature_view(
        cls, connection: Connection, name: str, version: int, training_dataset_version: int | None = None
    ) -> Monitored:
        """A feature view.

        Raises:
            ConfigError: there is none.
        """
        view = views.feature_view(connection, name, version)
        found = views.view_features(view, training_dataset_version)
        return cls(view, found.title, found.columns, training_dataset_version)


class NativeResults:
    """A listener that posts a result a window, each once; made once a run."""

    name = "Hopsworks' feature monitoring"

    def __init__(self, monitor: str, of: Monitored, features: Iterable[str], techniques: Iterable[Technique]) -> None:
        """Nothing is asked of Hopsworks before the first window.

        Args:
            features: what the monitor watches; the entity may have more.

        Raises:
            ConfigError: the monitor has no technique that Hopsworks has a metric for.
        """
        known = {one.name: one.threshold for one in techniques if one.name in METRICS and isinstance(one, Measure)}
        if not known:
            raise ConfigError(
                "store.hopsworks.native_results needs a technique that Hopsworks has a metric for: "
                f"{', '.join(METRICS)}. Add one to `techniques`, or leave native_results out."
            )
        self._monitor = monitor
        self._of = of
        self._watched = {folded(name) for name in features}
        self._thresholds = known
        self._config: Any = None

    @property
    def title(self) -> str:
        """What the results are of."""
        return self._of.title

    def tell(self, windows: Sequence[JudgedWindow]) -> None:
        with asking(f"Results of feature monitoring of {self._of.title}"):
            if self._config is None:
                self._config = self._found() or self._made()
            times = [_milliseconds(window.window) for window in windows]  # in no order: idle windows close late
            history = self._config.get_history(start_time=min(times), end_time=max(times), with_statistics=False)
            there = {result.monitoring_time for result in history}
            ids = _comparisons(self._config)
            for window in windows:
                if _milliseconds(window.window) not in there:
                    private.save_monitoring_result(self._of.entity, self._result(window, ids))

    def _found(self) -> Any:
        """The configuration of an earlier run."""
        found = self._of.entity.get_feature_monitoring_configs(name=config_name(self._monitor))
        if not found:  # the client says None, and gives an empty list
            return None
        there = {(name, metric) for name, metrics in _comparisons(found).items() for metric in metrics}
        missing = sorted(set(self._wanted()) - there)
        if missing:
            pairs = ", ".join(f"{metric} of {name}" for name, metric in missing)
            _LOG.warning(
                "%s: configuration '%s' of feature monitoring is older than the monitor and lacks %s; delete it, and "
                "it is made anew",
                self._of.title,
                found.name,
                pairs,
            )
        return found

    def _made(self) -> Any:
        entity, version = self._of.entity, self._of.training_dataset_version
        config = entity.create_feature_monitoring(
            config_name(self._monitor),
            description=f"Results of hopsmon's monitor {self._monitor}"[:256],
            cron_expression=_NEVER,
        )
        since = config.job_schedule.start_date_time
        config.job_schedule = {"start_date_time": since, "cron_expression": _NEVER, "enabled": False}
        config.with_detection_window()
        if version is None:
            config.with_reference_window()
        else:
            config.with_reference_training_dataset(version)
        thresholds = {METRICS[name]: threshold for name, threshold in self._thresholds.items()}
        for feature, metric in self._wanted():
            threshold = _measured(metric, float(thresholds[metric]))
            config.compare_on_distribution(metric, threshold, feature)
        return private.create_monitoring_config(entity, config)

    def _wanted(self) -> list[tuple[str, str]]:
        """The features, each with the metrics that its type allows."""
        metrics = [METRICS[name] for name in self._thresholds]
        watched = [column for column in self._of.columns if folded(column.name) in self._watched]
        return [(column.name, metric) for column in watched for metric in metrics if _allowed(metric, column.type)]

    def _result(self, window: JudgedWindow, ids: Ids) -> Any:
        from hsfs.core.feature_monitoring_result import FeatureMonitoringResult

        findings: dict[str, list[Finding]] = {}
        for finding in window.findings:
            findings.setdefault(folded(finding.feature or ""), []).append(finding)
        return FeatureMonitoringResult(
            feature_store_id=self._config.feature_store_id,
            execution_id=0,  # of Hopsworks' own job, which never runs
            monitoring_time=_milliseconds(window.window),
            feature_monitoring_config_id=self._config.id,
            shifted_feature_names=sorted(
                name for name in ids if any(finding.is_drift for finding in findings.get(folded(name), ()))
            ),
            feature_statistics_results=[
                _of_feature(name, metrics, findings.get(folded(name), ())) for name, metrics in ids.items()
            ],
            empty_detection_window=window.instances == 0,
            empty_reference_window=False,
        )


def config_name(monitor: str) -> str:
    """Our configuration's name: a monitor's may have characters and a length that Hopsworks does not allow.

    >>> config_name("flights"), config_name("flight-delay")
    ('hopsmon_flights', 'hopsmon_flight_delay_de85b5')
    """
    plain = "hopsmon_" + re.sub(r"\W", "_", monitor)
    if plain == f"hopsmon_{monitor}" and len(plain) <= _LONGEST_NAME:
        return plain
    mark = sha256(monitor.encode()).hexdigest()[:6]
    return f"{plain[: _LONGEST_NAME - 7]}_{mark}"


def _comparisons(config: Any) -> dict[str, dict[str, int]]:
    return {
        of.feature_name: {one.distribution_metric: one.id for one in of.statistics_comparison_configs or ()}
        for of in config.feature_statistics_configs
    }


def _of_feature(name: str, ids: Mapping[str, int], findings: Iterable[Finding]) -> Any:
    from hsfs.core.feature_statistics_result import FeatureStatisticsResult
    from hsfs.core.statistics_comparison_result import StatisticsComparisonResult

    judged = {METRICS[one.technique]: one for one in findings if one.technique in METRICS and one.score is not None}
    compared = [
        StatisticsComparisonResult(ids[metric], finding.is_drift, _measured(metric, finding.score))
        for metric, finding in judged.items()
        if metric in ids
    ]
    shifted = sorted(metric for metric, finding in judged.items() if finding.is_drift)
    return FeatureStatisticsResult(name, shifted_metric_names=shifted, statistics_comparison_results=compared)


def _measured(metric: str, score: float | None) -> float | None:
    """Our score as Hopsworks measures: its Jensen-Shannon divergence is the square of our distance."""
    return score * score if score is not None and metric == "JS_DIVERGENCE" else score


def _allowed(metric: str, kind: str) -> bool:
    """Whether Hopsworks compares features of a Hive type by a metric."""
    if _NUMBERS.fullmatch(kind):
        return True
    return metric not in _NUMBERS_ONLY and _LABELS.fullmatch(kind) is not None


def _milliseconds(window: Window) -> int:
    return int(to_datetime(window.end).timestamp() * 1000)
