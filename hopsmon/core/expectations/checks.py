"""Checks: expectations compiled, each with its verdict on a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hopsmon.core.batch import Batch, Side
from hopsmon.core.expectations.aggregates import WindowTest
from hopsmon.core.expectations.outcome import EVERY_INSTANCE, Outcome, Verdict
from hopsmon.core.expectations.rows import RowTest, counted
from hopsmon.core.expectations.suite import Expectation
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import Feature
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.expectation_counts import CheckCounts, ExpectationCounts
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import text_of
from hopsmon.core.techniques.pairs import NotComputableError

_MOST_SHOWN = 20  # entries of a list among the arguments


class Check(Protocol):
    """One expectation, ready to be held against windows."""

    @property
    def expectation(self) -> Expectation:
        """What is expected."""
        ...

    @property
    def feature(self) -> str | None:
        """The feature it is on; None for several, or the table."""
        ...

    def outcome(self, window: Summary) -> Outcome:
        """How it fares.

        Raises:
            NotComputableError: there is nothing to judge it by.
        """
        ...


@dataclass(frozen=True, slots=True)
class RowCheck:
    """On every instance: counted on the executors, exactly.

    Attributes:
        features: what it looks at, all of one side.
        key: of the expectation; its counts stand under it.
    """

    expectation: Expectation
    features: tuple[Feature, ...]
    side: Side
    test: RowTest
    verdict: Verdict
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.expectation.key)

    @property
    def feature(self) -> str | None:
        """The feature; None for several."""
        return only(self.features)

    def count(self, batch: Batch) -> CheckCounts:
        """The counts of a batch of its side; where looking at it fails, why."""
        try:
            return counted(self.test, batch, self.features)
        except Exception as error:  # noqa: BLE001 - one expectation must not end a stream; the error is the result
            return CheckCounts(len(batch), len(batch), error=text_of(error))

    def outcome(self, window: Summary) -> Outcome:
        """From the counts of the window."""
        rows = window.instances if self.side is Side.REQUEST else window.predictions
        measured = window.model.get(ExpectationCounts.name)
        counts = measured.by_key.get(self.key) if isinstance(measured, ExpectationCounts) else None
        if counts is None:
            reason = Reason.NO_STATISTIC if rows else Reason.INSUFFICIENT
            raise NotComputableError(reason, 0, statistic=ExpectationCounts.name, instances=rows)
        if counts.error is not None:
            raise NotComputableError(Reason.FAILED, 0, error=counts.error)
        outcome = self.verdict.of(counts)
        details = {**_told(counts, rows), **outcome.details}
        return Outcome(outcome.success, outcome.score, outcome.threshold, outcome.n, details)


def _told(counts: CheckCounts, rows: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "on": EVERY_INSTANCE,
        "element_count": counts.elements,
        "missing_count": counts.missing,
        "unexpected_count": counts.unexpected,
        "unexpected_share": counts.unexpected_share,
    }
    if counts.samples:
        ranked = sorted(counts.samples, key=lambda one: (-one.count, one.hash))
        told["unexpected_values"] = [{"value": one.value, "count": one.count} for one in ranked]
    if counts.elements < rows:  # the suite or the baseline changed while the window was open
        told["only_of"] = rows
    return told


@dataclass(frozen=True, slots=True)
class StatisticCheck:
    """On what the window's statistics say of a feature, or of the table."""

    expectation: Expectation
    features: tuple[Feature, ...]  # one, or none for the table
    test: WindowTest

    @property
    def feature(self) -> str | None:
        """The feature; None for the table."""
        return only(self.features)

    def outcome(self, window: Summary) -> Outcome:
        """From the window's statistics."""
        summary = FeatureSummary() if self.feature is None else window.features.get(self.feature)
        if summary is None:
            raise NotComputableError(Reason.NO_STATISTIC, missing_in=["window"])
        return self.test.outcome(summary, window)


@dataclass(frozen=True, slots=True)
class NotChecked:
    """One that a window cannot be held to, and why."""

    expectation: Expectation
    features: tuple[Feature, ...]
    why: str

    @property
    def feature(self) -> str | None:
        """The feature; None for several, or the table."""
        return only(self.features)

    def outcome(self, window: Summary) -> Outcome:
        """There is none."""
        raise NotComputableError(Reason.NOT_CHECKABLE, window.instances, why=self.why)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One that Great Expectations itself holds against the window's sample of instances.

    Attributes:
        features: what it looks at; all of them are in the sample.
        kwargs: its arguments, with the features' names as the model has them.
    """

    expectation: Expectation
    features: tuple[Feature, ...]
    kwargs: Mapping[str, Any]

    @property
    def feature(self) -> str | None:
        """The feature; None for several, or the table."""
        return only(self.features)


def only(features: Sequence[Feature]) -> str | None:
    """The name of the only feature; None where there are several, or none."""
    return features[0].name if len(features) == 1 else None


def finding_of(technique: str, check: Check, window: Summary) -> Finding:
    """A check's verdict on a window as a finding."""
    try:
        outcome = check.outcome(window)
    except NotComputableError as cause:
        told = {**told_of(check.expectation), **cause.details}
        return Finding.not_computable(technique, check.feature, cause.reason, cause.n, **told)
    return found(technique, check.expectation, check.feature, outcome)


def found(technique: str, expectation: Expectation, feature: str | None, outcome: Outcome) -> Finding:
    """An outcome as a finding: a failed expectation is drift, for the reason `expectation_failed`."""
    failed = not outcome.success
    return Finding(
        technique,
        feature,
        outcome.score,
        outcome.threshold,
        outcome.n,
        Reason.EXPECTATION_FAILED if failed else Reason.OK,
        failed,
        expectation.severity if failed else Severity.NONE,
        details={**told_of(expectation), "success": outcome.success, **outcome.details},
    )


def told_of(expectation: Expectation) -> dict[str, Any]:
    """What a finding says of its expectation."""
    told: dict[str, Any] = {"expectation": {"type": expectation.type, "kwargs": shortened(expectation.kwargs)}}
    return told if expectation.id is None else {**told, "expectation_id": expectation.id}


def shortened(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for people: long lists are cut."""
    return {name: _short(value) for name, value in kwargs.items()}


def _short(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) > _MOST_SHOWN:
        return [*value[:_MOST_SHOWN], f"… {len(value) - _MOST_SHOWN:,} more"]
    return value
