"""The guard: a technique that fails is a finding with a reason, and NaN is never a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import orjson
import pytest

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import (
    MOST_DETAILS,
    MOST_STATE,
    run_instance_technique,
    run_sequence_technique,
    run_window_technique,
)
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

    def advance(self, state: bytes | None, window: Summary, baseline: Baseline) -> Any:
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


class Unspeakable(Exception):
    """Cannot even be written out."""

    def __str__(self) -> str:
        raise RuntimeError("no text either")


def a_finding(**changes: Any) -> Finding:
    return replace(found(0.5, 0.001)[0], **changes)


def halfway() -> Iterator[Finding]:
    yield a_finding()
    raise OSError("the second half is gone")


def endless() -> Iterator[Finding]:
    while True:
        yield a_finding()


def unspeakable() -> None:
    raise Unspeakable


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: None, "'NoneType' object is not iterable"),
        (lambda: 3, "'int' object is not iterable"),
        (halfway, "OSError: the second half is gone"),
        (endless, "more than 100,000 findings"),
        (lambda: ["drift"], "a value of type str where a Finding belongs"),
        (lambda: [None], "a value of type NoneType where a Finding belongs"),
        (lambda: [a_finding(feature=["x"])], "unhashable type"),
        (unspeakable, "Unspeakable"),
    ],
    ids=str,
)
def test_what_is_no_list_of_findings_is_one_finding_that_says_so(act: Callable[[], Any], said: str) -> None:
    for findings in (
        run_window_technique(Scripted(act), Summary(), BASELINE),
        run_sequence_technique(Scripted(lambda: (act(), b"")), b"before", Summary(), BASELINE)[0],
    ):
        (finding,) = findings
        assert (finding.technique, finding.feature, finding.reason) == ("scripted", None, Reason.FAILED)
        assert said in finding.details["error"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"score": "high"}, "the score is high"),
        ({"score": None}, "drift without a score"),
        ({"score": np.array([0.5])}, "the score is [0.5]"),
        ({"threshold": float("nan")}, "the threshold is nan"),
        ({"p_value": "0.01"}, "the p-value is 0.01"),
        ({"p_adjusted": 2.0}, "the adjusted p-value is 2.0"),
        ({"n": None}, "its n is None"),
        ({"is_drift": "yes"}, "its verdict yes"),
        ({"reason": "because"}, "its reason is because"),
        ({"severity": 3}, "its severity 3"),
        ({"details": None}, "its details are of type NoneType"),
        ({"details": "text"}, "its details are of type str"),
        ({"technique": "psi"}, "it speaks in the name of 'psi'"),
        ({"feature": "y"}, "'y' is no feature or prediction of this model"),
        ({"feature": 7}, "'7' is no feature or prediction of this model"),
    ],
    ids=str,
)
def test_an_unsound_finding_is_a_failure_and_the_others_stand(changes: dict[str, Any], said: str) -> None:
    whole = a_finding(feature=None)
    window = run_window_technique(Scripted(lambda: [whole, a_finding(**changes)]), Summary(), BASELINE)
    assert window[0] == whole
    assert (window[1].technique, window[1].score, window[1].is_drift) == ("scripted", None, False)
    assert window[1].reason is Reason.FAILED
    assert said in window[1].details["error"]


def test_two_findings_for_one_feature_are_none() -> None:
    (finding,) = run_window_technique(Scripted(lambda: [a_finding(), a_finding(score=0.9)]), Summary(), BASELINE)
    assert (finding.feature, finding.reason, finding.is_drift) == ("x", Reason.FAILED, False)
    assert "two findings for 'x'" in finding.details["error"]


def test_numpys_numbers_are_as_good_as_pythons() -> None:
    odd = a_finding(score=np.float32(0.5), n=np.int64(50), is_drift=np.bool_(True), p_value=np.float64(0.001))
    (finding,) = run_window_technique(Scripted(lambda: [odd]), Summary(), BASELINE)
    assert finding == a_finding()
    assert (type(finding.score), type(finding.n), type(finding.is_drift)) == (float, int, bool)


def recursive() -> dict[str, Any]:
    details: dict[str, Any] = {}
    details["self"] = details
    return details


@pytest.mark.parametrize(
    "details",
    [{"a": object()}, {"a": {1, 2}}, {"a": 10**400}, {"a": "\ud800"}, {"a": [Unspeakable()]}, {(1, 2): 1}, recursive()],
    ids=["object", "set", "huge", "surrogate", "unspeakable", "tuple key", "recursive"],
)
def test_details_that_json_cannot_hold_do_not_spoil_the_verdict(details: dict[Any, Any]) -> None:
    (finding,) = run_window_technique(Scripted(lambda: [a_finding(details=details)]), Summary(), BASELINE)
    assert finding.is_drift
    assert orjson.loads(orjson.dumps(finding.details)) == finding.details


def test_an_exceptions_text_can_be_stored_whatever_it_holds() -> None:
    def act() -> None:
        raise ValueError("\ud800" + "x" * 5_000)

    (finding,) = run_window_technique(Scripted(act), Summary(), BASELINE)
    assert finding.details["error"].startswith("ValueError: ?x")
    assert len(orjson.dumps(finding.details)) < 3_000


def test_details_that_are_too_long_are_cut_and_say_so() -> None:
    long = a_finding(details={"all": "x" * MOST_DETAILS})
    (finding,) = run_window_technique(Scripted(lambda: [long]), Summary(), BASELINE)
    assert finding.is_drift
    assert "bytes are too long" in finding.details["details_error"]
    assert len(orjson.dumps(finding.details)) < 3_000


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (list, "not enough values to unpack"),
        (lambda: ([], None), "its state is of type NoneType, not bytes"),
        (lambda: ([], "state"), "its state is of type str, not bytes"),
        (lambda: ([], bytes(MOST_STATE + 1)), "at most 16,777,216 can be kept"),
        (raises, "ZeroDivisionError: no rows"),
    ],
    ids=["nothing", "None", "text", "huge", "raises"],
)
def test_a_sequence_that_fails_keeps_the_state_it_had(act: Callable[[], Any], said: str) -> None:
    findings, state = run_sequence_technique(Scripted(act), b"before", Summary(), BASELINE)
    assert state == b"before"
    assert [finding.reason for finding in findings] == [Reason.FAILED]
    assert said in findings[0].details["error"]


FLAGS = np.array([True, False, True])


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (None, "a value of type NoneType where InstanceScores belong"),
        (InstanceScores([1.0, 2.0], FLAGS, 1.0, {}), "2 scores for 3 instances"),  # type: ignore[arg-type]
        (InstanceScores(np.ones((3, 2)), FLAGS, 1.0, {}), "scores of shape (3, 2)"),
        (InstanceScores(np.array(["a", "b", "c"]), FLAGS, 1.0, {}), "could not convert"),
        (InstanceScores(np.ones(3), np.ones(3), 1.0, {}), "its verdicts are of type float64"),  # type: ignore[arg-type]
        (InstanceScores(np.ones(3), FLAGS, None, {}), "TypeError"),  # type: ignore[arg-type]
        (InstanceScores(np.ones(3), FLAGS, 1.0, None), "AttributeError"),  # type: ignore[arg-type]
        (InstanceScores(np.ones(3), FLAGS, 1.0, {"x": np.ones(1)}), "x of shape (1,) for 3 instances"),
        (InstanceScores(np.ones(3), FLAGS, 1.0, {}, None, np.ones(2)), "p-values of shape (2,)"),
        (InstanceScores.failed(3, "said so itself"), "said so itself"),
    ],
    ids=str,
)
def test_scores_that_are_none_flag_nothing_and_say_why(scores: Any, said: str) -> None:
    checked = run_instance_technique(Scripted(lambda: scores), BATCH, BASELINE)
    assert checked.error is not None
    assert said in checked.error
    assert not checked.flagged.any()
    assert len(checked.score) == 3


def test_infinite_scores_become_the_largest_number() -> None:
    scores = InstanceScores(np.array([np.inf, 0.0, -np.inf]), FLAGS, 1.0, {"x": np.array([np.inf, 0.0, 1.0])})
    checked = run_instance_technique(Scripted(lambda: scores), BATCH, BASELINE)
    assert checked.error is None
    assert np.isfinite(checked.score).all()
    assert checked.flagged.tolist() == FLAGS.tolist()
