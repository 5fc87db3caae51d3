"""Timeline: drift over windows, for all features and for one."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch

from hopsmon.comparison.overview import MODEL, Overview, not_computed, severities, short
from hopsmon.core.finding import Severity
from hopsmon.core.window import to_datetime

if TYPE_CHECKING:
    from hopsmon.comparison.result import Comparison, TimedFinding

MOST_ROWS = 12
_NAME = 28  # letters of a feature's name
_MOST_TICKS = 8
_HIGHEST = 100.0  # thresholds; an e-value may be anything
_STATES = (("not computed", "#9aa0a666"), ("no drift", "#4c9f7055"), ("warning", "#e0b23c"), ("critical", "#d03b3b"))
_PLACE = {Severity.NONE: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}


def height(view: Overview) -> float:
    """How many inches the map of all features takes."""
    return 1.1 + 0.22 * len(_rows(view))


def _rows(view: Overview) -> list[str | None]:
    """The model first, where there are verdicts on it, then the features that moved most."""
    model = any(finding.feature is None for finding in view.comparison.findings if finding.threshold is not None)
    return [*([None] if model else []), *view.names][:MOST_ROWS]


def heatmap(axes: Axes, view: Overview) -> None:
    """One row a feature, one column a window; the colour is the worst verdict."""
    names, windows = _rows(view), view.comparison.windows
    states = np.zeros((len(names), len(windows)))
    for at, judged in enumerate(windows):
        for row, name in enumerate(names):
            states[row, at] = _state([finding for finding in judged.findings if finding.feature == name])
    colours = ListedColormap([colour for _, colour in _STATES])
    mesh = axes.pcolormesh(states, cmap=colours, norm=BoundaryNorm(np.arange(-0.5, 4.5), 4), edgecolors="none")
    mesh.set_rasterized(states.size > 5_000)
    labels = [MODEL if name is None else short(name, _NAME) for name in names]
    axes.set_yticks(np.arange(len(names)) + 0.5, labels, parse_math=False)
    axes.invert_yaxis()
    axes.tick_params(left=False)
    _time_axis(axes, [judged.start for judged in windows], 0.5)
    more = len(view.names) - sum(name is not None for name in names)
    title = "Drift over windows" + (f" ({more:,} more features not shown)" if more > 0 else "")
    axes.set_title(title, fontweight="bold")
    handles = [Patch(facecolor=colour, label=word) for word, colour in _STATES]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=8)


def _state(findings: list[TimedFinding]) -> int:
    if not findings or not_computed(findings):
        return 0
    return _PLACE[severities(finding for finding in findings if finding.is_drift)]


def _time_axis(axes: Axes, starts: list[int | None], offset: float) -> None:
    """A few windows by their start; windows without rows are left out, so places are numbers of windows."""
    step = max(1, ceil(len(starts) / _MOST_TICKS))
    picked = range(0, len(starts), step)
    days = all((start or 0) % 86_400_000_000 == 0 for start in starts)
    form = "%Y-%m-%d" if days else "%m-%d %H:%M"
    labels = [f"{to_datetime(starts[at] or 0):{form}}" for at in picked]
    axes.set_xticks([at + offset for at in picked], labels)
    axes.set_xlabel("window start (UTC)")


def scores(axes: Axes, comparison: Comparison, name: str) -> None:
    """Each technique's score over its threshold, window by window; from 1 on it is drift if it is no chance."""
    techniques = dict.fromkeys(finding.technique for finding in comparison.findings if finding.feature == name)
    for technique in techniques:
        points = list(_points(comparison, name, technique))
        if not points:
            continue
        at, values, drifted = (np.array(column) for column in zip(*points, strict=True))
        (line,) = axes.plot(at, values, marker=".", markersize=4, linewidth=1.2, label=technique)
        axes.plot(at[drifted], values[drifted], "o", markersize=6, color=line.get_color())
    axes.axhline(1.0, color="#d03b3b", linewidth=1, linestyle="--")
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(bottom=0, top=max(2.0, 1.6 * axes.get_ylim()[1]))
    axes.set_ylabel("score ÷ threshold")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(-0.5, len(comparison.windows) - 0.5)
    _time_axis(axes, [judged.start for judged in comparison.windows], 0.0)
    axes.set_title("Over windows (large dots: drift)", fontweight="bold")
    axes.grid(alpha=0.25)
    if axes.lines[:-1]:
        axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper left")


def _points(comparison: Comparison, name: str, technique: str) -> Iterator[tuple[int, float, bool]]:
    for at, judged in enumerate(comparison.windows):
        for finding in judged.findings:
            mine = finding.feature == name and finding.technique == technique
            if mine and finding.score is not None and finding.threshold:
                yield at, min(max(finding.score / finding.threshold, 0.0), _HIGHEST), finding.is_drift
