"""Pairs: a feature's summary in the window beside the one in the baseline, and what to say where one is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.values import Values

S = TypeVar("S", bound=Statistic)
NUMBERS = frozenset({FeatureType.NUMERIC, FeatureType.INTEGER})  # not timestamps: time moves on without any drift
LABELS = frozenset({FeatureType.CATEGORICAL, FeatureType.BOOLEAN})
ALL_TYPES = frozenset(FeatureType)


class NotComputableError(Exception):
    """Ends one comparison; `judge_each` turns it into a finding."""

    def __init__(self, reason: Reason, n: int = 0, **details: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.n = n
        self.details = details


@dataclass(frozen=True, slots=True)
class Pair:
    """One feature in the window and in the reference."""

    name: str
    kind: FeatureType
    window: FeatureSummary
    reference: FeatureSummary

    def both(self, statistic: type[S]) -> tuple[S, S]:
        """The window's and the reference's statistic of one kind."""
        window: S | None = self.window.get(statistic)
        reference: S | None = self.reference.get(statistic)
        if window is None or reference is None:
            sides = [side for side, value in (("window", window), ("baseline", reference)) if value is None]
            raise NotComputableError(Reason.NO_STATISTIC, statistic=statistic.name, missing_in=sides)
        return window, reference

    def counts(self) -> tuple[Counts, Counts]:
        """Both sides' counts.

        Raises:
            NotComputableError: the reference has no row at all.
        """
        window, reference = self.both(Counts)
        if not reference.rows:
            raise NotComputableError(Reason.EMPTY_REFERENCE, window.rows)
        return window, reference

    def usable(self, min_rows: int) -> tuple[int, int]:
        """How many values both sides have that are neither null nor broken; at least `min_rows` each."""
        window, reference = self._counts_of_values()
        if not reference.valid:
            raise NotComputableError(Reason.EMPTY_REFERENCE, window.valid)
        enough(window.rows, reference.rows, min_rows)
        if not window.valid:
            raise NotComputableError(Reason.ALL_NULL, 0, rows=window.rows)
        enough(window.valid, reference.valid, min_rows)
        return window.valid, reference.valid

    def _counts_of_values(self) -> tuple[Counts, Counts]:
        """As `counts`. A reference that others summarised may not know its nulls; its moments still count values."""
        window, moments = self.window.get(Counts), self.reference.get(Moments)
        if window is None or moments is None or self.reference.get(Counts) is not None:
            return self.counts()
        return window, Counts(moments.count)

    def samples(self) -> tuple[FloatArray, FloatArray] | None:
        """The window's and the reference's finite values, ascending, where both sides kept them (both not empty)."""
        window, reference = self.window.get(Values), self.reference.get(Values)
        if window is None or reference is None or not (len(window.ascending) and len(reference.ascending)):
            return None
        return window.ascending, reference.ascending


def enough(n: int, m: int, min_rows: int) -> None:
    """Raises NotComputableError where window (n) or reference (m) has fewer than `min_rows`."""
    if min(n, m) < min_rows:
        raise NotComputableError(Reason.INSUFFICIENT, n, min_rows=min_rows, reference_n=m)


def judge_each(
    technique: str,
    types: frozenset[FeatureType],
    window: Summary,
    baseline: Baseline,
    compare: Callable[[Pair], Finding],
) -> list[Finding]:
    """One finding for every feature of these types that the baseline or the window knows, in the baseline's order."""
    findings = []
    known = {feature.name: feature.type for feature in baseline.schema.all}
    for name, kind in known.items():
        if kind in types:
            findings.append(_judge(technique, name, kind, window, baseline, compare))
    for name, summary in window.features.items():
        if name not in known and _may_be(summary, types):
            findings.append(Finding.not_computable(technique, name, Reason.NO_BASELINE, _rows(summary)))
    return findings


def _judge(
    technique: str,
    name: str,
    kind: FeatureType,
    window: Summary,
    baseline: Baseline,
    compare: Callable[[Pair], Finding],
) -> Finding:
    seen, reference = window.features.get(name), baseline.feature(name)
    if reference is None:
        return Finding.not_computable(technique, name, Reason.NO_BASELINE, 0 if seen is None else _rows(seen))
    if seen is None:
        return Finding.not_computable(technique, name, Reason.NO_STATISTIC, missing_in=["window"])
    try:
        return compare(Pair(name, kind, seen, reference))
    except NotComputableError as cause:
        return Finding.not_computable(technique, name, cause.reason, cause.n, **cause.details)


def _may_be(summary: FeatureSummary, types: frozenset[FeatureType]) -> bool:
    """Whether a feature without a known type may be one of these, judged by the statistics it got."""
    if summary.get(Categories) is not None:
        return bool(types & (LABELS | {FeatureType.STRING}))
    if summary.get(Moments) is not None:
        return bool(types & NUMBERS)
    return True


def _rows(summary: FeatureSummary) -> int:
    counts = summary.get(Counts)
    return 0 if counts is None else counts.rows


@dataclass(frozen=True, slots=True)
class Limits:
    """What a score must reach: the size that matters, the size that is critical, and the chance it may be noise."""

    threshold: float
    critical: float
    alpha: float

    @property
    def severe(self) -> float:
        """The score that is critical; twice the threshold where that was raised above the default for it."""
        return self.critical if self.critical >= self.threshold else 2 * self.threshold

    def finding(
        self, technique: str, feature: str | None, score: float, p_value: float, n: int, details: Mapping[str, Any]
    ) -> Finding:
        """The verdict: drift where the score matters AND chance does not explain it."""
        drift = score >= self.threshold and p_value < self.alpha
        severity = Severity.CRITICAL if score >= self.severe else Severity.WARNING
        return Finding(
            technique,
            feature,
            score,
            float(self.threshold),
            n,
            Reason.DRIFT if drift else Reason.OK,
            drift,
            severity if drift else Severity.NONE,
            p_value,
            details=details,
        )
