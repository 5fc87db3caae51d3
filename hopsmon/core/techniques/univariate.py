"""Univariate: what the drift techniques of one feature share, their parameters, their loop and their verdict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques import conventions
from hopsmon.core.techniques.focus import feature_names, focused
from hopsmon.core.techniques.pairs import Limits, Pair, judge_each
from hopsmon.core.techniques.parameters import Default, check_limits
from hopsmon.core.techniques.significance import DEFAULT_ALPHA, DEFAULT_MIN_ROWS
from hopsmon.errors import ConfigError

OURS = "hopsmon"  # the convention that is hopsmon's own definition


@dataclass(frozen=True, slots=True)
class Univariate(ABC):
    """A window technique that compares one feature at a time.

    Attributes:
        threshold: the score that matters.
        critical: the score that is critical.
        alpha: drift needs a p-value below this.
        min_rows: with fewer rows in window or reference the finding is `insufficient`.
        features: judge these only; empty: all of `feature_types`.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[type[Statistic]]]
    feature_types: ClassVar[frozenset[FeatureType]]

    threshold: float
    critical: float
    alpha: float = DEFAULT_ALPHA
    min_rows: int = DEFAULT_MIN_ROWS
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_limits(self.name, self.threshold, self.critical, self.alpha, self.min_rows)
        object.__setattr__(self, "features", feature_names(self.name, self.features))

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for every feature of `feature_types`, or for those of them that are named."""
        return judge_each(self.name, self.feature_types, *focused(window, baseline, self.features), self.compare)

    @abstractmethod
    def compare(self, pair: Pair) -> Finding:
        """The verdict on one feature; raises NotComputableError where there can be none."""

    def verdict(self, pair: Pair, score: float, p_value: float, n: int, details: Mapping[str, Any]) -> Finding:
        """Drift where the score matters and chance does not explain it."""
        limits = Limits(self.threshold, self.critical, self.alpha)
        return limits.finding(self.name, pair.name, score, p_value, n, details)


@dataclass(frozen=True, slots=True)
class Conventional(Univariate):
    """One that other tools have too, so that it can give their numbers.

    Attributes:
        convention: whose definition, `hopsmon` or the name of another tool. With another tool's, score and verdict are
            that tool's, from raw samples; its own threshold counts unless `threshold` is given.
    """

    convention: str = OURS

    def __post_init__(self) -> None:
        if self.convention == OURS:
            Univariate.__post_init__(self)
            return
        known = conventions.known(self.name)
        if self.convention not in known:
            allowed = ", ".join((OURS, *known))
            raise ConfigError(f"{self.name}.convention must be one of {allowed}; got '{self.convention}'.")
        check_limits(self.name, self.threshold, Default(self.critical), self.alpha, self.min_rows)
        object.__setattr__(self, "features", feature_names(self.name, self.features))

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for every feature of `feature_types`, or of those that the convention computes it for."""
        if self.convention == OURS:
            return Univariate.judge(self, window, baseline)
        types = conventions.types_of(self.name, self.convention)
        return judge_each(self.name, types, *focused(window, baseline, self.features), self._as_others_do)

    def _as_others_do(self, pair: Pair) -> Finding:
        given = None if isinstance(self.threshold, Default) else self.threshold
        return conventions.finding(self.name, self.convention, pair, given)
