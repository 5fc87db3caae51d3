"""Doubt: what a reference is worth whose counts are estimates, as from somebody's sketch or percentiles.

What an estimate is wrong by looks like drift and does not shrink as samples grow, so a p-value that takes the reference
for a sample of all its rows calls it significant in large windows. Each number of values below an inner edge is off by
anything up to the doubt, d as a share: its variance is d²/3 at most if that is as likely one way as the other. A sample
of few enough rows varies as much; p-values take the reference for that one. Of scores, those that lie between two ends
(distances of cumulative distributions) have the doubt in both, and the lower one decides; those of cells are left as
they are.
"""

from __future__ import annotations

from hopsmon.core.statistics.histogram import Histogram


def worth_of_line(reference: Histogram) -> float:
    """How many rows vary as much in their cumulated shares: 1/m' = 1/m + 4·d²/3, from the variance of a share of 1/2.

    >>> import numpy as np
    >>> known = Histogram(np.array([0.0, 1.0, 2.0]), np.array([50_000, 50_000]))
    >>> estimated = Histogram(known.edges, known.counts, doubt=600)
    >>> worth_of_line(known), round(worth_of_line(estimated))
    (100000.0, 17241)
    """
    return _worth(reference, 4 / 3)


def worth_of_bins(reference: Histogram) -> float:
    """How many rows vary as much in the shares of B bins: 1/m' = 1/m + B·2·d²/3, from the variance of a share of 1/B.

    A bin's share is the difference of two cumulated ones, so its variance is twice theirs.
    """
    return _worth(reference, len(reference.counts) * 2 / 3)


def _worth(reference: Histogram, factor: float) -> float:
    if not reference.doubt or not reference.total:
        return float(reference.total)
    return 1 / (1 / reference.total + factor * (reference.doubt / reference.total) ** 2)
