"""Overview: the verdicts of a comparison by feature, the features that moved most first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hopsmon.comparison.wording import number, verdict, why
from hopsmon.config.values import format_duration
from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.root_cause import evidence, of_drifted_model

if TYPE_CHECKING:
    from hopsmon.comparison.result import Comparison, TimedFinding

MODEL = "(model)"
_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.NONE: 2}
_NAMED = 3  # drifted features that the headline names
_NAME = 40  # letters of each
HEADINGS = ("feature", "technique", "score", "threshold", "p", "verdict", "why")


@dataclass(frozen=True)
class Line:
    """One feature and technique: its worst verdict, and in how many windows it drifted."""

    worst: TimedFinding
    windows: int

    def cells(self, of_windows: int | None) -> tuple[str, ...]:
        """What the line says, by `HEADINGS`; `of_windows`: how many windows there are, where there are any."""
        finding = self.worst
        plain = {name: getattr(finding, name) for name in ("technique", "score", "n", "reason")}
        p_value = finding.p_value if finding.p_adjusted is None else finding.p_adjusted
        return (
            MODEL if finding.feature is None else printable(finding.feature),
            finding.technique,
            number(finding.score),
            number(finding.threshold),
            number(p_value),
            verdict({"is_drift": finding.is_drift, "severity": finding.severity, "score": finding.score})
            + (f", {self.windows}/{of_windows} windows" if of_windows and self.windows else ""),
            printable(why(plain, finding.details)),
        )


def printable(name: str) -> str:
    """The text on one line, without characters that control a terminal or may not stand in a document."""
    return "".join(letter if letter.isprintable() else "�" for letter in name)


def short(name: str, most: int) -> str:
    """A name that fits; the middle is left out, as names often differ at the end."""
    clean = printable(name) or "(empty)"
    head = (most - 1) * 2 // 3
    return clean if len(clean) <= most else f"{clean[:head]}…{clean[-(most - 1 - head) :]}"


@dataclass(frozen=True)
class Overview:
    """What there is to say about a comparison, before somebody chooses how."""

    comparison: Comparison

    @cached_property
    def names(self) -> list[str]:
        """All features and predictions, worst first: drifted ones by their share, others by how near they came."""
        drifted = [entry["feature"] for entry in self.comparison.root_cause()]
        drifted += [name for name in self.drifted if name not in drifted]
        near: dict[str, float] = {}
        for judged in self.comparison.windows:
            for name, value in evidence(judged.findings).items():
                near[name] = max(near.get(name, 0.0), value)
        order = [feature.name for feature in self.comparison.baseline.schema.all]
        rest = sorted((name for name in order if name not in drifted), key=lambda name: -near.get(name, 0.0))
        return [name for name in drifted if name in order] + rest

    @cached_property
    def drifted(self) -> list[str]:
        """The features with a finding of drift, in the order of the schema."""
        shifts = [finding for finding in self.comparison.findings if not finding.by_expectation]
        moved = {finding.feature for finding in shifts if finding.is_drift}
        return [feature.name for feature in self.comparison.baseline.schema.all if feature.name in moved]

    @cached_property
    def windows(self) -> int | None:
        """How many windows there are; None where none were asked for."""
        return None if self.comparison.window is None else len(self.comparison.windows)

    @property
    def headline(self) -> str:
        """The outcome in one sentence."""
        known = len(self.comparison.baseline.schema.all)
        lines = self.lines(only_drift=False)
        expected = [line.worst.is_drift for line in lines if line.worst.by_expectation]
        model = any(of_drifted_model(line.worst) for line in lines)
        text = f"{len(self.drifted)} of {known} features drifted"
        if self.drifted:
            named = [name for name in self.names if name in self.drifted]
            more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
            text += f": {', '.join(short(name, _NAME) for name in named[:_NAMED])}{more}"
        text += ", and the model as a whole" if model else ""
        return text + (f"; {sum(expected)} of {len(expected)} expectations not met" if expected else "")

    @property
    def basis(self) -> str:
        """What was compared, in one line."""
        comparison = self.comparison
        rows = sum(judged.rows for judged in comparison.windows)
        parts = [f"reference {comparison.baseline.rows:,} rows", f"current {rows:,} rows"]
        if comparison.window is not None:
            moved = sum(any(finding.is_drift for finding in judged.findings) for judged in comparison.windows)
            parts.append(f"{self.windows} windows of {format_duration(comparison.window.size)}, {moved} with drift")
        return " · ".join([*parts, f"correction for many features: {comparison.correction}"])

    def lines(self, *, only_drift: bool) -> list[Line]:
        """One line a feature and technique, worst first."""
        found: dict[tuple[str | None, str], list[TimedFinding]] = {}
        for finding in self.comparison.findings:
            found.setdefault((finding.feature, finding.technique), []).append(finding)
        lines = [Line(min(of, key=_badness), sum(f.is_drift for f in of)) for of in found.values()]
        place = {name: at for at, name in enumerate(self.names)}
        wanted = [line for line in lines if line.worst.is_drift or not only_drift]
        return sorted(wanted, key=lambda line: _order(line, place))

    @property
    def unjudged(self) -> str:
        """How many verdicts could not be reached, and why; empty where all could."""
        reasons = Counter(str(finding.reason) for finding in self.comparison.findings if finding.score is None)
        if not reasons:
            return ""
        parts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
        return f"{reasons.total():,} of {len(self.comparison.findings):,} verdicts could not be reached: {parts}"


def _badness(finding: Finding) -> tuple[int, float]:
    """Smaller is worse: drift first, critical before warning, then by score; what could not be computed last."""
    rank = _RANK[finding.severity] if finding.is_drift else len(_RANK)
    return rank, float("inf") if finding.score is None else -finding.score


def _order(line: Line, place: dict[str, int]) -> tuple[bool, int, int, str]:
    finding = line.worst
    at = -1 if finding.feature is None else place.get(finding.feature, len(place))
    return not finding.is_drift, at, _badness(finding)[0], finding.technique


def severities(findings: Iterable[Finding]) -> Severity:
    """The worst severity of some findings."""
    return min((finding.severity for finding in findings), key=_RANK.__getitem__, default=Severity.NONE)


def not_computed(findings: Sequence[Finding]) -> bool:
    """Whether there are findings and none of them could be computed."""
    return bool(findings) and all(finding.score is None and finding.reason is not Reason.OK for finding in findings)
