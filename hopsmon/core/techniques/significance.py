"""Significance: how likely a difference between two samples is without drift. Counts in, p-values out; never NaN."""

from __future__ import annotations

from math import sqrt

import numpy as np
from scipy import special

from hopsmon.core.batch import FloatArray

# Expected counts below 5 make chi-square's approximation poor (Cochran, Biometrics 10(4), 1954).
LEAST_EXPECTED = 5.0

# One default for all techniques. 20 features judged hourly are 480 verdicts a day and technique: at 0.001 one of them
# is a false alarm every other day, at 0.0001 one in three weeks. Less costs little: from 0.001 to 0.0001 the smallest
# KS distance found in 500 rows goes from 0.09 to 0.10, about the size that matters at all.
DEFAULT_ALPHA = 1e-4

# At 30 rows a KS distance must be 0.41 to be significant at DEFAULT_ALPHA: a shift by a standard deviation. With fewer
# rows there is nothing to find that a look at them would not show.
DEFAULT_MIN_ROWS = 30


def chi_square_p(statistic: float, degrees: int) -> float:
    """Probability of a larger chi-square statistic; 1 without degrees of freedom.

    >>> round(chi_square_p(3.841, 1), 3)
    0.05
    """
    return float(special.chdtrc(degrees, max(statistic, 0.0))) if degrees > 0 else 1.0


def kolmogorov_p(distance: float, n: float, m: float) -> float:
    """Asymptotic p-value of a two-sample KS distance; too large (safe) for values with ties and small samples.

    >>> round(kolmogorov_p(0.0859, 500, 500), 2)
    0.05
    """
    return float(special.kolmogorov(distance * sqrt(n * m / (n + m))))


def kolmogorov_exact_p(distance: float, n: int, m: int) -> float:
    """p-value of a two-sample KS distance of raw samples, from the one-sample law at n·m/(n+m) rows, as scipy's.

    >>> round(kolmogorov_exact_p(0.0859, 500, 500), 2)
    0.05
    """
    from scipy import stats  # takes half a second to import, and only raw samples ask for it

    return float(stats.kstwo.sf(distance, max(1, round(n * m / (n + m)))))


def welch_p(change: float, window: tuple[float, int], reference: tuple[float, int]) -> tuple[float, float]:
    """Welch's t and its two-sided p-value for a difference of means; each side's standard deviation and size.

    Scale-free: standard deviations of any size are fine. Without spread on either side, or below two values, p is 1
    where nothing changed and 0 where something did.

    >>> t, p = welch_p(1.0, (2.0, 50), (1.0, 500))
    >>> round(t, 3), round(p, 5)
    (3.492, 0.00099)
    """
    (s, n), (r, m) = window, reference
    unit = max(s, r)
    if unit <= 0 or min(n, m) < 2:
        return 0.0, 0.0 if change and min(n, m) > 1 else 1.0
    a, b = (s / unit) ** 2 / n, (r / unit) ** 2 / m
    t = change / unit / sqrt(a + b)
    degrees = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1))
    return t, 2 * float(special.stdtr(degrees, -abs(t)))


def student_p(change: float, window: tuple[float, int], reference: tuple[float, int]) -> tuple[float, float]:
    """Student's t (one spread for both sides) and its two-sided p-value; arguments as for `welch_p`.

    >>> t, p = student_p(1.0, (2.0, 50), (1.0, 500))
    >>> round(t, 2), p < 1e-7
    (5.99, True)
    """
    (s, n), (r, m) = window, reference
    unit = max(s, r)
    if unit <= 0 or min(n, m) < 2:
        return 0.0, 0.0 if change and min(n, m) > 1 else 1.0
    pooled = ((n - 1) * (s / unit) ** 2 + (m - 1) * (r / unit) ** 2) / (n + m - 2)
    t = change / unit / sqrt(pooled * (1 / n + 1 / m))
    return t, 2 * float(special.stdtr(n + m - 2, -abs(t)))


def contingency_p(window: FloatArray, reference: FloatArray) -> tuple[float, int, float]:
    """Pearson's chi-square over a 2 × k table, its degrees of freedom and p-value; both rows are samples.

    >>> statistic, degrees, p = contingency_p(np.array([10.0, 20.0]), np.array([20.0, 20.0]))
    >>> round(statistic, 4), degrees, round(p, 4)
    (1.9444, 1, 0.1632)
    """
    table, expected = _table(window, reference)
    if not len(table):
        return 0.0, 0, 1.0
    statistic = float(((table - expected) ** 2 / expected).sum())
    degrees = table.shape[1] - 1
    return statistic, degrees, chi_square_p(statistic, degrees)


def g_contingency_p(window: FloatArray, reference: FloatArray) -> tuple[float, int, float]:
    """The likelihood-ratio statistic G over a 2 × k table, its degrees of freedom and p-value.

    >>> statistic, degrees, p = g_contingency_p(np.array([10.0, 20.0]), np.array([20.0, 20.0]))
    >>> round(statistic, 4), degrees, round(p, 4)
    (1.9645, 1, 0.161)
    """
    table, expected = _table(window, reference)
    if not len(table):
        return 0.0, 0, 1.0
    statistic = max(2 * float(special.xlogy(table, table / expected).sum()), 0.0)
    degrees = table.shape[1] - 1
    return statistic, degrees, chi_square_p(statistic, degrees)


def _table(window: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The 2 × k table without empty columns and what is expected in it; nothing where there is nothing to compare."""
    table = np.stack([window, reference])
    table = table[:, table.sum(axis=0) > 0]
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    if not rows.all() or len(columns) < 2:
        return np.empty((0, 0)), np.empty((0, 0))
    return table, rows[:, None] * columns / rows.sum()


def two_proportions_p(hits: int, n: int, reference_hits: int, m: int) -> float:
    """Two-sided p-value that `hits` of `n` and `reference_hits` of `m` have the same share.

    Chi-square where all four expected counts reach 5, else Fisher's exact test with the smaller tail doubled
    (Agresti, Categorical Data Analysis, 2002, 3.5): exact at zero counts, where the approximation fails.

    >>> two_proportions_p(0, 50, 0, 1000)
    1.0
    >>> two_proportions_p(5, 50, 0, 1000) < 1e-4
    True
    """
    total_hits = hits + reference_hits
    rarer = min(total_hits, n + m - total_hits)
    if not (rarer and n and m):
        return 1.0
    if rarer * min(n, m) / (n + m) >= LEAST_EXPECTED:
        misses = np.array([hits, n - hits], np.float64), np.array([reference_hits, m - reference_hits], np.float64)
        return contingency_p(*misses)[2]
    return _fisher_p(hits, n, total_hits, n + m)


def _fisher_p(hits: int, n: int, total_hits: int, total: int) -> float:
    low, high = max(0, n - (total - total_hits)), min(n, total_hits)
    k = np.arange(low, high + 1, dtype=np.float64)
    log_weights = _log_choose(total_hits, k) + _log_choose(total - total_hits, n - k)
    probability = np.exp(log_weights - _log_choose(total, np.float64(n)))
    at = hits - low
    tail = min(probability[: at + 1].sum(), probability[at:].sum())
    return float(min(1.0, 2.0 * tail))


def _log_choose(n: int, k: FloatArray | np.float64) -> FloatArray:
    return np.asarray(special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0))
