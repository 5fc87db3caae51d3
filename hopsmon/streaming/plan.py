"""Plans: a monitor and a query, resolved to values. `hopsmon.wiring` makes them from configuration; tests by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from hopsmon.core.alerting import AlertRules
from hopsmon.core.baseline import Baseline
from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.payloads import OpenMessages
from hopsmon.core.schema import ModelRef, ModelSchema
from hopsmon.core.techniques.protocols import InstanceTechnique, Technique, WindowTechnique
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.ports import AlertChannel, LogSource, ResultListener, ResultStore


@dataclass(frozen=True, slots=True)
class MonitorPlan:
    """All one monitor needs on the executors and in judging; picklable.

    Attributes:
        schema: features and predictions as the messages carry them; the baseline may know fewer.
        slices: features whose values each get windows of their own, beside the windows over all traffic.
        max_slices: at most so many values a sliced feature; the rest share the slice "feature=(other)".
        match: envelope attributes a message must have to be this monitor's, e.g. {"service": "iris"}; empty: all.
        format: wire format: its name ("auto" looks at each message), or a value that reads it.
        min_instances: a window with fewer is written with status "insufficient" and judged all the same (each
            technique knows its own minimum).
        max_clock_ahead: an event further ahead of its arrival is rejected: one bad clock must not close windows.
        correction: how each technique's p-values of one window are corrected for the number of features.
        importances: how much each feature matters to the model, in any unit; root causes are ranked by it as well.
        threshold_rule: how thresholds follow from the baseline's own windows, where it has them.
        max_outliers: at most so many outlier rows a window; the rest is counted.
        technique_seconds: how long a technique of another package may take for a window or a batch of instances.
        alerts: when its findings are an alert.
        epoch: how often it has come back to its query (see checkpoint.py); what it missed meanwhile is no gap.
    """

    name: str
    model: ModelRef
    schema: ModelSchema
    window: WindowSpec
    baseline: Baseline
    techniques: tuple[Technique, ...]
    slices: tuple[str, ...] = ()
    max_slices: int = 100
    match: Mapping[str, str] = field(default_factory=dict)
    format: str | OpenMessages = "auto"
    min_instances: int = 30
    max_clock_ahead: timedelta = timedelta(minutes=5)
    shards: int = 1
    correction: Correction = Correction.BENJAMINI_HOCHBERG
    importances: Mapping[str, float] = field(default_factory=dict)
    threshold_rule: ThresholdRule = ThresholdRule.ROOM
    max_outliers: int = 1_000
    technique_seconds: float = 30.0
    alerts: AlertRules = field(default_factory=AlertRules)
    epoch: int = 0

    @property
    def instance_techniques(self) -> tuple[InstanceTechnique, ...]:
        """Those that look at single instances."""
        return tuple(t for t in self.techniques if isinstance(t, InstanceTechnique))

    @property
    def window_techniques(self) -> tuple[WindowTechnique, ...]:
        """Those that compare a window with the baseline."""
        return tuple(t for t in self.techniques if isinstance(t, WindowTechnique))


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a monitor tells of its results, beside its store. Stays on the driver: connections are not picklable.

    Attributes:
        max_age: an alert whose window ended longer ago is written, but sent to nobody.
    """

    channels: tuple[AlertChannel, ...] = ()
    max_age: timedelta = timedelta(days=2)
    listeners: tuple[ResultListener, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """One streaming query: one log, one or more monitors that read it, one store, one checkpoint.

    Attributes:
        name: stable name; the checkpoint folder and the write key carry it.
        checkpoint: folder (any file system Spark can write) that belongs to this query alone.
        trigger: least time between micro-batches in continuous mode; 0 starts the next at once.
        audiences: by monitor, whom it tells; who is missing here tells nobody.
    """

    name: str
    monitors: tuple[MonitorPlan, ...]
    source: LogSource
    store: ResultStore
    checkpoint: str
    trigger: timedelta = timedelta(0)
    audiences: Mapping[str, Audience] = field(default_factory=dict)

    def audience(self, monitor: str) -> Audience:
        """Whom a monitor tells."""
        return self.audiences.get(monitor, Audience())
