"""Drift techniques: a closed window against the baseline."""
