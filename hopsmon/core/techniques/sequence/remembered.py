"""Remembered: what was worked out about a baseline, kept as long as the baseline is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import finalize

from hopsmon.core.baseline import Baseline

T = TypeVar("T")


class Remembered(Generic[T]):
    """By baseline (this very one: equal ones may differ in their windows) and a key of the caller's.

    Not a cache of some size: a monitor visits its baselines (one a slice and phase) in turn, window after window, and
    from a cache that is one too small each would be gone when it is wanted again.
    """

    def __init__(self) -> None:
        self._kept: dict[int, dict[Hashable, T]] = {}

    def get(self, baseline: Baseline, key: Hashable, make: Callable[[], T]) -> T:
        """What was made before, or is made now."""
        place = id(baseline)
        if place not in self._kept:
            self._kept[place] = {}
            finalize(baseline, self._kept.pop, place, None)
        found = self._kept[place]
        if key not in found:
            found[key] = make()
        return found[key]
