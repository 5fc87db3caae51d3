"""Focus: techniques that look at each feature alone, told to look at some of them only."""

from __future__ import annotations

from dataclasses import replace

from hopsmon.core.baseline import Baseline
from hopsmon.core.schema import ModelSchema
from hopsmon.core.statistics.summary import Summary
from hopsmon.errors import ConfigError


def feature_names(technique: str, given: object) -> tuple[str, ...]:
    """The parameter `features`, a list in YAML, as a tuple.

    Raises:
        ConfigError: no list of names.

    >>> feature_names("psi", ["temp", "wind"])
    ('temp', 'wind')
    """
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) and name for name in given):
        raise ConfigError(f"{technique}.features must be a list of names, e.g. [price, quantity]; got {given!r}.")
    return tuple(given)


def focused(window: Summary, baseline: Baseline, features: tuple[str, ...]) -> tuple[Summary, Baseline]:
    """Window and baseline as if the model had these features alone; as they are where there are none."""
    if not features:
        return window, baseline
    schema = ModelSchema(
        tuple(feature for feature in baseline.schema.features if feature.name in features),
        tuple(feature for feature in baseline.schema.predictions if feature.name in features),
    )
    seen = {name: summary for name, summary in window.features.items() if name in features}
    return replace(window, features=seen), replace(baseline, schema=schema)
