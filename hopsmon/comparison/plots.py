"""Plots: distributions side by side, and drift over windows. matplotlib is imported here and nowhere else."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO, StringIO
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patches import Patch

from hopsmon.comparison import timeline
from hopsmon.comparison.distributions import Labels, Missing, Numbers, distribution_of, missing_of
from hopsmon.comparison.overview import Overview, severities, short
from hopsmon.comparison.wording import share
from hopsmon.core.finding import Severity
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary

if TYPE_CHECKING:
    from hopsmon.comparison.result import Comparison

MOST_PANELS = 9
REFERENCE, CURRENT = "#7a8ba3", "#e07b39"  # apart in lightness too, and readable on white and on black
_NAME, _LABEL = 34, 20  # letters of a feature's name, of a label
_LEGEND = (("reference", REFERENCE), ("current", CURRENT))
_FURTHER_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Microsoft YaHei", "Arial Unicode MS")
_INK = "#0b0c0d"  # stands for the colour of the page's text, light or dark
_ON_PAGES: Any = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK)
# An element inside HTML needs no namespaces, and the metadata (which comes before any text of ours) says nothing.
_XML_ONLY = re.compile(r' xmlns(:xlink)?="[^"<>]*"(?=[^<>]*>)|<metadata>.*?</metadata>\s*', re.DOTALL)
_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "figure.dpi": 110,
    "svg.fonttype": "none",  # text stays text: any script, found by search, and coloured by the page
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a warning for every letter that the fonts lack; the picture shows a box, which says as much."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


class Picture(Figure):
    """A figure that notebooks show without pyplot."""

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """As matplotlib's, without a warning for each letter its fonts lack."""
        with _quiet():
            super().savefig(*args, **kwargs)

    def draw(self, renderer: Any) -> None:
        """Likewise."""
        with _quiet():
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", bbox_inches="tight")
        return out.getvalue()


@cache
def _style() -> Any:
    """The look, with a font for further scripts where one is installed."""
    installed = {font.name for font in fontManager.ttflist}
    return {**_STYLE, "font.family": ["DejaVu Sans", *(name for name in _FURTHER_FONTS if name in installed)]}


def overview(comparison: Comparison) -> Figure:
    """The features that moved most, and above them drift over windows where there are any."""
    view = Overview(comparison)
    names = view.names[:MOST_PANELS]
    columns = min(3, max(len(names), 1))
    rows = -(-len(names) // columns)
    timed = comparison.window is not None
    strip = timeline.height(view) if timed else 0.0
    with rc_context(_style()):
        figure = Picture(figsize=(4.1 * columns, 2.7 * rows + strip + 0.7), layout="constrained")
        parts = figure.subfigures(1 + timed, 1, height_ratios=[strip] * timed + [2.7 * rows], squeeze=False)[:, 0]
        if timed:
            timeline.heatmap(parts[0].add_subplot(), view)
        for at, name in enumerate(names):
            panel(parts[-1].add_subplot(rows, columns, at + 1), comparison, name)
        _legend(figure)
        figure.suptitle(view.headline, x=0.01, ha="left", fontsize=11, fontweight="bold", parse_math=False)
    return figure


def of_feature(comparison: Comparison, name: str) -> Figure:
    """One feature, larger; with its scores over the windows where there are any."""
    timed = comparison.window is not None
    with rc_context(_style()):
        figure = Picture(figsize=(7.5, 6.2 if timed else 3.6), layout="constrained")
        grid = figure.add_gridspec(1 + timed, 1)
        panel(figure.add_subplot(grid[0, 0]), comparison, name)
        if timed:
            timeline.scores(figure.add_subplot(grid[1, 0]), comparison, name)
        _legend(figure)
    return figure


def small(comparison: Comparison, name: str) -> Figure:
    """One feature's panel by itself, for a page."""
    with rc_context({**_style(), **_ON_PAGES}):
        figure = Figure(figsize=(4.1, 2.7), layout="constrained")
        panel(figure.add_subplot(), comparison, name)
    return figure


def over_windows(comparison: Comparison) -> Figure:
    """Drift over windows by itself, for a page."""
    view = Overview(comparison)
    with rc_context({**_style(), **_ON_PAGES}):
        figure = Figure(figsize=(10.5, timeline.height(view)), layout="constrained")
        timeline.heatmap(figure.add_subplot(), view)
    return figure


def svg_of(figure: Figure, salt: str) -> str:
    """A figure for a page as an SVG element; text and axes take the page's colour. `salt` keeps ids apart."""
    out = StringIO()
    with rc_context({**_style(), "svg.hashsalt": salt}), _quiet():
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return _XML_ONLY.sub("", text[text.index("<svg") :]).replace(_INK, "currentColor")


def _legend(figure: Figure) -> None:
    handles = [Patch(facecolor=colour, label=name) for name, colour in _LEGEND]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False)


