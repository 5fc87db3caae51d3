"""Multiplicity: many questions asked at once, or one after another, and what their p-values and e-values then mean.

At once: Bonferroni, Benjamini-Hochberg (p-values), e-BH (e-values). One after another: LORD++, SAFFRON (independent
p-values), e-LOND (e-values, any dependence); their state is a few numbers.
"""

from __future__ import annotations

import numpy as np

from hopsmon.core.batch import BoolArray, FloatArray
from hopsmon.core.schema import Word


class Correction(Word):
    """How a window's p-values of one technique are corrected for the number of features."""

    NONE = "none"
    BONFERRONI = "bonferroni"
    BENJAMINI_HOCHBERG = "benjamini_hochberg"


def adjusted(p_values: FloatArray, correction: Correction) -> FloatArray:
    """p-values that may be compared with a level as if each were the only one.

    >>> adjusted(np.array([0.01, 0.02, 0.5]), Correction.BENJAMINI_HOCHBERG).round(3).tolist()
    [0.03, 0.03, 0.5]
    """
    if correction is Correction.BONFERRONI:
        return np.minimum(p_values * len(p_values), 1.0)
    if correction is Correction.BENJAMINI_HOCHBERG:
        return benjamini_hochberg(p_values)
    return p_values


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Benjamini & Hochberg's step-up p-values: rejecting those ≤ q keeps the false discovery rate at q.

    For independent or positively dependent p-values (Benjamini & Hochberg, JRSS-B 57(1), 1995).
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * count / np.arange(1, count + 1)
    result = np.empty(count)
    result[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return result


def e_benjamini_hochberg(e_values: FloatArray, level: float) -> BoolArray:
    """Which e-values count as discoveries at false discovery rate `level`, however dependent they are.

    e-BH: the k* largest are rejected, k* = max{k: k · e₍ₖ₎ ≥ K / level} (Wang & Ramdas, JRSS-B 84(3), 2022).

    >>> e_benjamini_hochberg(np.array([300.0, 1.0, 60.0]), 0.05).tolist()
    [True, False, False]
    """
    count = len(e_values)
    order = np.argsort(-e_values, kind="stable")
    enough = np.flatnonzero(e_values[order] * np.arange(1, count + 1) >= count / level)
    rejected = np.zeros(count, np.bool_)
    if len(enough):
        rejected[order[: enough[-1] + 1]] = True
    return rejected
