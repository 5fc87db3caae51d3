"""Correlations: Pearson's with means and standard deviations are the co-moments, where every pair is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from hopsmon.adapters.hopsworks.statistics.descriptive import DescriptiveStatistics
from hopsmon.core.schema import Feature
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.comoments import CoMoments
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.moments import Moments

_SAME = 1e-6  # how far the correlations of one pair may be apart


def comoments_of(
    features: Sequence[Feature],
    statistics: Mapping[str, DescriptiveStatistics],
    summaries: Mapping[str, FeatureSummary],
) -> CoMoments | None:
    """The co-moments of a model's numeric features.

    None where a pair's correlation is missing, or a value is: co-moments are of the rows that have all features, while
    each correlation is of the rows that have its two.
    """
    names = [feature.name for feature in features if feature.type.is_numeric]
    found = [summaries[name].get(Moments) if name in summaries else None for name in names]
    moments = [one for one in found if one is not None]
    counts = {_complete(summaries[name]) if name in summaries else None for name in names}
    if not names or len(moments) < len(names) or None in counts or len(counts) > 1:
        return None
    count = moments[0].count
    deviations = np.array([sqrt(one.m2 / max(count, 1)) for one in moments])
    matrix = np.empty((len(names), len(names)))
    for i, name in enumerate(names):
        for j, other in enumerate(names):
            value = _correlation(statistics[name], statistics[other], deviations[i] * deviations[j] > 0)
            if value is None:
                return None
            matrix[i, j] = value
    means, nothing = np.array([one.mean for one in moments]), np.zeros(len(names))
    return CoMoments(tuple(names), count, 0, means, matrix * np.outer(deviations, deviations) * count, nothing)


def _complete(summary: FeatureSummary) -> int | None:
    """How many rows there are, all of them with a number; None where some have none."""
    counts, moments = summary.get(Counts), summary.get(Moments)
    whole = counts is not None and moments is not None and counts.rows == counts.valid == moments.count
    return counts.rows if counts is not None and whole else None


def _correlation(one: DescriptiveStatistics, other: DescriptiveStatistics, both_vary: bool) -> float | None:
    """Of a pair; 0 where one of them is constant, as its co-moment is."""
    if one.name == other.name:
        return 1.0
    if not both_vary:
        return 0.0
    values = [one.correlations.get(other.name), other.correlations.get(one.name)]
    known = [value for value in values if value is not None]
    if not known or max(known) - min(known) > _SAME:
        return None
    return min(max(known[0], -1.0), 1.0)
