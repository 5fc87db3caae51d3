"""Page: a comparison as one HTML file that needs nothing else: no script, no font, no address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from hopsmon.comparison import plots
from hopsmon.comparison.overview import HEADINGS, Line, Overview, printable
from hopsmon.comparison.wording import share

if TYPE_CHECKING:
    from hopsmon.comparison.result import Comparison

MOST_PICTURES = 24
MOST_LINES = 2_000  # verdicts in the long table; to_pandas and to_json have them all


@dataclass(frozen=True)
class Bar:
    """One line of the ranking."""

    name: str
    share: str
    width: float  # percent of the longest bar
    note: str


def page_of(comparison: Comparison) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hopsmon.comparison", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(_content(comparison))


def _content(comparison: Comparison) -> dict[str, Any]:
    view = Overview(comparison)
    everything = view.lines(only_drift=False)
    shown = view.names[:MOST_PICTURES]
    return {
        "view": view,
        "passed": comparison.passed,
        "headings": HEADINGS,
        "drifted": [_row(line, view) for line in everything if line.worst.is_drift],
        "others": [_row(line, view) for line in everything if not line.worst.is_drift][:MOST_LINES],
        "left_out": max(sum(not line.worst.is_drift for line in everything) - MOST_LINES, 0),
        "bars": _bars(comparison),
        "weighted": bool(comparison.importances),
        "timeline": _svg(plots.over_windows(comparison), "windows") if comparison.window is not None else None,
        "pictures": [_svg(plots.small(comparison, name), f"feature-{at}") for at, name in enumerate(shown)],
        "more": len(view.names) - len(shown),
        "reference": plots.REFERENCE,
        "current": plots.CURRENT,
        "baseline_id": comparison.baseline.id,
    }


def _row(line: Line, view: Overview) -> tuple[str, tuple[str, ...]]:
    return str(line.worst.severity), line.cells(view.windows)


def _bars(comparison: Comparison) -> list[Bar]:
    ranking = comparison.root_cause()[:10]
    key = "weighted" if comparison.importances else "contribution"
    longest = max((entry[key] for entry in ranking), default=0.0) or 1.0
    return [
        Bar(
            printable(entry["feature"]),
            share(entry[key]),
            100 * entry[key] / longest,
            f"moved {share(entry['contribution'])}, importance {entry['importance']:g}" if key == "weighted" else "",
        )
        for entry in ranking
    ]


def _svg(figure: Any, salt: str) -> Markup:
    """The figure inline; matplotlib escapes names itself."""
    return Markup(plots.svg_of(figure, salt))  # noqa: S704 - made by matplotlib, not by the data's owner
