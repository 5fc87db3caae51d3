"""Deequ's numbers (and so SageMaker Model Monitor's): L-infinity of distribution functions or shares, chi-square, PSI.

`linf` is the "robust" distance of SageMaker: what is left of the distance above a bound for chance, 1.8 · √((n+m)/nm).
`ks` is the "simple" one of numbers, the Kolmogorov–Smirnov distance itself. Deequ reads ranks from KLL sketches, here
they are exact. `chi2` is one-sample: the reference's shares are taken as the truth; labels that it does not hold are
left out; small ones are joined with the next larger until the test's rules of thumb hold. Of equally small labels the
first in the alphabet goes first (in Deequ that is the hash map's business). `psi` takes the reference's deciles, as
Deequ's own test does (Deequ leaves the buckets to its caller), and is infinite where one of them is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.techniques.conventions.formulas import largest_gap, psi
from hopsmon.core.techniques.conventions.rules import Measured, Peer, Rule, Verdict, refuse
from hopsmon.core.techniques.conventions.samples import Labels, Numbers, labels_of, numbers_of, sample_of
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, Pair
from hopsmon.core.techniques.significance import chi_square_p

_CHANCE = 1.8  # c(alpha) at alpha 0.003 (Knuth, The Art of Computer Programming 2, 3.3.1, equation 15)
_YATES, _YATES_SHARE, _COCHRAN = 5, 0.2, 10  # least expected counts: of 3 labels and more; of 2
_THRESHOLD = 0.1  # SageMaker's comparison_threshold and categorical_comparison_threshold


def simple(sample: Numbers | Labels) -> float:
    """The largest difference of the distribution functions, or of a label's share."""
    if isinstance(sample, Numbers):
        return largest_gap(sample.current, sample.reference)
    reference, current = sample.shares
    return float(np.abs(current - reference).max())


def robust(distance: float, n: float, m: float, alpha: float | None = None) -> float:
    """What chance does not explain of a distance between samples of n and m values.

    >>> round(robust(0.5, 100, 100), 4)
    0.2454
    """
    chance = _CHANCE if alpha is None else sqrt(-log(alpha / 2) / 2)
    return max(0.0, distance - chance * sqrt((n + m) / (n * m)))


def _sizes(sample: Numbers | Labels) -> tuple[int, int]:
    if isinstance(sample, Numbers):
        return len(sample.current), len(sample.reference)
    return int(sample.current.sum()), int(sample.reference.sum())


def _linf(pair: Pair) -> Measured:
    sample = sample_of(pair)
    n, m = _sizes(sample)
    distance = simple(sample)
    return Measured(robust(distance, n, m), n, details={"method": "linf_robust", "linf_simple": distance})


def _ks(pair: Pair) -> Measured:
    sample = numbers_of(pair)
    return Measured(simple(sample), len(sample.current), details={"method": "linf_simple"})


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """The outcome of Deequ's test; NaN where fewer than two labels are left."""

    statistic: float
    p_value: float
    labels: int


def chi_square(labels: Labels) -> ChiSquare:
    """Pearson's test of the window's counts against the reference's shares, small labels joined."""
    known = np.flatnonzero(labels.reference)
    observed = labels.current[known]
    expected = labels.reference[known] / labels.reference.sum() * observed.sum()
    while len(expected) > 1 and _too_small(expected):
        smallest, second = np.argsort(expected, kind="stable")[:2]
        for counts in (observed, expected):
            counts[second] += counts[smallest]
        observed, expected = np.delete(observed, smallest), np.delete(expected, smallest)
    if len(expected) < 2:
        return ChiSquare(np.nan, np.nan, len(expected))
    expected = expected * (observed.sum() / expected.sum())
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return ChiSquare(statistic, chi_square_p(statistic, len(expected) - 1), len(expected))


def _too_small(expected: FloatArray) -> bool:
    """Cochran's rule for two labels; Yates, Moore and McCabe's for more."""
    if len(expected) == 2:
        return bool((expected < _COCHRAN).any())
    return int((expected < _YATES).sum()) > int(_YATES_SHARE * len(expected))


def _chi2(pair: Pair) -> Measured:
    labels = labels_of(pair)
    n = int(labels.current.sum())
    test = chi_square(labels)
    if np.isnan(test.statistic):
        refuse("Deequ gives NaN: fewer than two labels are left that the reference expects often enough", n)
    return Measured(test.statistic, n, test.p_value, {"labels": test.labels})


def buckets_psi(actual: FloatArray, expected: FloatArray) -> float:
    """PSI of two arrays of counts, without any smoothing: infinite where one side alone is empty, NaN where both."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return psi(actual / actual.sum(), expected / expected.sum())


def _psi(pair: Pair) -> Measured:
    sample = sample_of(pair)
    buckets = _deciles(sample) if isinstance(sample, Numbers) else sample
    n = int(buckets.current.sum())
    score = buckets_psi(buckets.current, buckets.reference)
    if not np.isfinite(score):
        refuse("Deequ divides by zero: a bucket is empty on one side", n)
    return Measured(score, n, details={"buckets": len(buckets.names)})


def _deciles(sample: Numbers) -> Labels:
    edges = np.unique(np.quantile(sample.reference, np.linspace(0, 1, 11)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, side, "right"), minlength=len(edges) + 1).astype(np.float64)
        for side in (sample.reference, sample.current)
    ]
    return Labels(tuple(map(str, range(len(edges) + 1))), counts[0], counts[1])


def _defaults(_kind: FeatureType, _n_ref: int, _distinct: int) -> tuple[str, ...]:
    """SageMaker's choice."""
    return ("linf",)


DEEQU = Peer(
    version="2.0.21",
    rules={
        "linf": Rule(_linf, Verdict.ABOVE, _THRESHOLD),
        "ks": Rule(_ks, Verdict.ABOVE, _THRESHOLD, types=NUMBERS),
        "chi2": Rule(_chi2, Verdict.P_BELOW, _THRESHOLD, types=LABELS),
        "psi": Rule(_psi, Verdict.AT_LEAST),
    },
    defaults=_defaults,
)
