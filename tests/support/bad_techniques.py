"""Techniques of somebody else's that misbehave in every way; importable, so that Spark's workers find them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.protocols import InstanceScores

NEEDS: frozenset[Any] = frozenset()
HANG = 600.0  # seconds; far more than any test waits


@dataclass(frozen=True)
class RaisesOnInstances:
    """Says another text each time, as an error with an address or a row number in it does."""

    name: ClassVar[str] = "raises_on_instances"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        raise ValueError(f"row {int(batch.event_time[0]) % 97} is odd")


@dataclass(frozen=True)
class HangsOnInstances:
    """Never comes back."""

    name: ClassVar[str] = "hangs_on_instances"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        time.sleep(HANG)
        raise AssertionError


@dataclass(frozen=True)
class NanOnInstances:
    """Flags all, and knows no score."""

    name: ClassVar[str] = "nan_on_instances"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        return InstanceScores(np.full(len(batch), np.nan), np.ones(len(batch), np.bool_), 1.0, {})


@dataclass(frozen=True)
class TooFewScores:
    """One score for all."""

    name: ClassVar[str] = "too_few_scores"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        return InstanceScores(np.ones(1), np.ones(1, np.bool_), 1.0, {})


@dataclass(frozen=True)
class RaisesHalfway:
    """A generator that gives one finding and breaks."""

    name: ClassVar[str] = "raises_halfway"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def judge(self, window: Summary, baseline: Baseline) -> Iterator[Finding]:
        yield Finding(self.name, "age", 1.0, 0.1, 5, Reason.DRIFT, True, Severity.CRITICAL)
        raise KeyError("income")


@dataclass(frozen=True)
class HangsOnWindows:
    """Never comes back."""

    name: ClassVar[str] = "hangs_on_windows"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def judge(self, window: Summary, baseline: Baseline) -> list[Finding]:
        time.sleep(HANG)
        return []


@dataclass(frozen=True)
class StrangeFindings:
    """NaN, features there are not, details no JSON holds, and ten megabytes of them."""

    name: ClassVar[str] = "strange_findings"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def judge(self, window: Summary, baseline: Baseline) -> list[Finding]:
        return [
            Finding(self.name, "age", float("nan"), 0.1, 5, Reason.DRIFT, True, Severity.CRITICAL),
            Finding(self.name, "no_such", 1.0, 0.1, 5, Reason.DRIFT, True, Severity.CRITICAL),
            Finding(self.name, "income", 1.0, 0.1, 5, Reason.OK, details={"of": object(), "rows": {1, 2}}),
            Finding(self.name, "city", 1.0, 0.1, 5, Reason.OK, details={"all": "x" * 10_000_000}),
        ]


@dataclass(frozen=True)
class NothingAtAll:
    """Forgets its return statement."""

    name: ClassVar[str] = "nothing_at_all"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        return None  # type: ignore[return-value]


@dataclass(frozen=True)
class LosesItsState:
    """Gives a state that cannot be kept."""

    name: ClassVar[str] = "loses_its_state"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def advance(self, state: bytes | None, window: Summary, baseline: Baseline) -> Any:
        return [], {"not": "bytes"}


@dataclass(frozen=True)
class Leaves:
    """Ends the program."""

    name: ClassVar[str] = "leaves"
    needs: ClassVar[frozenset[Any]] = NEEDS

    def advance(self, state: bytes | None, window: Summary, baseline: Baseline) -> Any:
        raise SystemExit(3)


ON_INSTANCES = (RaisesOnInstances(), HangsOnInstances(), NanOnInstances(), TooFewScores())
ON_WINDOWS = (RaisesHalfway(), HangsOnWindows(), StrangeFindings(), NothingAtAll(), LosesItsState(), Leaves())
EXPECTED = {
    # (technique, feature): what the finding's error says
    ("raises_on_instances", ""): "ValueError: row ",
    ("hangs_on_instances", ""): "took longer than 0.3 s; suspended until the next start",
    ("too_few_scores", ""): "1 scores for ",
    ("raises_halfway", ""): "KeyError: 'income'",
    ("hangs_on_windows", ""): "took longer than 0.3 s; suspended until the next start",
    ("strange_findings", "age"): "the score is nan",
    ("strange_findings", "no_such"): "'no_such' is no feature or prediction of this model",
    ("nothing_at_all", ""): "'NoneType' object is not iterable",
    ("loses_its_state", ""): "its state is of type dict, not bytes",
    ("leaves", ""): "SystemExit(3)",
}
