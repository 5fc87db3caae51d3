"""Parameters: checks that the techniques' dataclasses share."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from hopsmon.errors import ConfigError


class Default(float):
    """A parameter's value that nobody chose; what depends on it may choose better."""

    __slots__ = ()


def at_least(technique: str, low: float, **values: float) -> None:
    """Raises ConfigError where a parameter is below `low` or not a finite number."""
    for name, value in values.items():
        if not isfinite(value) or value < low:
            raise ConfigError(f"{technique}.{name} must be at least {low:g}, got {value}.")


def above(technique: str, low: float, **values: float) -> None:
    """Raises ConfigError where a parameter is not above `low` or not a finite number."""
    for name, value in values.items():
        if not isfinite(value) or value <= low:
            raise ConfigError(f"{technique}.{name} must be above {low:g}, got {value}.")


def probability(technique: str, **values: float) -> None:
    """Raises ConfigError where a parameter is not in (0, 1)."""
    for name, value in values.items():
        if not 0 < value < 1:
            raise ConfigError(f"{technique}.{name} must be above 0 and below 1, got {value}.")


def one_of(technique: str, name: str, value: str, allowed: Sequence[str]) -> None:
    """Raises ConfigError where a parameter is none of the allowed words."""
    if value not in allowed:
        raise ConfigError(f"{technique}.{name} must be one of {', '.join(allowed)}; got '{value}'.")


def check_limits(technique: str, threshold: float, critical: float, alpha: float, min_rows: int) -> None:
    """The checks of the parameters that all drift techniques have."""
    above(technique, 0.0, threshold=threshold, critical=critical)
    if not isinstance(critical, Default):  # whoever raises the threshold alone raises what is critical with it
        at_least(technique, threshold, critical=critical)
    probability(technique, alpha=alpha)
    at_least(technique, 1, min_rows=min_rows)
