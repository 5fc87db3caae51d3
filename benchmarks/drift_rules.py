"""Drift rules for benchmarks/false_alarms: hopsmon's judge, and what Evidently, NannyML and Hopsworks do by default.

The peers' rules are those of `hopsmon.core.techniques.conventions`, which the tests hold to the peers' own numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np

from benchmarks.traffic import HOUR, Rows, names, sample_of
from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.season import Season
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.values import Values
from hopsmon.core.techniques import conventions
from hopsmon.core.techniques.pairs import NotComputableError, Pair
from hopsmon.core.techniques.protocols import Technique
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES, build
from hopsmon.core.verdicts import Judge

_REFERENCE_ROWS = 5_000  # the peers read raw rows; more change little but the time
_CHUNKS = 60  # reference chunks of a window's size that NannyML's thresholds come from


@dataclass(frozen=True, slots=True)
class Hour:
    """One window, as each rule wants to have it."""

    number: int
    rows: Rows
    summary: Summary


class Rule(Protocol):
    """Something that watches hour after hour."""

    def drifting(self, hour: Hour) -> set[str]:
        """The features that it calls drifting in this hour."""
        ...


@dataclass
class Hopsmon:
    """hopsmon's default set (or some of it), as the engine runs it; one object a stream of windows."""

    judge: Judge
    _states: Mapping[str, bytes] = field(default_factory=dict)

    def drifting(self, hour: Hour) -> set[str]:
        findings, self._states = self.judge.judge(hour.summary, hour.number * HOUR, self._states)
        return {finding.feature or "(model)" for finding in findings if finding.is_drift}


def default_techniques() -> list[Technique]:
    """Those of the default set that look at windows."""
    return [build(name) for name in DEFAULT_TECHNIQUES if not hasattr(build(name), "check")]


@dataclass
class Peer:
    """Another library's default rule for each feature, against up to 5,000 raw rows of the reference.

    Attributes:
        choose: convention, technique and threshold (None: the library's own) for a feature's reference.
    """

    choose: Callable[[str, FeatureType, FeatureSummary], tuple[str, str, float | None]]
    baseline: Baseline
    reference: Rows
    _chosen: dict[str, tuple[FeatureSummary, tuple[str, str, float | None]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in names():
            summary = raw_summary(spread(self.reference[name]))
            self._chosen[name] = summary, self.choose(name, self._type(name), summary)

    def _type(self, name: str) -> FeatureType:
        return self.baseline.type_of(name) or FeatureType.NUMERIC

    def drifting(self, hour: Hour) -> set[str]:
        return {name for name in names() if self._drifts(name, raw_summary(hour.rows[name]))}

    def _drifts(self, name: str, window: FeatureSummary) -> bool:
        reference, (convention, technique, threshold) = self._chosen[name]
        pair = Pair(name, self._type(name), window, reference)
        try:
            return conventions.finding(technique, convention, pair, threshold).is_drift
        except NotComputableError:
            return False


def evidently(baseline: Baseline, reference: Rows) -> Peer:
    """Above 1,000 reference rows: Wasserstein distance over the standard deviation, or Jensen-Shannon, from 0.1."""

    def choose(name: str, kind: FeatureType, summary: FeatureSummary) -> tuple[str, str, float | None]:
        distinct = len(np.unique(spread(reference[name])))
        rows = (summary.get(Counts) or Counts()).valid
        (spec,) = conventions.defaults("evidently", kind, rows, distinct)
        return "evidently", next(iter(spec)), None

    return Peer(choose, baseline, reference)


def hopsworks(baseline: Baseline, reference: Rows) -> Peer:
    """PSI from 0.2."""
    return Peer(lambda *_: ("hopsworks", "psi", None), baseline, reference)


def nannyml(baseline: Baseline, reference: Rows, rows: int) -> Peer:
    """Jensen-Shannon distance above mean + 3 standard deviations of the reference's own chunks of a window's size."""

    def choose(name: str, kind: FeatureType, summary: FeatureSummary) -> tuple[str, str, float | None]:
        whole = reference[name]
        starts = np.linspace(0, max(len(whole) - rows, 0), min(_CHUNKS, max(len(whole) // rows, 2))).astype(int)
        pairs = [Pair(name, kind, raw_summary(whole[start : start + rows]), summary) for start in starts]
        scores = [conventions.finding("js", "nannyml", pair, 1.0).score for pair in pairs]
        known = np.array([score for score in scores if score is not None])
        return "nannyml", "js", float(known.mean() + 3 * known.std())

    return Peer(choose, baseline, reference)


def spread(values: FloatArray | IntArray) -> FloatArray | IntArray:
    """About 5,000 of the values, evenly picked over all hours."""
    return values[:: max(1, len(values) // _REFERENCE_ROWS)]


def raw_summary(values: FloatArray | IntArray) -> FeatureSummary:
    """A feature's raw values (or all label counts), as `hopsmon.compare` keeps them."""
    sample = sample_of(values)
    found: list[Statistic | None] = [kind.of(sample, None) for kind in (Counts, Values, Categories)]
    return FeatureSummary({statistic.name: statistic for statistic in found if statistic is not None})


def ours(baseline: Baseline) -> Mapping[str, Callable[[], Rule]]:
    """Makers of hopsmon's rules; each call starts a new stream of windows, what can be worked out once is."""
    techniques = default_techniques()
    detector = [technique for technique in techniques if technique.name == "e_detector"]
    judges = {"hopsmon": Judge(techniques, baseline), "e_detector": Judge(detector, baseline)}
    if baseline.windows:
        judges["hopsmon_hour_of_day"] = Judge(techniques, replace(baseline, season=Season.HOUR_OF_DAY))
    return {name: partial(Hopsmon, judge) for name, judge in judges.items()}


def peers(baseline: Baseline, reference: Rows, rows: int) -> Mapping[str, Rule]:
    """The others' rules for windows of so many rows. They look at each window for itself."""
    return {
        "evidently": evidently(baseline, reference),
        "nannyml": nannyml(baseline, reference, rows),
        "hopsworks": hopsworks(baseline, reference),
    }
