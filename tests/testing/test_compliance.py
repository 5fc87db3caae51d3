"""The compliance suite: every built-in technique passes it, and each kind of offence is seen and named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.techniques import registry
from hopsmon.core.techniques.drift.psi import PopulationStabilityIndex
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.testing import ComplianceError, check_technique
from hopsmon.testing.techniques import report_on


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_built_in_technique_keeps_the_rules(name: str) -> None:
    report = check_technique(registry.technique_class(name))
    assert report.passed
    assert report.technique == name
    assert "all" in str(report)


def test_an_instance_with_other_parameters_is_checked_as_it_is() -> None:
    assert check_technique(PopulationStabilityIndex(threshold=0.2)).passed
    with pytest.raises(ComplianceError, match="no drift in data of the same distribution"):
        check_technique(PopulationStabilityIndex(threshold=1e-9, critical=1.0, alpha=0.999, min_rows=1))


@dataclass(frozen=True)
class Good:
    """Counts rows and finds nothing.

    Score = n, rows of the window; 0 and up. Misleads always. Default: none. Reference: nobody, 1900.
    """

    name: ClassVar[str] = "good"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts})

    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        return [Finding("good", None, float(window.instances), 1.0, window.instances, Reason.OK)]


@dataclass(frozen=True)
class Undocumented(Good):
    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        return [Finding("good", None, 0.0, 1.0, 0, Reason.OK)]


Undocumented.__doc__ = "no sentence"


class Raises(Good):
    __doc__ = Good.__doc__

    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        return [Finding("good", None, 1 / window.instances, 1.0, 1, Reason.OK)]


class NotFinite(Good):
    __doc__ = Good.__doc__

    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        return [Finding("good", None, float("nan"), 1.0, 1, Reason.OK, p_value=2.0)]


class Eager(Good):
    __doc__ = Good.__doc__

    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        return [Finding("good", "x", 1.0, 1.0, 1, Reason.DRIFT, True, Severity.WARNING)]


class Forgetful(Good):
    __doc__ = Good.__doc__
    calls: ClassVar[list[int]] = [0]

    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        self.calls[0] += 1
        return [Finding("good", None, float(self.calls[0]), None, 1, Reason.OK)]


class OrderBound(Good):
    __doc__ = Good.__doc__

    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        moments = window.features["temperature"].statistics["moments"].to_bytes()  # its last bits are rounding
        return [Finding("good", None, float(sum(moments)), None, 1, Reason.OK)]


class Contradicts(Good):
    __doc__ = Good.__doc__

    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        return [Finding("other", None, None, None, 1, Reason.OK, severity=Severity.WARNING, details={"x": object()})]


class Vandal(Good):
    __doc__ = Good.__doc__

    def judge(self, window: Any, baseline: Any) -> list[Finding]:
        for feature in window.features.values():
            if "histogram" in feature.statistics and len(feature.statistics["histogram"].counts):
                feature.statistics["histogram"].counts[0] += 1
        return [Finding("good", None, 0.0, None, 1, Reason.OK)]


@dataclass(frozen=True)
class Careless(Good):
    __doc__ = Good.__doc__
    threshold: float = 1.0
    rows: int = 3


@dataclass(frozen=True)
class NoDefault(Good):
    __doc__ = Good.__doc__
    threshold: float = None  # type: ignore[assignment]

    def __init__(self, threshold: float) -> None:
        object.__setattr__(self, "threshold", threshold)


class Unhashable(Good):
    __doc__ = Good.__doc__
    __hash__ = None  # type: ignore[assignment]


def local() -> type:
    @dataclass(frozen=True)
    class Local(Good):
        __doc__ = Good.__doc__

    return Local


@pytest.mark.parametrize(
    ("technique", "rule", "seen"),
    [
        (Undocumented, "documentation", "the first line is 'no sentence'"),
        (Raises, "odd windows", "ZeroDivisionError"),
        (NotFinite, "sound findings, inputs untouched", "the score is nan"),
        (NotFinite, "sound findings, inputs untouched", "p_value is 2.0"),
        (Eager, "no drift in the reference itself", "drift in x"),
        (Forgetful, "repeatable", "twice the same window"),
        (OrderBound, "any order of merging", "merged in another order"),
        (Contradicts, "sound findings, inputs untouched", "the finding says technique 'other'"),
        (Contradicts, "sound findings, inputs untouched", "details are no JSON"),
        (Contradicts, "sound findings, inputs untouched", "severity warning without drift"),
        (Vandal, "sound findings, inputs untouched", "changed the window"),
        (Careless, "parameters", "threshold=nan is accepted"),
        (Careless, "parameters", "rows=-1 is accepted"),
        (NoDefault, "defaults", "TypeError"),
        (Unhashable, "a value", "it has no hash"),
        (local(), "a value", "cannot be pickled"),
        (object, "kind", "none of the methods"),
    ],
)
def test_each_offence_is_named(technique: Any, rule: str, seen: str) -> None:
    report = report_on(technique)
    assert any(failure.check == rule and seen in failure.seen for failure in report.failures), str(report)
    assert all(failure.mend for failure in report.failures)
    with pytest.raises(ComplianceError) as told:
        check_technique(technique)
    assert seen in str(told.value)
    assert isinstance(told.value, AssertionError)


def test_a_simple_technique_passes() -> None:
    assert check_technique(Good).kind == "window"


@dataclass(frozen=True)
class ByPlace:
    __doc__ = Good.__doc__
    name: ClassVar[str] = "by_place"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset()

    def check(self, batch: Any, baseline: Any) -> InstanceScores:
        scores = np.arange(len(batch), dtype=np.float64)
        return InstanceScores(scores, scores > 1, 1.0, {"x": scores[:1]})


@dataclass(frozen=True)
class Amnesiac:
    __doc__ = Good.__doc__
    name: ClassVar[str] = "amnesiac"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset()
    seen: ClassVar[list[int]] = []

    def advance(self, state: bytes | None, window: Any, baseline: Any) -> tuple[list[Finding], Any]:
        self.seen.append(1)
        drift = len(self.seen) > 3
        reason, severity = (Reason.DRIFT, Severity.WARNING) if drift else (Reason.OK, Severity.NONE)
        return [Finding("amnesiac", None, float(len(self.seen)), 3.0, 1, reason, drift, severity)], b"nothing"


def test_offences_of_instance_techniques_are_named() -> None:
    told = str(report_on(ByPlace))
    for seen in ("score row by row", "flagged", "1 contributions of x for 600 instances"):
        assert seen in told


def test_offences_of_sequence_techniques_are_named() -> None:
    told = str(report_on(Amnesiac))
    assert "from the state stored after window 1" in told
    assert "a series without drift" in told
