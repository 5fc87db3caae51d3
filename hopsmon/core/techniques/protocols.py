"""The three kinds of technique: instance, window, sequence. Each is pure, vectorised and picklable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, BoolArray, FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.summary import Summary


@dataclass(frozen=True, slots=True)
class InstanceScores:
    """One technique's verdict on every instance of a batch.

    Attributes:
        score: one number an instance, larger = further from the reference; NaN where it could not be computed.
        flagged: one verdict an instance.
        threshold: what the score was compared with.
        contributions: for the features that drove it, their own scores, in the same unit: name -> one number an
            instance. Only read at flagged instances; a feature that drove none of them may be missing.
        error: why there are no scores, where the technique failed.
        p_value: conformal p-values, one an instance: the share of the reference's own scores that are at least as
            large. Only read at flagged instances, NaN at others means nothing. None: the baseline has no sample of its
            rows to tell it from.
    """

    score: FloatArray
    flagged: BoolArray
    threshold: float
    contributions: Mapping[str, FloatArray]
    error: str | None = None
    p_value: FloatArray | None = None

    @classmethod
    def failed(cls, instances: int, error: str) -> InstanceScores:
        """No scores, and why."""
        return cls(np.full(instances, np.nan), np.zeros(instances, np.bool_), np.inf, {}, error)

    def top_features(self, row: int, most: int = 3) -> list[tuple[str, float]]:
        """The features that drove one instance's score, and their own scores, largest first."""
        scores = [(name, float(score[row])) for name, score in self.contributions.items()]
        known = [(name, score) for name, score in scores if np.isfinite(score) and score > 0]
        return sorted(known, key=lambda pair: (-pair[1], pair[0]))[:most]


@runtime_checkable
class InstanceTechnique(Protocol):
    """Looks at single instances, on the executors, in the hot path."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[type[Statistic]]]  # which statistics the baseline must have

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        """Scores for every instance of a batch; no Python loop over instances."""
        ...


@runtime_checkable
class WindowTechnique(Protocol):
    """Compares a closed window with the baseline, on the driver."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[type[Statistic]]]  # which statistics windows and baseline must have

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding a feature it applies to (computable or not), or one for the model."""
        ...


@runtime_checkable
class Measuring(Protocol):
    """What a window technique may have as well: a statistic of its own, made on the executors.

    `judge` finds it in `window.model`, by the statistic's name; the statistic stands in the table of statistics.
    """

    def measure(self, batch: Batch) -> Statistic | None:
        """The statistic of a batch of one side; None where it has nothing for it."""
        ...


State: TypeAlias = bytes


@runtime_checkable
class SequenceTechnique(Protocol):
    """Follows the series of one monitor's windows (one slice at a time), on the driver.

    The state is stored with the results of the window that made it, so restarts and replays give the same alarms.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[type[Statistic]]]

    def advance(self, state: State | None, window: Summary, baseline: Baseline) -> tuple[Sequence[Finding], State]:
        """The findings after one more window, and the state to go on from; None starts afresh."""
        ...


Technique: TypeAlias = InstanceTechnique | WindowTechnique | SequenceTechnique
