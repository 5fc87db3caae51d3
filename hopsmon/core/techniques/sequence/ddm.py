"""ddm: Drift Detection Method on a stream of errors, given as counts a window."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import ClassVar

from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.techniques.parameters import above, at_least
from hopsmon.core.techniques.sequence.following import FollowsSeries, Memory, Step
from hopsmon.core.techniques.sequence.series import Series


@dataclass(frozen=True, slots=True)
class DriftDetectionMethod:
    """The detector, with the meaning and the defaults of River's DDM; `update(memory, error)` is one raw error.

    It looks after each update only: counts of n rows give what River gives when it is asked after each n-th row.
    """

    warm_start: int = 30
    threshold: float = 3.0

    def update(self, memory: Memory, errors: float, rows: int = 1) -> Step:
        """`errors` of `rows` more. Memory: rows, errors, and rate and standard deviation where their sum was least."""
        n, wrong, least_rate, least_spread = memory or (0.0, 0.0, inf, inf)
        n, wrong = n + rows, wrong + errors
        rate = wrong / n
        spread = sqrt(rate * (1 - rate) / n)
        if n <= self.warm_start:
            return Step((n, wrong, least_rate, least_spread), False, None)
        if rate + spread <= least_rate + least_spread:
            least_rate, least_spread = rate, spread
        away = rate + spread - least_rate
        drift = away > self.threshold * least_spread
        score = away / least_spread if least_spread > 0 else (self.threshold + 1 if drift else 0.0)
        details = {"error_rate": rate, "least_error_rate": least_rate}
        return Step(() if drift else (n, wrong, least_rate, least_spread), drift, score, details=details)


@dataclass(frozen=True, slots=True)
class Ddm(FollowsSeries):
    """Drift Detection Method: an error rate that has risen from its own best.

    With p = errors / rows since the start (or the last drift) and s = √(p(1 - p)/n), the least p + s so far is kept;
    the score is (p + s - p_min) / s_min. Each window adds its k errors of n rows at once.

    In standard deviations of the error rate, from 1 upwards; drift above `threshold`; then it starts afresh. Rises
    only. The series must be a share of rows ("error_rate", "null_share", "label=…"); of "error_rate", `features` must
    name the flag that says whether a prediction was wrong. Misleads: it is asked after every window and its least value
    is picked by chance, so it gives false alarms without drift (two in 2,000 steps at a constant 15 %, where hddm gives
    none); prefer hddm.

    Default thresholds: 3 standard deviations after 30 rows, the paper's. Reference: Gama, Medas, Castillo & Rodrigues,
    Learning with drift detection, SBIA 2004.

    >>> method, memory = DriftDetectionMethod(), ()
    >>> for errors in (10, 11, 9, 30):
    ...     step = method.update(memory, errors, 100)
    ...     memory = step.memory
    >>> step.drift
    True
    """

    name: ClassVar[str] = "ddm"
    counts_errors: ClassVar[bool] = True

    series: str = "error_rate"
    features: tuple[str, ...] = ()
    threshold: float = 3.0
    min_rows: int = 30

    def __post_init__(self) -> None:
        self.check_series()
        above(self.name, 0.0, threshold=self.threshold)
        at_least(self.name, 1, min_rows=self.min_rows)

    @property
    def limit(self) -> float:
        return self.threshold

    def follow(self, memory: Memory, summary: FeatureSummary, usual: tuple[float, float]) -> Step | None:
        del usual  # it compares the series with its own past
        errors, rows = Series(self.series).share_of(summary) or (0, 0)
        return DriftDetectionMethod(self.min_rows, self.threshold).update(memory, errors, rows) if rows else None
