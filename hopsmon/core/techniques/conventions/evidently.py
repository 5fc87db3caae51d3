"""Evidently's numbers. NaN and infinities are dropped; for tests the score is the p-value, as in its reports.

Bins: numpy's "sturges" over both sides pooled where the reference has more than 20 distinct numbers, else every number
is a bin of its own. PSI and KL fill empty bins with 0.0001 (or less) and do not renormalise. Its chi-square takes the
reference as the truth, so one unseen label gives p = 0; its G-test wants equally many rows on both sides. Cramér–von
Mises goes wrong with ties, as scipy's does; where both sides have 20 values or fewer Evidently crashes under numpy 2,
here is scipy's exact p-value. None of that is hopsmon's default. (numpy 2.1 and later make no bin of an integer column
narrower than 1; Evidently's numbers here are those without that.)

`chi2` on a numeric feature stands for what Evidently runs by itself on numbers of at most five distinct values: the
z-test for two, chi-square for more. `mean_shift` is its t-test on numbers and its z-test on labels. The score of `tvd`
is the distance; Evidently shows the p-value of a permutation test instead, which here has a seed of its own, so it
agrees to about ± 0.03 only.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import sqrt

import numpy as np
import scipy
from scipy import special

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.techniques.conventions import formulas
from hopsmon.core.techniques.conventions.rules import Measured, Peer, Rule, Verdict, refuse
from hopsmon.core.techniques.conventions.samples import Labels, Numbers, labels_of, numbers_of, sample_of
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, Pair

_FEW = 20  # up to so many distinct numbers are bins of their own
_CLIFF = 1_000  # rows of the reference from which on Evidently takes distances instead of tests
_TRIES = 1_000  # permutations of the test of total variation
_LEAST_NORM = 0.001  # of the Wasserstein distance


def _shares(pair: Pair, fill: bool) -> tuple[FloatArray, FloatArray, Measured]:
    """Shares of reference and window by bin; and an outcome without a score, to be filled in."""
    sample = sample_of(pair)
    if isinstance(sample, Labels):
        method, (reference, current), n = "labels", sample.shares, int(sample.current.sum())
    elif len(np.unique(sample.reference)) > _FEW:
        method, n = "sturges", len(sample.current)
        edges = np.histogram_bin_edges(sample.pooled, bins="sturges")
        reference, current = (np.histogram(side, edges)[0] / len(side) for side in (sample.reference, sample.current))
    else:
        method, (reference, current), n = "values", sample.as_labels().shares, len(sample.current)
    if fill:
        reference, current = _filled(reference), _filled(current)
    return reference, current, Measured(0.0, n, details={"bins": len(reference), "method": method})


def _filled(shares: FloatArray) -> FloatArray:
    """Evidently's stand-in for an empty bin."""
    least = shares[shares > 0].min()
    return np.where(shares > 0, shares, least / 1e6 if least <= 1e-4 else 1e-4)


def _on_shares(distance: Callable[[FloatArray, FloatArray], float], fill: bool = False) -> Callable[[Pair], Measured]:
    def measure(pair: Pair) -> Measured:
        reference, current, frame = _shares(pair, fill)
        return Measured(distance(reference, current), frame.n, details=frame.details)

    return measure


def _kl(reference: FloatArray, current: FloatArray) -> float:
    return formulas.kl(reference / reference.sum(), current / current.sum())


def _hellinger(pair: Pair) -> Measured:
    """Labels: on shares. Numbers: on bins whose number goes by how many distinct values there are."""
    sample = sample_of(pair)
    if isinstance(sample, Labels):
        reference, current = sample.shares
        overlap, bins, n = float(np.sqrt(reference * current).sum()), len(sample.names), int(sample.current.sum())
    else:
        edges = np.histogram_bin_edges(np.unique(sample.pooled), bins="sturges")
        heights = [np.histogram(side, edges, density=True)[0] for side in (sample.reference, sample.current)]
        bins, n = len(edges) - 1, len(sample.current)
        overlap = float(np.sqrt(heights[0] * heights[1]).sum()) * float(edges[-1] - edges[0]) / bins
    return Measured(sqrt(1 - min(max(overlap, 0.0), 1.0)), n, details={"bins": bins})


