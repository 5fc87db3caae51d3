"""hellinger: Hellinger distance over the baseline's bins or labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.cell_distances import Divergence, shares
from hopsmon.core.techniques.parameters import Default


@dataclass(frozen=True, slots=True)
class Hellinger(Divergence):
    """How far the square roots of two histograms lie apart.

    H = √(½ Σ (√pᵢ - √qᵢ)²), p and q: share of cell i in the window and in the reference. Cells as for psi: bins or
    labels, all other labels, below, above, null, non-finite and wrong type.

    From 0 (identical) to 1 (nothing in common), no unit; a shift of a normal feature by d standard deviations gives
    about 0.35·d. Without drift it is about √((cells - 1)/8 · (1/n + 1/m)): 0.12 at 200 rows. The verdict also asks
    8·n·m/(n+m) · H², over cells joined until 5 values are expected in each, to exceed chi-square's 1 - alpha quantile
    (and Pearson's statistic too). Misleads about rare cells: roots make much of a small share that vanishes.

    Default thresholds: 0.1 is a warning, as in Evidently (documentation, 2024); 0.2 critical, about half a standard
    deviation. At least 30 rows. Reference: Hellinger, Journal für die reine und angewandte Mathematik 136, 1909;
    Cressie & Read, Journal of the Royal Statistical Society B 46(3), 1984 (Freeman-Tukey's statistic, its chi-square
    form).

    >>> import numpy as np
    >>> technique = Hellinger()
    >>> round(technique.distance(np.array([20.0, 30.0, 50.0]), np.array([30.0, 30.0, 40.0]))[0], 4)
    0.0885
    """

    name: ClassVar[str] = "hellinger"
    scale: ClassVar[float] = 8.0
    is_root: ClassVar[bool] = True

    threshold: float = Default(0.1)
    critical: float = Default(0.2)

    @staticmethod
    def parts(window: FloatArray, reference: FloatArray) -> FloatArray:
        """Each cell's part of H², from counts."""
        return np.asarray((np.sqrt(shares(window)) - np.sqrt(shares(reference))) ** 2 / 2)
