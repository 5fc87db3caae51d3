"""Rules: what another library computes for a technique, from which data, and when it calls the result drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from hopsmon.core.finding import Reason
from hopsmon.core.schema import FeatureType, Word
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, NotComputableError, Pair

Spec: TypeAlias = Mapping[str, Mapping[str, Any]]  # {technique: {parameter: value}}


class Verdict(Word):
    """When a peer calls it drift."""

    AT_LEAST = "score >= threshold"
    ABOVE = "score > threshold"
    P_BELOW = "p < threshold"
    P_AT_MOST = "p <= threshold"

    def drift(self, score: float, p_value: float | None, threshold: float) -> bool:
        """The verdict; without a p-value the rules on p-values never say drift."""
        if self is Verdict.AT_LEAST:
            return score >= threshold
        if self is Verdict.ABOVE:
            return score > threshold
        if p_value is None:
            return False
        return p_value < threshold if self is Verdict.P_BELOW else p_value <= threshold


@dataclass(frozen=True, slots=True)
class Measured:
    """What a peer gets for one feature.

    Attributes:
        score: the number that it reports; for some tests that is the p-value.
        n: values of the window that it rests on.
        p_value: where the verdict rests on one.
        details: how it was computed.
    """

    score: float
    n: int
    p_value: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """How a peer computes and judges one technique.

    Attributes:
        measure: the number from raw samples.
        verdict: how it is compared with the threshold.
        threshold: the peer's default; None where the peer asks its user for one: then there is no verdict.
        learned: the peer's default where it depends on the reference; asked where `threshold` is None.
        types: features that the peer computes it for.
    """

    measure: Callable[[Pair], Measured]
    verdict: Verdict
    threshold: float | None = None
    learned: Callable[[Pair], float | None] | None = None
    types: frozenset[FeatureType] = NUMBERS | LABELS

    def threshold_for(self, pair: Pair, given: float | None) -> float | None:
        """The user's threshold, else the peer's."""
        if given is not None or self.learned is None:
            return self.threshold if given is None else given
        return self.learned(pair)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another library.

    Attributes:
        version: the release whose numbers these are.
        rules: by hopsmon's name of the technique.
        defaults: what it runs on a feature when nobody chooses; see `conventions.defaults`.
    """

    version: str
    rules: Mapping[str, Rule]
    defaults: Callable[[FeatureType, int, int], tuple[str, ...]]


def refuse(says: str, n: int = 0) -> NoReturn:
    """Ends a comparison where the peer itself raises an error or gives no number."""
    raise NotComputableError(Reason.FAILED, n, error=says)
