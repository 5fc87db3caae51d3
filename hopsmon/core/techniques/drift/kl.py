"""kl: Kullback-Leibler divergence over the baseline's bins or labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.cell_distances import Divergence, filled_shares, shares
from hopsmon.core.techniques.parameters import Default


@dataclass(frozen=True, slots=True)
class KullbackLeibler(Divergence):
    """How badly the reference's histogram describes the window.

    KL(window ‖ reference) = Σ pᵢ · ln(pᵢ / qᵢ), p and q: share of cell i in the window and in the reference. Cells as
    for psi: bins or labels, all other labels, below, above, null, non-finite and wrong type. A cell that only the
    reference lacks counts as half a value there; pᵢ - qᵢ is subtracted from each part, so that none is negative (the
    sum stays the same).

    From 0 (identical) upwards, in nats; a shift of a normal feature by d standard deviations gives about d²/2. Without
    drift it averages (cells - 1)/2 · (1/n + 1/m). The verdict also asks 2·n·m/(n+m) · KL, over cells joined until 5
    values are expected in each, to exceed chi-square's 1 - alpha quantile (and Pearson's statistic too). Misleads by
    its asymmetry: what the window lacks hardly counts, what the reference lacks counts much.

    Default thresholds: 0.05 is a warning, 0.125 critical: half of psi's, which is the sum of both directions. At least
    30 rows. Reference: Kullback & Leibler, Annals of Mathematical Statistics 22(1), 1951; Wilks, ibid. 9(1), 1938.

    >>> import numpy as np
    >>> round(float(KullbackLeibler.parts(np.array([20.0, 30.0, 50.0]), np.array([30.0, 30.0, 40.0])).sum()), 4)
    0.0305
    """

    name: ClassVar[str] = "kl"
    scale: ClassVar[float] = 2.0
    is_root: ClassVar[bool] = False

    threshold: float = Default(0.05)
    critical: float = Default(0.125)

    @staticmethod
    def parts(window: FloatArray, reference: FloatArray) -> FloatArray:
        """Each cell's part of the divergence, from counts."""
        p, q = shares(window), shares(reference)
        return np.asarray(special.kl_div(p, np.where((p > 0) & (q == 0), filled_shares(reference), q)))
