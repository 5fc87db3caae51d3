"""Samples: the raw values and label counts of a pair, as other libraries see them: nulls dropped, order unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Reason
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.values import Values
from hopsmon.core.techniques.conventions.rules import refuse
from hopsmon.core.techniques.pairs import NUMBERS, NotComputableError, Pair


@dataclass(frozen=True, slots=True)
class Numbers:
    """Finite values, ascending."""

    reference: FloatArray
    current: FloatArray

    @property
    def pooled(self) -> FloatArray:
        """Both together."""
        return np.concatenate((self.reference, self.current))

    def as_labels(self) -> Labels:
        """Every distinct number as a label of its own."""
        values, codes = np.unique(self.pooled, return_inverse=True)
        first = len(self.reference)
        counts = [
            np.bincount(part, minlength=len(values)).astype(np.float64) for part in (codes[:first], codes[first:])
        ]
        return Labels(tuple(map(repr, values.tolist())), counts[0], counts[1])


@dataclass(frozen=True, slots=True)
class Labels:
    """Counts of the labels that occur on either side, in the order of the alphabet."""

    names: tuple[str, ...]
    reference: FloatArray
    current: FloatArray

    @property
    def shares(self) -> tuple[FloatArray, FloatArray]:
        """Shares in the reference and in the window."""
        return self.reference / self.reference.sum(), self.current / self.current.sum()

    @classmethod
    def of(cls, reference: Mapping[str, float], current: Mapping[str, float]) -> Labels:
        """From counts by label."""
        names = tuple(sorted(reference.keys() | current.keys()))
        sides = [np.array([counts.get(name, 0) for name in names], np.float64) for counts in (reference, current)]
        return cls(names, sides[0], sides[1])


def numbers_of(pair: Pair) -> Numbers:
    """Both sides' finite values.

    Raises:
        NotComputableError: a side was not kept raw, or has no finite value; or the feature holds labels.
    """
    if pair.kind not in NUMBERS:
        refuse(f"only for numbers; {pair.name} is {pair.kind}")
    window, reference = pair.both(Values)
    _not_empty(len(window.ascending), len(reference.ascending))
    return Numbers(reference.ascending, window.ascending)


def labels_of(pair: Pair) -> Labels:
    """Both sides' counts by label.

    Raises:
        NotComputableError: a side did not count all of its labels, or has none; or the feature holds numbers.
    """
    if pair.kind in NUMBERS:
        refuse(f"only for labels; {pair.name} is {pair.kind}")
    window, reference = pair.both(Categories)
    if window.untracked or reference.untracked:
        sides = [side for side, of in (("window", window), ("baseline", reference)) if of.untracked]
        raise NotComputableError(
            Reason.NO_STATISTIC, window.total, statistic=Categories.name, missing_in=sides, error="too many labels"
        )
    _not_empty(window.total, reference.total)
    return Labels.of(reference.counts, window.counts)


def sample_of(pair: Pair) -> Numbers | Labels:
    """Numbers of a numeric feature, label counts of any other."""
    return numbers_of(pair) if pair.kind in NUMBERS else labels_of(pair)


def _not_empty(n: int, m: int) -> None:
    if not m:
        raise NotComputableError(Reason.EMPTY_REFERENCE, n)
    if not n:
        raise NotComputableError(Reason.ALL_NULL)
