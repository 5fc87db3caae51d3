"""hddm: Hoeffding's bound on a stream of errors, given as counts a window."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import ClassVar

from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.techniques.parameters import probability
from hopsmon.core.techniques.sequence.following import FollowsSeries, Memory, Step
from hopsmon.core.techniques.sequence.series import Series


@dataclass(frozen=True, slots=True)
class HoeffdingDriftDetection:
    """The detector, with the meaning and the defaults of River's HDDM_A; `update(memory, x)` is one raw value, 0 to 1.

    It looks after each update only: counts of n rows give what River gives when it is asked after each n-th row.
    """

    alpha: float = 0.001
    two_sided: bool = False

    def update(self, memory: Memory, errors: float, rows: int = 1) -> Step:
        """`errors` of `rows` more. Memory: rows and mean of all, where the mean was least, where it was largest."""
        n, mean, low_n, low, high_n, high = memory or (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        n += rows
        mean += (errors - rows * mean) / n
        if not low_n or low + self._bound(low_n) >= mean + self._bound(n):
            low_n, low = n, mean
        if not high_n or high - self._bound(high_n) <= mean - self._bound(n):
            high_n, high = n, mean
        rise = self._score(mean - low, low_n, n)
        fall = self._score(high - mean, high_n, n) if self.two_sided else 0.0
        score = max(rise, fall)
        details = {"rate": mean, "before": low if rise >= fall else high, "direction": "up" if rise >= fall else "down"}
        drift = score >= 1
        return Step(() if drift else (n, mean, low_n, low, high_n, high), drift, score, details=details)

    def _bound(self, n: float) -> float:
        return sqrt(log(1 / self.alpha) / (2 * n))

    def _score(self, change: float, before: float, n: float) -> float:
        """The change over what Hoeffding's bound allows between the first `before` rows and all n."""
        if before == n:
            return 0.0
        return max(change / sqrt((n - before) / before / n / 2 * log(2 / self.alpha)), 0.0)


@dataclass(frozen=True, slots=True)
class Hddm(FollowsSeries):
    """HDDM (A-test): an error rate that has moved by more than Hoeffding's inequality allows.

    With z the mean of all n rows so far and x that of the first m rows, m chosen where x plus its bound was least, the
    score is (z - x) / ε, ε = √((n - m) / (2mn) · ln(2/α)). Each window adds its k errors of n rows at once.

    A ratio, 0 and upwards; drift from 1; then it starts afresh. Rises only, unless `two_sided`. The series must be a
    share of rows ("error_rate", "null_share", "label=…"); of "error_rate", `features` must name the flag that says
    whether a prediction was wrong. Free of assumptions about the distribution of errors but for independence. Misleads
    little; slow for small error rates, as Hoeffding's bound takes every rate for one half.

    Default thresholds: α = 0.001, the paper's. Reference: Frías-Blanco et al., Online and non-parametric drift
    detection methods based on Hoeffding's bounds, IEEE TKDE 27(3), 2015.

    >>> method, memory = HoeffdingDriftDetection(), ()
    >>> for errors in (100, 110, 90, 300):
    ...     step = method.update(memory, errors, 1000)
    ...     memory = step.memory
    >>> step.drift
    True
    """

    name: ClassVar[str] = "hddm"
    counts_errors: ClassVar[bool] = True

    series: str = "error_rate"
    features: tuple[str, ...] = ()
    alpha: float = 0.001
    two_sided: bool = False

    def __post_init__(self) -> None:
        self.check_series()
        probability(self.name, alpha=self.alpha)

    @property
    def limit(self) -> float:
        return 1.0

    def follow(self, memory: Memory, summary: FeatureSummary, usual: tuple[float, float]) -> Step | None:
        del usual  # it compares the series with its own past
        errors, rows = Series(self.series).share_of(summary) or (0, 0)
        return HoeffdingDriftDetection(self.alpha, self.two_sided).update(memory, errors, rows) if rows else None
