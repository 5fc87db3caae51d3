"""Verdicts: all of a monitor's techniques on one closed window. The stream and `hopsmon.compare` come through here.

techniques ──▶ findings ──▶ natural variation ──▶ correction for many features ──▶ root cause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.multiplicity import Correction, adjusted
from hopsmon.core.natural import NaturalVariation
from hopsmon.core.root_cause import explained
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import run_sequence_technique, run_window_technique
from hopsmon.core.techniques.protocols import SequenceTechnique, Technique, WindowTechnique

States = Mapping[str, bytes]  # by technique: what it keeps between the windows of one slice


@dataclass
class Judge:
    """Judges closed windows. Not frozen: it keeps what it has worked out about the baseline.

    Attributes:
        techniques: all of the monitor's; those on instances are not this class's business.
        correction: how each technique's p-values of one window are corrected for the number of features.
        importances: how much each feature matters to the model, where somebody knows; used to rank root causes.
    """

    techniques: Sequence[Technique]
    baseline: Baseline
    correction: Correction = Correction.BENJAMINI_HOCHBERG
    importances: Mapping[str, float] = field(default_factory=dict)
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
                findings += corrected(found, self.correction, getattr(technique, "alpha", None))
            elif isinstance(technique, SequenceTechnique):
                found, state = run_sequence_technique(technique, states.get(technique.name), window, baseline)
                findings += found
                if state is not None:
                    after[technique.name] = state
        return explained(findings, self.importances), after

    def _natural_of(self, technique: WindowTechnique) -> NaturalVariation:
        if technique.name not in self._natural:
            self._natural[technique.name] = NaturalVariation.of(technique, self.baseline)
        return self._natural[technique.name]


def corrected(findings: Sequence[Finding], correction: Correction, alpha: float | None) -> list[Finding]:
    """One technique's findings with `p_adjusted`; what is no longer significant is no drift any more.

    `alpha`: the technique's own level; None: its verdicts stay, whatever the correction says.
    """
    asked = [number for number, finding in enumerate(findings) if finding.p_value is not None]
    p_values = np.array([findings[number].p_value for number in asked], np.float64)
    result = list(findings)
    for number, p_adjusted in zip(asked, adjusted(p_values, correction).tolist(), strict=True):
        finding = replace(findings[number], p_adjusted=p_adjusted)
        if finding.is_drift and alpha is not None and p_adjusted >= alpha:
            finding = replace(finding, is_drift=False, severity=Severity.NONE, reason=Reason.OK)
        result[number] = finding
    return result
