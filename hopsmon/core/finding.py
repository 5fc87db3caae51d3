"""Finding: one technique's verdict on one feature (or the whole model) in one window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hopsmon.core.schema import Word


class Severity(Word):
    """How much a finding matters. `NONE`: nothing found, or not computable."""

    NONE = "none"
    WARNING = "warning"
    CRITICAL = "critical"


class Reason(Word):
    """Why a finding says what it says; the machine-readable half of it (`details` holds the numbers)."""

    OK = "ok"  # computed, below the threshold
    DRIFT = "drift"  # computed, at or above the threshold and more than chance
    INSUFFICIENT = "insufficient"  # too few values in the window for this technique
    NO_BASELINE = "baseline_missing"  # the baseline does not know this feature
    NO_STATISTIC = "statistic_missing"  # baseline or window lacks a statistic the technique needs
    CONSTANT_REFERENCE = "constant_reference"  # the reference has one value, so the score is not defined
    EMPTY_REFERENCE = "empty_reference"  # the reference has no usable value
    ALL_NULL = "all_null"  # every value in the window is null, non-finite or of a wrong type
    EXPECTATION_FAILED = "expectation_failed"  # the window does not meet an expectation of the users' suite
    NOT_CHECKABLE = "not_checkable"  # an expectation that a window of a stream cannot be held to; details["why"]
    FAILED = "failed"  # the technique raised; details["error"] has the text


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict. `score` is None exactly when the technique could not be computed; then `reason` says why.

    Attributes:
        technique: registered name, e.g. "psi".
        feature: the feature's name; None for a verdict on the whole model.
        score: the technique's measure, in the unit its docstring gives.
        threshold: the value the score was judged against, in the same unit.
        p_value: probability of such a score without drift, in [0, 1]; None where the technique has none.
        p_adjusted: the p-value after the correction for many features, where one was asked for.
        is_drift: the verdict. Never True when score is None.
        n: number of values in the window that the score rests on.
        details: JSON-ready extras (bounds, effect sizes, the bins that moved most).
    """

    technique: str
    feature: str | None
    score: float | None
    threshold: float | None
    n: int
    reason: Reason
    is_drift: bool = False
    severity: Severity = Severity.NONE
    p_value: float | None = None
    p_adjusted: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by_convention(self) -> bool:
        """Whether the verdict is another library's (`techniques.conventions`); then nothing else here changes it."""
        return "convention" in self.details

    @property
    def by_expectation(self) -> bool:
        """Whether it says how an expectation fared: what the users wrote stands, and is no shift that has a cause."""
        return "expectation" in self.details

    @property
    def stands(self) -> bool:
        """Whether neither natural variation nor a correction changes the verdict."""
        return self.by_convention or self.by_expectation

    @classmethod
    def not_computable(cls, technique: str, feature: str | None, reason: Reason, n: int = 0, **details: Any) -> Finding:
        """A verdict that could not be reached, and why."""
        return cls(technique, feature, None, None, n, reason, details=details)
