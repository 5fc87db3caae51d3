"""Comparison: two data sets in memory, by the code paths of the stream. `hopsmon.compare` and what it gives."""

from hopsmon.comparison.result import Comparison
from hopsmon.comparison.run import compare

__all__ = ["Comparison", "compare"]
