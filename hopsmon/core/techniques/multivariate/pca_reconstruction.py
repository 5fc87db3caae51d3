"""pca_reconstruction: how well the window's rows fit into the few directions that hold most of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.multivariate.samples import DEFAULT_MIN_ROWS, Samples, judge_samples
from hopsmon.core.techniques.pairs import Limits
from hopsmon.core.techniques.parameters import check_limits, probability
from hopsmon.core.techniques.significance import DEFAULT_ALPHA


@dataclass(frozen=True, slots=True)
class PcaReconstruction:
    """How far the window's rows lie from the principal components of the reference, compared with reference rows.

    A row's error is the Euclidean norm of what is left of it when it is projected on the components that hold
    `variance` of the variance of one half of the reference rows (numbers standardised, labels as 0/1 columns, missing
    values marked). Score = |mean error of the window - mean error of the other half| / its standard deviation. From 0
    upwards, in standard deviations of a row's error. `details` has both means; `details.contributions` each feature's
    share in the change of the mean squared error.

    The p-value is Welch's t-test, two-sided: errors may also shrink (a frozen sensor). It finds broken correlations
    that no feature shows by itself. Misleads where the change lies within the components, a shift along the
    correlation: the rows fit as well as before (see mahalanobis_mean, domain_classifier). NannyML fits on all reference
    rows, encodes labels by frequency and alerts at mean ± 3 sd over chunks; the error is the same norm.

    Default thresholds: 0.2 is a warning, 0.5 critical, a small and a medium effect (Cohen, Statistical Power Analysis,
    1988). Default variance 0.65, as in NannyML (documentation, 2024). At least 100 rows. Reference: Jackson &
    Mudholkar, Control Procedures for Residuals Associated With Principal Component Analysis, Technometrics 21(3), 1979.

    >>> import numpy as np
    >>> rows = np.column_stack([np.arange(9.0), np.arange(9.0)])
    >>> np.round(residuals(rows, np.array([[4.0, 4.0], [5.0, 3.0]]), 0.9), 6).tolist()
    [[0.0, 0.0], [1.0, -1.0]]
    """

    name: ClassVar[str] = "pca_reconstruction"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    threshold: float = 0.2
    critical: float = 0.5
    alpha: float = DEFAULT_ALPHA
    min_rows: int = DEFAULT_MIN_ROWS
    variance: float = 0.65

    def __post_init__(self) -> None:
        check_limits(self.name, self.threshold, self.critical, self.alpha, self.min_rows)
        probability(self.name, variance=self.variance)

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for the model."""
        return judge_samples(self.name, window, baseline, self.min_rows, self._compare)

    def _compare(self, samples: Samples) -> Finding:
        window, reference = samples.matrices()
        fitting = reference[::2]
        left_window, left_reference = (residuals(fitting, rows, self.variance) for rows in (window, reference[1::2]))
        errors, usual = (np.sqrt(np.square(left).sum(axis=1)) for left in (left_window, left_reference))
        score, p_value = welch(errors, usual)
        more = np.square(left_window).mean(axis=0) - np.square(left_reference).mean(axis=0)
        change = np.array([abs(float(more[block].sum())) for block in samples.encoder.blocks])
        details = samples.details(change, mean_error=float(errors.mean()), reference_mean_error=float(usual.mean()))
        limits = Limits(self.threshold, self.critical, self.alpha)
        return limits.finding(self.name, None, score, p_value, samples.n, details)


def residuals(fitting: FloatArray, rows: FloatArray, variance: float) -> FloatArray:
    """What is left of rows without the components that hold this share of the variance of `fitting`."""
    centre = fitting.mean(axis=0)
    _, spread, components = np.linalg.svd(fitting - centre, full_matrices=False)
    held = np.cumsum(spread**2) / max(float((spread**2).sum()), np.finfo(np.float64).tiny)
    enough = int(np.searchsorted(held, variance)) + 1
    kept = components[: min(enough, rows.shape[1] - 1)]  # with all of them every row would fit
    deviations = rows - centre
    return np.asarray(deviations - (deviations @ kept.T) @ kept)


def welch(errors: FloatArray, usual: FloatArray) -> tuple[float, float]:
    """Difference of the means in standard deviations of the usual errors, and Welch's two-sided p-value.

    >>> score, p = welch(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    >>> round(score, 3), round(p, 4)
    (2.0, 0.0705)
    """
    difference = abs(float(errors.mean() - usual.mean()))
    spread = float(usual.std(ddof=1))
    # Where every row fits exactly, a difference has no unit; beyond rounding it is as large as can be.
    if spread <= 1e-9:
        return (0.0, 1.0) if difference <= 1e-6 else (difference / 1e-9, 0.0)
    parts = np.array([side.var(ddof=1) / len(side) for side in (errors, usual)])
    degrees = parts.sum() ** 2 / (parts**2 / np.array([len(errors) - 1, len(usual) - 1])).sum()
    statistic = difference / float(np.sqrt(parts.sum()))
    return difference / spread, float(2 * special.stdtr(degrees, -statistic))
