"""Percentiles: bins from the values at so many percents. They bound a share of values, and between two say nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hopsmon.adapters.hopsworks.statistics.bins import Known, Retained
from hopsmon.adapters.hopsworks.statistics.notices import UnusableError
from hopsmon.adapters.hopsworks.statistics.sketches import rank_error
from hopsmon.core.statistics.histogram import Histogram

_SCALE = 10_000  # parts of a percent that weights are counted in


def of_percentiles(percentiles: Mapping[float, float | None], known: Known) -> Histogram:
    """Bins from percentiles, the smallest and the largest value.

    The value v at j % is the first at or below which j % of the values lie. So at most j % lie below v, and at least
    as many as at the percent before: the middle of the two is off by at most half the distance, also where many values
    are equal. As a weighted sample, v stands for what lies between two such middles.

    Raises:
        UnusableError: values are missing or out of order, the percents too far apart, or the number of values unknown.
    """
    if known.count is None:
        raise UnusableError("how many values they are of is not known")
    inner = {percent: value for percent, value in percentiles.items() if 0 < percent < 100}
    if not inner:
        raise UnusableError("there are none")
    missing = [f"{percent:g}" for percent, value in inner.items() if value is None]
    if missing:
        raise UnusableError(f"there is no value at {', '.join(missing[:5])} %: some of the data are NaN or infinite")
    values = np.array([known.low, *inner.values(), known.high], np.float64)
    if not (values[1:] >= values[:-1]).all():
        raise UnusableError("they do not ascend from the smallest value to the largest")
    percents = np.array([0.0, *inner, 100.0])
    middles = np.concatenate(([0.0], (percents[:-1] + percents[1:]) / 2, [100.0]))
    weights = np.diff(np.rint(middles * _SCALE).astype(np.int64))
    # Percentiles are estimates as well: with kll from its sketch, without from Spark's percentile_approx (0.01 %).
    error = float(np.diff(percents).max()) / 200 + rank_error()
    return Retained(values, weights, error).histogram(known)
