"""chi2: chi-square test of homogeneity over labels, or over an integer feature's bins."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.cell_distances import shares
from hopsmon.core.techniques.homogeneity import Homogeneity
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.significance import contingency_p


@dataclass(frozen=True, slots=True)
class ChiSquare(Homogeneity):
    """Whether labels occur in other proportions than in the reference.

    The score is Cramér's V that the two distributions would have at equal sample sizes, V = √(½ Σ (pᵢ - qᵢ)² / (pᵢ +
    qᵢ)), p and q: share of label i in the window and in the reference. (The usual V shrinks with the ratio of the
    sample sizes, so it cannot be compared between windows; `details` has it as `cramers_v`.) From 0 (identical) to 1
    (no label in common), no unit.

    The p-value is that of the 2 × k contingency table: the reference is a sample too. Labels are joined until the
    reference expects 5 values in each group (Cochran, Biometrics 10(4), 1954). Labels that the reference lacks, holds
    too rarely to tell their share from luck, or does not track share one cell; where too few of them are expected, an
    exact test judges them and the two p-values are joined by Bonferroni. So one unseen value in 1,000 rows is no drift,
    and ids, all new in every window, are none. Nulls and values of a wrong type are cells of their own. For integers
    the cells are the reference's bins. `details["plain_table"]` is the textbook's test, of all labels and nothing
    joined. Misleads where equal labels come in bursts (all rows of one session): then chance explains more than the
    test knows.

    Default thresholds: 0.1 ("small") is a warning, 0.3 ("medium") critical (Cohen, Statistical Power Analysis, 1988).
    At least 30 rows.
    Reference: Pearson, Philosophical Magazine 50, 1900; Cramér, Mathematical Methods of Statistics, 1946.

    >>> import numpy as np
    >>> round(cramers_v(np.array([60.0, 40.0]), np.array([500.0, 500.0])), 3)
    0.101
    """

    name: ClassVar[str] = "chi2"
    statistic_name: ClassVar[str] = "chi2"

    threshold: float = Default(0.1)
    critical: float = Default(0.3)

    def test(self, window: FloatArray, reference: FloatArray) -> tuple[float, int, float]:
        """Pearson's statistic, its degrees of freedom and p-value."""
        return contingency_p(window, reference)

    def effect(self, window: FloatArray, reference: FloatArray) -> tuple[float, FloatArray]:
        """V, and each cell's part of V²."""
        return cramers_v(window, reference), v_parts(window, reference)


def v_parts(window: FloatArray, reference: FloatArray) -> FloatArray:
    """Each cell's part of V², from counts."""
    p, q = shares(window), shares(reference)
    both = np.where(p + q > 0, p + q, 1.0)
    return np.asarray((p - q) ** 2 / (2 * both))


def cramers_v(window: FloatArray, reference: FloatArray) -> float:
    """Cramér's V of two distributions at equal sample sizes, from counts."""
    return min(1.0, sqrt(v_parts(window, reference).sum()))
