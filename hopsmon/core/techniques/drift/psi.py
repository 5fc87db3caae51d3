"""psi: population stability index over the baseline's bins or labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.techniques.cell_distances import Divergence, divergence_p, filled_shares
from hopsmon.core.techniques.parameters import Default


@dataclass(frozen=True, slots=True)
class PopulationStabilityIndex(Divergence):
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
    scale: ClassVar[float] = 1.0
    is_root: ClassVar[bool] = False

    threshold: float = Default(0.1)
    critical: float = Default(0.25)

    @staticmethod
    def parts(window: FloatArray, reference: FloatArray) -> FloatArray:
        """Each cell's part of the PSI, from counts."""
        p, q = filled_shares(window), filled_shares(reference)
        return np.where(window + reference > 0, (p - q) * np.log(p / q), 0.0)


def psi(window: FloatArray, reference: FloatArray) -> float:
    """PSI of two arrays of counts."""
    return float(PopulationStabilityIndex.parts(window, reference).sum())


def psi_p(window: FloatArray, reference: FloatArray) -> float:
    """Probability of a larger PSI without drift: n·m/(n+m) · PSI ~ chi-square with B - 1 degrees of freedom."""
    return divergence_p(psi(window, reference), window, reference)
