"""Drift techniques: one feature of a closed window against the baseline. The table below names them."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.core.techniques.drift.chi2 import ChiSquare
from hopsmon.core.techniques.drift.ks import KolmogorovSmirnov
from hopsmon.core.techniques.drift.null_share import NullShare
from hopsmon.core.techniques.drift.psi import PopulationStabilityIndex
from hopsmon.core.techniques.protocols import WindowTechnique

DRIFT: Mapping[str, type[WindowTechnique]] = {
    "psi": PopulationStabilityIndex,
    "ks": KolmogorovSmirnov,
    "chi2": ChiSquare,
    "null_share": NullShare,
}