def _wasserstein(pair: Pair) -> Measured:
    sample = numbers_of(pair)
    norm = max(float(sample.reference.std()), _LEAST_NORM)
    raw = float(scipy.stats.wasserstein_distance(sample.reference, sample.current))
    return Measured(raw / norm, len(sample.current), details={"raw": raw, "norm": norm})


def _energy(pair: Pair) -> Measured:
    sample = numbers_of(pair)
    return Measured(float(scipy.stats.energy_distance(sample.reference, sample.current)), len(sample.current))


def _tested(n: int, p_value: float, statistic: float | None = None, **details: float) -> Measured:
    """The outcome of a test: Evidently's score is the p-value."""
    if np.isnan(p_value):
        refuse("Evidently gives p = NaN here and reports no drift", n)
    if statistic is not None and np.isfinite(statistic):  # JSON knows no infinity
        details["statistic"] = statistic
    p_value = min(max(float(p_value), 0.0), 1.0)
    return Measured(p_value, n, p_value, details)


def _two_samples(test: Callable[[Numbers], tuple[float, float]]) -> Callable[[Pair], Measured]:
    """A test of scipy's on two samples: statistic and p-value."""

    def measure(pair: Pair) -> Measured:
        sample = numbers_of(pair)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # capped p-values, constant samples: the outcome says it
                statistic, p_value = test(sample)
        except ValueError as error:  # too few values, or only one distinct: Evidently raises the same
            refuse(f"Evidently raises here: {error}", len(sample.current))
        return _tested(len(sample.current), float(p_value), float(statistic))

    return measure


def _ks(sample: Numbers) -> tuple[float, float]:
    found = scipy.stats.ks_2samp(sample.reference, sample.current)
    return found.statistic, found.pvalue


def _cvm(sample: Numbers) -> tuple[float, float]:
    found = scipy.stats.cramervonmises_2samp(sample.reference, sample.current)
    return found.statistic, found.pvalue


def _anderson(sample: Numbers) -> tuple[float, float]:
    if len(sample.reference) + len(sample.current) < 3:
        raise ValueError("the k-sample Anderson-Darling test needs at least three values")  # scipy: an IndexError
    found = scipy.stats.anderson_ksamp([sample.reference, sample.current])
    return found.statistic, found.pvalue


def _t_test(sample: Numbers) -> tuple[float, float]:
    found = scipy.stats.ttest_ind(sample.reference, sample.current)
    return found.statistic, found.pvalue


def _mean_shift(pair: Pair) -> Measured:
    return _two_samples(_t_test)(pair) if pair.kind in NUMBERS else _z_test(labels_of(pair))


def _z_test(labels: Labels) -> Measured:
    """Are the shares of the first label the same? Evidently asks it of two labels, but computes it for more as well."""
    n, m = labels.current.sum(), labels.reference.sum()
    if len(labels.names) == 1:
        return _tested(int(n), 1.0)
    others = m - labels.reference[0], n - labels.current[0]
    pooled = sum(others) / (n + m)
    with np.errstate(all="ignore"):
        z = float((others[0] / m - others[1] / n) / np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n)))
    # 1 minus a distribution function, as Evidently has it: differences below 1e-16 become 0.
    return _tested(int(n), 2 * (1 - float(special.ndtr(abs(z)))), z)


def _chi2(pair: Pair) -> Measured:
    if pair.kind not in NUMBERS:
        return _chi_square(labels_of(pair))
    values = numbers_of(pair).as_labels()
    if len(values.names) > 5:
        refuse(f"Evidently tests numbers by chi-square up to 5 distinct values; here are {len(values.names)}")
    return _chi_square(values) if len(values.names) > 2 else _z_test(values)


