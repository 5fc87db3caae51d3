"""Cells: the counts of window and reference side by side, and the groups of cells that a test may rest on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Reason
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.doubt import worth_of_bins
from hopsmon.core.techniques.pairs import NUMBERS, NotComputableError, Pair
from hopsmon.core.techniques.significance import LEAST_EXPECTED, two_proportions_p

OTHER = "(other)"

# Labels that the reference holds r times were partly just lucky: of new data, only a share of (r + 1)·f(r+1)/m is
# expected to fall on them, f(r) being the number of labels seen r times in m rows (Good, Biometrika 40, 1953). A line
# drawn at r between labels with a cell of their own and all others therefore moves r·f(r)/m of the mass without any
# drift. Up to this much is let pass: it makes 0.05 of Cramér's V and 0.02 of PSI, far below what matters.
LUCK = 0.005


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts by cell.

    Attributes:
        inner: the first so many cells hold what the reference holds (bins, or labels, in order); the rest is
            outside of it: underflow, overflow, other labels, and, where asked for, null, non-finite, invalid.
        worth: for how large a part of its rows a p-value may take the reference, where its counts are estimates.
    """

    names: tuple[str, ...]
    window: FloatArray
    reference: FloatArray
    inner: int
    worth: float = 1.0

    def as_sample(self) -> Cells:
        """The cells that p-values are computed of: the reference with as many rows as it is worth."""
        return self if self.worth == 1 else replace(self, reference=self.reference * self.worth, worth=1.0)

    def with_unusable(self, pair: Pair) -> Cells:
        """The same with a cell each for nulls, non-finite values and values of a wrong type."""
        window, reference = pair.counts()
        more = ("nonfinite", "null", "invalid")
        return Cells(
            (*self.names, *(f"({name})" for name in more)),
            np.append(self.window, [window.nonfinite, window.nulls, window.invalid]),
            np.append(self.reference, [reference.nonfinite, reference.nulls, reference.invalid]),
            self.inner,
            self.worth,
        )

    def grouped(self, most: int | None = None) -> Groups:
        """Cells joined until the reference expects at least 5 values in each group, on both sides.

        The window has no say in it, so joining does not bend the p-value. Cells are joined with their neighbours;
        outer cells with fewer expected stay apart as `rare`. `most`: how many groups the inner cells may make.
        """
        expected = self.reference * (min(self.window.sum(), self.reference.sum()) / max(self.reference.sum(), 1.0))
        least = LEAST_EXPECTED if most is None else max(LEAST_EXPECTED, float(expected.sum()) / most)
        starts = _starts(expected[: self.inner], least)
        outer = expected[self.inner :]
        often = np.flatnonzero(outer >= LEAST_EXPECTED) + self.inner
        seldom = np.flatnonzero(outer < LEAST_EXPECTED) + self.inner
        sums = [
            np.append(np.add.reduceat(counts[: self.inner], starts) if len(starts) else [], counts[often])
            for counts in (self.window, self.reference)
        ]
        return Groups(sums[0], sums[1], float(self.window[seldom].sum()), float(self.reference[seldom].sum()))

    def moved(self, shares: FloatArray, most: int = 3) -> list[dict[str, Any]]:
        """The cells with the largest parts in a score, for people."""
        n, m = max(self.window.sum(), 1.0), max(self.reference.sum(), 1.0)
        return [
            {
                "cell": self.names[i],
                "share": round(float(self.window[i] / n), 6),
                "reference_share": round(float(self.reference[i] / m), 6),
            }
            for i in np.argsort(-shares, kind="stable")[:most]
            if shares[i] > 0
        ]


@dataclass(frozen=True, slots=True)
class Groups:
    """Counts by group, large enough for chi-square approximations, and what was too rare for that."""

    window: FloatArray
    reference: FloatArray
    rare_window: float
    rare_reference: float

    def with_rare(self) -> tuple[FloatArray, FloatArray]:
        """Both sides' counts with the rare cells as a last group."""
        return np.append(self.window, self.rare_window), np.append(self.reference, self.rare_reference)

    def p_value(self, p_common: float) -> float:
        """The p-value of the groups joined with an exact test of the rare cells (Bonferroni over the two)."""
        if not self.rare_window + self.rare_reference:
            return p_common
        n, m = self.window.sum() + self.rare_window, self.reference.sum() + self.rare_reference
        p_rare = two_proportions_p(int(self.rare_window), int(n), int(self.rare_reference), int(m))
        return min(1.0, 2.0 * min(p_common, p_rare))


def _starts(expected: FloatArray, least: float) -> npt.NDArray[np.intp]:
    """Where the groups of consecutive cells begin; a rest that is too small joins the last group."""
    starts, mass = [0], 0.0
    for number, value in enumerate(expected.tolist()):
        if mass >= least:
            starts.append(number)
            mass = 0.0
        mass += value
    if mass < least and len(starts) > 1:
        starts.pop()
    return np.array(starts if len(expected) else [], np.intp)


def cells_of(pair: Pair) -> Cells:
    """Bins of numbers or labels of categories, and a cell each for nulls, non-finite values and those of a wrong type.

    Raises:
        NotComputableError: the reference has no usable value, or a statistic is missing.
    """
    return (histogram_cells(pair) if pair.kind in NUMBERS else category_cells(pair)).with_unusable(pair)


def histogram_cells(pair: Pair) -> Cells:
    """The reference's bins, then underflow and overflow."""
    window, reference = histograms(pair)
    edges = [f"{edge:.6g}" for edge in reference.edges.tolist()]
    names = (*(f"{low} … {high}" for low, high in pairwise(edges)), "(below)", "(above)")
    counts = [
        np.append(side.counts, [side.underflow, side.overflow]).astype(np.float64) for side in (window, reference)
    ]
    worth = worth_of_bins(reference) / max(reference.total, 1)
    return Cells(names, counts[0], counts[1], len(reference.counts), worth)


def histograms(pair: Pair) -> tuple[Histogram, Histogram]:
    """Both histograms, on the same edges."""
    window, reference = pair.both(Histogram)
    if not len(reference.edges):
        raise NotComputableError(Reason.EMPTY_REFERENCE)
    if not len(window.edges):
        return Histogram(reference.edges, np.zeros_like(reference.counts)), reference
    if not np.array_equal(window.edges, reference.edges):
        raise NotComputableError(Reason.NO_STATISTIC, statistic=Histogram.name, error="bins of another baseline")
    return window, reference


def category_cells(pair: Pair) -> Cells:
    """The reference's labels in the order of the alphabet, then all others (too rare there, or unseen) in one cell."""
    window, reference = pair.both(Categories)
    if not reference.total:
        raise NotComputableError(Reason.EMPTY_REFERENCE)
    least = _least_count(reference)
    # Groups are made of neighbours. Neighbours by frequency would be lucky, or unlucky, together.
    labels = sorted(label for label, count in reference.counts.items() if count >= least)
    seen = np.array([window.counts.get(label, 0) for label in labels], np.float64)
    expected = np.array([reference.counts[label] for label in labels], np.float64)
    return Cells(
        (*labels, OTHER),
        np.append(seen, window.total - seen.sum()),
        np.append(expected, reference.total - expected.sum()),
        len(labels),
    )


def _least_count(reference: Categories) -> int:
    """How often a label must occur in the reference for a cell of its own: at least where luck moves little mass."""
    how_many = Counter(reference.counts.values())
    # Which labels stay tracked is luck as well: of the rarest tracked ones, others like them may be untracked.
    least = min(how_many, default=0) + 1 if reference.untracked else 1
    while least * how_many[least] > LUCK * reference.total:
        least += 1
    return least
