"""Spread: a feature's standard deviation, also where float64 cannot hold its square."""

from __future__ import annotations

import sys
from math import copysign, isfinite, sqrt

from hopsmon.core.finding import Reason
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.techniques.pairs import NotComputableError, Pair

UNITS = ("sd", "raw")


def spread_of(side: FeatureSummary, moments: Moments) -> float:
    """The sample standard deviation; 0 below two values.

    Where values are too far apart for float64 to hold their squares (beyond 1e140), it is half their range: the
    standard deviation is at most that (Popoviciu, 1935), so what is divided by it is at most too small.
    """
    if moments.count < 2:
        return 0.0
    if moments.std_dev is not None:
        return moments.std_dev
    ends = side.get(Extremes)
    if ends is None or ends.min is None or ends.max is None:
        return sys.float_info.max
    return ends.max / 2 - ends.min / 2


def mean_difference(window: Moments, reference: Moments) -> float:
    """The window's mean minus the reference's, halved, so that no finite means are infinitely far apart."""
    return (window.mean / 2 - reference.mean / 2) + (window.mean_rest / 2 - reference.mean_rest / 2)


def finite(value: float) -> float:
    """The value, or float64's largest number where it is beyond that."""
    return value if isfinite(value) else copysign(sys.float_info.max, value)


def in_unit(pair: Pair, unit: str, low: float, high: float, root: bool = False) -> tuple[float, dict[str, float]]:
    """The lower end of a distance in the unit asked for, and what to say of it.

    Args:
        unit: `sd` (of the reference) or `raw`.
        low: the distance's lower end, halved.
        high: its upper end, halved.
        root: the distance is the root of these.

    Raises:
        NotComputableError: standard deviations asked for and the reference has one value, other than the window's.
    """
    raw = [_finished(2 * end, root) for end in (low, high)]
    deviation = spread_of(pair.reference, pair.both(Moments)[1])
    details = {"raw": raw[0], "raw_upper": raw[1], "reference_sd": deviation}
    if unit == "raw":
        return raw[0], {"lower": raw[0], "upper": raw[1], **details}
    if deviation <= 0:
        if high > 0:
            raise NotComputableError(Reason.CONSTANT_REFERENCE, pair.counts()[0].valid, **details)
        return 0.0, {"lower": 0.0, "upper": 0.0, **details}
    scaled = [_finished(end / (deviation / 2), root) for end in (low, high)]
    return scaled[0], {"lower": scaled[0], "upper": scaled[1], **details}


def _finished(value: float, root: bool) -> float:
    return finite(sqrt(value) if root else value)
