"""e_detector: anytime-valid drift detection by betting, on a monitor's windows one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log10
from typing import Any, ClassVar

import numpy as np

from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import BoolArray, FloatArray
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.parameters import above, at_least
from hopsmon.core.techniques.sequence.bands import SOURCES
from hopsmon.core.techniques.sequence.evidence import advanced, levelled
from hopsmon.core.techniques.sequence.plan import Plan, missing_reason, plan_of

# Evidence is kept up to this multiple of what an alarm needs (for one slice of K: of c·K, see across_slices). More
# would let a long drift ring on after its end, less would let the alarm flicker while a weak drift lasts.
_HOLD = 30.0
_LEAST_SCALE = 0.1  # shares of 1 % and of none are measured on one scale
_SHOWN = 6  # digits


@dataclass(frozen=True, slots=True)
class EDetector:
    """Drift that lasts, found by betting on the windows' counts; false alarms are rare however often one looks.

    For each edge t of the baseline's bins (each label, unseen labels, nulls, unusable values) the null hypothesis is
    |F(t) - F_ref(t)| ≤ ε. A window with k of n rows below t gives the e-value e = mean over λ of
    (1 + λ(1 - u))^k · (1 - λu)^(n-k), u = F_ref(t) + ε, and likewise below; the evidence is M ← (M + 1) · e
    (Shiryaev-Roberts), a feature's M is the mean of its questions' (half values, half nulls), the model's the mean of
    its features'. The model alarms while M ≥ c = `run_length`. Without drift the first alarm comes after c windows on
    average or later, and before window t with probability t/c at most, for any numbers of rows and any dependence
    between features; a feature is named where the model alarms and the feature's own M ≥ c. A finding for the model
    (feature None) stands first; its `details["contributions"]` give each named feature's part in how far they moved.

    Score: log10 M, 0 and upwards; 0 is no evidence, 4 an alarm at the default. While a drift lasts it stays near
    log10(30 c) and falls below c a few windows after its end. There is no p-value. The band ε is the largest of: the
    size that matters (2·size·√(F(1-F)), at least `least`), the reference's sampling error (all shares at once, 95 %;
    plus the error of its counts, where they are estimates), and the natural variation of the baseline's own windows
    where it has them (99 % of them lie within, luck of few rows taken out; a window then counts as no more rows than
    4·F(1-F)/σ², σ² being that variation: e to a power below 1 is an e-value still). `details["band"]` says which.
    Misleads where windows depend on each other in ways that the baseline has not seen: without reference windows a
    daily cycle is drift, every day; and a change inside the band is never found.

    Default thresholds: c = 10,000 windows (more than a year of hours), size 0.03 (a shift by 0.075 standard deviations;
    measured in docs/benchmarks.md), least 0.01; critical where some share moved by 0.4 of √(F(1-F)), half a standard
    deviation. Any number of rows. Reference: Shin, Ramdas & Rinaldo, E-detectors, New England Journal of Statistics in
    Data Science 2(2), 2024; Waudby-Smith & Ramdas, Estimating means of bounded random variables by betting, JRSS-B
    86(1), 2024.

    >>> EDetector(run_length=1000.0).run_length
    1000.0
    """

    name: ClassVar[str] = "e_detector"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset({Counts, Histogram, Categories})

    run_length: float = 1e4
    size: float = 0.03
    least: float = 0.01
    critical: float = 0.4

    def __post_init__(self) -> None:
        above(self.name, 1.0, run_length=self.run_length)
        above(self.name, 0.0, size=self.size, least=self.least, critical=self.critical)
        at_least(self.name, self.least, size=self.size)

    def advance(self, state: bytes | None, window: Summary, baseline: Baseline) -> tuple[Sequence[Finding], bytes]:
        """The model's finding, then one a feature, and the evidence after this window."""
        plan = plan_of(baseline, self.size, self.least)
        hits, rows, missing = plan.counted(window)
        before = plan.from_bytes(state)
        log_factors = plan.bets.log_factors(hits, rows, plan.bands.worth)
        asked = (rows > 0)[..., None] & plan.bets.live
        most = _HOLD * self.run_length * baseline.among
        evidence = np.where(asked, _advanced(plan, before, log_factors, most), np.expm1(before))
        evidence, by_feature = _held(plan, evidence, most)
        verdict = _Verdict(self, plan, hits, rows, by_feature, missing)
        return [*verdict.findings(), *_unknown(window, baseline, plan)], plan.to_bytes(np.log1p(evidence))


def _advanced(plan: Plan, before: FloatArray, log_factors: FloatArray, most: float) -> FloatArray:
    """Each question's M; none is larger than it takes to hold the alarm alone."""
    alone = most * max(int(plan.asked.sum()), 1)
    return advanced(before, log_factors, alone / np.maximum(plan.weight, 1e-9))


def _held(plan: Plan, evidence: FloatArray, most: float) -> tuple[FloatArray, FloatArray]:
    """The evidence of questions and features, the largest cut so that the model's is at most `most`.

    Cutting makes M smaller only, so the average run length stays what it is.
    """
    flat_shape = len(plan.questions), plan.share.shape[1] * evidence.shape[-1]
    weight = plan.weight.reshape(flat_shape)
    flat = np.where(weight > 0, evidence.reshape(flat_shape), 0.0)
    by_feature = (flat * weight).sum(axis=1)
    even = np.where(plan.asked, 1 / max(int(plan.asked.sum()), 1), 0.0)
    by_feature = levelled(by_feature[None], even[None], np.array([most]))[0]
    return levelled(flat, weight, by_feature).reshape(evidence.shape), by_feature


