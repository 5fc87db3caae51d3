"""js: Jensen-Shannon distance over the baseline's bins or labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.cell_distances import Divergence, shares
from hopsmon.core.techniques.parameters import Default


@dataclass(frozen=True, slots=True)
class JensenShannon(Divergence):
    """How far window and reference lie from the histogram half-way between them.

    JS = √(½ Σ pᵢ·ln(pᵢ/mᵢ) + ½ Σ qᵢ·ln(qᵢ/mᵢ)), mᵢ = (pᵢ + qᵢ)/2, p and q: share of cell i in the window and in the
    reference. Cells as for psi: bins or labels, all other labels, below, above, null, non-finite and wrong type. It is
    the distance (the root of the divergence) with natural logarithms, as in scipy; divide by √ln 2 for base 2.

    From 0 (identical) to 0.8326 = √ln 2 (nothing in common), no unit; a shift of a normal feature by d standard
    deviations gives about 0.35·d. Without drift it is about √((cells - 1)/8 · (1/n + 1/m)): 0.12 at 200 rows. The
    verdict also asks 8·n·m/(n+m) · JS², over cells joined until 5 values are expected in each, to exceed chi-square's
    1 - alpha quantile (and Pearson's statistic too). Misleads about size: it saturates, so that a unit change ×10 and
    ×1,000 look alike.

    Default thresholds: 0.1 is a warning, as in Evidently and Azure ML (documentation, 2024); 0.2 critical, about half a
    standard deviation. At least 30 rows. Reference: Lin, IEEE Transactions on Information Theory 37(1), 1991; Endres &
    Schindelin, ibid. 49(7), 2003.

    >>> import numpy as np
    >>> technique = JensenShannon()
    >>> round(technique.distance(np.array([20.0, 30.0, 50.0]), np.array([30.0, 30.0, 40.0]))[0], 4)
    0.0884
    """

    name: ClassVar[str] = "js"
    scale: ClassVar[float] = 8.0
    is_root: ClassVar[bool] = True

    threshold: float = Default(0.1)
    critical: float = Default(0.2)

    @staticmethod
    def parts(window: FloatArray, reference: FloatArray) -> FloatArray:
        """Each cell's part of the divergence, from counts."""
        p, q = shares(window), shares(reference)
        middle = (p + q) / 2
        return np.asarray((special.kl_div(p, middle) + special.kl_div(q, middle)) / 2)
