"""Propose: a suite from a baseline, for people to read, mend and keep. Each expectation says why it stands there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, isfinite, log10, sqrt

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.expectations.suite import Expectation, Suite
from hopsmon.core.natural import LEAST_WINDOWS, threshold_of
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.moments import Moments
from hopsmon.errors import ConfigError

# A window is taken to have so many rows: with three (of a mean, four) standard errors on top, one without drift fails
# seldom. Larger windows are held less tightly than they could be.
ROWS = 100
ERRORS, ERRORS_OF_MEAN = 3.0, 4.0
ROOM = 0.1  # of the width of a range, on each side
MOSTLY_IN_RANGE = 0.99  # single values outside are outliers, not a broken feature
MOST_LABELS = 100  # more are no closed set

# Names that pandas and Spark have for what a feature's values may be stored as.
_TYPES: Mapping[FeatureType, Sequence[str]] = {
    FeatureType.NUMERIC: ("float64", "float32", "int64", "int32", "DoubleType", "FloatType", "LongType", "IntegerType"),
    FeatureType.INTEGER: ("int64", "int32", "int16", "int8", "float64", "LongType", "IntegerType", "ShortType"),
    FeatureType.TIMESTAMP: (
        "datetime64[ns]",
        "datetime64[us]",
        "datetime64[ms]",
        "datetime64[s]",
        "TimestampType",
        "DateType",
    ),
    FeatureType.BOOLEAN: ("bool", "BooleanType"),
    FeatureType.CATEGORICAL: ("str", "category", "StringType"),
    FeatureType.STRING: ("str", "StringType"),
}


def propose(baseline: Baseline) -> Suite:
    """Expectations that the baseline's own data meets, with room.

    Raises:
        ConfigError: the baseline has no feature to say something about.
    """
    expectations = tuple(
        expectation
        for feature in baseline.schema.all
        if (summary := baseline.feature(feature.name)) is not None
        for expectation in _of_feature(feature, summary, baseline)
    )
    if not expectations:
        raise ConfigError("The baseline knows no feature: there is nothing to expect.")
    version = "" if baseline.model.version is None else f"_{baseline.model.version}"
    meta = {"proposed_by": "hopsmon", "baseline": baseline.id, "rows": baseline.rows}
    return Suite(f"{baseline.model.name or 'model'}{version}", expectations, meta)


def _of_feature(feature: Feature, summary: FeatureSummary, baseline: Baseline) -> Iterator[Expectation]:
    counts = summary.get(Counts)
    if counts is not None and counts.rows:
        yield from _nulls(feature, counts, baseline)
    yield _type(feature)
    if feature.type in (FeatureType.NUMERIC, FeatureType.INTEGER):
        yield from _range(feature, summary)
        yield from _mean(feature, summary, baseline)
    elif feature.type is FeatureType.CATEGORICAL:
        yield from _labels(feature, summary)


def _expectation(feature: Feature, kind: str, why: str, **kwargs: object) -> Expectation:
    return Expectation(kind, {"column": feature.name, **kwargs}, {"why": why})


def _nulls(feature: Feature, counts: Counts, baseline: Baseline) -> Iterator[Expectation]:
    missing = (counts.nulls + counts.nonfinite) / counts.rows
    kind = "expect_column_values_to_not_be_null"
    if not missing:
        yield _expectation(feature, kind, f"none of {counts.rows:,} rows is null")
        return
    largest = max((_missing(window.summary.features.get(feature.name)) for window in baseline.windows), default=0.0)
    allowed = max(_with_room(missing), largest)
    if allowed < 1:
        why = f"{missing:.2%} of {counts.rows:,} rows are null; room: {_ROOM_OF_SHARE}"
        if largest > _with_room(missing):
            why = f"{missing:.2%} of {counts.rows:,} rows are null, in one of the baseline's windows {largest:.2%}"
        yield _expectation(feature, kind, why, mostly=floor(1000 * (1 - allowed)) / 1000)


_ROOM_OF_SHARE = f"{ERRORS:g} standard errors of a window of {ROWS} rows"


def _missing(summary: FeatureSummary | None) -> float:
    counts = None if summary is None else summary.get(Counts)
    return 0.0 if counts is None or not counts.rows else (counts.nulls + counts.nonfinite) / counts.rows


def _with_room(share: float) -> float:
    return share + ERRORS * sqrt(share * (1 - share) / ROWS)


def _type(feature: Feature) -> Expectation:
    why = f"the baseline reads it as {feature.type}"
    return _expectation(feature, "expect_column_values_to_be_in_type_list", why, type_list=list(_TYPES[feature.type]))


def _range(feature: Feature, summary: FeatureSummary) -> Iterator[Expectation]:
    extremes = summary.get(Extremes)
    if extremes is None or extremes.min is None or extremes.max is None:
        return
    low, high = extremes.min, extremes.max
    room = ROOM * (high - low)
    if not isfinite(room):
        return
    step = _step(high - low)
    least, most = _down(low - room, step), -_down(-(high + room), step)
    sign = ""
    if low >= 0 > least:  # what is never negative is not expected to become so
        least, sign = 0.0, ", not below 0"
    why = f"the baseline's values lie in [{low:g}, {high:g}]; room: {ROOM:.0%} of the width on each side{sign}"
    if feature.type is FeatureType.INTEGER:
        least, most = floor(least), ceil(most)
    bounds = {"min_value": least, "max_value": most}
    yield _expectation(feature, "expect_column_values_to_be_between", why, **bounds, mostly=MOSTLY_IN_RANGE)


def _mean(feature: Feature, summary: FeatureSummary, baseline: Baseline) -> Iterator[Expectation]:
    moments = summary.get(Moments)
    spread = None if moments is None else moments.std_dev
    if moments is None or spread is None:
        return
    means = _means(feature, baseline)
    if len(means) >= LEAST_WINDOWS:
        low, high = -threshold_of(-means), threshold_of(means)
        why = (
            f"the means of the baseline's {len(means)} windows lie in [{means.min():g}, {means.max():g}]; room: 4 of "
            "their standard deviations on each side"
        )
    else:
        room = ERRORS_OF_MEAN * spread / sqrt(ROWS)
        low, high = moments.mean - room, moments.mean + room
        why = (
            f"the baseline's mean is {moments.mean:g}, its standard deviation {spread:g}; room: {ERRORS_OF_MEAN:g} "
            f"standard errors of a window of {ROWS} rows"
        )
    if isfinite(low) and isfinite(high):
        step = _step(high - low)
        bounds = {"min_value": _down(low, step), "max_value": -_down(-high, step)}
        yield _expectation(feature, "expect_column_mean_to_be_between", why, **bounds)


def _means(feature: Feature, baseline: Baseline) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The means of the baseline's own windows that have values."""
    summaries = [window.summary.features.get(feature.name, FeatureSummary()) for window in baseline.windows]
    moments = [found for summary in summaries if (found := summary.get(Moments)) is not None]
    return np.array([one.mean for one in moments if one.count], np.float64)


