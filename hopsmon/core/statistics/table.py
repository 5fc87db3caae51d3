"""The table of statistics: the built-in ones, and those of other packages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.comoments import CoMoments
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.distinct import Distinct
from hopsmon.core.statistics.expectation_counts import ExpectationCounts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.values import Values
from hopsmon.errors import ConfigError, UnknownNameError

GROUP = "hopsmon.statistics"  # entry points of this group name further statistics

DEFAULT_STATISTICS: frozenset[type[Statistic]] = frozenset(
    {Counts, Moments, Extremes, Histogram, Quantiles, Categories, Distinct}
)

# By stored name. Code shipped with --py-files has no package metadata, so the built-in ones stand here.
STATISTICS: Mapping[str, type[Statistic]] = {
    Counts.name: Counts,
    Moments.name: Moments,
    Extremes.name: Extremes,
    Histogram.name: Histogram,
    Quantiles.name: Quantiles,
    Categories.name: Categories,
    Distinct.name: Distinct,
    CoMoments.name: CoMoments,
    Values.name: Values,
    Reservoir.name: Reservoir,
    ExpectationCounts.name: ExpectationCounts,
}


@cache
def statistics_table() -> Mapping[str, type[Statistic]]:
    """The built-in statistics and those that installed packages register.

    Raises:
        ConfigError: two different statistics claim one name.
    """
    found: dict[str, type[Statistic]] = dict(STATISTICS)
    for entry in entry_points(group=GROUP):
        kind: type[Statistic] = entry.load()
        if found.setdefault(kind.name, kind) is not kind:
            raise ConfigError(
                f"Two statistics are named '{kind.name}': {_path(found[kind.name])} and {_path(kind)}"
                f" (entry point '{entry.name}'). Rename or uninstall one."
            )
    return found


def baseline_statistics() -> frozenset[type[Statistic]]:
    """What a baseline has: it is made once, and techniques are chosen later.

    Beside the default ones some of its rows (outliers get p-values from them, and models are fitted on them), and what
    installed packages register, as their techniques will ask for it.
    """
    others = (kind for name, kind in statistics_table().items() if name not in STATISTICS)
    return DEFAULT_STATISTICS.union({Reservoir}, others)


def statistic(name: str) -> type[Statistic]:
    """The statistic of that name.

    Raises:
        UnknownNameError: there is none.
    """
    known = statistics_table()
    if name not in known:
        raise UnknownNameError("statistic", name, known)
    return known[name]


def _path(kind: type[Statistic]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
