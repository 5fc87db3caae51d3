"""page_hinkley: Page's test on a series of windows, against the mean of the series itself."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.techniques.parameters import above, at_least
from hopsmon.core.techniques.sequence.following import FollowsSeries, Memory, Step, standardised


@dataclass(frozen=True, slots=True)
class PageHinkleyTest:
    """The detector on raw numbers, with the meaning and the defaults of River's PageHinkley (mode "both")."""

    min_instances: int = 30
    delta: float = 0.005
    threshold: float = 50.0
    alpha: float = 1 - 0.0001

    def update(self, memory: Memory, x: float) -> Step:
        """One more number. Memory: count, mean, sum of increases, its least, sum of decreases, its largest."""
        count, mean, rise, least, fall, most = memory or (0.0, 0.0, 0.0, inf, 0.0, -1.0)
        count += 1
        mean += (x - mean) / count
        rise = self.alpha * rise + x - mean - self.delta
        fall = self.alpha * fall + x - mean + self.delta
        least, most = min(least, rise), max(most, fall)
        score = max(rise - least, most - fall)
        drift = count >= self.min_instances and score > self.threshold
        return Step(() if drift else (count, mean, rise, least, fall, most), drift, score)


@dataclass(frozen=True, slots=True)
class PageHinkley(FollowsSeries):
    """Page-Hinkley test for a lasting change of a windowed series.

    z = (x - μ) / s, x being the window's number (`series`), μ and s mean and standard deviation of that number without
    drift: of the baseline's own windows where it has them, else μ of the whole and s from the luck of n rows. With
    z̄ the mean of all z so far, U ← α·U + z - z̄ - δ, and U minus its least value so far is the score; likewise
    for falls.

    In standard deviations of the windowed number, 0 and upwards; drift above `threshold`, after at least `min_windows`
    windows; then the detector starts afresh, so a change is found once, in the window where it becomes clear. The first
    drift of a series that has just begun is measured against its own few first windows. Misleads where the series has a
    cycle that the baseline has not seen, and for slow creep: the mean follows.

    Default thresholds: 10 after 10 windows, δ = 0.5, half the smallest change of interest, one standard deviation;
    measured on independent normal series: a false alarm every 4,900 windows, and a shift by 1 (2, 4) found after 26
    (7, 3). River's own defaults (50, 0.005) are for raw values; `PageHinkleyTest` has them. Reference: Page, Continuous
    inspection schemes, Biometrika 41, 1954.

    >>> memory, found = (), []
    >>> for number, x in enumerate([0.0, 1.0] * 50 + [5.0] * 20):
    ...     step = PageHinkleyTest(threshold=20.0).update(memory, x)
    ...     memory = step.memory
    ...     found += [number] * step.drift
    >>> found
    [104]
    """

    name: ClassVar[str] = "page_hinkley"

    series: str = "mean"
    features: tuple[str, ...] = ()
    threshold: float = 10.0
    delta: float = 0.5
    min_windows: int = 10

    def __post_init__(self) -> None:
        self.check_series()
        above(self.name, 0.0, threshold=self.threshold)
        at_least(self.name, 0.0, delta=self.delta)
        at_least(self.name, 1, min_windows=self.min_windows)

    @property
    def limit(self) -> float:
        return self.threshold

    def follow(self, memory: Memory, summary: FeatureSummary, usual: tuple[float, float]) -> Step | None:
        z = standardised(self.series, summary, usual)
        test = PageHinkleyTest(self.min_windows, self.delta, self.threshold)
        return None if z is None else test.update(memory, z)
