"""Outlier techniques: single instances against the baseline."""
