"""psi: population stability index over the baseline's bins or labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.cells import Cells, category_cells, histogram_cells
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, Limits, Pair, enough, judge_each
from hopsmon.core.techniques.parameters import check_limits
from hopsmon.core.techniques.significance import DEFAULT_ALPHA, DEFAULT_MIN_ROWS, chi_square_p, contingency_p

# An empty cell counts as half a value (Haldane, 1956; Anscombe, Biometrika 43, 1956, for the log of a count): PSI stays
# finite and the term shrinks as the samples grow, unlike with a fixed share such as 0.0001.
_EMPTY_COUNT = 0.5


@dataclass(frozen=True, slots=True)
class PopulationStabilityIndex:
    """How far a feature's histogram has moved from its reference.

    PSI = Σ (pᵢ - qᵢ) · ln(pᵢ / qᵢ), p and q: share of cell i in the window and in the reference. Cells are the
    reference's quantile bins, below, above, non-finite, null and wrong type for numbers; labels, all other labels, null
    and wrong type for categories. An empty cell counts as half a value; a cell empty on both sides does not count.

    From 0 (identical) upwards, in nats; a shift of a normal feature by d standard deviations gives about d². Without
    drift PSI averages (cells - 1) · (1/n + 1/m), n and m being the rows of window and reference: 0.2 at 100 rows. So
    the score alone means nothing in small windows; the verdict also asks n·m/(n+m) · PSI, over cells joined until 5
    values are expected in each, to exceed chi-square's 1 - alpha quantile (and Pearson's statistic too). Misleads where
    a few rare labels explode, and for features that follow the calendar unless the baseline has the whole calendar.

    Default thresholds: 0.1 ("look") is a warning, 0.25 ("act") critical (Siddiqi, Credit Risk Scorecards, 2006);
    custom, not theory. At least 30 rows. Reference: Yurdakul, Statistical Properties of Population Stability Index,
    Western Michigan University, 2018.

    >>> import numpy as np
    >>> round(psi(np.array([20.0, 30.0, 50.0]), np.array([30.0, 30.0, 40.0])), 4)
    0.0629
    """

    name: ClassVar[str] = "psi"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Histogram, Categories})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS | LABELS

    threshold: float = 0.1
    critical: float = 0.25
    alpha: float = DEFAULT_ALPHA
    min_rows: int = DEFAULT_MIN_ROWS

    def __post_init__(self) -> None:
        check_limits(self.name, self.threshold, self.critical, self.alpha, self.min_rows)

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding a numeric, integer, categorical or boolean feature."""
        return judge_each(self.name, self.feature_types, window, baseline, self._compare)

    def _compare(self, pair: Pair) -> Finding:
        window, reference = pair.counts()
        cells = (histogram_cells(pair) if pair.kind in NUMBERS else category_cells(pair)).with_unusable(pair)
        enough(window.rows, reference.rows, self.min_rows)
        parts = psi_parts(cells.window, cells.reference)
        p_value, groups = significance(cells)
        used = int(np.count_nonzero(cells.window + cells.reference))
        details = {
            "cells": used,
            "groups": groups,
            "expected_without_drift": (used - 1) * (1 / window.rows + 1 / reference.rows),
            "reference_n": reference.rows,
            "moved": cells.moved(parts),
        }
        limits = Limits(self.threshold, self.critical, self.alpha)
        return limits.finding(self.name, pair.name, float(parts.sum()), p_value, window.rows, details)


def psi_parts(window: FloatArray, reference: FloatArray) -> FloatArray:
    """Each cell's part of the PSI, from counts; 0 for a cell that is empty on both sides."""
    p = np.maximum(window, _EMPTY_COUNT) / max(window.sum(), 1.0)
    q = np.maximum(reference, _EMPTY_COUNT) / max(reference.sum(), 1.0)
    return np.where(window + reference > 0, (p - q) * np.log(p / q), 0.0)


def psi(window: FloatArray, reference: FloatArray) -> float:
    """PSI of two arrays of counts."""
    return float(psi_parts(window, reference).sum())


def significance(cells: Cells) -> tuple[float, int]:
    """The p-value of the PSI, and how many groups of cells it rests on.

    The logarithm makes the chi-square approximation too eager in small windows: of 50 unchanged rows 2.5 % have a
    p-value below 1 %. Pearson's statistic is the same to first order and keeps its level, so the larger p-value counts.
    """
    groups = cells.grouped()
    p_value = max(psi_p(groups.window, groups.reference), contingency_p(groups.window, groups.reference)[2])
    return groups.p_value(p_value), len(groups.window)


def psi_p(window: FloatArray, reference: FloatArray) -> float:
    """Probability of a larger PSI without drift: n·m/(n+m) · PSI ~ chi-square with B - 1 degrees of freedom."""
    n, m = window.sum(), reference.sum()
    used = int(np.count_nonzero(window + reference))
    return chi_square_p(n * m / (n + m) * psi(window, reference), used - 1) if n and m else 1.0
