"""adwin: adaptive windowing (River's) on a windowed series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.techniques.parameters import at_least, probability
from hopsmon.core.techniques.sequence.following import FollowsSeries, Memory, Step, need_river, river, standardised


@dataclass(frozen=True, slots=True)
class AdaptiveWindowing:
    """River's ADWIN as a function: it runs again over the numbers kept, as its own state cannot be stored safely.

    The same as River's as long as there are at most `history` numbers; then the oldest are forgotten.
    """

    delta: float = 0.002
    clock: int = 32
    history: int = 1_000

    def update(self, memory: Memory, x: float) -> Step:
        """One more number. Memory: the numbers so far."""
        kept = (*memory, x)[-self.history :]
        detector = river().ADWIN(delta=self.delta, clock=self.clock)
        for number in kept:
            detector.update(number)
        drift = bool(detector.drift_detected)
        details = {"width": int(detector.width), "estimate": float(detector.estimation)}
        return Step(kept, drift, float(drift), details=details)


@dataclass(frozen=True, slots=True)
class Adwin(FollowsSeries):
    """ADWIN: whether the mean of a windowed series has changed anywhere in its recent past.

    z = (x - μ) / s as for cusum; River's ADWIN keeps as long a window of z as has one mean: it drops the older part
    where the means of the two parts differ by more than a bound at confidence δ.

    Score: 1 in the window of time in which it drops an older part, else 0, no unit; so a change is found once.
    `details` has how many windows it looks at and their mean z. The bound is meant for values in [0, 1]; for z, of
    standard deviation 1, its variance term does the work and δ is a rough guide only. Misleads about changes shorter
    than 5 windows, which it does not look for, and needs about 18 windows to see a change by 2 standard deviations.
    Costs about 1 ms a feature and window.

    Default thresholds: δ = 0.002, the paper's and River's; looked at after each window (River: each 32nd value); the
    last 1,000 windows are kept. Reference: Bifet & Gavaldà, Learning from time-changing data with adaptive windowing,
    SDM 2007. Needs hopsmon[sequences].

    >>> windowing, memory, found = AdaptiveWindowing(clock=1), (), []
    >>> for number, x in enumerate([0.0, 1.0] * 30 + [5.0] * 20):
    ...     step = windowing.update(memory, x)
    ...     memory = step.memory
    ...     found += [number] * step.drift
    >>> found[0] > 60
    True
    """

    name: ClassVar[str] = "adwin"

    series: str = "mean"
    features: tuple[str, ...] = ()
    delta: float = 0.002
    history: int = 1_000

    def __post_init__(self) -> None:
        need_river(self.name)
        self.check_series()
        probability(self.name, delta=self.delta)
        at_least(self.name, 10, history=self.history)

    @property
    def limit(self) -> float:
        return 1.0

    def follow(self, memory: Memory, summary: FeatureSummary, usual: tuple[float, float]) -> Step | None:
        z = standardised(self.series, summary, usual)
        return None if z is None else AdaptiveWindowing(self.delta, 1, self.history).update(memory, z)
