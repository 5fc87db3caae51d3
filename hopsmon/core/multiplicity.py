"""Multiplicity: many questions asked at once, or one after another, and what their p-values and e-values then mean.

At once: Bonferroni, Benjamini-Hochberg (p-values), e-BH (e-values). One after another: LORD++, SAFFRON (independent
p-values), e-LOND (e-values, any dependence); their state is a few numbers.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, log, sqrt
from typing import ClassVar

import numpy as np
from scipy import special
from typing_extensions import Self

from hopsmon.core.batch import BoolArray, FloatArray
from hopsmon.core.schema import Word


class Correction(Word):
    """How p-values of one technique are corrected for the number of features.

    The first four look at one window, e_bh in a stream at all its slices together; the last three at all windows of a
    slice so far, in order of time.
    """

    NONE = "none"
    BONFERRONI = "bonferroni"
    BENJAMINI_HOCHBERG = "benjamini_hochberg"
    E_BH = "e_bh"
    LORD = "lord"
    SAFFRON = "saffron"
    E_LOND = "e_lond"


def adjusted(p_values: FloatArray, correction: Correction) -> FloatArray:
    """p-values that may be compared with a level as if each were the only one.

    >>> adjusted(np.array([0.01, 0.02, 0.5]), Correction.BENJAMINI_HOCHBERG).round(3).tolist()
    [0.03, 0.03, 0.5]
    """
    if correction is Correction.BONFERRONI:
        return np.minimum(p_values * len(p_values), 1.0)
    if correction is Correction.BENJAMINI_HOCHBERG:
        return benjamini_hochberg(p_values)
    if correction is Correction.E_BH:  # which is Benjamini-Hochberg's procedure on 1 / e
        return benjamini_hochberg(np.array([min(1.0, 1 / e_value_of(p_value)) for p_value in p_values.tolist()]))
    return p_values


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Benjamini & Hochberg's step-up p-values: rejecting those ≤ q keeps the false discovery rate at q.

    For independent or positively dependent p-values (Benjamini & Hochberg, JRSS-B 57(1), 1995).
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * count / np.arange(1, count + 1)
    result = np.empty(count)
    result[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return result


def e_benjamini_hochberg(e_values: FloatArray, level: float) -> BoolArray:
    """Which e-values count as discoveries at false discovery rate `level`, however dependent they are.

    e-BH: the k* largest are rejected, k* = max{k: k · e₍ₖ₎ ≥ K / level} (Wang & Ramdas, JRSS-B 84(3), 2022).

    >>> e_benjamini_hochberg(np.array([300.0, 1.0, 60.0]), 0.05).tolist()
    [True, False, True]
    """
    count = len(e_values)
    order = np.argsort(-e_values, kind="stable")
    enough = np.flatnonzero(e_values[order] * np.arange(1, count + 1) >= count / level)
    rejected = np.zeros(count, np.bool_)
    if len(enough):
        rejected[order[: enough[-1] + 1]] = True
    return rejected


_MOST_KEPT = 100  # discoveries remembered; forgetting older ones makes levels smaller, so the guarantee stays
_HEAD = struct.Struct("<BBQQ")


@dataclass(frozen=True, slots=True)
class OnlineFdr(ABC):
    """Hypotheses tested one after another without end: at any time the false discovery rate is at most the level given.

    A frozen value: `test` gives the verdict and the value to go on from. Levels fall while nothing is found and rise
    again with each discovery.

    Attributes:
        tested: how many hypotheses there were (SAFFRON: that were no candidates).
        found: how many of them were rejected.
        ages: how long ago the latest discoveries were, in tests (SAFFRON: in tests that were no candidates).
    """

    name: ClassVar[Correction]

    tested: int = 0
    found: int = 0
    ages: tuple[int, ...] = ()

    @abstractmethod
    def next_level(self, level: float) -> float:
        """What the next p-value (for e-LOND: the inverse of the next e-value) is compared with."""

    def test(self, p_value: float, level: float) -> tuple[bool, float, Self]:
        """Whether the hypothesis is rejected, at which level, and the value to go on from.

        Args:
            p_value: of the next hypothesis; for e-LOND 1 / e.
            level: the false discovery rate to hold; the same in all tests.
        """
        used = self.next_level(level)
        rejected = p_value <= used
        aged = self._aged(p_value)
        if not rejected:
            return False, used, aged
        ages = (*aged.ages, 0)[-_MOST_KEPT:]
        return True, used, replace(aged, found=self.found + 1, ages=ages)

    def _aged(self, p_value: float) -> Self:
        """One more test, whatever it gave."""
        del p_value
        return replace(self, tested=self.tested + 1, ages=tuple(age + 1 for age in self.ages))

    def _rebates(self) -> list[tuple[bool, int]]:
        """For each remembered discovery: whether it was the very first, and its age."""
        first_known = self.found <= _MOST_KEPT
        return [(first_known and number == 0, age) for number, age in enumerate(self.ages)]

    def to_bytes(self) -> bytes:
        """Version, number of remembered discoveries, tested, found, ages."""
        head = _HEAD.pack(1, len(self.ages), self.tested, self.found)
        return head + np.array(self.ages, "<u8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Self:
        """Inverse of `to_bytes`; without a state, or with one that this code cannot read, it starts afresh."""
        if data is None or len(data) < _HEAD.size or data[0] != 1:
            return cls()
        _, kept, tested, found = _HEAD.unpack_from(data)
        return cls(tested, found, tuple(np.frombuffer(data, "<u8", kept, _HEAD.size).tolist()))


@dataclass(frozen=True, slots=True)
class Lord(OnlineFdr):
    """LORD++: for independent p-values.

    Level of test t: γ(t) W₀ + (α - W₀) γ(t - τ₁) + α Σ_{j≥2} γ(t - τⱼ), τⱼ being the times of the discoveries,
    W₀ = α/2, γ(t) = 0.0772 log(max(t, 2)) / (t exp √log t), which sums to less than 1.
    Reference: Ramdas, Yang, Wainwright & Jordan, Online control of the false discovery rate with decaying memory,
    NIPS 2017; γ from Javanmard & Montanari, Annals of Statistics 46(2), 2018.

    >>> found, level, after = Lord().test(0.0001, level=0.05)
    >>> found, round(level, 6), after.found
    (True, 0.001338, 1)
    """

    name: ClassVar[Correction] = Correction.LORD

    def next_level(self, level: float) -> float:
        """The level of the next test."""
        wealth = level / 2
        used = wealth * _lord_gamma(self.tested + 1)
        return used + sum((level - wealth if first else level) * _lord_gamma(age + 1) for first, age in self._rebates())


@dataclass(frozen=True, slots=True)
class Saffron(OnlineFdr):
    """SAFFRON: for independent p-values; like LORD++, but tests with p > λ = 0.5 cost no level.

    Level of test t: min(λ, W₀ γ(t - C₀) + ((1 - λ)α - W₀) γ(t - τ₁ - C₁) + (1 - λ)α Σ_{j≥2} γ(t - τⱼ - Cⱼ)), Cⱼ being
    the candidates (p ≤ λ) after discovery j, W₀ = (1 - λ)α/2, γ(t) = t^-1.6 / ζ(1.6).
    Reference: Ramdas, Zrnic, Wainwright & Jordan, SAFFRON: an adaptive algorithm for online control of the false
    discovery rate, ICML 2018.

    >>> found, level, after = Saffron().test(0.6, level=0.05)
    >>> found, round(level, 6), round(after.next_level(0.05), 6)
    (False, 0.005469, 0.001804)
    """

    name: ClassVar[Correction] = Correction.SAFFRON
    candidate: ClassVar[float] = 0.5

    def next_level(self, level: float) -> float:
        """The level of the next test."""
        budget = (1 - self.candidate) * level
        wealth = budget / 2
        used = wealth * _saffron_gamma(self.tested + 1)
        used += sum((budget - wealth if first else budget) * _saffron_gamma(age + 1) for first, age in self._rebates())
        return min(self.candidate, used)

    def _aged(self, p_value: float) -> Self:
        """Only tests that are no candidates count."""
        if p_value <= self.candidate:
            return self
        return replace(self, tested=self.tested + 1, ages=tuple(age + 1 for age in self.ages))


@dataclass(frozen=True, slots=True)
class ELond(OnlineFdr):
    """e-LOND: for e-values, however dependent they are.

    Level of test t: α γ(t) (discoveries so far + 1), γ(t) = 1 / (t (t + 1)), which sums to 1; rejected where
    e ≥ 1 / level. Reference: Xu & Ramdas, Online multiple testing with e-values, AISTATS 2024.

    >>> ELond().next_level(0.05)
    0.025
    """

    name: ClassVar[Correction] = Correction.E_LOND

    def next_level(self, level: float) -> float:
        """The level of the next test."""
        number = self.tested + 1
        return min(1.0, level * (self.found + 1) / (number * (number + 1)))


ONLINE: Mapping[Correction, type[OnlineFdr]] = {kind.name: kind for kind in (Lord, Saffron, ELond)}


def e_value_of(p_value: float) -> float:
    """An e-value from a p-value: 1 / (2 √p), a calibrator (Vovk & Wang, Annals of Statistics 49(3), 2021).

    >>> e_value_of(0.0001)
    50.0
    """
    return 0.5 / sqrt(max(p_value, 1e-300))


def _lord_gamma(t: int) -> float:
    return 0.0772 * log(max(t, 2)) / (t * exp(sqrt(log(t))))


_ZETA = float(special.zeta(1.6))


def _saffron_gamma(t: int) -> float:
    return float(t**-1.6) / _ZETA
