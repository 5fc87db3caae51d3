"""WindowJudge: one monitor's closed windows judged in order of time, each slice from its own states; and its alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from itertools import groupby
from typing import Any
from uuid import uuid4

from hopsmon.core.alerting import Alert
from hopsmon.core.baseline import Baseline, ReferenceWindow
from hopsmon.core.finding import Finding, Reason
from hopsmon.core.multiplicity import Correction
from hopsmon.core.schema import ModelSchema
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.protocols import InstanceTechnique, SequenceTechnique
from hopsmon.core.verdicts import Judge
from hopsmon.streaming import across_slices
from hopsmon.streaming.alerts import Decisions
from hopsmon.streaming.fold import ClosedWindow, time_of
from hopsmon.streaming.judge import identity
from hopsmon.streaming.patience import begin, patient
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.ports import ResultStore
from hopsmon.streaming.states import ALERT, States
from hopsmon.streaming.tables import STATES

Verdicts = tuple[ClosedWindow, list[Finding]]


class WindowJudge:
    """Judges the closed windows of one monitor; made once a run, on the driver."""

    def __init__(self, plan: MonitorPlan, store: ResultStore) -> None:
        run = f"{plan.name}/{uuid4().hex}"
        self._plan = plan
        self._store = store
        # e-BH is asked once, of all slices of a window.
        self._correction = Correction.NONE if plan.correction is Correction.E_BH else plan.correction
        self._techniques = [
            patient(technique, plan.technique_seconds, run)
            for technique in plan.techniques
            if not isinstance(technique, InstanceTechnique)
        ]
        self._judges: dict[str, Judge] = {}  # by slice; by its feature where the baseline does not know the slice
        self._states: States | None = None
        self._decisions = Decisions(plan)

    def judged(self, closed: Sequence[bytes]) -> Iterator[Verdicts]:
        """The windows of one micro-batch (as the fold hands them on) in order of time, each with its findings."""
        states = self._loaded()
        states.forget()
        self._decisions.begin()
        # Opened only when it is their turn: a backlog may close thousands at once.
        for _, group in groupby(sorted(closed, key=time_of), key=lambda payload: time_of(payload)[0]):
            yield from self._of_one_time([ClosedWindow.from_bytes(payload) for payload in group], states)

    def _of_one_time(self, windows: Sequence[ClosedWindow], states: States) -> Iterator[Verdicts]:
        findings: Mapping[str, Sequence[Finding]] = {window.slice: self._findings(window, states) for window in windows}
        rows = {window.slice: window.summary.instances for window in windows}
        findings = across_slices.together(findings)
        if self._plan.correction is Correction.E_BH:
            findings = across_slices.corrected_together(findings, alphas_of(self._techniques), self._plan.importances)
        findings = across_slices.ranked(findings, rows, self._plan.importances)
        self._decisions.see(windows[0].window, findings, states)
        for window in windows:
            yield window, [*findings[window.slice], *failures(window)]

    def _findings(self, closed: ClosedWindow, states: States) -> list[Finding]:
        """Every technique's verdicts on one window of one slice.

        Sequence techniques take windows for independent: of windows that overlap they see every n-th, whose start is a
        multiple of the size.
        """
        name, start = closed.slice, closed.window.start
        sliced = name.partition("=")[0]
        own = self._of_slice(name)
        judge, summary = own or self._of_whole(sliced), without(closed.summary, sliced)
        if own is not None and name:
            summary = seen_by(own.baseline, summary)
        begin(self._techniques)
        apart = start % self._plan.window.size_micros != 0
        if apart:
            judge = copy(judge)  # what it knows about the baseline is the same
            judge.techniques = [one for one in judge.techniques if not isinstance(one, SequenceTechnique)]
        findings, after = judge.judge(summary, start, states.before(name, start))
        states.put(name, closed.window, after)
        if own is not None:
            return findings
        findings = [_with_whole(finding) for finding in findings]
        return findings if apart else [*findings, *self._not_followed(name, summary)]

    def _of_slice(self, name: str) -> Judge | None:
        """The judge of all traffic, or of a slice against its own past; None where the baseline has no such slice.

        In a slice the feature that makes it is left out: it has one value there by construction.
        """
        if name not in self._judges:
            plan = self._plan
            own = plan.baseline.of_slice(name)
            if own is None:
                return None
            if name:
                own = baseline_without(replace(own, schema=ModelSchema(own.schema.features)), name.partition("=")[0])
            self._judges[name] = Judge(self._techniques, own, self._correction, plan.importances, plan.threshold_rule)
        return self._judges[name]

    def _of_whole(self, sliced: str) -> Judge:
        """The judge of slices that the baseline does not know: against all traffic.

        Slices differ from it by nature. Techniques that look at one window say how much; those that follow a series
        would alarm for ever, and are left out.
        """
        if sliced not in self._judges:
            plan = self._plan
            techniques = [one for one in self._techniques if not isinstance(one, SequenceTechnique)]
            baseline = baseline_without(plan.baseline, sliced)
            self._judges[sliced] = Judge(techniques, baseline, self._correction, plan.importances, plan.threshold_rule)
        return self._judges[sliced]

    def _not_followed(self, name: str, summary: Summary) -> Iterator[Finding]:
        """A slice without a baseline of its own: what its sequence techniques say."""
        command = f"hopsmon baseline --slice {name.partition('=')[0]}"
        for technique in self._techniques:
            if isinstance(technique, SequenceTechnique):
                yield Finding.not_computable(
                    technique.name, None, Reason.NO_BASELINE, summary.instances, missing=name, build_with=command
                )

    def _loaded(self) -> States:
        if self._states is None:
            stored = self._store.read(STATES.name, self._plan.name).to_pylist()
            mine = identity(self._plan, "")
            version = ("model_name", "model_version")  # another version's windows are another series; the alert goes on
            rows = [row for row in stored if row["technique"] == ALERT or all(row[key] == mine[key] for key in version)]
            self._states = States(self._plan, rows)
        return self._states

    def alerts(self) -> list[Alert]:
        """The alerts of the micro-batch, once all its windows are judged."""
        return self._decisions.made

    def state_rows(self) -> list[dict[str, Any]]:
        """What the micro-batch leaves in hopsmon_states, without the columns that name the monitor."""
        return self._loaded().rows()

    def written(self) -> None:
        """The micro-batch is in the store."""
        self._loaded().commit()


def _with_whole(finding: Finding) -> Finding:
    return replace(finding, details={**finding.details, "compared_with": "all traffic"})


def failures(closed: ClosedWindow) -> Iterator[Finding]:
    """Instance techniques that failed on some of the window's instances."""
    for technique, instances, error in closed.failures:
        yield Finding.not_computable(technique, None, Reason.FAILED, instances, error=error)