def _labels(feature: Feature, summary: FeatureSummary) -> Iterator[Expectation]:
    labels = summary.get(Categories)
    if labels is None or not labels.counts or labels.untracked or len(labels.counts) > MOST_LABELS:
        return
    once = sum(count == 1 for count in labels.counts.values())
    why = f"the {len(labels.counts)} labels of {labels.total:,} rows"
    more: dict[str, object] = {}
    if once:  # Good and Turing: about the share of values with a label that has not been seen
        more = {"mostly": floor(1000 * (1 - min(_with_room(once / labels.total), 1.0))) / 1000}
        why += f"; {once} of them came once, so others will come; room: {_ROOM_OF_SHARE}"
    yield _expectation(feature, "expect_column_values_to_be_in_set", why, value_set=sorted(labels.counts), **more)


def _step(width: float) -> float:
    """A hundredth of the width's order of magnitude: three digits say a bound well enough."""
    return 10.0 ** (floor(log10(width)) - 2) if width > 0 else 0.0


def _down(value: float, step: float) -> float:
    """The next multiple of a step below; a power of ten, so it is written with few digits.

    >>> _down(0.12345, 0.01), _down(-7.31, 0.1)
    (0.12, -7.4)
    """
    if not step:
        return value
    return round(floor(value / step) * step, max(0, -floor(log10(step))))
