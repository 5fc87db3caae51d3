"""Summaries: a feature's descriptive statistics as those that techniques read; what is not known is left out."""

from __future__ import annotations

from math import sqrt

from hopsmon.adapters.hopsworks.statistics.descriptive import DescriptiveStatistics
from hopsmon.adapters.hopsworks.statistics.labels import categories_of
from hopsmon.adapters.hopsworks.statistics.notices import Notice, UnusableError
from hopsmon.adapters.hopsworks.statistics.sources import Distribution
from hopsmon.core.first_pass import MOST_CATEGORIES
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.errors import ConfigError

_KINDS = {
    "Fractional": FeatureType.NUMERIC,
    "Integral": FeatureType.INTEGER,
    "Boolean": FeatureType.BOOLEAN,
    "String": FeatureType.CATEGORICAL,
}
_ROUNDING = 1e-6  # of sums over many rows, in parts of what they are held against


def type_of(statistics: DescriptiveStatistics) -> FeatureType:
    """The type of a feature that nobody else knows; of text with very many labels it is `string`, as in a scan.

    Raises:
        ConfigError: the statistics name a type that there is not.
    """
    kind = statistics.kind
    if kind is None:  # an empty feature has none; like a column without values it counts as numeric
        labelled = statistics.unique is not None or (statistics.bars is not None and statistics.min is None)
        return FeatureType.CATEGORICAL if labelled else FeatureType.NUMERIC
    if kind not in _KINDS:
        raise ConfigError(
            f"Hopsworks' statistics of feature '{statistics.name}': featureType must be one of {', '.join(_KINDS)}, got"
            f" '{kind}'. Give the feature's type yourself, in types."
        )
    if kind == "String" and (statistics.distinct or 0) > MOST_CATEGORIES:
        return FeatureType.STRING
    return _KINDS[kind]


def summary_of(statistics: DescriptiveStatistics, kind: FeatureType) -> tuple[FeatureSummary, list[Notice]]:
    """The statistics that are known, by name, and what became of each source."""
    if kind is FeatureType.TIMESTAMP:
        told = "Hopsworks has no statistics of times; those of the numbers or texts they are kept as say nothing"
        return _named(_counts(statistics, statistics.values)), [Notice(statistics.name, "values", False, told)]
    return (_numbers if kind.is_numeric else _labels)(statistics, kind)


def _named(*found: Statistic | None) -> FeatureSummary:
    return FeatureSummary({one.name: one for one in found if one is not None})


def _numbers(statistics: DescriptiveStatistics, kind: FeatureType) -> tuple[FeatureSummary, list[Notice]]:
    distribution = Distribution(statistics)
    notices = distribution.notices
    if statistics.values == 0:
        empty = Moments(), Extremes(), Histogram(), Quantiles()
        return _named(_noted_counts(statistics, 0, notices), *empty), notices
    if statistics.kind in ("String", "Boolean"):
        told = f"Hopsworks has them as {statistics.kind}, the model as {kind}"
        notices.append(Notice(statistics.name, "numbers", False, told))
        return _named(_noted_counts(statistics, statistics.values, notices)), notices
    count = distribution.count
    bins = distribution.bins()
    summary = _named(
        _noted_counts(statistics, count, notices),
        _moments(statistics, count, notices),
        _extremes(statistics, distribution),
        bins,
        distribution.quantiles,
    )
    return summary, notices


def _labels(statistics: DescriptiveStatistics, kind: FeatureType) -> tuple[FeatureSummary, list[Notice]]:
    notices: list[Notice] = []
    counts = _noted_counts(statistics, statistics.values, notices)
    if statistics.values == 0:
        return _named(counts, Categories()), notices
    found = None
    try:
        if statistics.kind in ("Fractional", "Integral"):
            raise UnusableError(f"Hopsworks has numbers ({statistics.kind}), the model {kind} values")
        found = categories_of(statistics.bars, statistics.values, kind is FeatureType.BOOLEAN)
    except UnusableError as why:
        notices.append(Notice(statistics.name, "labels", False, str(why)))
    if statistics.unique is not None:
        told = f"{statistics.unique:,} of them, without how often each occurs"
        notices.append(Notice(statistics.name, "unique values", False, told))
    if found is not None:
        notices.append(Notice(statistics.name, "labels", True, _told(found)))
    return _named(counts, found), notices


def _told(found: Categories) -> str:
    if not found.untracked:
        return "all labels and their exact counts"
    return (
        f"the {len(found.counts)} most frequent and their exact counts; other values, {found.untracked:,}, share a cell"
    )


def _noted_counts(statistics: DescriptiveStatistics, count: int | None, notices: list[Notice]) -> Counts | None:
    found = _counts(statistics, count)
    if found is None:
        told = "some values are NaN or infinite (there is no mean), and nobody counted how many"
        if statistics.nulls is None:
            told = "nobody counted nulls (the client's Python engine does not), so their share is not known"
        notices.append(Notice(statistics.name, "counts", False, told))
    return found


def _counts(statistics: DescriptiveStatistics, count: int | None) -> Counts | None:
    """Rows, nulls, and values that are no numbers; None where any of these is not known."""
    rows, nulls, values = statistics.count, statistics.nulls, statistics.values
    if rows is None or nulls is None or values is None or count is None:
        return None
    return Counts(rows, nulls, values - count)


def _moments(statistics: DescriptiveStatistics, count: int | None, notices: list[Notice]) -> Moments | None:
    """Count, mean and spread; None where one is missing, or they contradict the range."""
    mean, low, high = statistics.mean, statistics.min, statistics.max
    deviation = 0.0 if count == 1 and statistics.std_dev is None else statistics.std_dev
    if mean is None or deviation is None or count is None:
        told = f"mean is {mean} and stdDev is {statistics.std_dev}"
        notices.append(Notice(statistics.name, "mean and standard deviation", False, told))
        return None
    sample = statistics.nulls is None  # the Python engine's; that is the engine that does not count nulls
    squares = deviation * deviation * (max(count - 1, 0) if sample else count)
    if low is not None and high is not None and low <= high:
        allowed = _ROUNDING * max(high - low, abs(low), abs(high))
        if not low - allowed <= mean <= high + allowed or sqrt(squares / max(count, 1)) > (high - low) / 2 + allowed:
            told = f"mean {mean:g} and stdDev {deviation:g} cannot be those of values from {low:g} to {high:g}"
            notices.append(Notice(statistics.name, "mean and standard deviation", False, told))
            return None
    return Moments(count, mean, squares)


def _extremes(statistics: DescriptiveStatistics, distribution: Distribution) -> Extremes | None:
    low, high = statistics.min, statistics.max
    if (low is None or high is None) and distribution.sketch is not None and distribution.sketch.count:
        return Extremes(distribution.sketch.sketch.get_min_value(), distribution.sketch.sketch.get_max_value())
    return None if low is None or high is None or low > high else Extremes(low + 0.0, high + 0.0)
