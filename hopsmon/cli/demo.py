"""`hopsmon demo`."""

from __future__ import annotations

from pathlib import Path

import typer

from hopsmon import wiring
from hopsmon.cli.console import out


def demo(
    kafka: bool = typer.Option(False, "--kafka", help="Replay through a real Kafka broker, started and stopped here."),
    folder: Path = typer.Option(Path("demo"), "--folder", help="Where data, monitor and results go."),
) -> None:
    """Watch a model of real flights drift: 336,776 departures from New York, two to three minutes.

    A model of late arrivals, trained on January to March, is watched from April to December.

    With files and a local store:

    [bold]hopsmon demo[/bold]

    The same through a Kafka topic:

    [bold]hopsmon demo --kafka[/bold]
    """
    from hopsmon.demo import run_demo

    with wiring.own_session():
        run_demo(folder, kafka, out)
