"""`hopsmon validate` and `baseline`: what comes before a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from hopsmon import wiring
from hopsmon.cli.console import err, out
from hopsmon.comparison.wording import number
from hopsmon.config import MonitorConfig, format_duration, parse_duration
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_json import readable
from hopsmon.core.natural import LEAST_WINDOWS
from hopsmon.core.schema import FeatureType, ModelRef
from hopsmon.core.season import Season
from hopsmon.core.window import to_datetime
from hopsmon.errors import ConfigError, OutsideError

_LABELS_SHOWN = 4


def load_all(files: Sequence[Path]) -> list[MonitorConfig]:
    """The configurations of all files.

    Raises:
        ConfigError: what is wrong with each of them.
    """
    configs, wrong = [], []
    for file in files:
        try:
            configs.append(MonitorConfig.from_file(file))
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError("\n".join(wrong))
    return configs


def validate(
    files: list[Path] = typer.Argument(None, help="Configuration files of monitors, YAML.", metavar="FILE"),
    schema: bool = typer.Option(False, "--schema", help="Print the JSON Schema of a configuration, for editors."),
) -> None:
    """Check configurations: every key and value, the baseline, and whether they fit together. Needs no broker.

    [bold]hopsmon validate monitor.yaml[/bold]

    [bold]hopsmon validate monitors/*.yaml[/bold]

    [bold]hopsmon validate --schema > hopsmon.schema.json[/bold]
    """
    if schema:
        typer.echo(json.dumps(MonitorConfig.json_schema(), indent=2))
        return
    if not files:
        raise ConfigError("Give at least one FILE, or --schema.")
    for file, config in zip(files, load_all(files), strict=True):
        plan = wiring.monitor_plan(config)
        out.print(
            f"{file}: fine. Monitor {plan.name}: {len(plan.schema.features)} features, "
            f"{len(plan.schema.predictions)} predictions, {len(plan.techniques)} techniques, "
            f"baseline {plan.baseline.id} of {plan.baseline.rows:,} rows.",
            markup=False,
            soft_wrap=True,
        )


def baseline(  # noqa: PLR0917 - options, not positions
    data: Path = typer.Argument(help="Reference data: .parquet, .csv, a folder of them, or a Delta table."),
    output: Path = typer.Option(..., "-o", "--output", help="Where the baseline is written, JSON."),
    prediction: list[str] = typer.Option([], "--prediction", help="A column that is a prediction; repeat it for more."),
    kind: list[str] = typer.Option([], "--type", metavar="NAME=TYPE", help="Type of a column, e.g. zip=categorical."),
    exclude: list[str] = typer.Option([], "--exclude", help="A column to leave out: an id, the label."),
    model: str = typer.Option("", "--model", metavar="NAME[:VERSION]", help="The model the data belongs to."),
    event_time: str | None = typer.Option(
        None, "--event-time", metavar="COLUMN", help="Column with the time of each row; numbers with unit, as ts:ms."
    ),
    window: str | None = typer.Option(None, "--window", help="Size of the monitor's windows, e.g. 1h."),
    season: str = typer.Option("none", "--season", help=f"Which windows are alike: {', '.join(Season)}."),
    sliced: list[str] = typer.Option(
        [], "--slice", metavar="FEATURE", help="Keep each value's own baseline, for monitors with slices; repeatable."
    ),
) -> None:
    """Summarise reference data, usually the training data, as what windows are compared with.

    With --event-time it also keeps how the data's own windows vary, and findings are judged by that. With --slice it
    keeps each value's rows apart as well: a monitor's slices are then compared with their own past.

    [bold]hopsmon baseline train.parquet -o baseline.json --prediction score --exclude label[/bold]

    [bold]hopsmon baseline train.csv -o baseline.json --type zip=categorical --model churn:3[/bold]

    [bold]hopsmon baseline train.parquet -o baseline.json --event-time at --window 1h --season hour_of_day[/bold]

    [bold]hopsmon baseline train.parquet -o baseline.json --slice origin[/bold]
    """
    with err.status(f"reading {data} …"):
        made = wiring.baseline_of_data(
            data,
            _model(model, data),
            prediction,
            _types(kind),
            exclude,
            event_time=event_time,
            window=None if window is None else _window(window),
            season=Season.named(season),
            slices=sliced,
        )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(made.to_json(), "utf-8")
    except OSError as error:
        raise OutsideError(f"Cannot write '{output}': {error.strerror}.") from error
    out.print(_features_table(made))
    out.print(
        f"{output}: baseline {made.id} of {made.rows:,} rows{_windows(made)}{_slices(made)}.",
        markup=False,
        soft_wrap=True,
    )
    for note in made.provenance.notes:
        out.print(f"{note}.", markup=False, soft_wrap=True)
    if made.windows and len(made.windows) < LEAST_WINDOWS:
        err.print(f"How windows vary is used from {LEAST_WINDOWS} on: give data over a longer time.", soft_wrap=True)


def _window(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ConfigError as error:
        raise ConfigError(f"--window: {error}") from error


def _windows(made: Baseline) -> str:
    if not made.windows:
        return ""
    size = format_duration(timedelta(microseconds=made.window_micros or 0))
    first, last = (to_datetime(made.windows[at].start) for at in (0, -1))
    season = "" if made.season is Season.NONE else f", compared by {made.season}"
    return f", {len(made.windows):,} windows of {size} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}{season}"


def _slices(made: Baseline) -> str:
    if not made.slices:
        return ""
    features = ", ".join(dict.fromkeys(name.partition("=")[0] for name in made.slices))
    return f", {len(made.slices)} slices by {features}"


def _model(text: str, data: Path) -> ModelRef:
    name, _, version = text.partition(":")
    if version and not version.isdigit():
        raise ConfigError(f"--model {text}: the version must be a whole number, e.g. churn:3.")
    return ModelRef(name or data.stem, int(version) if version else None)


def _types(texts: Sequence[str]) -> dict[str, FeatureType]:
    types = {}
    for text in texts:
        name, found, kind = text.rpartition("=")
        if not found:
            raise ConfigError(f"--type {text}: expected NAME=TYPE, e.g. zip=categorical.")
        types[name] = FeatureType.named(kind)
    return types


def _features_table(made: Baseline) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("feature", "type", "nulls", "mean", "min", "max"):
        table.add_column(heading, justify="left" if heading in ("feature", "type") else "right")
    table.add_column("labels", overflow="fold")
    predictions = {feature.name for feature in made.schema.predictions}
    for feature in made.schema.all:
        known = made.feature(feature.name)
        figures = readable(known) if known is not None else {}
        label = f"{feature.name} (prediction)" if feature.name in predictions else feature.name
        cells = [number(figures.get(key)) for key in ("nulls", "mean", "min", "max")]
        table.add_row(Text(label), str(feature.type), *cells, Text(_labels(figures)))
    return table


def _labels(figures: dict[str, Any]) -> str:
    labels = list(figures.get("labels", {}))
    rest = figures.get("labels_known", 0) - _LABELS_SHOWN
    return ", ".join(labels[:_LABELS_SHOWN]) + (f", … {rest:,} more" if rest > 0 else "")
