"""mahalanobis_mean: how far the mean of all features together has moved, correlations considered."""

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
from hopsmon.core.techniques.covariance import Covariance
from hopsmon.core.techniques.multivariate.samples import DEFAULT_MIN_ROWS, Samples, judge_samples
from hopsmon.core.techniques.pairs import Limits
from hopsmon.core.techniques.parameters import check_limits
from hopsmon.core.techniques.significance import DEFAULT_ALPHA


@dataclass(frozen=True, slots=True)
class MahalanobisMean:
    """The distance between the means of window and reference, in standard deviations, correlations considered.

    Score = √(δ' Σ⁻¹ δ): δ the difference of the means of the encoded rows (numbers standardised, labels as 0/1 columns,
    missing values marked), Σ the Ledoit–Wolf covariance of the reference rows. Both sides are samples of at most 2,000
    rows. From 0 upwards; 0.5 is half a standard deviation in the direction in which it is most unusual, so a small
    shift against the correlation (more height, less weight) counts for more than along it. `details.contributions`:
    each feature's share in what the score would lose if the feature's mean followed from the others'.

    Without drift the score is about √(d (1/n + 1/m)), d being the number of columns; `expected_without_drift` says it.
    The p-value is Hotelling's T², with the degrees of freedom that the shrunk covariance leaves (Satterthwaite).
    Misleads where a feature has a very long tail and the window has few rows (p-values are then too small, by a factor
    of 4 at 0.001 in 200 log-normal rows), and for changes that leave the means where they are: of spread, or of
    correlation (see pca_reconstruction, mmd).

    Default thresholds: 0.2 is a warning, 0.5 critical, a small and a medium effect (Cohen, Statistical Power Analysis,
    1988). At least 100 rows. Reference: Hotelling, Annals of Mathematical Statistics 2(3), 1931.

    >>> import numpy as np
    >>> rows = np.random.default_rng(1).normal(size=(2000, 3))
    >>> test = hotelling(rows[:1000] + [0.3, 0, 0], rows[1000:], (slice(0, 1), slice(1, 2), slice(2, 3)))
    >>> round(test.distance, 1), test.p_value < 1e-6, int(test.contributions.argmax())
    (0.3, True, 0)
    """

    name: ClassVar[str] = "mahalanobis_mean"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Reservoir})

    threshold: float = 0.2
    critical: float = 0.5
    alpha: float = DEFAULT_ALPHA
    min_rows: int = DEFAULT_MIN_ROWS

    def __post_init__(self) -> None:
        check_limits(self.name, self.threshold, self.critical, self.alpha, self.min_rows)

    def judge(self, window: Summary, baseline: Baseline) -> Sequence[Finding]:
        """One finding for the model."""
        return judge_samples(self.name, window, baseline, self.min_rows, self._compare)

    def _compare(self, samples: Samples) -> Finding:
        test = hotelling(*samples.matrices(), samples.encoder.blocks)
        details = samples.details(test.contributions, expected_without_drift=test.expected)
        limits = Limits(self.threshold, self.critical, self.alpha)
        return limits.finding(self.name, None, test.distance, test.p_value, samples.n, details)


@dataclass(frozen=True)
class MeanTest:
    """What `hotelling` finds: `expected` is the distance without drift, `contributions` one a block of columns."""

    distance: float
    p_value: float
    expected: float
    contributions: FloatArray


def hotelling(window: FloatArray, reference: FloatArray, blocks: Sequence[slice]) -> MeanTest:
    """Compares the means of two matrices."""
    n, m = len(window), len(reference)
    covariance = Covariance.of(reference, MahalanobisMean.name)
    difference = (window.mean(axis=0) - reference.mean(axis=0))[None, :]
    distance = float(covariance.distances(difference)[0])
    # T² is a sum of squares with these weights, all 1 were it not for the shrinkage; their first two moments give the
    # scaled chi-square that is nearest.
    pooled = (n * np.cov(window, rowvar=False, ddof=0) + m * np.cov(reference, rowvar=False, ddof=0)) / (n + m - 2)
    weights = covariance.precision @ np.atleast_2d(pooled)
    first, second = float(np.trace(weights)), float((weights * weights.T).sum())
    expected = float(np.sqrt(first * (1 / n + 1 / m)))
    contributions = covariance.losses(difference, blocks)[0]
    if not second > 0:
        return MeanTest(distance, 1.0, expected, contributions)
    degrees, rest = first**2 / second, n + m - first**2 / second - 1
    statistic = distance**2 * n * m / (n + m) / first * rest / (n + m - 2)
    return MeanTest(distance, float(special.fdtrc(degrees, rest, statistic)), expected, contributions)
