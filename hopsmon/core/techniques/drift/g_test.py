"""g_test: likelihood-ratio test of homogeneity over labels, or over an integer feature's bins."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.drift.js import JensenShannon
from hopsmon.core.techniques.homogeneity import Homogeneity
from hopsmon.core.techniques.parameters import Default
from hopsmon.core.techniques.significance import g_contingency_p


@dataclass(frozen=True, slots=True)
class GTest(Homogeneity):
    """Whether labels occur in other proportions than in the reference, by the likelihood ratio.

    G = 2 Σ O·ln(O/E) over the 2 × k contingency table: the reference is a sample too. The score is √(G/rows) as it
    would be at equal sample sizes, which is √2 times the Jensen-Shannon distance: Cramér's V for small changes, from 0
    (identical) to 1.18 = √(2·ln 2) (no label in common), no unit.

    Cells, their joining and the exact test of rare ones are chi2's, and so is the p-value's law: chi-square with cells
    minus one degrees of freedom. `details["plain_table"]` is the textbook's test, of all labels and nothing joined.
    Misleads as chi2 does, where equal labels come in bursts; and beside chi2 in small windows: where few values are
    expected G is the larger of the two.

    Default thresholds: 0.1 ("small") is a warning, 0.3 ("medium") critical, as for Cramér's V (Cohen, Statistical Power
    Analysis, 1988). At least 30 rows. Reference: Woolf, Annals of Human Genetics 21(4), 1957; Wilks,
    Annals of Mathematical Statistics 9(1), 1938.

    >>> import numpy as np
    >>> round(GTest().effect(np.array([60.0, 40.0]), np.array([500.0, 500.0]))[0], 3)
    0.101
    """

    name: ClassVar[str] = "g_test"
    statistic_name: ClassVar[str] = "g"

    threshold: float = Default(0.1)
    critical: float = Default(0.3)

    def test(self, window: FloatArray, reference: FloatArray) -> tuple[float, int, float]:
        """G, its degrees of freedom and p-value."""
        return g_contingency_p(window, reference)

    def effect(self, window: FloatArray, reference: FloatArray) -> tuple[float, FloatArray]:
        """√(G/rows) at equal sizes, and each cell's part of its square."""
        parts = 2 * JensenShannon.parts(window, reference)
        return sqrt(float(np.sum(parts))), parts