def panel(axes: Axes, comparison: Comparison, name: str) -> None:
    """Reference and current data of one feature."""
    reference = comparison.baseline.feature(name) or FeatureSummary()
    current = comparison.current.features.get(name, FeatureSummary())
    found = distribution_of(reference, current)
    kind = comparison.baseline.type_of(name)
    if isinstance(found, Numbers):
        _draw_numbers(axes, found, kind)
    elif isinstance(found, Labels):
        _draw_labels(axes, found)
    else:
        axes.text(0.5, 0.5, "no values", ha="center", va="center", transform=axes.transAxes, alpha=0.7)
        axes.set_axis_off()
    _title(axes, comparison, name, missing_of(reference, current), found)


def _title(axes: Axes, comparison: Comparison, name: str, missing: Missing, found: object) -> None:
    """Name and verdict, and below it what the bars do not show."""
    drifted = [f for f in comparison.findings if f.feature == name and f.is_drift]
    techniques = list(dict.fromkeys(finding.technique for finding in drifted))
    mark = "critical" if severities(drifted) is Severity.CRITICAL else "warning"
    more = f" +{len(techniques) - 2}" if len(techniques) > 2 else ""
    verdict = f"  drift ({mark}: {', '.join(techniques[:2])}{more})" if drifted else "  no drift"
    axes.set_title(short(name, _NAME) + "\n", fontweight="bold", parse_math=False)
    notes = [
        f"{word} {share(before)} → {share(now)}"
        for word, (before, now) in (("nulls", missing.nulls), ("unusable", missing.unusable))
        if before or now
    ]
    if isinstance(found, Numbers) and any(found.outside):
        notes.append(f"not shown {share(found.outside[0])} → {share(found.outside[1])}")
    text = " · ".join([verdict.strip(), *notes])
    axes.text(0.0, 1.02, text, transform=axes.transAxes, fontsize=8, alpha=0.85, va="bottom", parse_math=False)


def _draw_numbers(axes: Axes, found: Numbers, kind: FeatureType | None) -> None:
    """Share of the values in each bin; of bins of different widths, share per unit."""
    widths = np.diff(found.edges)
    even = bool(np.allclose(widths, widths[0]))
    scale = np.ones(len(widths)) if even else widths
    edges: Any = found.edges
    if kind is FeatureType.TIMESTAMP:
        edges = (found.edges * 1e6).astype("datetime64[us]")
    axes.stairs(found.reference / scale, edges, fill=True, color=REFERENCE, alpha=0.55)
    axes.stairs(found.current / scale, edges, color=CURRENT, linewidth=1.8)
    axes.set_ylim(bottom=0)
    if even:
        axes.yaxis.set_major_formatter(_percent)
    axes.set_ylabel("share of values" if even else "density")
    axes.locator_params(axis="y", nbins=4)
    if kind is FeatureType.TIMESTAMP:
        axes.tick_params(axis="x", labelrotation=20)
    else:
        axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="y", alpha=0.25)


def _percent(value: float, _: object = None) -> str:
    return f"{value * 100:g}%"


def _draw_labels(axes: Axes, found: Labels) -> None:
    """A pair of bars a label, the most frequent on top."""
    written = apart(found.names, _LABEL)
    names = [f"{text} (new)" if name in found.new else text for name, text in zip(found.names, written, strict=True)]
    reference, current = found.reference, found.current
    if found.others:
        names.append(f"{found.others:,} other labels")
        reference = np.append(reference, max(1 - reference.sum(), 0.0) if reference.any() else 0.0)
        current = np.append(current, max(1 - current.sum(), 0.0) if current.any() else 0.0)
    places = np.arange(len(names))
    axes.barh(places - 0.2, reference, 0.38, color=REFERENCE)
    axes.barh(places + 0.2, current, 0.38, color=CURRENT)
    axes.set_yticks(places, names, parse_math=False)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(_percent)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("share of values")
    axes.grid(axis="x", alpha=0.25)


def apart(names: Sequence[str], most: int) -> list[str]:
    """Names that fit and still differ, where they differ after a common beginning."""
    found = [short(name, most) for name in names]
    if len(set(found)) == len(found):
        return found
    start = max(len(commonprefix(list(names))) - 2, 0)  # noqa: RUF071 - of letters, not of folders
    return [f"…{short(name[start:], most - 1)}" for name in names]
