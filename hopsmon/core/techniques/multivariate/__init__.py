"""Multivariate drift: all features of a closed window together. The table below names the techniques."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.core.techniques.multivariate.domain_classifier import DomainClassifier
from hopsmon.core.techniques.multivariate.mahalanobis_mean import MahalanobisMean
from hopsmon.core.techniques.multivariate.mmd import MaximumMeanDiscrepancy
from hopsmon.core.techniques.multivariate.pca_reconstruction import PcaReconstruction
from hopsmon.core.techniques.protocols import WindowTechnique

MULTIVARIATE: Mapping[str, type[WindowTechnique]] = {
    "domain_classifier": DomainClassifier,
    "pca_reconstruction": PcaReconstruction,
    "mmd": MaximumMeanDiscrepancy,
    "mahalanobis_mean": MahalanobisMean,
}
