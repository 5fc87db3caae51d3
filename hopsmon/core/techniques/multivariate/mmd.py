"""mmd: maximum mean discrepancy, any difference between the joint distributions of window and reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import optimize, special
from scipy.spatial.distance import cdist

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.multivariate.samples import DEFAULT_MIN_ROWS, Samples, judge_samples
from hopsmon.core.techniques.pairs import Limits
from hopsmon.core.techniques.parameters import at_least, check_limits
from hopsmon.core.techniques.significance import DEFAULT_ALPHA
from hopsmon.errors import ConfigError

_SEED = 20_260_101
_KERNELS = ("rbf", "energy")
_ENOUGH_LARGER = 10  # permutations with a larger value: then their share is the p-value
_ROWS_EXPLAINED = 250  # of each side: the kernel is computed once more for every feature


@dataclass(frozen=True, slots=True)
class MaximumMeanDiscrepancy:
    """The distance between the joint distributions of window and reference, as a kernel sees it.

    MMD² = mean k(x, x') + mean k(y, y') - 2 mean k(x, y) over pairs of different rows (unbiased), rows encoded (numbers
    standardised, labels as 0/1 columns, missing values marked). kernel `rbf`: k = exp(-|x - y|² / 2σ²), 2σ² the median
    of the reference's |x - x'|²; `energy`: k = -|x - y| / their median, which makes MMD² the energy distance. At most
    `rows` random rows of each side. Score = √max(MMD², 0), no unit: from 0 to √2 with `rbf`; a shift of one of ten
    features by half a standard deviation gives 0.09.

    The p-value compares MMD² with `permutations` random splits of all rows (seeded); where fewer than 10 of them reach
    it, the distribution that it has without drift (a weighted sum of chi-squares) goes on from there. Finds changes of
    correlation, of spread, of anything, if rows and effect suffice; says little about which. `details.contributions`:
    each feature's share in what MMD² loses without it, for findings with p below 0.05. Misleads with many features that
    do not change: they hide one that does.

    Default thresholds: 0.05 is a warning, 0.15 critical (custom, no published source: 0.15 is 0.8 standard deviations
    in one of ten features). At least 100 rows. Reference: Gretton et al., A Kernel Two-Sample Test, Journal of Machine
    Learning Research 13, 2012; Sejdinovic et al., Annals of Statistics 41(5), 2013 (energy).
    The tail: Gretton et al., A Fast, Consistent Kernel Two-Sample Test, NIPS 2009; Kuonen, Saddlepoint approximations
    for distributions of quadratic forms in normal variables, Biometrika 86(4), 1999.

    >>> import numpy as np
    >>> x, y = np.array([[0.0], [1.0]]), np.array([[0.0], [3.0]])
    >>> round(mmd_squared(np.exp(-np.square(np.vstack([x, y]) - np.vstack([x, y]).T) / 2), 2), 4)
    -0.2588
    """

    name: ClassVar[str] = "mmd"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    threshold: float = 0.05
    critical: float = 0.15
    alpha: float = DEFAULT_ALPHA
    min_rows: int = DEFAULT_MIN_ROWS
    kernel: str = "rbf"
    rows: int = 500
    permutations: int = 300

    def __post_init__(self) -> None:
        check_limits(self.name, self.threshold, self.critical, self.alpha, self.min_rows)
        at_least(self.name, 20, rows=self.rows, permutations=self.permutations)
        if self.kernel not in _KERNELS:
            raise ConfigError(f"{self.name}.kernel must be one of {', '.join(_KERNELS)}, got {self.kernel!r}.")

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for the model."""
        return judge_samples(self.name, window, baseline, self.min_rows, self._compare)

    def _compare(self, samples: Samples) -> Finding:
        window, reference = samples.matrices(self.rows)
        squares = cdist(both := np.vstack([window, reference]), both, "sqeuclidean")
        kernel = kernel_of(squares, len(window), self.kernel)
        value, p_value = permutation_test(kernel, len(window), self.permutations)
        parts = self._parts(samples) if p_value < 0.05 else None
        details = samples.details(parts, mmd_squared=value, rows=[len(window), len(reference)])
        limits = Limits(self.threshold, self.critical, self.alpha)
        return limits.finding(self.name, None, float(np.sqrt(max(value, 0.0))), p_value, samples.n, details)

    def _parts(self, samples: Samples) -> FloatArray:
        """What MMD² loses without each feature."""
        window, reference = samples.matrices(_ROWS_EXPLAINED)
        both, n = np.vstack([window, reference]), len(window)
        squares = cdist(both, both, "sqeuclidean")
        whole = mmd_squared(kernel_of(squares, n, self.kernel), n)
        losses = []
        for block in samples.encoder.blocks:
            left = np.maximum(squares - cdist(both[:, block], both[:, block], "sqeuclidean"), 0.0)
            losses.append(whole - mmd_squared(kernel_of(left, n, self.kernel), n) if left.any() else whole)
        return np.array(losses)


