"""`hopsmon rebaseline` and `hopsmon baselines`: accept a change as the new normal, list what was, and go back."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from hopsmon import wiring
from hopsmon.cli.console import err, out, short
from hopsmon.cli.upkeep import STORE, store_there
from hopsmon.comparison.wording import number
from hopsmon.config import MonitorConfig
from hopsmon.errors import ConfigError
from hopsmon.sdk import Monitor, Store
from hopsmon.wiring.rebaseline import FromWindows

_WHICH = typer.Argument(help="A monitor of the store, or its configuration file.", metavar="MONITOR|FILE")


def rebaseline(
    which: str = _WHICH,
    store: str = STORE,
    last: str | None = typer.Option(None, "--last", help="The newest windows: a number (24), or a time (7d)."),
    since: str | None = typer.Option(None, "--since", help="Windows that start at this time or later, ISO 8601, UTC."),
    until: str | None = typer.Option(None, "--until", help="Windows that start before this time."),
) -> None:
    """Accept a change: make a new baseline of windows that the monitor closed, and compare with it from now on.

    Runs that go on meanwhile keep the old one until they start again. The old one is kept: `hopsmon baselines`.

    [bold]hopsmon rebaseline flight-delay --last 7d[/bold]

    [bold]hopsmon rebaseline monitor.yaml --since 2013-07-01 --until 2013-07-15[/bold]
    """
    monitor = _monitor(which, store)
    chosen = _windows(last, since, until)
    with err.status("reading the windows …"):
        made = monitor.rebaseline(chosen)
    out.print(f"baseline {made.id} of {made.rows:,} rows: {made.provenance.source}.", markup=False, soft_wrap=True)
    for note in made.provenance.notes:
        out.print(f"  {note}", markup=False, soft_wrap=True)
    _tell_file(which, monitor)


def baselines(
    which: str = _WHICH,
    store: str = STORE,
    use: str | None = typer.Option(None, "--use", metavar="ID", help="Compare with this one from now on."),
) -> None:
    """List the baselines that were made or replaced by `hopsmon rebaseline`; go back to one of them.

    [bold]hopsmon baselines flight-delay[/bold]

    [bold]hopsmon baselines flight-delay --use 583e56df5e629d2c[/bold]
    """
    monitor = _monitor(which, store)
    if use is not None:
        monitor.use_baseline(use)
    table = Table(box=None, pad_edge=False)
    for heading in ("baseline", "kept since", "rows", "made of"):
        right = heading == "rows"
        table.add_column(heading, overflow="fold", justify="right" if right else "left", no_wrap=heading != "made of")
    found = monitor.baselines()
    for one in found:
        since = short(one.saved.replace(second=0, microsecond=0))
        source = f"{one.source} (current)" if one.current else one.source
        table.add_row(one.id, since, number(one.rows), Text(source.strip()))
    if found:
        out.print(table)
    else:
        out.print(f"Monitor {monitor.name} was never rebaselined.", markup=False, soft_wrap=True)
    if use is not None:
        _tell_file(which, monitor)


def _monitor(which: str, store: str) -> Monitor:
    if not Path(which).is_file():
        return store_there(store).monitor(which)
    config = MonitorConfig.from_file(Path(which))
    return Store(wiring.home_of(config)).monitor(config.name)


def _windows(last: str | None, since: str | None, until: str | None) -> FromWindows:
    if (last is None) == (since is None and until is None):
        raise ConfigError("Which windows? Give either --last, or --since and --until (or one of them).")
    if last is None:
        return since, until
    return int(last) if last.isdigit() else last


def _tell_file(which: str, monitor: Monitor) -> None:
    """A run of the file would go back: its author has to write the new place."""
    if Path(which).is_file():
        out.print(
            f"Write into {which}: baseline: {{saved: {monitor.config.baseline.saved}}}", markup=False, soft_wrap=True
        )
