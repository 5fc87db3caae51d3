"""Result tables for people: what matters of each, the newest first, readable at 80 columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table
from rich.text import Text

from hopsmon.cli.console import out, short
from hopsmon.comparison.wording import number, verdict, why

Row: TypeAlias = Mapping[str, Any]
_NOTHING = "Nothing to show: no such rows in this store. `hopsmon show windows` says which windows it has."


def _table(*headings: str) -> Table:
    """Columns with a name that ends in > are aligned to the right."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in headings:
        right = heading.endswith(">")
        table.add_column(heading.removesuffix(">"), justify="right" if right else "left", overflow="fold")
    return table


def show_drift(rows: pa.Table, limit: int, everything: bool) -> None:
    """Verdicts by window and slice: those of drift, and of the others how many there are."""
    drifted = rows.filter(pc.field("is_drift"))
    wanted = rows if everything else drifted
    newest = _newest(wanted, limit, "slice", "feature", "technique")
    for window, verdicts in groupby(newest, key=_window_of):
        table = _table("feature", "technique", "score>", "limit>", "p>", "verdict", "why")
        for row in verdicts:
            table.add_row(*_verdict(row))
        _show_window(window, table)
    _tell_rest(len(wanted) - len(newest), "verdicts" if everything else "verdicts of drift")
    if not len(rows):
        out.print(_NOTHING)
    elif not everything:
        _tell_others(len(drifted), rows)


def _verdict(row: Row) -> tuple[Text, ...]:
    style = {"critical": "red", "warning": "yellow"}.get(row["severity"], "")
    p_value = row["p_value"] if row["p_adjusted"] is None else row["p_adjusted"]
    numbers = (number(row["score"]), number(row["threshold"]), number(p_value))
    return (
        Text(row["feature"] or "(model)"),
        *(Text(cell) for cell in (row["technique"], *numbers)),
        Text(verdict(row), style),
        Text(why(row, json.loads(row["details"] or "{}"))),
    )


def _show_window(window: tuple[Any, ...], table: Table) -> None:
    monitor, start, end, segment = window
    heading = Text(f"{short(start)} to {short(end)}  {segment or 'all traffic'}", "bold")
    out.print(heading.append(f"  ({monitor})", "dim"))
    out.print(table)
    out.print()


def _tell_others(drifted: int, rows: pa.Table) -> None:
    rest = len(rows) - drifted
    unknown = rows.filter(pc.field("score").is_null()).num_rows
    parts = f"{rest:,} do not" + (f" ({unknown:,} of them could not be computed)" if unknown else "")
    out.print(f"{drifted:,} of {len(rows):,} verdicts say drift, {parts}; --all shows them.")


def show_windows(rows: pa.Table, limit: int, _: bool) -> None:
    """One line a window: how much traffic, and whether it could be judged."""
    table = _table("window from", "slice", "requests>", "instances>", "rejects>", "late>", "status")
    _fill(
        table,
        _newest(rows, limit, "slice"),
        lambda row: (
            short(row["window_start"]),
            row["slice"] or "all",
            *(number(row[name]) for name in ("requests", "instances", "rejected", "late")),
            row["status"],
        ),
    )
    _finish(table, rows, limit, "windows")


def show_statistics(rows: pa.Table, limit: int, _: bool) -> None:
    """One line a feature, by window and slice."""
    figures = ("count", "nulls", "mean", "min", "p50", "max", "distinct_approx")
    for window, features in groupby(_newest(rows, limit, "slice", "feature"), key=_window_of):
        table = _table("feature", "count>", "nulls>", "mean>", "min>", "p50>", "max>", "distinct>")
        for row in features:
            table.add_row(Text(row["feature"]), *(number(row[name]) for name in figures))
        _show_window(window, table)
    if not len(rows):
        out.print(_NOTHING)
    _tell_rest(len(rows) - limit, "rows")


def show_outliers(rows: pa.Table, limit: int, _: bool) -> None:
    """One line a flagged instance and technique: what drove it, and its values there."""
    table = _table("time", "event", "technique", "score>", "limit>", "because of")
    _fill(
        table,
        _newest(rows, limit, "event_id", "technique"),
        lambda row: (
            short(row["event_time"]),
            f"{row['event_id']} #{row['instance']}",
            row["technique"],
            number(row["score"]),
            number(row["threshold"]),
            _because(row),
        ),
    )
    _finish(table, rows, limit, "outliers")


def _because(row: Row) -> str:
    """The features that drove an outlier, with the values they had."""
    values = json.loads(row["values"] or "{}")
    top = json.loads(row["top_features"] or "{}")
    return ", ".join(f"{name}={_value(values[name])}" if name in values else name for name in top)


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def show_rejects(rows: pa.Table, limit: int, _: bool) -> None:
    """One line a message that could not be read."""
    table = _table("time", "message", "reason", "what was wrong")
    _fill(
        table,
        _newest(rows, limit, "topic", "partition", "offset"),
        lambda row: (
            short(row["event_time"]),
            f"{row['topic']}/{row['partition']}/{row['offset']}",
            row["reason"],
            row["message"] or "",
        ),
    )
    _finish(table, rows, limit, "rejects")


def show_alerts(rows: pa.Table, limit: int, _: bool) -> None:
    """One line a change of an alert: what it says, and who was told."""
    table = _table("window until", "state", "severity", "what", "told")
    _fill(
        table,
        _newest(rows, limit, "alert_id"),
        lambda row: (
            short(row["changed_at"]),
            row["state"],
            row["severity"],
            row["title"],
            _told(json.loads(row["channels"] or "{}")),
        ),
    )
    _finish(table, rows, limit, "changes of alerts")
    if len(rows):
        out.print("--json has the whole text of each, and the findings behind it.")


def _told(channels: Mapping[str, Mapping[str, Any]]) -> str:
    """The channels that an alert was sent to; of the others, what has become of it."""
    told = [
        name if entry["result"] == "sent" else f"{name} {entry['result'].replace('_', ' ')}"
        for name, entry in channels.items()
    ]
    return ", ".join(told) or "nobody"


def _window_of(row: Row) -> tuple[Any, ...]:
    return row["monitor"], row["window_start"], row["window_end"], row["slice"]


def _newest(rows: pa.Table, limit: int, *then: str) -> list[dict[str, Any]]:
    """The latest rows first; those of one time in order of further columns."""
    clock = "window_start" if "window_start" in rows.column_names else "event_time"
    order = [(clock, "descending"), ("monitor", "ascending"), *((name, "ascending") for name in then)]
    found: list[dict[str, Any]] = rows.sort_by(order).slice(0, limit).to_pylist()
    return found


def _fill(table: Table, rows: Sequence[Row], cells: Callable[[Row], tuple[str, ...]]) -> None:
    for row in rows:
        table.add_row(*(Text(cell) for cell in cells(row)))


def _finish(table: Table, rows: pa.Table, limit: int, what: str) -> None:
    if not len(rows):
        out.print(_NOTHING)
        return
    out.print(table)
    _tell_rest(len(rows) - limit, what)


def _tell_rest(rest: int, what: str) -> None:
    if rest > 0:
        out.print(f"… and {rest:,} older {what}; --limit 0 shows all.")


SHOWN_AS: Mapping[str, Callable[[pa.Table, int, bool], None]] = {
    "drift": show_drift,
    "outliers": show_outliers,
    "statistics": show_statistics,
    "windows": show_windows,
    "rejects": show_rejects,
    "alerts": show_alerts,
}
