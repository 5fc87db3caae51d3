"""Distributions: one feature of reference and current data, in the form that a picture of it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.values import Values

MOST_LABELS = 8
_BINS = 30
_OUTER = 0.005  # of the values at either end may lie outside of the picture
_TOO_WIDE = 2.5  # times the inner range: then the outer values are left out
_NONE: FloatArray = np.empty(0)


@dataclass(frozen=True)
class Numbers:
    """Shares of values in bins; the shares of each side add to 1 with those outside.

    Attributes:
        edges: one more than bins.
        reference: share of each bin.
        current: likewise.
        outside: shares of reference and current that lie outside of the picture.
    """

    edges: FloatArray
    reference: FloatArray
    current: FloatArray
    outside: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Labels:
    """Shares of labels, the most frequent ones; `others` stands for so many more."""

    names: tuple[str, ...]
    reference: FloatArray
    current: FloatArray
    new: frozenset[str]
    others: int


@dataclass(frozen=True)
class Missing:
    """Shares of rows without a usable value, in reference and current data."""

    nulls: tuple[float, float]
    unusable: tuple[float, float]  # non-finite or of a wrong type


Distribution: TypeAlias = Numbers | Labels | None


def missing_of(reference: FeatureSummary, current: FeatureSummary) -> Missing:
    """What is missing on both sides."""
    before, now = reference.get(Counts) or Counts(), current.get(Counts) or Counts()
    return Missing(
        (before.nulls / max(before.rows, 1), now.nulls / max(now.rows, 1)),
        (
            (before.nonfinite + before.invalid) / max(before.rows, 1),
            (now.nonfinite + now.invalid) / max(now.rows, 1),
        ),
    )


def distribution_of(reference: FeatureSummary, current: FeatureSummary) -> Distribution:
    """The picture of a feature; None where neither side has a value that could be drawn."""
    before, now = reference.get(Values), current.get(Values)
    if before is not None and now is not None and len(before.ascending) + len(now.ascending):
        return _of_values(before.ascending, now.ascending)
    bins, binned = reference.get(Histogram), current.get(Histogram)
    if bins is not None and len(bins.edges) and bins.total:
        return _of_bins(bins, binned or Histogram())
    labels, seen = reference.get(Categories), current.get(Categories)
    return _of_labels(labels or Categories(), seen or Categories()) if labels or seen else None


def _of_values(before: FloatArray, now: FloatArray) -> Numbers:
    """Equal bins over both sides; on whole numbers bars stand on the numbers."""
    low, high = _range(before, now)
    sides = [side[(side >= low) & (side <= high)] for side in (before, now)]
    distinct = np.unique(np.concatenate(sides))
    whole = bool(np.all(distinct == np.round(distinct))) and high - low < _BINS
    if low == high:
        edges = np.array([low - 0.5, low + 0.5])
    elif whole:
        edges = np.arange(low - 0.5, high + 1.0)
    else:
        edges = np.linspace(low, high, _BINS + 1)
    reference, current = (np.histogram(side, edges)[0] for side in sides)
    outside = tuple(1 - len(inner) / max(len(side), 1) for inner, side in zip(sides, (before, now), strict=True))
    lost = tuple(0.0 if not len(side) else share for side, share in zip((before, now), outside, strict=True))
    return Numbers(edges, reference / max(len(before), 1), current / max(len(now), 1), (lost[0], lost[1]))


def _range(before: FloatArray, now: FloatArray) -> tuple[float, float]:
    """From the smallest to the largest value, without a few that would squeeze the others together."""
    found = [side for side in (before, now) if len(side)]
    low, high = min(float(side[0]) for side in found), max(float(side[-1]) for side in found)
    inner_low = min(float(np.quantile(side, _OUTER)) for side in found)
    inner_high = max(float(np.quantile(side, 1 - _OUTER)) for side in found)
    inner = inner_high - inner_low
    if inner > 0 and (high - low) / inner > _TOO_WIDE:
        return inner_low, inner_high
    return low, high


def _of_bins(reference: Histogram, current: Histogram) -> Numbers:
    """The baseline's own bins, without the empty width that a bin of one value has."""
    edges = reference.edges.astype(np.float64)
    width = float(edges[-1] - edges[0]) or 1.0
    drawn = edges.copy()
    flat = np.flatnonzero(np.diff(drawn) <= 0)
    drawn[flat + 1] += width / 50
    counts = current.counts if len(current.counts) else np.zeros(len(reference.counts))
    total = max(current.total, 1)
    below = (reference.underflow + reference.overflow) / max(reference.total, 1)
    return Numbers(
        drawn,
        reference.counts / max(reference.total, 1),
        counts / total,
        (below, (current.underflow + current.overflow) / total),
    )


def _of_labels(reference: Categories, current: Categories) -> Labels:
    """The labels that are frequent on either side."""
    before, now = max(reference.total, 1), max(current.total, 1)
    larger = {
        label: max(reference.counts.get(label, 0) / before, current.counts.get(label, 0) / now)
        for label in {*reference.counts, *current.counts}
    }
    names = tuple(sorted(larger, key=lambda label: (-larger[label], label))[:MOST_LABELS])
    reference_shares = np.array([reference.counts.get(name, 0) / before for name in names])
    current_shares = np.array([current.counts.get(name, 0) / now for name in names])
    new = frozenset(name for name in names if name not in reference.counts)
    return Labels(names, reference_shares, current_shares, new, len(larger) - len(names))
