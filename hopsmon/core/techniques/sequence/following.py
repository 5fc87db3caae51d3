"""Following: what the techniques that watch a series of numbers share: features, states, findings."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, ClassVar, TypeAlias

import numpy as np
import orjson

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.sequence.series import ERRORS, READS, Series
from hopsmon.errors import ConfigError

Memory: TypeAlias = tuple[float, ...]  # what a detector keeps of one series; () at the start
_HEAD = struct.Struct("<BI")


@dataclass(frozen=True, slots=True)
class Step:
    """What a detector says after one more number.

    Attributes:
        memory: to go on from.
        drift: whether it sees a change now. A detector starts afresh after one, so a change is seen once.
        score: its measure; None while it has too few numbers.
    """

    memory: Memory
    drift: bool
    score: float | None
    p_value: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class FollowsSeries(ABC):
    """A sequence technique that runs one detector on each feature's series.

    Its dataclass has the fields `series` and `features`.
    """

    __slots__ = ()
    name: ClassVar[str]
    needs: ClassVar[frozenset[type[Statistic]]] = READS
    counts_errors: ClassVar[bool] = False  # whether the series must be a share, given as counts

    series: str
    features: tuple[str, ...]

    def check_series(self) -> None:
        """Raises ConfigError for a series that there is not; turns the features, a list in YAML, into a tuple."""
        Series.named(self.name, self.series, share=self.counts_errors)
        given: object = self.features
        if isinstance(given, str):
            raise ConfigError(f"{self.name}.features must be a list of names, got '{self.features}'.")
        object.__setattr__(self, "features", tuple(self.features))

    @property
    @abstractmethod
    def limit(self) -> float:
        """What the score is judged against."""

    @abstractmethod
    def follow(self, memory: Memory, summary: FeatureSummary, usual: tuple[float, float]) -> Step | None:
        """One more window of one feature; None where it has nothing to say (no rows).

        Args:
            usual: mean and standard deviation of the series without drift.
        """

    def advance(self, state: bytes | None, window: Summary, baseline: Baseline) -> tuple[Sequence[Finding], bytes]:
        """One finding a feature, and the state after this window."""
        memories = _restored(state, self.series)
        if self.counts_errors and self.series == ERRORS and not self.features:
            return [self._unnamed()], _stored(memories, self.series)
        findings = [self._finding(name, memories, window, baseline) for name in self._followed(baseline)]
        return findings, _stored(memories, self.series)

    def _unnamed(self) -> Finding:
        """Which of a model's flags says that a prediction was wrong, nobody but its owner knows."""
        return Finding.not_computable(
            self.name,
            None,
            Reason.NO_STATISTIC,
            missing_in=["configuration"],
            error=f"Name the flag that says whether a prediction was wrong: {self.name}: {{features: [NAME]}}.",
        )

    def _followed(self, baseline: Baseline) -> tuple[str, ...]:
        series = Series(self.series)
        return self.features or tuple(f.name for f in baseline.schema.all if series.suits(f.type))

    def _finding(self, name: str, memories: dict[str, Memory], window: Summary, baseline: Baseline) -> Finding:
        summary, series = window.features.get(name), Series(self.series)
        if baseline.feature(name) is None:
            return Finding.not_computable(self.name, name, Reason.NO_BASELINE)
        if summary is None:
            return Finding.not_computable(self.name, name, Reason.NO_STATISTIC, missing_in=["window"])
        value, n = series.value_of(summary)
        usual = series.usual(name, baseline, max(n, 1))
        if usual is None:
            return Finding.not_computable(self.name, name, Reason.EMPTY_REFERENCE, n, series=self.series)
        step = None if value is None else self.follow(memories.get(name, ()), summary, usual)
        if step is None:
            return Finding.not_computable(self.name, name, Reason.INSUFFICIENT, n, series=self.series)
        memories[name] = step.memory
        about = {"series": self.series, "value": value, "usual": usual[0], "usual_spread": usual[1], **step.details}
        return self._judged(name, n, step, about)

    def _judged(self, name: str, n: int, step: Step, about: Mapping[str, Any]) -> Finding:
        if step.score is None:
            return Finding.not_computable(self.name, name, Reason.INSUFFICIENT, n, **about)
        reason = Reason.DRIFT if step.drift else Reason.OK
        severity = Severity.WARNING if step.drift else Severity.NONE
        return Finding(
            self.name, name, step.score, self.limit, n, reason, step.drift, severity, step.p_value, details=about
        )


def standardised(series: str, summary: FeatureSummary, usual: tuple[float, float]) -> float | None:
    """The series' number as a distance from its usual mean, in usual standard deviations; None where that has none."""
    value, _ = Series(series).value_of(summary)
    mean, spread = usual
    return (value - mean) / spread if value is not None and spread > 0 else None


def need_river(technique: str) -> None:
    """Raises ConfigError where river is not installed."""
    if find_spec("river") is None:
        raise ConfigError(f"{technique} needs the package river: pip install 'hopsmon[sequences]'.")


def river() -> Any:
    """River's detectors, without the types that it gives only half of."""
    from river import drift

    return drift


def _stored(memories: Mapping[str, Memory], series: str) -> bytes:
    """Version, length of the directory, directory (series; features and how many numbers each has), numbers."""
    sizes = {name: len(memory) for name, memory in memories.items()}
    directory = orjson.dumps({"series": series, "sizes": sizes})
    numbers = np.array([number for memory in memories.values() for number in memory], "<f8")
    return _HEAD.pack(1, len(directory)) + directory + numbers.tobytes()


def _restored(state: bytes | None, series: str) -> dict[str, Memory]:
    """Inverse of `_stored`; nothing for another series, or a version that this code does not know."""
    if state is None or len(state) < _HEAD.size or state[0] != 1:
        return {}
    start = _HEAD.size + _HEAD.unpack_from(state)[1]
    directory = orjson.loads(state[_HEAD.size : start])
    if directory["series"] != series:
        return {}
    numbers = np.frombuffer(state, "<f8", offset=start).tolist()
    memories: dict[str, Memory] = {}
    first = 0
    for name, size in directory["sizes"].items():
        memories[name] = tuple(numbers[first : first + size])
        first += size
    return memories