def _chi_square(labels: Labels) -> Measured:
    return _against(labels, labels.reference * (labels.current.sum() / labels.reference.sum()), 1.0)


def _g_test(pair: Pair) -> Measured:
    labels = labels_of(pair)
    if abs(labels.reference.sum() - labels.current.sum()) > 1.5e-8 * labels.current.sum():
        refuse("Evidently's G-test raises where the two sides have not equally many values", int(labels.current.sum()))
    return _against(labels, labels.reference, 0.0)


def _against(labels: Labels, expected: FloatArray, power: float) -> Measured:
    """Cressie–Read test of the window's counts against these: power 1 is Pearson's, 0 the likelihood ratio's."""
    observed = labels.current
    with np.errstate(all="ignore"):
        parts = (observed - expected) ** 2 / expected if power else 2 * special.xlogy(observed, observed / expected)
    statistic, degrees = float(parts.sum()), len(labels.names) - 1
    p_value = float(special.chdtrc(degrees, statistic)) if degrees else np.nan
    return _tested(int(observed.sum()), p_value, statistic, labels=len(labels.names))


def _tvd(pair: Pair) -> Measured:
    labels = labels_of(pair)
    reference, current = labels.shares
    distance = 0.5 * float(np.abs(reference - current).sum())
    total = (labels.reference + labels.current).astype(np.int64)
    m = int(labels.reference.sum())
    draws = np.random.default_rng(0).multivariate_hypergeometric(total, m, size=_TRIES, method="marginals")
    distances = 0.5 * np.abs(draws / m - (total - draws) / (total.sum() - m)).sum(axis=1)
    p_value = float(np.mean(distances >= distance - 1e-12))
    return Measured(distance, int(labels.current.sum()), p_value, {"permutations": _TRIES})


def _defaults(kind: FeatureType, n_ref: int, distinct: int) -> tuple[str, ...]:
    """Tests up to 1,000 rows of reference, distances beyond."""
    numeric = kind in NUMBERS
    if n_ref > _CLIFF:
        return ("wasserstein",) if numeric and distinct > 5 else ("js",)
    if numeric:
        return ("ks",) if distinct > 5 else ("chi2",)
    return ("chi2",) if distinct > 2 else ("mean_shift",)


EVIDENTLY = Peer(
    version="0.7.23",
    rules={
        "psi": Rule(_on_shares(formulas.psi, fill=True), Verdict.AT_LEAST, 0.1),
        "kl": Rule(_on_shares(_kl, fill=True), Verdict.AT_LEAST, 0.1),
        "js": Rule(_on_shares(formulas.js_distance), Verdict.AT_LEAST, 0.1),
        "hellinger": Rule(_hellinger, Verdict.AT_LEAST, 0.1),
        "wasserstein": Rule(_wasserstein, Verdict.AT_LEAST, 0.1, types=NUMBERS),
        "energy": Rule(_energy, Verdict.ABOVE, 0.1, types=NUMBERS),
        "ks": Rule(_two_samples(_ks), Verdict.P_AT_MOST, 0.05, types=NUMBERS),
        "cvm": Rule(_two_samples(_cvm), Verdict.P_AT_MOST, 0.1, types=NUMBERS),
        "anderson_darling": Rule(_two_samples(_anderson), Verdict.P_BELOW, 0.1, types=NUMBERS),
        "mean_shift": Rule(_mean_shift, Verdict.P_BELOW, 0.05),
        "chi2": Rule(_chi2, Verdict.P_BELOW, 0.05),
        "g_test": Rule(_g_test, Verdict.P_BELOW, 0.1, types=LABELS),
        "tvd": Rule(_tvd, Verdict.P_BELOW, 0.1, types=LABELS),
    },
    defaults=_defaults,
)
