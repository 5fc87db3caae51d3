"""Natural variation: how a technique scores the reference's own windows, and the thresholds that follow from it.

Traffic has hours, weekdays and bursts, so every window differs from the whole of the reference data. A score only
matters where it is larger than those that the reference's own windows get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import Word
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.protocols import WindowTechnique

# With fewer windows than a day has hours, their spread says too little about the next one.
LEAST_WINDOWS = 24
MOST_WINDOWS = 400  # two weeks of hours and a bit; more cost time at the start and change little


_QUANTILE = 0.99
# Scores have long tails (PSI and chi-square grow with the square of a shift), and a month has twice as many hours as
# two weeks of reference. One standard deviation above the largest score gave an alert a day with 30 features; four give
# fewer than one in ten days, and a shift by half a standard deviation is found as fast (docs/benchmarks.md).
_ROOM = 4.0


class ThresholdRule(Word):
    """How a threshold follows from the scores of the reference's windows; the technique's own counts where larger."""

    ROOM = "room"  # the largest, and four standard deviations
    MEAN_3SD = "mean_3sd"  # mean plus three standard deviations, as NannyML has it: with many features, many alerts
    QUANTILE = "quantile"  # the 99 % quantile: one window in a hundred, for each feature


@dataclass(frozen=True, slots=True)
class NaturalVariation:
    """The natural threshold of each feature, for one technique; no threshold where it could not be computed.

    Attributes:
        thresholds: by feature.
        windows: how many reference windows they rest on.
        rows: how many rows the scores behind it rest on, in the middle; by feature. In smaller windows chance alone
            gives larger scores: distances in proportion to 1 / √rows, and the threshold grows by as much. (Squared ones
            grow faster; there the p-value holds it.)
        critical: the score that the technique calls critical; None where it has none.
        rule: how the thresholds follow from the scores.
    """

    thresholds: Mapping[str | None, float]
    windows: int
    rows: Mapping[str | None, float] = field(default_factory=dict)
    critical: float | None = None
    rule: ThresholdRule = ThresholdRule.ROOM

    @classmethod
    def of(
        cls, technique: WindowTechnique, baseline: Baseline, rule: ThresholdRule = ThresholdRule.ROOM
    ) -> NaturalVariation:
        """Judge the reference's windows (evenly picked if many), each against what it would be compared with."""
        picked = list(baseline.own_windows(MOST_WINDOWS))
        if len(picked) < LEAST_WINDOWS:
            return cls({}, 0, rule=rule)
        scores: dict[str | None, list[tuple[float, int]]] = {}
        for window, reference in picked:
            for finding in run_window_technique(technique, window.summary, reference):
                if finding.score is not None:
                    scores.setdefault(finding.feature, []).append((finding.score, finding.n))
        known = {name: np.array(of, np.float64) for name, of in scores.items() if len(of) >= LEAST_WINDOWS}
        thresholds = {name: threshold_of(of[:, 0], rule) for name, of in known.items()}
        rows = {name: float(np.median(of[:, 1])) for name, of in known.items()}
        windows = max((len(of) for of in known.values()), default=0)
        return cls(thresholds, windows, rows, getattr(technique, "critical", None), rule)

    def _threshold(self, finding: Finding) -> float | None:
        """The threshold for a window of as many rows as the finding rests on."""
        threshold = self.thresholds.get(finding.feature)
        if threshold is None or not finding.n:
            return threshold
        return threshold * sqrt(max(1.0, self.rows.get(finding.feature, 1) / finding.n))

    def applied(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, judged by the larger of their own and the natural threshold; `details` says by which rule."""
        return [self._applied(finding) for finding in findings]

    def _applied(self, finding: Finding) -> Finding:
        natural = self._threshold(finding)
        if finding.stands:
            return finding
        if natural is None or finding.score is None or finding.threshold is None or natural <= finding.threshold:
            return finding
        band = {"band": "natural_variation", "band_rule": str(self.rule), "band_windows": self.windows}
        details = {**finding.details, **band, "fixed_threshold": finding.threshold}
        raised = replace(finding, threshold=natural, details=details)
        if finding.is_drift and finding.score < natural:
            return replace(raised, is_drift=False, severity=Severity.NONE, reason=Reason.OK)
        if finding.is_drift and self.critical is not None and natural > self.critical and finding.score < 2 * natural:
            return replace(raised, severity=Severity.WARNING)  # as where somebody raises the threshold by hand
        return raised


def threshold_of(scores: FloatArray, rule: ThresholdRule = ThresholdRule.ROOM) -> float:
    """The threshold that follows from the scores of the reference's windows.

    >>> threshold_of(np.array([1.0, 2.0, 3.0]), ThresholdRule.MEAN_3SD)
    5.0
    """
    spread = float(scores.std(ddof=1))
    if rule is ThresholdRule.MEAN_3SD:
        return float(scores.mean()) + 3 * spread
    if rule is ThresholdRule.QUANTILE:
        return float(np.quantile(scores, _QUANTILE, method="higher"))
    return float(scores.max()) + _ROOM * spread
