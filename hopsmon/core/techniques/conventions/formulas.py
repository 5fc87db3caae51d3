"""Formulas: distances between two arrays of shares that several libraries have in common."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
from scipy import special

from hopsmon.core.batch import FloatArray


def psi(p: FloatArray, q: FloatArray) -> float:
    """Σ (p - q) · ln(p / q); both without zeros.

    >>> round(psi(np.array([0.2, 0.8]), np.array([0.4, 0.6])), 4)
    0.1962
    """
    return float(np.sum((p - q) * np.log(p / q)))


def kl(p: FloatArray, q: FloatArray) -> float:
    """Σ p · ln(p / q), in nats; both add up to 1.

    >>> round(kl(np.array([0.5, 0.5]), np.array([0.25, 0.75])), 4)
    0.1438
    """
    return float(special.rel_entr(p, q).sum())


def js_divergence(p: FloatArray, q: FloatArray, base: float | None = None) -> float:
    """Jensen–Shannon divergence in nats, or in units of the base's logarithm: 0 to ln 2, or to 1 in base 2.

    >>> js_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0]), base=2)
    1.0
    """
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    nats = float(special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()) / 2
    return max(nats, 0.0) / (log(base) if base else 1.0)


def js_distance(p: FloatArray, q: FloatArray, base: float | None = None) -> float:
    """The square root of the Jensen–Shannon divergence."""
    return sqrt(js_divergence(p, q, base))


def hellinger(p: FloatArray, q: FloatArray) -> float:
    """√(½ Σ (√p - √q)²), from 0 to 1.

    >>> hellinger(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    return float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2))


def largest_gap(ascending: FloatArray, other: FloatArray) -> float:
    """Kolmogorov–Smirnov distance of two ascending samples.

    >>> largest_gap(np.array([1.0, 2, 3, 4]), np.array([2.0, 3, 4, 5]))
    0.25
    """
    points = np.concatenate((ascending, other))
    below = [np.searchsorted(side, points, "right") / len(side) for side in (ascending, other)]
    return float(np.abs(below[0] - below[1]).max())
