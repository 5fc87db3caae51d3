"""Doubt: the benefit that a reference has where its counts are estimates, as from somebody's sketch or percentiles.

What an estimate is wrong by looks like drift, and does not shrink as samples grow, so no p-value knows of it. Hence the
window is compared with that reference, among all that the doubt allows, which is nearest to it: the true one is among
them, so the distance is never larger than to the true counts. Nearest depends on what is measured.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.statistics.histogram import Histogram

_EMPTY_COUNT = 0.5  # a bin that the window has no value in, as elsewhere


def with_nearest_line(reference: Histogram, window: Histogram) -> Histogram:
    """The reference whose cumulative distribution is nearest to the window's, at every edge at once.

    >>> found = Histogram(np.array([0.0, 1.0, 2.0, 3.0]), np.array([50, 30, 20]), doubt=5)
    >>> with_nearest_line(found, replace(found, counts=np.array([4, 4, 2]))).counts.tolist()
    [45, 35, 20]
    """
    if not reference.doubt or not window.total:
        return reference
    wanted = np.rint(_below(window) * (reference.total / window.total)).astype(np.int64)
    return _with_below(reference, np.clip(wanted, *_allowed(reference)))


def with_nearest_bins(reference: Histogram, window: Histogram) -> Histogram:
    """The reference whose shares of bins are nearest to the window's.

    The taut string: the shortest way through the allowed counts, over the window's cumulated ones. It is nearest in all
    of Σ p·f(q/p), f convex, at once: PSI, Kullback-Leibler, Jensen-Shannon, Hellinger, total variation, chi-square.

    Reference: Davies & Kovac, Local Extremes, Runs, Strings and Multiresolution, Annals of Statistics 29(1), 2001.

    >>> found = Histogram(np.array([0.0, 1.0, 2.0, 3.0]), np.array([50, 30, 20]), doubt=5)
    >>> with_nearest_bins(found, replace(found, counts=np.array([4, 4, 2]))).counts.tolist()
    [45, 37, 18]
    """
    if not reference.doubt or not window.total:
        return reference
    lower, upper = _allowed(reference)
    places = np.concatenate(([0.0], np.cumsum(np.maximum(window.counts, _EMPTY_COUNT))))
    ends = [reference.underflow], [reference.total - reference.overflow]
    low, high = (np.concatenate((ends[0], bound, ends[1])).astype(np.float64) for bound in (lower, upper))
    return _with_below(reference, np.rint(_taut(places, low, high)[1:-1]).astype(np.int64))


def _below(side: Histogram) -> IntArray:
    """Values below each inner edge."""
    return np.asarray(side.underflow + np.cumsum(side.counts)[:-1])


def _allowed(reference: Histogram) -> tuple[IntArray, IntArray]:
    """The smallest and the largest number of values that there may be below each inner edge."""
    below, most = _below(reference), reference.total - reference.overflow
    return np.maximum(below - reference.doubt, reference.underflow), np.minimum(below + reference.doubt, most)


def _with_below(reference: Histogram, below: IntArray) -> Histogram:
    inside = np.concatenate(([reference.underflow], below, [reference.total - reference.overflow]))
    return replace(reference, counts=np.diff(inside))


def _taut(places: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """The shortest line over ascending places between two bounds that meet at both ends, one height a place."""
    heights = low.copy()
    start = 0
    while start < len(places) - 1:
        end, height = _next_knot(
            places[start:] - places[start], low[start:] - heights[start], high[start:] - heights[start]
        )
        line = heights[start] + height * (places[start : start + end + 1] - places[start]) / (
            places[start + end] - places[start]
        )
        heights[start : start + end + 1] = line
        start += end
    return heights


def _next_knot(places: FloatArray, low: FloatArray, high: FloatArray) -> tuple[int, float]:
    """Where the line that starts at (0, 0) first has to bend, or ends; and how high it is there."""
    steepest, flattest = np.inf, -np.inf  # slopes that pass below all upper and above all lower bounds so far
    at_high = at_low = 0
    for at in range(1, len(places)):
        if low[at] / places[at] > steepest:
            return at_high, float(high[at_high])
        if high[at] / places[at] < flattest:
            return at_low, float(low[at_low])
        if high[at] / places[at] <= steepest:
            steepest, at_high = high[at] / places[at], at
        if low[at] / places[at] >= flattest:
            flattest, at_low = low[at] / places[at], at
    return len(places) - 1, float(low[-1])
