"""Comparisons: what Hopsworks' feature monitoring compares on, as techniques of a configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, TypeAlias

from hopsmon.core.techniques import registry
from hopsmon.core.techniques.drift.statistic_change import MEASURES, StatisticChange
from hopsmon.errors import ConfigError, UnknownNameError

FeatureNames: TypeAlias = str | Iterable[str] | None

# By Hopsworks' name: the technique, and with which parameters its score is the same distance.
DISTRIBUTIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "PSI": ("psi", {"threshold": 0.2}),
    "KL_DIVERGENCE": ("kl", {}),
    "JS_DIVERGENCE": ("js", {}),
    "HELLINGER": ("hellinger", {}),
    "WASSERSTEIN": ("wasserstein", {"unit": "raw"}),
    "KOLMOGOROV_SMIRNOV": ("ks", {}),
}
_ROOTS = ("JS_DIVERGENCE",)  # there the divergence, here the distance, which is its root


@dataclass
class _Use:
    """One use of a technique.

    Attributes:
        title: what it is called where that name is free.
        features: None: all that it can judge.
    """

    technique: str
    title: str
    parameters: dict[str, Any]
    features: list[str] | None


@dataclass
class Comparisons:
    """What was named so far.

    Attributes:
        specs: techniques in the configuration's own words.
    """

    specs: list[Any] = field(default_factory=list)
    _windows: list[_Use] = field(default_factory=list)
    _instances: list[Any] = field(default_factory=list)

    def on_distribution(
        self, metric: str, threshold: float | None, features: FeatureNames, parameters: Mapping[str, Any]
    ) -> None:
        """A distance of distributions, by Hopsworks' name.

        Raises:
            UnknownNameError: there is none of that name.
        """
        name = metric.upper()
        if name not in DISTRIBUTIONS:
            raise UnknownNameError("distribution metric", metric, list(DISTRIBUTIONS))
        technique, defaults = DISTRIBUTIONS[name]
        given = {**defaults, **parameters}
        if threshold is not None:
            given["threshold"] = sqrt(threshold) if name in _ROOTS and threshold > 0 else threshold
        self._use(technique, technique, given, features)

    def on_statistic(self, metric: str, parameters: Mapping[str, Any], features: FeatureNames) -> None:
        """One statistic, by Hopsworks' name.

        Raises:
            UnknownNameError: there is none of that name, or a stream does not have it.
        """
        name = metric.lower()
        if name not in MEASURES:
            raise UnknownNameError("metric", metric, list(MEASURES))
        self._use(StatisticChange.name, f"{name}_change", {"statistic": name, **parameters}, features)

    def of_instances(self, technique: str, parameters: Mapping[str, Any]) -> None:
        """A technique on single instances.

        Raises:
            UnknownNameError: there is no technique of that name.
            ConfigError: it does not look at single instances.
        """
        kind = registry.describe(technique).kind
        if kind != "instance":
            known = [name for name in registry.names() if registry.describe(name).kind == "instance"]
            raise ConfigError(
                f"{technique} does not look at single instances (it is a {kind} technique). Those that do: "
                f"{', '.join(known)}."
            )
        self._instances.append({technique: dict(parameters)} if parameters else technique)

    def all(self) -> list[Any]:
        """The techniques of the configuration; none where nothing was named: then its defaults run."""
        if not (self.specs or self._windows or self._instances):
            return []
        windows = [*self.specs, *self._named()]
        return [*(windows or _defaults_on_windows()), *self._instances]

    def _use(self, technique: str, title: str, parameters: dict[str, Any], features: FeatureNames) -> None:
        names = None if features is None else [features] if isinstance(features, str) else list(features)
        for known in self._windows:
            if (known.technique, known.parameters) == (technique, parameters):
                both = known.features is not None and names is not None
                known.features = list(dict.fromkeys([*(known.features or ()), *(names or ())])) if both else None
                return
        self._windows.append(_Use(technique, title, parameters, names))

    def _named(self) -> list[Any]:
        """One spec a use; the second of a name has its number."""
        specs, seen = [], dict.fromkeys((registry.name_of(spec) for spec in self.specs), 1)
        for use in self._windows:
            number = seen[use.title] = seen.get(use.title, 0) + 1
            name = use.title if number == 1 else f"{use.title}_{number}"
            features = {} if use.features is None else {"features": use.features}
            own_name = {} if name == use.technique else {registry.NAME: name}
            specs.append({use.technique: {**own_name, **use.parameters, **features}})
        return specs


def _defaults_on_windows() -> list[Any]:
    return [name for name in registry.DEFAULT_TECHNIQUES if registry.describe(name).kind != "instance"]
