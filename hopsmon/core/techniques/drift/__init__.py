"""Drift techniques: one feature of a closed window against the baseline. The table below names them."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.core.techniques.drift.anderson_darling import AndersonDarling
from hopsmon.core.techniques.drift.chi2 import ChiSquare
from hopsmon.core.techniques.drift.cvm import CramerVonMises
from hopsmon.core.techniques.drift.energy import EnergyDistance
from hopsmon.core.techniques.drift.g_test import GTest
from hopsmon.core.techniques.drift.hellinger import Hellinger
from hopsmon.core.techniques.drift.js import JensenShannon
from hopsmon.core.techniques.drift.kl import KullbackLeibler
from hopsmon.core.techniques.drift.ks import KolmogorovSmirnov
from hopsmon.core.techniques.drift.linf import LInfinity
from hopsmon.core.techniques.drift.mean_shift import MeanShift
from hopsmon.core.techniques.drift.null_share import NullShare
from hopsmon.core.techniques.drift.psi import PopulationStabilityIndex
from hopsmon.core.techniques.drift.statistic_change import StatisticChange
from hopsmon.core.techniques.drift.tvd import TotalVariation
from hopsmon.core.techniques.drift.unseen_categories import UnseenCategories
from hopsmon.core.techniques.drift.vanished_categories import VanishedCategories
from hopsmon.core.techniques.drift.variance_shift import VarianceShift
from hopsmon.core.techniques.drift.wasserstein import Wasserstein
from hopsmon.core.techniques.protocols import WindowTechnique

DRIFT: Mapping[str, type[WindowTechnique]] = {
    "psi": PopulationStabilityIndex,
    "kl": KullbackLeibler,
    "js": JensenShannon,
    "hellinger": Hellinger,
    "tvd": TotalVariation,
    "linf": LInfinity,
    "wasserstein": Wasserstein,
    "ks": KolmogorovSmirnov,
    "cvm": CramerVonMises,
    "anderson_darling": AndersonDarling,
    "energy": EnergyDistance,
    "chi2": ChiSquare,
    "g_test": GTest,
    "mean_shift": MeanShift,
    "variance_shift": VarianceShift,
    "null_share": NullShare,
    "unseen_categories": UnseenCategories,
    "vanished_categories": VanishedCategories,
    "statistic_change": StatisticChange,
}
