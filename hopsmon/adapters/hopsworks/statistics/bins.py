"""Bins: a histogram to count windows in, from what each source knows of a numeric feature's distribution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from hopsmon.adapters.hopsworks.statistics.notices import UnusableError
from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.statistics.histogram import DEFAULT_BINS, Histogram, quantile_edges

# An estimate of a share that may be off by more is none: a shift by a tenth of a standard deviation moves no share by
# more than 0.04.
_MOST_DOUBT = 0.02
# Bins with less than half of what a quantile's bin holds are joined: empty tails would be cells that only luck fills.
_LEAST_SHARE = 1 / (2 * DEFAULT_BINS)
_LEAST_CERTAIN = 4  # and a bin that holds less than so many times what its edges may be off by tells nothing


@dataclass(frozen=True, slots=True)
class Known:
    """What is exactly known of a feature beside its distribution.

    Attributes:
        count: values that are numbers; None where that is not known.
        low: the smallest.
        high: the largest.
        distinct: how many different ones there are at least, where that is known.
    """

    count: int | None
    low: float
    high: float
    distinct: int | None = None

    def all_seen(self, seen: int) -> bool:
        """Whether so many different values are all there are."""
        return self.distinct is not None and seen >= self.distinct


@dataclass(frozen=True, slots=True)
class Retained:
    """Values that stand for others, as a sketch keeps them.

    Attributes:
        values: ascending; the first and the last are the smallest and the largest of all.
        weights: how many each stands for, or how many parts of all.
        error: how far the share of the values below any number may be off.
    """

    values: FloatArray
    weights: IntArray
    error: float

    def histogram(self, known: Known) -> Histogram:
        """Counts on quantile edges, as those of a scan.

        Raises:
            UnusableError: the error is too large.
        """
        total = int(self.weights.sum()) if known.count is None else known.count
        values = np.concatenate(([known.low], self.values[1:-1], [known.high]))
        edges = quantile_edges(values, weights=self.weights)
        distinct = np.unique(values)
        if len(distinct) <= DEFAULT_BINS and self.error and not known.all_seen(len(distinct)):
            # There may be rare values between these: a bin goes from one to the next, not half-way to half-way.
            edges = np.append(distinct, distinct[-1])
        made = _scaled(Histogram.of_weighted(values, self.weights, edges), total, self.error)
        return _joined(made, _LEAST_CERTAIN * made.doubt)


def counted(edges: FloatArray, counts: IntArray, known: Known, error: float = 0.0) -> Histogram:
    """The histogram of counts in given bins, those with few values joined.

    Raises:
        UnusableError: the counts are not those of this feature, by more than rounding each of them explains.
    """
    total = int(counts.sum())
    wanted = total if known.count is None else known.count
    if abs(total - wanted) > len(counts) / 2:
        raise UnusableError(f"its counts add up to {total:,}, but the feature has {wanted:,} values")
    made = _scaled(Histogram(edges, counts), wanted, error, abs(total - wanted))
    return _joined(made, max(_LEAST_SHARE * wanted, _LEAST_CERTAIN * made.doubt))


def constant(value: float, count: int) -> Histogram:
    """The histogram of a feature with one value."""
    return Histogram(np.array([value, value]), np.array([count], np.int64))


def _scaled(histogram: Histogram, total: int, error: float, more: int = 0) -> Histogram:
    """As many values as the feature has, with the doubt that an error (and a number of values) stands for."""
    doubt = ceil(error * total) + more
    if doubt > _MOST_DOUBT * total and doubt > 1:
        raise UnusableError(
            f"it knows the share of values below a number to ±{doubt / total:.1%} only; ±{_MOST_DOUBT:.0%} is needed"
        )
    below = np.concatenate(([0], np.cumsum(histogram.counts)))
    if below[-1] != total:
        below = np.rint(below * (total / max(int(below[-1]), 1))).astype(np.int64)
    return Histogram(histogram.edges, np.diff(below), doubt=doubt)


def _joined(made: Histogram, least: float) -> Histogram:
    """Neighbouring bins joined until each holds at least so many values."""
    starts = _starts(made.counts, least)
    edges = np.append(made.edges[starts], made.edges[-1])
    return replace(made, edges=edges, counts=np.add.reduceat(made.counts, starts))


def _starts(counts: IntArray, least: float) -> IntArray:
    """Where groups of neighbouring bins begin that hold at least so many values; a rest joins the last group."""
    starts, held = [0], 0
    for at, count in enumerate(counts.tolist()):
        if held >= least and held:
            starts.append(at)
            held = 0
        held += count
    if held < least and len(starts) > 1:
        starts.pop()
    return np.array(starts, np.int64)