def kernel_of(squares: FloatArray, n: int, kernel: str) -> FloatArray:
    """The kernel matrix from squared distances; the first n rows are the window's."""
    reference = squares[n:, n:]
    median = float(np.median(reference[np.triu_indices(len(reference), 1)]))
    # Half of the reference's pairs may be equal (flags only): then the mean stands in.
    scale = median or float(reference.mean()) or 1.0
    return np.asarray(np.exp(-squares / scale) if kernel == "rbf" else -np.sqrt(squares / scale))


def mmd_squared(kernel: FloatArray, n: int) -> float:
    """Unbiased MMD² of the first n rows and the others."""
    first = np.zeros((len(kernel), 1))
    first[:n] = 1.0
    return float(_values(kernel, first)[0])


def _values(kernel: FloatArray, first: FloatArray) -> FloatArray:
    """MMD² for each column of 0/1: which rows are the first sample."""
    n, m = float(first[:, 0].sum()), float(len(first) - first[:, 0].sum())
    diagonal = np.diag(kernel)
    to_first = kernel @ first
    total = float(kernel.sum())
    within = (first * to_first).sum(axis=0)
    across = to_first.sum(axis=0) - within
    own = within - diagonal @ first
    others = total - within - 2 * across - (diagonal.sum() - diagonal @ first)
    return np.asarray(own / (n * (n - 1)) + others / (m * (m - 1)) - 2 * across / (n * m))


def permutation_test(kernel: FloatArray, n: int, permutations: int) -> tuple[float, float]:
    """MMD² and its p-value among random splits of all rows."""
    generator = np.random.default_rng(_SEED)
    first = np.zeros((len(kernel), permutations + 1))
    first[:n] = 1.0
    first[:, 1:] = generator.permuted(first[:, 1:], axis=0)
    values = _values(kernel, first)
    value, others = float(values[0]), values[1:]
    larger = int((others >= value).sum())
    p_value = (1 + larger) / (1 + permutations)
    return value, p_value if larger >= _ENOUGH_LARGER else min(_tail(kernel, n, value), _ENOUGH_LARGER / permutations)


def _tail(kernel: FloatArray, n: int, value: float) -> float:
    """Probability of more than `value` without drift, as a weighted sum of chi-squares, by a saddlepoint.

    The weights are the eigenvalues of the centred kernel (Gretton et al.); the saddlepoint is accurate far out, where
    moments and few permutations are not (Kuonen).
    """
    centred = kernel - kernel.mean(axis=0)
    eigenvalues = np.linalg.eigvalsh(centred - centred.mean(axis=1, keepdims=True)) / len(kernel)
    weights = eigenvalues[eigenvalues > 1e-9 * eigenvalues[-1]] * (1 / n + 1 / (len(kernel) - n))
    if not len(weights) or value <= 0:
        return 1.0

    def slope(at: float) -> float:
        return float((weights / (1 - 2 * weights * at)).sum() - weights.sum() - value)

    most = (1 - 1e-12) / (2 * weights[-1])
    at = float(optimize.brentq(slope, 0.0, most))
    cumulant = -0.5 * float(np.log1p(-2 * weights * at).sum()) - at * float(weights.sum())
    distance = np.sqrt(2 * max(at * value - cumulant, 0.0))
    curvature = at * np.sqrt(2 * float(np.square(weights / (1 - 2 * weights * at)).sum()))
    if not distance or not curvature:
        return 1.0
    return float(special.ndtr(-(distance + np.log(curvature / distance) / distance)))
