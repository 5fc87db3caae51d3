"""chi2: chi-square test of homogeneity over labels, or over an integer feature's bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
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
from hopsmon.core.techniques.cells import category_cells, histogram_cells
from hopsmon.core.techniques.pairs import LABELS, Limits, Pair, judge_each
from hopsmon.core.techniques.parameters import check_limits
from hopsmon.core.techniques.significance import DEFAULT_ALPHA, DEFAULT_MIN_ROWS, contingency_p


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """Whether labels occur in other proportions than in the reference.

    The score is Cramér's V that the two distributions would have at equal sample sizes, V = √(½ Σ (pᵢ - qᵢ)² / (pᵢ +
    qᵢ)), p and q: share of label i in the window and in the reference. (The usual V shrinks with the ratio of the
    sample sizes, so it cannot be compared between windows; `details` has it as `cramers_v`.) From 0 (identical) to 1
    (no label in common), no unit.

    The p-value is that of the 2 × k contingency table: the reference is a sample too. Labels are joined until the
    reference expects 5 values in each group (Cochran, Biometrics 10(4), 1954). Labels that the reference lacks, holds
    too rarely to tell their share from luck, or does not track share one cell; where too few of them are expected, an
    exact test judges them and the two p-values are joined by Bonferroni. So one unseen value in 1,000 rows is no drift,
    and ids, all new in every window, are none. Nulls are null_share's business. For integers the cells are the
    reference's bins. Misleads where equal labels come in bursts (all rows of one session): then chance explains more
    than the test knows.

    Default thresholds: 0.1 ("small") is a warning, 0.3 ("medium") critical (Cohen, Statistical Power Analysis, 1988).
    At least 30 rows.
    Reference: Pearson, Philosophical Magazine 50, 1900; Cramér, Mathematical Methods of Statistics, 1946.

    >>> import numpy as np
    >>> round(cramers_v(np.array([60.0, 40.0]), np.array([500.0, 500.0])), 3)
    0.101
    """

    name: ClassVar[str] = "chi2"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Categories, Histogram})
    feature_types: ClassVar[frozenset[FeatureType]] = LABELS | {FeatureType.STRING, FeatureType.INTEGER}

    threshold: float = 0.1
    critical: float = 0.3
    alpha: float = DEFAULT_ALPHA
    min_rows: int = DEFAULT_MIN_ROWS

    def __post_init__(self) -> None:
        check_limits(self.name, self.threshold, self.critical, self.alpha, self.min_rows)

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding a categorical, boolean, string or integer feature."""
        return judge_each(self.name, self.feature_types, window, baseline, self._compare)

    def _compare(self, pair: Pair) -> Finding:
        cells = histogram_cells(pair) if pair.kind is FeatureType.INTEGER else category_cells(pair)
        n, m = pair.usable(self.min_rows)
        groups = cells.grouped()
        statistic, degrees, p_common = contingency_p(groups.window, groups.reference)
        with_rare = groups.with_rare()
        details = {
            "chi2": statistic,
            "degrees_of_freedom": degrees,
            "cramers_v": sqrt(statistic / (n + m)),
            "groups": len(groups.window),
            "rare": int(groups.rare_window),
            "reference_n": m,
            "moved": cells.moved(v_parts(cells.window, cells.reference)),
            **_labels_outside(pair),
        }
        limits = Limits(self.threshold, self.critical, self.alpha)
        return limits.finding(self.name, pair.name, cramers_v(*with_rare), groups.p_value(p_common), n, details)


def v_parts(window: FloatArray, reference: FloatArray) -> FloatArray:
    """Each cell's part of V², from counts."""
    p, q = window / max(window.sum(), 1.0), reference / max(reference.sum(), 1.0)
    both = np.where(p + q > 0, p + q, 1.0)
    return np.asarray((p - q) ** 2 / (2 * both))


def cramers_v(window: FloatArray, reference: FloatArray) -> float:
    """Cramér's V of two distributions at equal sample sizes, from counts."""
    return min(1.0, sqrt(v_parts(window, reference).sum()))


def _labels_outside(pair: Pair) -> dict[str, int]:
    window, reference = pair.window.get(Categories), pair.reference.get(Categories)
    if window is None or reference is None:
        return {}
    return {"unseen": window.unseen, "untracked": window.untracked, "reference_untracked": reference.untracked}
