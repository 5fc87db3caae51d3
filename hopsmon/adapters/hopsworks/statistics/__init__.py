"""Hopsworks' descriptive statistics as a baseline: what each form can honestly give, and why. No client, no I/O."""

from __future__ import annotations

from hopsmon.adapters.hopsworks.statistics.baseline import baseline_of_statistics
from hopsmon.adapters.hopsworks.statistics.descriptive import DescriptiveStatistics
from hopsmon.adapters.hopsworks.statistics.notices import Notice

__all__ = ["DescriptiveStatistics", "Notice", "baseline_of_statistics"]
