"""kswin: a Kolmogorov-Smirnov test (River's KSWIN) between the recent and the older part of a windowed series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log10
from typing import Any, ClassVar

from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.techniques.parameters import at_least, probability
from hopsmon.core.techniques.sequence.following import FollowsSeries, Memory, Step, need_river, river, standardised
from hopsmon.errors import ConfigError

_LEAST_P = 1e-300
_MOST_DRAWS = 1_000  # then the draws begin again: replaying them must not take longer and longer
_BLOCK = 50  # draws between remembered states of the generator


@dataclass(frozen=True, slots=True)
class KolmogorovSmirnovWindowing:
    """River's KSWIN as a function: `window_size` numbers are kept, and how many came before.

    The same as River's for the first 1,000 tests after its start or a drift; after that the random draws repeat.
    """

    alpha: float = 0.005
    window_size: int = 100
    stat_size: int = 30
    seed: int = 0

    def update(self, memory: Memory, x: float) -> Step:
        """One more number. Memory: how many numbers were dropped since the start, then those kept."""
        dropped, kept = (int(memory[0]), memory[1:]) if memory else (0, ())
        if len(kept) + 1 < self.window_size:
            return Step((float(dropped), *kept, x), False, None)
        detector = river().KSWIN(self.alpha, self.window_size, self.stat_size, self.seed, window=kept)
        older, draws = self.window_size - self.stat_size, dropped % _MOST_DRAWS
        detector._rng.setstate(_drawn(self.seed, older, self.stat_size, draws - draws % _BLOCK))
        for _ in range(draws % _BLOCK):
            detector._rng.sample(range(older), self.stat_size)
        detector.update(x)
        drift, p_value = bool(detector.drift_detected), float(detector.p_value)
        after = () if drift else (dropped + 1.0, *kept[1:], x)
        return Step(after, drift, -log10(max(p_value, _LEAST_P)), p_value)


@lru_cache(maxsize=4 * _MOST_DRAWS // _BLOCK)
def _drawn(seed: int, older: int, size: int, draws: int) -> Any:
    """The state of River's generator after so many tests, a multiple of `_BLOCK`."""
    generator = river().KSWIN(seed=seed)._rng
    if draws:
        generator.setstate(_drawn(seed, older, size, draws - _BLOCK))
        for _ in range(_BLOCK):
            generator.sample(range(older), size)
    return generator.getstate()


@dataclass(frozen=True, slots=True)
class Kswin(FollowsSeries):
    """KSWIN: whether the recent numbers of a windowed series are distributed like the older ones.

    Two-sample Kolmogorov-Smirnov test between the last `stat_size` numbers and as many drawn at random (seeded) from
    the older ones of the last `window_size`. z = (x - μ) / s as for cusum, though the test does not mind the scale.

    Score: -log10 of the p-value, 0 and upwards; drift where p ≤ α and the distance is above 0.1; then it starts afresh
    and says `insufficient` for `window_size` windows. Misleads by repetition: each window is a test, and a new draw;
    the paper's α of 0.005 gives false alarms every few hundred windows. Sees changes of spread and shape, not only of
    the mean. Slow to see and to run: it needs about half of `stat_size` windows after
    a change, and about 1 ms a feature and window.

    Default thresholds: α = 0.0001, 30 of 100 windows (the paper's sizes; its α is 0.005, `KolmogorovSmirnovWindowing`
    has it). Reference: Raab, Heusinger & Schleif, Reactive soft prototype computing for concept drift streams,
    Neurocomputing 416, 2020. Needs hopsmon[sequences].

    >>> windowing, memory = KolmogorovSmirnovWindowing(window_size=20, stat_size=8), ()
    >>> found = []
    >>> for number, x in enumerate([0.0, 1.0] * 20 + [5.0] * 10):
    ...     step = windowing.update(memory, x)
    ...     memory = step.memory
    ...     found += [number] * step.drift
    >>> found
    [46]
    """

    name: ClassVar[str] = "kswin"

    series: str = "mean"
    features: tuple[str, ...] = ()
    alpha: float = 0.0001
    window_size: int = 100
    stat_size: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        need_river(self.name)
        self.check_series()
        probability(self.name, alpha=self.alpha)
        at_least(self.name, 2, stat_size=self.stat_size)
        at_least(self.name, 0, seed=self.seed)
        if self.window_size < 2 * self.stat_size:
            raise ConfigError(
                f"{self.name}.window_size must be at least twice stat_size ({self.stat_size}), got {self.window_size}."
            )

    @property
    def limit(self) -> float:
        return -log10(self.alpha)

    def follow(self, memory: Memory, summary: FeatureSummary, usual: tuple[float, float]) -> Step | None:
        z = standardised(self.series, summary, usual)
        windowing = KolmogorovSmirnovWindowing(self.alpha, self.window_size, self.stat_size, self.seed)
        return None if z is None else windowing.update(memory, z)
