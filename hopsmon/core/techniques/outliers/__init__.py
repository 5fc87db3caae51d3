"""Outlier techniques: single instances against the baseline. The table below names them."""

from __future__ import annotations

from collections.abc import Mapping

from hopsmon.core.techniques.outliers.range import Range
from hopsmon.core.techniques.outliers.unseen_category import UnseenCategory
from hopsmon.core.techniques.outliers.z_score import ZScore
from hopsmon.core.techniques.protocols import InstanceTechnique

OUTLIERS: Mapping[str, type[InstanceTechnique]] = {
    "range": Range,
    "z_score": ZScore,
    "unseen_category": UnseenCategory,
}
