"""Cell distances: what the distances between two rows of counts share, from their cells to their p-value."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.cells import Cells, cells_of
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, Pair, enough
from hopsmon.core.techniques.significance import chi_square_p, contingency_p
from hopsmon.core.techniques.univariate import Conventional

# An empty cell counts as half a value (Haldane, 1956; Anscombe, Biometrika 43, 1956, for the log of a count): sums of
# logarithms stay finite and the term shrinks as the samples grow, unlike with a fixed share such as 0.0001.
_EMPTY_COUNT = 0.5


@dataclass(frozen=True, slots=True)
class CellDistance(Conventional):
    """A distance between the counts of two samples in the same cells."""

    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Histogram, Categories})
    feature_types: ClassVar[frozenset[FeatureType]] = NUMBERS | LABELS

    def compare(self, pair: Pair) -> Finding:
        """The distance over bins or labels, nulls and unusable values being cells of their own."""
        cells = cells_of(pair)
        window, reference = pair.counts()
        enough(window.rows, reference.rows, self.min_rows)
        score, parts = self.distance(cells.window, cells.reference)
        p_value, groups = self.significance(cells.as_sample())
        used = int(np.count_nonzero(cells.window + cells.reference))
        details = {
            "cells": used,
            "groups": groups,
            "expected_without_drift": self.expected(cells),
            "reference_n": reference.rows,
            "moved": cells.moved(parts),
        }
        return self.verdict(pair, score, p_value, window.rows, details)

    @abstractmethod
    def distance(self, window: FloatArray, reference: FloatArray) -> tuple[float, FloatArray]:
        """The distance from counts, and each cell's part in it."""

    @abstractmethod
    def significance(self, cells: Cells) -> tuple[float, int]:
        """The p-value, and how many groups of cells it rests on."""

    @abstractmethod
    def expected(self, cells: Cells) -> float:
        """About how large the distance is without drift."""


@dataclass(frozen=True, slots=True)
class Divergence(CellDistance):
    """A distance that is, to first order, a multiple of Pearson's statistic over effective rows; or its root.

    `scale` · n·m/(n+m) · Σ parts ~ chi-square with cells - 1 degrees of freedom, without drift.
    """

    scale: ClassVar[float]
    is_root: ClassVar[bool]

    @staticmethod
    @abstractmethod
    def parts(window: FloatArray, reference: FloatArray) -> FloatArray:
        """Each cell's part, from counts; 0 or more, 0 for a cell that is empty on both sides."""

    def distance(self, window: FloatArray, reference: FloatArray) -> tuple[float, FloatArray]:
        """The sum of the parts, or its root, and the parts."""
        parts = self.parts(window, reference)
        total = float(parts.sum())
        return (sqrt(total) if self.is_root else total), parts

    def significance(self, cells: Cells) -> tuple[float, int]:
        """The p-value from the chi-square form, over groups of cells.

        The logarithm makes the approximation too eager in small windows (PSI: of 50 unchanged rows 2.5 % have a
        p-value below 1 %). Pearson's statistic is the same to first order and keeps its level, so the larger p-value
        counts.
        """
        groups = cells.grouped()
        own = divergence_p(
            self.scale * float(self.parts(groups.window, groups.reference).sum()), groups.window, groups.reference
        )
        pearson = contingency_p(groups.window, groups.reference)[2]
        return groups.p_value(max(own, pearson)), len(groups.window)

    def expected(self, cells: Cells) -> float:
        """The chi-square's mean, scaled back."""
        n, m = cells.window.sum(), cells.reference.sum()
        used = int(np.count_nonzero(cells.window + cells.reference))
        mean = (used - 1) * (1 / n + 1 / m) / self.scale
        return float(sqrt(mean) if self.is_root else mean)


def divergence_p(scaled: float, window: FloatArray, reference: FloatArray) -> float:
    """Probability of a larger divergence without drift: n·m/(n+m) times the scaled one is chi-square."""
    n, m = float(window.sum()), float(reference.sum())
    used = int(np.count_nonzero(window + reference))
    return chi_square_p(n * m / (n + m) * scaled, used - 1) if n and m else 1.0


def shares(counts: FloatArray) -> FloatArray:
    """Shares of all; 0 without any."""
    return np.asarray(counts / max(float(counts.sum()), 1.0))


def filled_shares(counts: FloatArray) -> FloatArray:
    """Shares in which an empty cell counts as half a value."""
    return np.asarray(np.maximum(counts, _EMPTY_COUNT) / max(float(counts.sum()), 1.0))
