"""cusum: cumulative sums of a windowed series against what the reference says is usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.techniques.parameters import above, at_least
from hopsmon.core.techniques.sequence.following import FollowsSeries, Memory, Step, standardised


@dataclass(frozen=True, slots=True)
class CusumChart:
    """The detector on raw numbers: mean and standard deviation are known, `slack` and `threshold` in the latter."""

    mean: float = 0.0
    std_dev: float = 1.0
    slack: float = 0.5
    threshold: float = 8.0

    def update(self, memory: Memory, x: float) -> Step:
        """One more number. Memory: the sums of rises and of falls."""
        high, low = memory or (0.0, 0.0)
        z = (x - self.mean) / self.std_dev
        high = max(0.0, high + z - self.slack)
        low = max(0.0, low - z - self.slack)
        score = max(high, low)
        drift = score > self.threshold
        return Step(() if drift else (high, low), drift, score, details={"direction": "up" if high >= low else "down"})


@dataclass(frozen=True, slots=True)
class Cusum(FollowsSeries):
    """Tabular CUSUM of a windowed series, both sides.

    z = (x - μ) / s, x being the window's number (`series`), μ and s mean and standard deviation of that number without
    drift: of the baseline's own windows where it has them, else μ of the whole and s from the luck of n rows.
    S⁺ ← max(0, S⁺ + z - slack), S⁻ ← max(0, S⁻ - z - slack); the score is the larger.

    In standard deviations of the windowed number, 0 and upwards; drift above `threshold`; then both sums start at 0
    again, so a drift that lasts is found again and again. A shift of the number by d standard deviations is found after
    about threshold / (d - slack) windows. Misleads where the baseline has no windows of its own and the traffic has a
    cycle: then s is too small.

    Default thresholds: slack 0.5, half the smallest shift of interest, and threshold 8: the average run length without
    drift is 9,500 windows by Siegmund's formula for both sides, (exp(2kb) - 2kb - 1) / (2k²) / 2 with
    b = threshold + 1.166 and k = slack; the usual 5 would give 470. Reference: Page, Continuous inspection schemes,
    Biometrika 41, 1954; Montgomery, Introduction to Statistical Quality Control, 2009, chapter 9.

    >>> chart, memory = CusumChart(threshold=4.0), ()
    >>> [(step := chart.update(memory, 2.5), memory := step.memory)[0].score for _ in range(3)]
    [2.0, 4.0, 6.0]
    """

    name: ClassVar[str] = "cusum"

    series: str = "mean"
    features: tuple[str, ...] = ()
    threshold: float = 8.0
    slack: float = 0.5

    def __post_init__(self) -> None:
        self.check_series()
        above(self.name, 0.0, threshold=self.threshold)
        at_least(self.name, 0.0, slack=self.slack)

    @property
    def limit(self) -> float:
        return self.threshold

    def follow(self, memory: Memory, summary: FeatureSummary, usual: tuple[float, float]) -> Step | None:
        z = standardised(self.series, summary, usual)
        return None if z is None else CusumChart(slack=self.slack, threshold=self.threshold).update(memory, z)
