"""The guard: a technique that fails is a finding with a reason, and NaN is never a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_instance_technique, run_window_technique
from hopsmon.core.techniques.protocols import InstanceScores
from tests.core.techniques.cases import baseline_of, batch_of

BASELINE = baseline_of({"x": [1.0, 2.0]})
BATCH = batch_of({"x": [1.0, 2.0, 3.0]})


@dataclass
class Scripted:
    """Does what the test says."""

    act: Callable[[], Any]
    name: ClassVar[str] = "scripted"
    needs: ClassVar[frozenset[Any]] = frozenset()

    def judge(self, window: Summary, baseline: Baseline) -> Any:
        return self.act()

    def check(self, batch: Batch, baseline: Baseline) -> Any:
        return self.act()


def raises() -> None:
    raise ZeroDivisionError("no rows")


def found(score: float, p_value: float | None = None) -> list[Finding]:
    return [Finding("scripted", "x", score, 0.1, 50, Reason.DRIFT, True, Severity.CRITICAL, p_value)]


def test_an_exception_is_a_finding_with_its_text() -> None:
    (finding,) = run_window_technique(Scripted(raises), Summary(), BASELINE)
    assert finding == Finding.not_computable("scripted", None, Reason.FAILED, error="ZeroDivisionError: no rows")
    scores = run_instance_technique(Scripted(raises), BATCH, BASELINE)
    assert scores.error == "ZeroDivisionError: no rows"
    assert np.isnan(scores.score).all()
    assert scores.flagged.tolist() == [False, False, False]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_not_computable(score: float) -> None:
    (finding,) = run_window_technique(Scripted(lambda: found(score)), Summary(), BASELINE)
    assert (finding.score, finding.is_drift, finding.reason, finding.n) == (None, False, Reason.FAILED, 50)
    assert finding.severity is Severity.NONE
    assert str(score) in finding.details["error"]


def test_a_p_value_that_is_none_is_not_computable() -> None:
    for p_value in (float("nan"), -0.1, 1.1):
        (finding,) = run_window_technique(Scripted(partial(found, 0.5, p_value)), Summary(), BASELINE)
        assert (finding.p_value, finding.is_drift, finding.reason) == (None, False, Reason.FAILED)


def test_sound_findings_pass_untouched() -> None:
    expected = found(0.5, 0.001)
    assert run_window_technique(Scripted(lambda: expected), Summary(), BASELINE) == expected


def test_an_instance_without_a_score_is_not_flagged() -> None:
    scores = InstanceScores(np.array([np.nan, 2.0, 0.0]), np.array([True, True, False]), 1.0, {})
    checked = run_instance_technique(Scripted(lambda: scores), BATCH, BASELINE)
    assert checked.flagged.tolist() == [False, True, False]
    assert checked.error is None


def test_scores_for_another_number_of_instances_are_a_failure() -> None:
    scores = InstanceScores(np.zeros(2), np.zeros(2, np.bool_), 1.0, {})
    assert (
        run_instance_technique(Scripted(lambda: scores), BATCH, BASELINE).error
        == "ValueError: 2 scores for 3 instances"
    )


def test_a_programs_end_is_not_swallowed() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_window_technique(Scripted(stop), Summary(), BASELINE)
