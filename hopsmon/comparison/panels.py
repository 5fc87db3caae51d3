"""Panels: which techniques judge which features, by the users' words or by a convention's defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
import orjson

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding
from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.root_cause import explained
from hopsmon.core.schema import ModelSchema
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.distinct import Distinct
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.values import Values
from hopsmon.core.techniques import registry
from hopsmon.core.techniques.protocols import InstanceTechnique, Technique
from hopsmon.core.techniques.registry import Spec
from hopsmon.core.verdicts import Judge
from hopsmon.errors import ConfigError

Assignment = tuple[Technique, frozenset[str] | None]  # a technique, and the features it judges (None: all)


def assigned(
    techniques: Sequence[Spec] | None, convention: str | None, baseline: Baseline, current: Summary
) -> list[Assignment]:
    """The techniques to run.

    Without names: the default set, or with a convention what that library runs on each feature. With both, those of
    the named techniques that know conventions follow it, where they do not say otherwise themselves.

    Raises:
        ConfigError: an unknown technique, parameter or convention; or nothing to run.
    """
    if techniques is None and convention is not None:
        return _by_feature(convention, baseline, current)
    if isinstance(techniques, (str, Mapping)):
        raise ConfigError(f"techniques must be a list, got {techniques!r}. Write techniques=[{techniques!r}].")
    if techniques is None:
        built = [registry.build(name) for name in registry.DEFAULT_TECHNIQUES]
        return [(technique, None) for technique in built if not isinstance(technique, InstanceTechnique)]
    if not techniques:
        raise ConfigError("techniques is empty: there is nothing to run. Leave it out for the default set.")
    return [(registry.build(_with_convention(spec, convention)), None) for spec in techniques]


def _with_convention(spec: Spec, convention: str | None) -> Spec:
    if convention is None:
        return spec
    name = spec if isinstance(spec, str) else next(iter(spec), "")
    given: Mapping[str, Any] = {} if isinstance(spec, str) else spec[name] or {}
    takes = any(parameter.name == "convention" for parameter in registry.describe(name).parameters)
    return {name: {"convention": convention, **given}} if takes else spec


def _by_feature(convention: str, baseline: Baseline, current: Summary) -> list[Assignment]:
    """A convention's own choice for each feature; features with the same one are judged together."""
    from hopsmon.core.techniques.conventions import defaults

    features: dict[bytes, set[str]] = {}
    specs: dict[bytes, Spec] = {}
    for feature in baseline.schema.all:
        reference = baseline.feature(feature.name) or FeatureSummary()
        counts = reference.get(Counts) or Counts()
        distinct = _distinct(reference, current.features.get(feature.name, FeatureSummary()))
        for spec in defaults(convention, feature.type, counts.valid, distinct):
            key = orjson.dumps(spec, option=orjson.OPT_SORT_KEYS)
            specs[key] = spec
            features.setdefault(key, set()).add(feature.name)
    if not specs:
        raise ConfigError(f"The convention '{convention}' judges none of these features. Name techniques instead.")
    return [(registry.build(spec), frozenset(features[key])) for key, spec in specs.items()]


def _distinct(reference: FeatureSummary, current: FeatureSummary) -> int:
    """How many different values a feature has on both sides together; of a ready baseline's numbers about."""
    before, now = reference.get(Values), current.get(Values)
    if before is not None and now is not None:
        return len(np.unique(np.concatenate((before.ascending, now.ascending))))
    labels, seen = reference.get(Categories), current.get(Categories)
    if labels is not None and seen is not None:
        return len({*labels.counts, *seen.counts})
    both = (reference.get(Distinct) or Distinct()) + (current.get(Distinct) or Distinct())
    return round(both.estimate)


def needs_of(assignments: Sequence[Assignment]) -> frozenset[type[Statistic]]:
    """The statistics that these techniques read."""
    return reduce(frozenset.union, (technique.needs for technique, _ in assignments), frozenset())


@dataclass
class Panel:
    """One judge of some features, and what its sequence techniques keep from window to window."""

    judge: Judge
    features: frozenset[str] | None
    states: Mapping[str, bytes] = field(default_factory=dict)

    def findings(self, window: Summary, start: int | None) -> list[Finding]:
        """The verdicts on the next window."""
        seen = window if self.features is None else _only(window, self.features)
        findings, self.states = self.judge.judge(seen, start, self.states)
        return findings


def _only(window: Summary, features: frozenset[str]) -> Summary:
    return replace(window, features={name: of for name, of in window.features.items() if name in features})


@dataclass(frozen=True)
class Panels:
    """All judges of a comparison.

    A judge keeps its techniques' states by name, so two of one name (with different parameters) get a judge each.
    """

    panels: tuple[Panel, ...]
    importances: Mapping[str, float]

    @classmethod
    def of(
        cls,
        assignments: Sequence[Assignment],
        baseline: Baseline,
        correction: Correction,
        importances: Mapping[str, float],
        rule: ThresholdRule = ThresholdRule.ROOM,
    ) -> Panels:
        """The judges for these techniques; those on instances are left out."""
        groups: dict[tuple[frozenset[str] | None, int], list[Technique]] = {}
        seen: dict[tuple[frozenset[str] | None, str], int] = {}
        for technique, features in assignments:
            if isinstance(technique, InstanceTechnique):
                continue
            turn = seen[features, technique.name] = seen.get((features, technique.name), -1) + 1
            groups.setdefault((features, turn), []).append(technique)
        panels = [
            Panel(Judge(techniques, restricted(baseline, features), correction, importances, rule), features)
            for (features, _), techniques in groups.items()
        ]
        return cls(tuple(panels), importances)

    def findings(self, window: Summary, start: int | None) -> list[Finding]:
        """The verdicts of all judges on the next window."""
        found = [finding for panel in self.panels for finding in panel.findings(window, start)]
        return explained(found, self.importances) if len(self.panels) > 1 else found


def restricted(baseline: Baseline, features: frozenset[str] | None) -> Baseline:
    """The baseline of some features only."""
    if features is None:
        return baseline
    schema = ModelSchema(
        tuple(feature for feature in baseline.schema.features if feature.name in features),
        tuple(feature for feature in baseline.schema.predictions if feature.name in features),
    )
    return replace(baseline, schema=schema, features={n: s for n, s in baseline.features.items() if n in features})
