"""tvd: total variation distance over the baseline's bins or labels."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.cell_distances import CellDistance, shares
from hopsmon.core.techniques.cells import Cells
from hopsmon.core.techniques.gaussian_forms import absolutes_p
from hopsmon.core.techniques.parameters import Default

# The p-value costs the cube of the number of groups: 1 ms at 64. Shares of 1/64 each show what matters.
_MOST_GROUPS = 64


@dataclass(frozen=True, slots=True)
class TotalVariation(CellDistance):
    """The share of rows that would have to change their bin or label to turn the reference into the window.

    TVD = ½ Σ |pᵢ - qᵢ|, p and q: share of cell i in the window and in the reference. Cells as for psi: bins or labels,
    all other labels, below, above, null, non-finite and wrong type.

    From 0 (identical) to 1 (nothing in common), in share of rows; a shift of a normal feature by d standard deviations
    gives about 2·Φ(d/2) - 1: 0.1 at 0.25, 0.2 at 0.5. Without drift it averages Σ √(qᵢ(1 - qᵢ)/(2π) · (1/n + 1/m)):
    0.12 at 200 rows. The p-value takes the differences, over cells joined until 5 values are expected in each (and into
    64 at most), for normal with the contingency table's covariance. Misleads in small windows, where its average
    without drift passes any threshold: read it beside `expected_without_drift`.

    Default thresholds: 0.1 is a warning, 0.2 critical: one row in ten, and in five; as for ks, which is never larger
    over the same cells. At least 30 rows. Reference: Levin, Peres & Wilmer, Markov Chains and Mixing Times, 2009,
    chapter 4.

    >>> import numpy as np
    >>> TotalVariation().distance(np.array([20.0, 30.0, 50.0]), np.array([30.0, 30.0, 40.0]))[0].__round__(4)
    0.1
    """

    name: ClassVar[str] = "tvd"

    threshold: float = Default(0.1)
    critical: float = Default(0.2)

    def distance(self, window: FloatArray, reference: FloatArray) -> tuple[float, FloatArray]:
        """TVD and each cell's part in it, from counts."""
        parts = np.abs(shares(window) - shares(reference)) / 2
        return min(1.0, float(parts.sum())), parts

    def significance(self, cells: Cells) -> tuple[float, int]:
        """The p-value of the sum of absolute differences of the groups."""
        groups = cells.grouped(_MOST_GROUPS)
        n, m = float(groups.window.sum()), float(groups.reference.sum())
        if not (n and m):
            return groups.p_value(1.0), len(groups.window)
        total = float(np.abs(shares(groups.window) - shares(groups.reference)).sum())
        pooled = (groups.window + groups.reference) / (n + m)
        covariance = np.diag(pooled) - np.outer(pooled, pooled)
        p_value = absolutes_p(total * sqrt(n * m / (n + m)), covariance, np.ones(len(pooled)))
        return groups.p_value(p_value), len(groups.window)

    def expected(self, cells: Cells) -> float:
        """Half the sum of what normal differences average in absolute value."""
        q = shares(cells.reference)
        uncertainty = 1 / cells.window.sum() + 1 / cells.reference.sum()
        return float(np.sqrt(q * (1 - q) * uncertainty / (2 * pi)).sum())