def without(summary: Summary, feature: str) -> Summary:
    """The summary as if the model had no such feature."""
    if not feature:
        return summary
    features = {name: of for name, of in summary.features.items() if name != feature}
    return replace(summary, features=features, model=_joint_without(summary.model, feature))


def seen_by(baseline: Baseline, summary: Summary) -> Summary:
    """A slice's window as its own baseline sees it: labels that only other slices have are unseen here.

    Exact, as the labels that the whole knows, and so all that the slice knows, are always counted.
    """
    features = dict(summary.features)
    for name, feature in summary.features.items():
        known, found = baseline.features.get(name, FeatureSummary()).get(Categories), feature.get(Categories)
        if known is not None and found is not None:
            pinned = found.counts.keys() & known.counts.keys()
            unseen = found.total - sum(found.counts[label] for label in pinned)
            own = Categories(found.counts, found.untracked, unseen, frozenset(pinned))
            features[name] = FeatureSummary({**feature.statistics, Categories.name: own})
    return replace(summary, features=features)


def baseline_without(baseline: Baseline, feature: str) -> Baseline:
    """The baseline as if the model had no such feature."""
    if not feature:
        return baseline
    schema = ModelSchema(
        tuple(one for one in baseline.schema.features if one.name != feature),
        tuple(one for one in baseline.schema.predictions if one.name != feature),
    )
    return replace(
        baseline,
        schema=schema,
        features={name: of for name, of in baseline.features.items() if name != feature},
        joint=_joint_without(baseline.joint, feature),
        windows=tuple(ReferenceWindow(window.start, without(window.summary, feature)) for window in baseline.windows),
    )


def _joint_without(joint: Mapping[str, Statistic], feature: str) -> dict[str, Statistic]:
    """Slices are made by labels, so of the statistics of several features only the sample holds the feature."""
    return {name: _sample_without(of, feature) if isinstance(of, Reservoir) else of for name, of in joint.items()}


def _sample_without(sample: Reservoir, feature: str) -> Reservoir:
    if feature not in sample.rows.column_names:
        return sample
    return replace(sample, rows=sample.rows.drop_columns([feature]))


def alphas_of(techniques: Iterable[Any]) -> dict[str, float | None]:
    """The levels of those whose verdicts are corrected: a sequence technique has gone on from its own."""
    return {one.name: getattr(one, "alpha", None) for one in techniques if not isinstance(one, SequenceTechnique)}
