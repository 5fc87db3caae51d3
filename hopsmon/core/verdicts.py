"""Verdicts: all of a monitor's techniques on one closed window. The stream and `hopsmon.compare` come through here.

techniques ──▶ findings ──▶ natural variation ──▶ correction for many features ──▶ root cause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.multiplicity import ONLINE, Correction, OnlineFdr, adjusted, e_value_of
from hopsmon.core.natural import NaturalVariation, ThresholdRule
from hopsmon.core.root_cause import explained
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_sequence_technique, run_window_technique
from hopsmon.core.techniques.protocols import SequenceTechnique, Technique, WindowTechnique

# What is kept between the windows of one slice: by technique, and as "psi#lord" by technique and online correction.
States = Mapping[str, bytes]


@dataclass
class Judge:
    """Judges closed windows. Not frozen: it keeps what it has worked out about the baseline.

    Attributes:
        techniques: all of the monitor's; those on instances are not this class's business.
        correction: how each technique's p-values are corrected for the number of features, or of windows and features.
        importances: how much each feature matters to the model, where somebody knows; used to rank root causes.
        threshold_rule: how thresholds follow from the scores of the reference's own windows, where it has them.
    """

    techniques: Sequence[Technique]
    baseline: Baseline
    correction: Correction = Correction.BENJAMINI_HOCHBERG
    importances: Mapping[str, float] = field(default_factory=dict)
    threshold_rule: ThresholdRule = ThresholdRule.ROOM
    _natural: dict[str, NaturalVariation] = field(default_factory=dict, init=False, repr=False)

    def judge(self, window: Summary, start: int | None, states: States) -> tuple[list[Finding], dict[str, bytes]]:
        """The findings of one window, and the sequence techniques' states after it.

        Args:
            start: when the window starts, µs; None where it has no time: then a seasonal baseline's whole is used.
            states: the states after the slice's window before this one; a missing one starts afresh.
        """
        baseline = self.baseline.at(start)
        findings: list[Finding] = []
        after: dict[str, bytes] = {}
        for technique in self.techniques:
            if isinstance(technique, WindowTechnique):
                found = self._natural_of(technique).applied(run_window_technique(technique, window, baseline))
                findings += self._corrected(technique, found, states, after)
            elif isinstance(technique, SequenceTechnique):
                found, state = run_sequence_technique(technique, states.get(technique.name), window, baseline)
                findings += found
                if state is not None:
                    after[technique.name] = state
        return explained(findings, self.importances), after

    def _corrected(
        self, technique: WindowTechnique, found: Sequence[Finding], states: States, after: dict[str, bytes]
    ) -> list[Finding]:
        """The findings after the correction; one over time keeps its state in `after`."""
        alpha, kind = getattr(technique, "alpha", None), ONLINE.get(self.correction)
        if kind is None:
            return corrected(found, self.correction, alpha)
        if alpha is None:
            return list(found)
        key = f"{technique.name}#{self.correction}"
        findings, memory = corrected_online(found, kind.from_bytes(states.get(key)), alpha)
        after[key] = memory.to_bytes()
        return findings

    def _natural_of(self, technique: WindowTechnique) -> NaturalVariation:
        if technique.name not in self._natural:
            self._natural[technique.name] = NaturalVariation.of(technique, self.baseline, self.threshold_rule)
        return self._natural[technique.name]


def corrected(findings: Sequence[Finding], correction: Correction, alpha: float | None) -> list[Finding]:
    """One technique's findings with `p_adjusted`; what is no longer significant is no drift any more.

    `alpha`: the technique's own level; None: its verdicts stay, whatever the correction says.
    """
    asked = [number for number, finding in enumerate(findings) if finding.p_value is not None]
    p_values = np.array([findings[number].p_value for number in asked], np.float64)
    result = list(findings)
    for number, p_adjusted in zip(asked, adjusted(p_values, correction).tolist(), strict=True):
        result[number] = _with_adjusted(findings[number], p_adjusted, alpha)
    return result


def corrected_online(findings: Sequence[Finding], memory: OnlineFdr, alpha: float) -> tuple[list[Finding], OnlineFdr]:
    """Like `corrected`, for a correction over time: one finding after another, and what to go on from.

    `p_adjusted` is the p-value (for e-LOND 1 / e, e = 1 / (2 √p)) times alpha over the level that it was allowed.
    """
    result = []
    for finding in findings:
        if finding.p_value is None:
            result.append(finding)
            continue
        asked = 1 / e_value_of(finding.p_value) if memory.name is Correction.E_LOND else finding.p_value
        _, level, memory = memory.test(asked, alpha)
        result.append(_with_adjusted(finding, min(1.0, asked * alpha / level), alpha))
    return result, memory


def _with_adjusted(finding: Finding, p_adjusted: float, alpha: float | None) -> Finding:
    finding = replace(finding, p_adjusted=p_adjusted)
    if finding.is_drift and not finding.stands and alpha is not None and p_adjusted >= alpha:
        return replace(finding, is_drift=False, severity=Severity.NONE, reason=Reason.OK)
    return finding
