"""Result: what `hopsmon.compare` gives: findings, and the ways to look at them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hopsmon.comparison import text
from hopsmon.comparison.outliers import Flagged
from hopsmon.core.baseline import Baseline
from hopsmon.core.finding import Finding
from hopsmon.core.multiplicity import Correction
from hopsmon.core.root_cause import by_weight, drifted_evidence, ranked
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.window import WindowSpec, to_datetime
from hopsmon.errors import ConfigError, OutsideError, UnknownNameError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

COLUMNS = (
    "feature",
    "technique",
    "score",
    "threshold",
    "p_value",
    "p_adjusted",
    "is_drift",
    "severity",
    "n",
    "reason",
    "details",
)


@dataclass(frozen=True, slots=True)
class TimedFinding(Finding):
    """A finding, and the window it is about.

    Attributes:
        start: when the window starts, µs since the epoch, UTC; None where no windows were asked for.
    """

    start: int | None = None

    @property
    def window_start(self) -> datetime | None:
        """When the window starts, UTC."""
        return None if self.start is None else to_datetime(self.start)


@dataclass(frozen=True)
class Judged:
    """One window of the current data (or all of it) and the verdicts on it."""

    start: int | None
    summary: Summary
    findings: tuple[TimedFinding, ...]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return max(self.summary.instances, self.summary.predictions)


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """What a comparison found. Shows itself in a terminal and in a notebook; `to_pandas`, `plot`, `to_html` say more.

    Attributes:
        baseline: the reference.
        windows: the windows of the current data in order of time; one of all rows where none were asked for.
        columns: findings on columns that are missing, unknown or of a wrong type.
        flagged: rows that a technique on instances flagged.
        importances: how much each feature matters to the model, as far as given.
        correction: how p-values were corrected for many features.
        window: how the current data was cut; None: it was not.
    """

    baseline: Baseline
    windows: tuple[Judged, ...]
    columns: tuple[TimedFinding, ...] = ()
    flagged: tuple[Flagged, ...] = ()
    importances: Mapping[str, float] = field(default_factory=dict)
    correction: Correction = Correction.NONE
    window: WindowSpec | None = None

    @cached_property
    def findings(self) -> tuple[TimedFinding, ...]:
        """All verdicts: on columns that do not fit, then window by window."""
        return (*self.columns, *(finding for judged in self.windows for finding in judged.findings))

    @property
    def passed(self) -> bool:
        """Whether no finding says drift."""
        return not any(finding.is_drift for finding in self.findings)

    @cached_property
    def current(self) -> Summary:
        """The summary of all the current data."""
        return sum((judged.summary for judged in self.windows), Summary())

    def root_cause(self) -> list[dict[str, Any]]:
        """The drifted features by their share of the drift; contributions add to 1.

        Each entry has `feature` and `contribution`; with importances also `importance` and `weighted`, the share of
        contribution × importance, by which the list is then sorted.
        """
        lost = {finding.feature: 1.0 for finding in self.columns if finding.is_drift and finding.feature is not None}
        found = lost | drifted_evidence([judged.findings for judged in self.windows])
        ranking = ranked(found, self.importances)
        return by_weight(ranking) if self.importances else ranking

    def __repr__(self) -> str:
        return text.as_text(self)

    def _repr_html_(self) -> str:
        return text.as_html(self)

    def to_pandas(self) -> pd.DataFrame:
        """One row a finding: feature, technique, score, p-values, verdict, reason, details.

        Where windows were asked for, `window_start` stands first.

        Raises:
            ConfigError: pandas is not installed.
        """
        frame = _pandas().DataFrame([record(finding) for finding in self.findings], columns=[*COLUMNS])
        if self.window is not None:
            starts = [finding.window_start for finding in self.findings]
            frame.insert(0, "window_start", _pandas().to_datetime(_pandas().Series(starts, dtype=object), utc=True))
        return frame.astype({"score": float, "threshold": float, "p_value": float, "p_adjusted": float})

    @property
    def outliers(self) -> pd.DataFrame:
        """One row a flagged row of the current data and technique: row (from 0), technique, score, what drove it.

        Empty unless `techniques` named some that look at instances.
        """
        names = ("row", "technique", "score", "threshold", "p_value", "top_features")
        frame = _pandas().DataFrame([[getattr(row, name) for name in names] for row in self.flagged], columns=[*names])
        if self.window is not None:
            starts = [None if row.start is None else to_datetime(row.start) for row in self.flagged]
            frame.insert(0, "window_start", _pandas().to_datetime(_pandas().Series(starts, dtype=object), utc=True))
        return frame.astype({"score": float, "threshold": float, "p_value": float})

    def to_json(self) -> str:
        """The verdicts as JSON: passed, rows, ranking, and every finding with its details."""
        return text.as_json(self)

    def plot(self, feature: str | None = None) -> Figure:
        """Distributions of reference and current data side by side, the features that moved most first.

        Where windows were asked for, also drift over time. The figure is matplotlib's; nothing is shown by itself
        outside of notebooks.

        Args:
            feature: only this one, larger; without, the nine that moved most.

        Raises:
            UnknownNameError: no such feature.
            ConfigError: matplotlib is not installed.
        """
        if feature is not None and self.baseline.type_of(feature) is None:
            raise UnknownNameError("feature", feature, [known.name for known in self.baseline.schema.all])
        _require("matplotlib", ".plot()")
        from hopsmon.comparison import plots

        return plots.overview(self) if feature is None else plots.of_feature(self, feature)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """A report in one self-contained page, also written to `path` where given.

        Raises:
            ConfigError: matplotlib or jinja2 is not installed.
            OutsideError: the file cannot be written.
        """
        _require("matplotlib", ".to_html()")
        _require("jinja2", ".to_html()")
        from hopsmon.comparison import page

        html = page.page_of(self)
        if path is not None:
            try:
                Path(path).write_text(html, encoding="utf-8")
            except OSError as error:
                raise OutsideError(f"Cannot write '{os.fspath(path)}': {error.strerror}.") from error
        return html


def record(finding: TimedFinding) -> dict[str, Any]:
    """The row of a finding, by column."""
    plain = {name: getattr(finding, name) for name in COLUMNS}
    return plain | {
        "severity": str(finding.severity),
        "reason": str(finding.reason),
        "details": dict(finding.details),
    }


def _pandas() -> Any:
    _require("pandas", "data frames")
    import pandas as pd

    return pd


def _require(package: str, purpose: str) -> None:
    """Raises ConfigError where an optional package is missing."""
    import importlib

    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"{purpose} needs {package}, which is not installed: pip install 'hopsmon[report]'"
        ) from error
