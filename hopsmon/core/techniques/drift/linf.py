"""linf: largest difference of a single bin's or label's share."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import ClassVar

import numpy as np
from scipy import special

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.cell_distances import CellDistance, shares
from hopsmon.core.techniques.cells import Cells
from hopsmon.core.techniques.parameters import Default


@dataclass(frozen=True, slots=True)
class LInfinity(CellDistance):
    """The largest change of a single bin's or label's share.

    L∞ = max |pᵢ - qᵢ|, p and q: share of cell i in the window and in the reference. Cells as for psi: bins or labels,
    all other labels, below, above, null, non-finite and wrong type. `details["moved"]` names the cell.

    From 0 (identical) to 1 (all rows moved from one cell to another), in share of rows. The p-value is the sum, over
    all cells, of the probability of so large a difference in either direction, binomial with the pooled share and
    n·m/(n+m) rows (the union bound: too large, never too small). Misleads about numbers: bins hold a twentieth of the
    rows each, so a shift by half a standard deviation moves no bin by more than 0.08. It is made for labels.

    Default thresholds: 0.1 is a warning, one row in ten; 0.3 critical, the default of Vertex AI's first model
    monitoring (documentation, 2022). At least 30 rows. Reference: Breck, Polyzotis, Roy, Whang & Zinkevich, Data
    Validation for Machine Learning, MLSys 2019.

    >>> import numpy as np
    >>> round(LInfinity().distance(np.array([20.0, 30.0, 50.0]), np.array([30.0, 30.0, 40.0]))[0], 4)
    0.1
    """

    name: ClassVar[str] = "linf"

    threshold: float = Default(0.1)
    critical: float = Default(0.3)

    def distance(self, window: FloatArray, reference: FloatArray) -> tuple[float, FloatArray]:
        """L∞ and each cell's difference, from counts."""
        parts = np.abs(shares(window) - shares(reference))
        return float(parts.max(initial=0.0)), parts

    def significance(self, cells: Cells) -> tuple[float, int]:
        """The union bound over all cells; no cell needs to be joined."""
        largest, _ = self.distance(cells.window, cells.reference)
        n, m = float(cells.window.sum()), float(cells.reference.sum())
        pooled = (cells.window + cells.reference) / (n + m)
        pooled = pooled[pooled > 0]
        size = n * m / (n + m)
        tails = _upper_tail(pooled, largest, size) + _upper_tail(1 - pooled, largest, size)
        return float(min(1.0, tails.sum())), len(pooled)

    def expected(self, cells: Cells) -> float:
        """The bound √(2·ln(2B)) standard deviations of the most uncertain of B cells."""
        q = shares(cells.reference)
        q = q[q > 0]
        spread = sqrt(float((q * (1 - q)).max(initial=0.0)) * (1 / cells.window.sum() + 1 / cells.reference.sum()))
        return min(1.0, spread * sqrt(2 * log(2 * max(len(q), 1))))


def _upper_tail(share: FloatArray, excess: float, size: float) -> FloatArray:
    """Probability that a binomial share of `size` rows (not necessarily whole) exceeds its mean by `excess`."""
    hits = size * (share + excess)
    possible = (hits <= size) & (share > 0) & (hits > 0)
    found = special.betainc(np.where(possible, hits, 1.0), np.where(possible, size - hits + 1, 1.0), share)
    return np.where(possible, found, np.where((hits <= 0) & (share > 0), 1.0, 0.0))
