"""Outlier techniques: single instances against the baseline. The table below names them."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.core.techniques.outliers.iqr import InterquartileRange
from hopsmon.core.techniques.outliers.isolation_forest import IsolationForest
from hopsmon.core.techniques.outliers.knn_distance import KnnDistance
from hopsmon.core.techniques.outliers.mahalanobis import Mahalanobis
from hopsmon.core.techniques.outliers.range import Range
from hopsmon.core.techniques.outliers.rare_combination import RareCombination
from hopsmon.core.techniques.outliers.robust_z import RobustZ
from hopsmon.core.techniques.outliers.unseen_category import UnseenCategory
from hopsmon.core.techniques.outliers.z_score import ZScore
from hopsmon.core.techniques.protocols import InstanceTechnique

OUTLIERS: Mapping[str, type[InstanceTechnique]] = {
    "range": Range,
    "z_score": ZScore,
    "robust_z": RobustZ,
    "iqr": InterquartileRange,
    "unseen_category": UnseenCategory,
    "rare_combination": RareCombination,
    "mahalanobis": Mahalanobis,
    "isolation_forest": IsolationForest,
    "knn_distance": KnnDistance,
}
