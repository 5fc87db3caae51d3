"""`hopsmon show`: the result tables, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import Any

import pyarrow as pa
import typer

from hopsmon.cli.tables import SHOWN_AS
from hopsmon.cli.upkeep import STORE, store_there
from hopsmon.errors import ConfigError

JSON_COLUMNS = ("details", "top_features", "values", "histogram", "findings", "channels")
ROWS_SHOWN = 40


class What(str, Enum):
    """The tables a person may want to see."""

    drift = "drift"
    outliers = "outliers"
    statistics = "statistics"
    windows = "windows"
    rejects = "rejects"
    alerts = "alerts"


def show(  # noqa: PLR0917 - options, not positions
    what: What = typer.Argument(help="Which results."),
    store: str = STORE,
    monitor: str | None = typer.Option(None, "--monitor", help="Only this monitor's."),
    since: str | None = typer.Option(None, "--since", help="From this time on, ISO 8601, UTC: 2013-07-04."),
    until: str | None = typer.Option(None, "--until", help="Before this time."),
    feature: str | None = typer.Option(None, "--feature", help="Only this feature or prediction."),
    technique: str | None = typer.Option(None, "--technique", help="Only this technique."),
    slice_: str | None = typer.Option(None, "--slice", help='Only this slice: origin=JFK; "" for all traffic.'),
    drift_only: bool = typer.Option(False, "--drift-only", help="Of drift: only verdicts that say drift."),
    everything: bool = typer.Option(False, "--all", help="Of drift: also the verdicts without drift."),
    limit: int | None = typer.Option(
        None, "--limit", min=0, help=f"Most rows; 0: all. Default {ROWS_SHOWN}; --json, --csv: all."
    ),
    as_json: bool = typer.Option(False, "--json", help="All columns as a JSON array, oldest first."),
    as_csv: bool = typer.Option(False, "--csv", help="All columns as CSV, oldest first."),
) -> None:
    """Show results, the newest first. Of drift: what drifted, and how many verdicts say it did not.

    [bold]hopsmon show drift --since 2013-07-01 --slice origin=JFK[/bold]

    [bold]hopsmon show drift --feature temp --all[/bold]

    [bold]hopsmon show outliers --limit 10[/bold]

    [bold]hopsmon show statistics --feature temp --csv > temp.csv[/bold]

    [bold]hopsmon show alerts --json[/bold]
    """
    if as_json and as_csv:
        raise ConfigError("--json and --csv exclude each other.")
    connected = store_there(store)
    if monitor is not None:
        connected.monitor(monitor)  # an unknown name is an error, not an empty table
    filters: dict[str, Any] = {
        "since": since,
        "until": until,
        "feature": feature,
        "technique": technique,
        "slice": slice_,
    }
    rows = connected.read(what.value, monitor, only_drift=drift_only, **filters)
    if as_json or as_csv:
        plain = [_plain(row) for row in rows.slice(max(0, len(rows) - limit) if limit else 0).to_pylist()]
        typer.echo(json.dumps(plain, indent=1) if as_json else _csv(plain, rows.schema), nl=as_json)
        return
    SHOWN_AS[what.value](rows, ROWS_SHOWN if limit is None else limit or len(rows), everything)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of values JSON knows; columns that hold JSON become what they hold."""
    return {name: _plain_value(name, value) for name, value in row.items()}


def _plain_value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if name in JSON_COLUMNS and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN, which JSON has not
        return None
    return value


def _csv(rows: list[dict[str, Any]], schema: pa.Schema) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, schema.names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: json.dumps(value) if isinstance(value, (dict, list)) else value for name, value in row.items()}
        )
    return text.getvalue()