@dataclass(frozen=True)
class _Verdict:
    """The findings of one window."""

    technique: EDetector
    plan: Plan
    hits: FloatArray
    rows: FloatArray
    by_feature: FloatArray
    missing: Sequence[Mapping[str, Any] | None]
    change: FloatArray = field(init=False)
    effect: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        share = self.plan.share
        known = (self.rows > 0) & ~np.isnan(share)
        change = np.where(known, self.hits / np.maximum(self.rows, 1) - share, 0.0)
        scale = np.maximum(np.sqrt(share * (1 - share)), _LEAST_SCALE)
        object.__setattr__(self, "change", change)
        object.__setattr__(self, "effect", np.where(known, np.abs(change) / scale, 0.0))

    @property
    def n(self) -> FloatArray:
        """Rows of each feature."""
        return np.asarray(self.rows.max(axis=1, initial=0))

    def findings(self) -> list[Finding]:
        asked, c = self.plan.asked, self.technique.run_length
        model = float(self.by_feature[asked].mean()) if asked.any() else 0.0
        named = asked & (self.n > 0) & (self.by_feature >= c) & (model >= c)
        features = [self._of_feature(at, bool(named[at])) for at in range(len(self.plan.questions))]
        return [self._of_model(model, named), *features]

    def _of_model(self, model: float, named: BoolArray) -> Finding:
        n = int(self.n.max(initial=0))
        if not n or not self.plan.asked.any():
            reason = Reason.INSUFFICIENT if self.plan.asked.any() else Reason.EMPTY_REFERENCE
            return Finding.not_computable(EDetector.name, None, reason, n)
        details = {
            "contributions": self._contributions(named),
            "features_drifting": int(named.sum()),
            "features": int(self.plan.asked.sum()),
            "band_windows": self.plan.bands.windows,
        }
        return self._finding(None, model, n, bool(named.any()), self.effect[named].max(initial=0.0), details)

    def _contributions(self, named: BoolArray) -> dict[str, float]:
        """Each named feature's part in the sum of how far features lie from the reference."""
        effects = {self.plan.questions[at].name: float(self.effect[at].max()) for at in np.flatnonzero(named)}
        total = sum(effects.values())
        return {name: round(effect / total, _SHOWN) for name, effect in effects.items()} if total else {}

    def _of_feature(self, at: int, drift: bool) -> Finding:
        asked, n = self.plan.questions[at], int(self.n[at])
        if (missing := self.missing[at]) is not None:
            return Finding.not_computable(EDetector.name, asked.name, Reason.NO_STATISTIC, **missing)
        if not n or not self.plan.asked[at]:
            rows = int(asked.rows.max())
            return Finding.not_computable(EDetector.name, asked.name, Reason.INSUFFICIENT, n, reference_n=rows)
        most = int(np.argmax(self.effect[at]))
        details = {**self._moved(at, most), "reference_n": int(asked.rows[most])}
        return self._finding(asked.name, float(self.by_feature[at]), n, drift, float(self.effect[at].max()), details)

    def _moved(self, at: int, most: int) -> dict[str, Any]:
        """What moved most, by how much, and the band that it was held against."""
        plan, asked = self.plan, self.plan.questions[at]
        change = float(self.change[at, most])
        side = int(change < 0)
        source = SOURCES[int(plan.bands.source[at, most, side])]
        more_below = asked.edges is not None and most < asked.values and change > 0
        fewer_below = asked.edges is not None and most < asked.values and change < 0
        direction = "down" if more_below or (change < 0 and not fewer_below) else "up"
        return {
            "band": source,
            "band_size": round(float(plan.bands.width[at, most, side]), _SHOWN),
            "band_windows": plan.bands.windows if source == "natural_variation" else 0,
            "moved": asked.keys[most],
            "share": round(float(plan.share[at, most]) + change, _SHOWN),
            "reference_share": round(float(plan.share[at, most]), _SHOWN),
            "change": round(change, _SHOWN),
            "direction": direction,
        }

    def _finding(
        self, feature: str | None, evidence: float, n: int, drift: bool, effect: float, details: Mapping[str, Any]
    ) -> Finding:
        technique = self.technique
        severity = Severity.CRITICAL if effect >= technique.critical else Severity.WARNING
        return Finding(
            technique.name,
            feature,
            log10(max(evidence, 1.0)),
            log10(technique.run_length),
            n,
            Reason.DRIFT if drift else Reason.OK,
            drift,
            severity if drift else Severity.NONE,
            details=details,
        )


def _unknown(window: Summary, baseline: Baseline, plan: Plan) -> list[Finding]:
    """One finding for each feature of which the baseline knows nothing."""
    known = {asked.name for asked in plan.questions}
    names = [feature.name for feature in baseline.schema.all if feature.name not in known]
    names += [name for name in window.features if name not in known and baseline.type_of(name) is None]
    return [_of_unknown(name, missing_reason(baseline.feature(name))) for name in names]


def _of_unknown(name: str, reason: Reason) -> Finding:
    if reason is not Reason.NO_STATISTIC:
        return Finding.not_computable(EDetector.name, name, reason)
    return Finding.not_computable(EDetector.name, name, reason, statistic=Counts.name, missing_in=["baseline"])
