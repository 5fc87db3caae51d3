"""Labels: the histograms whose bars are labelled, with categories, or with ranges of numbers in two decimals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite

import numpy as np

from hopsmon.adapters.hopsworks.statistics.bins import Known, counted
from hopsmon.adapters.hopsworks.statistics.descriptive import Bar
from hopsmon.adapters.hopsworks.statistics.notices import UnusableError
from hopsmon.core.batch import FloatArray
from hopsmon.core.statistics.categories import Categories, label_key
from hopsmon.core.statistics.histogram import Histogram

_NUMBER = r"[+-]?\d+(?:\.(\d*))?(?:[eE]([+-]?\d+))?"
_RANGE = re.compile(rf"\s*({_NUMBER}) to ({_NUMBER})\s*")
_TRUTH = frozenset({"false", "true"})


def categories_of(bars: Sequence[Bar] | None, total: int | None, boolean: bool) -> Categories:
    """Label counts; what the listed labels do not hold is untracked.

    Raises:
        UnusableError: there are no bars, or they hold more values than the feature has.
    """
    if bars is None or total is None:
        raise UnusableError("there is no histogram, so the labels and their counts are not known")
    counts: dict[str, int] = {}
    for bar in bars:
        label = label_key(bar.label.lower() if boolean else bar.label)
        counts[label] = counts.get(label, 0) + bar.count
    if boolean and not _TRUTH.issuperset(counts):
        raise UnusableError(f"its labels are not true and false but {', '.join(sorted(counts)[:5])}")
    untracked = total - sum(counts.values())
    if untracked < 0:
        raise UnusableError(f"its counts add up to {total - untracked:,}, but the feature has {total:,} values")
    return Categories({label: counts[label] for label in sorted(counts) if counts[label]}, untracked)


def of_ranges(bars: Sequence[Bar] | None, known: Known) -> Histogram:
    """Bins from ranges: exact edges, recomputed as the profiler had them before it rounded them for the labels.

    Raises:
        UnusableError: there are none; their rounded edges do not ascend; or they are not those of bins of equal width
            from the smallest value to the largest.
    """
    if not bars:
        raise UnusableError("there is none")
    ranges = [_range(bar.label) for bar in bars]
    rounded = np.array([*(low for low, _, _ in ranges), ranges[-1][1]])
    if not (rounded[1:] > rounded[:-1]).all():
        raise UnusableError(
            f"its edges, rounded for the labels, do not ascend ('{bars[0].label}', …): the feature's range is too small"
        )
    edges = _exact_edges(known.low, known.high, len(bars))
    for at, (low, high, unit) in enumerate(ranges):
        allowed = unit / 2 + 1e-9 * max(abs(low), abs(high), unit)
        if abs(low - edges[at]) > allowed or abs(high - edges[at + 1]) > allowed:
            raise UnusableError(
                f"bin {at + 1}, '{bars[at].label}', is not where {len(bars)} bins of equal width from the smallest"
                f" value to the largest have it ({edges[at]:g} to {edges[at + 1]:g}), so exact edges are not known"
            )
    return counted(edges, np.array([bar.count for bar in bars], np.int64), known)


def _range(label: str) -> tuple[float, float, float]:
    """Both ends of a range and the unit of its last digit.

    >>> _range("-0.10 to 1.25E3")
    (-0.1, 1250.0, 10.0)
    """
    found = _RANGE.fullmatch(label)
    if found is None:
        raise UnusableError(f"'{label}' is no range of numbers")
    low, high = float(found[1]), float(found[4])
    if not (isfinite(low) and isfinite(high)):
        raise UnusableError(f"'{label}' is no range of finite numbers")
    units = (10.0 ** (int(found[at + 1] or 0) - len(found[at] or "")) for at in (2, 5))
    return low, high, max(units)


def _exact_edges(low: float, high: float, bins: int) -> FloatArray:
    """For each bin the smallest number that the profiler put into it: by ⌊(x - low) / width⌋, in its own arithmetic.

    `low + i · width` is nearly that; but where whole numbers lie on edges, nearly is not enough.
    """
    width = (high - low) / bins
    if not isfinite(width):
        raise UnusableError("its values are too far apart for float64")
    edges = np.array([low, *(_first_of(at, low, width) for at in range(1, bins)), high])
    if not (edges[1:] > edges[:-1]).all():
        raise UnusableError("its bins are narrower than numbers of that size can be told apart")
    return edges


def _first_of(bin_number: int, low: float, width: float) -> float:
    """By halving, until there is no number between one that belongs to an earlier bin and one that does not."""
    before, edge = low + (bin_number - 1) * width, low + (bin_number + 1) * width
    while before < (middle := before / 2 + edge / 2) < edge:
        if (middle - low) / width < bin_number:
            before = middle
        else:
            edge = middle
    return edge
