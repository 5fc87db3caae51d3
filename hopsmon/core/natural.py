"""Natural variation: how a technique scores the reference's own windows, and the thresholds that follow from it.

Traffic has hours, weekdays and bursts, so every window differs from the whole of the reference data. A score only
matters where it is larger than those that the reference's own windows get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.techniques.guard import run_window_technique
from hopsmon.core.techniques.protocols import WindowTechnique

# With fewer windows than a day has hours, their spread says too little about the next one.
LEAST_WINDOWS = 24
MOST_WINDOWS = 400  # two weeks of hours and a bit; more cost time at the start and change little


@dataclass(frozen=True, slots=True)
class NaturalVariation:
    """The natural threshold of each feature, for one technique; no threshold where it could not be computed.

    Attributes:
        thresholds: by feature.
        windows: how many reference windows they rest on.
    """

    thresholds: Mapping[str | None, float]
    windows: int

    @classmethod
    def of(cls, technique: WindowTechnique, baseline: Baseline) -> NaturalVariation:
        """Judge the reference's windows (evenly picked if many), each against what it would be compared with."""
        picked = list(baseline.own_windows(MOST_WINDOWS))
        if len(picked) < LEAST_WINDOWS:
            return cls({}, 0)
        scores: dict[str | None, list[float]] = {}
        for window, reference in picked:
            for finding in run_window_technique(technique, window.summary, reference):
                if finding.score is not None:
                    scores.setdefault(finding.feature, []).append(finding.score)
        found = {name: threshold_of(np.array(of)) for name, of in scores.items() if len(of) >= LEAST_WINDOWS}
        return cls(found, len(picked))

    def applied(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, judged by the larger of their own and the natural threshold; `details` says which it was."""
        return [self._applied(finding) for finding in findings]

    def _applied(self, finding: Finding) -> Finding:
        natural = self.thresholds.get(finding.feature)
        if finding.by_convention:
            return finding
        if natural is None or finding.score is None or finding.threshold is None or natural <= finding.threshold:
            return finding
        band = {"band": "natural_variation", "band_windows": self.windows, "fixed_threshold": finding.threshold}
        raised = replace(finding, threshold=natural, details={**finding.details, **band})
        if finding.is_drift and finding.score < natural:
            return replace(raised, is_drift=False, severity=Severity.NONE, reason=Reason.OK)
        return raised


def threshold_of(scores: FloatArray) -> float:
    """The score that the reference's windows leave room for.

    Their mean plus three standard deviations, or the largest of them plus one, whichever is larger.
    """
    spread = float(scores.std(ddof=1))
    return max(float(scores.mean()) + 3 * spread, float(scores.max()) + spread)
