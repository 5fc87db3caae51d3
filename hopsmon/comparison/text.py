"""Text: a comparison for terminals, notebooks and programs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import orjson
from rich.cells import cell_len, set_cell_size

from hopsmon.comparison.overview import HEADINGS, Line, Overview
from hopsmon.core.window import to_datetime

if TYPE_CHECKING:
    from hopsmon.comparison.result import Comparison

MOST_LINES = 12
_WIDEST = (24, 22, 10, 10, 8, 32, 60)
_RIGHT = (2, 3, 4)  # columns of numbers
_CELL = "padding:.15em .6em;border-bottom:1px solid rgba(128,128,128,.3);text-align:{}"
_COLOURS = {"critical": "#d03b3b", "warning": "#b8860b", "none": "inherit"}


def as_text(comparison: Comparison) -> str:
    """Headline, what was compared, and the worst verdicts as a table."""
    view = Overview(comparison)
    lines = view.lines(only_drift=True)
    parts = [view.headline, view.basis]
    if lines:
        parts += ["", *_table([line.cells(view.windows) for line in lines[:MOST_LINES]])]
    if len(lines) > MOST_LINES:
        parts.append(f"… {len(lines) - MOST_LINES} more; .to_pandas() has them all")
    if view.unjudged:
        parts.append(view.unjudged)
    return "\n".join(parts)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Aligned columns; a heading, a cell too long is cut."""
    cut = [tuple(_cut(cell, most) for cell, most in zip(row, _WIDEST, strict=True)) for row in (HEADINGS, *rows)]
    widths = [max(cell_len(row[at]) for row in cut) for at in range(len(HEADINGS))]
    return ["  ".join(_pad(cell, widths[at], at) for at, cell in enumerate(row)).rstrip() for row in cut]


def _cut(cell: str, most: int) -> str:
    return cell if cell_len(cell) <= most else f"{set_cell_size(cell, most - 1).rstrip()}…"


def _pad(cell: str, width: int, at: int) -> str:
    return " " * (width - cell_len(cell)) + cell if at in _RIGHT else set_cell_size(cell, width)


def as_html(comparison: Comparison) -> str:
    """The same for a notebook; every name is text, whatever characters it has."""
    view = Overview(comparison)
    lines = view.lines(only_drift=True)
    parts = [f"<div><strong>{escape(view.headline)}</strong><br><small>{escape(view.basis)}</small>"]
    if lines:
        head = "".join(f"<th style='{_cell(at)}'>{escape(name)}</th>" for at, name in enumerate(HEADINGS))
        rows = "".join(_html_row(line, view.windows) for line in lines[:MOST_LINES])
        parts.append(f"<table style='border-collapse:collapse'><tr>{head}</tr>{rows}</table>")
    if len(lines) > MOST_LINES:
        parts.append(f"<small>… {len(lines) - MOST_LINES} more; <code>.to_pandas()</code> has them all</small><br>")
    if view.unjudged:
        parts.append(f"<small>{escape(view.unjudged)}</small>")
    return "".join([*parts, "</div>"])


def _html_row(line: Line, windows: int | None) -> str:
    colour = _COLOURS[str(line.worst.severity)]
    cells = [f"<td style='{_cell(at)}'>{escape(cell)}</td>" for at, cell in enumerate(line.cells(windows))]
    cells[5] = cells[5].replace("style='", f"style='color:{colour};", 1)
    return f"<tr>{''.join(cells)}</tr>"


def _cell(at: int) -> str:
    return _CELL.format("right" if at in _RIGHT else "left")


def as_json(comparison: Comparison) -> str:
    """The verdicts for programs."""
    from hopsmon.comparison.result import record

    findings = []
    for finding in comparison.findings:
        start = {} if finding.window_start is None else {"window_start": finding.window_start.isoformat()}
        findings.append(start | record(finding))
    content = {
        "passed": comparison.passed,
        "headline": Overview(comparison).headline,
        "reference_rows": comparison.baseline.rows,
        "current_rows": sum(judged.rows for judged in comparison.windows),
        "baseline_id": comparison.baseline.id,
        "correction": str(comparison.correction),
        "windows": [
            {"start": None if judged.start is None else to_datetime(judged.start).isoformat(), "rows": judged.rows}
            for judged in comparison.windows
        ],
        "root_cause": comparison.root_cause(),
        "findings": findings,
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps(content, default=str, option=options).decode()
