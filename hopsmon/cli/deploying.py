"""`hopsmon deploy`, `status` and `undeploy`: a monitor as a job of its Hopsworks project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from hopsmon import wiring
from hopsmon.cli.building import load_all
from hopsmon.cli.console import out
from hopsmon.errors import ConfigError
from hopsmon.sdk import Monitor, Store

FILE = typer.Argument(help="Configuration file of a monitor, YAML; its store is a Hopsworks project.", metavar="FILE")


def deploy(  # noqa: PLR0917 - options, not positions
    file: Path = FILE,
    schedule: str | None = typer.Option(
        None, "--schedule", metavar="CRON", help='When it runs, UTC: "0 */15 * ? * * *" is every 15 minutes.'
    ),
    mode: str | None = typer.Option(
        None, "--mode", help="scheduled: what is new, each time (default); continuous: until it is stopped."
    ),
    start: bool = typer.Option(False, "--start", help="Start it now as well."),
    install: str | None = typer.Option(
        None,
        "--install",
        help="wheel: an environment of its own; pyfiles: a zip; auto (at first): the zip where it will do.",
    ),
    environment: str | None = typer.Option(None, "--environment", help="Python environment to run in, or to clone."),
    alert_receiver: str | None = typer.Option(None, "--alert-receiver", help="Who is told when a run fails."),
    driver_cores: int | None = typer.Option(None, "--driver-cores", help="Cores of the driver."),
    driver_memory: int | None = typer.Option(None, "--driver-memory", metavar="MB", help="Memory of the driver."),
    executors: int | None = typer.Option(None, "--executors", help="How many executors."),
    executor_cores: int | None = typer.Option(None, "--executor-cores", help="Cores of each."),
    executor_memory: int | None = typer.Option(None, "--executor-memory", metavar="MB", help="Memory of each."),
    prop: list[str] = typer.Option([], "--property", metavar="NAME=VALUE", help="A Spark property; repeatable."),
) -> None:
    """Make a monitor a job of its Hopsworks project, or change its job; a second time nothing changes.

    What is not said stays as it is.

    [bold]hopsmon deploy monitor.yaml --schedule "0 */15 * ? * * *"[/bold]

    [bold]hopsmon deploy monitor.yaml --mode continuous --schedule "0 */5 * ? * * *" --start[/bold]
    """
    (config,) = load_all([file])
    monitor = Store(wiring.home_of(config)).create_monitor(config)
    named = {
        "driver_cores": driver_cores,
        "driver_memory": driver_memory,
        "executors": executors,
        "executor_cores": executor_cores,
        "executor_memory": executor_memory,
    }
    settings: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    settings |= {"mode": mode, "install": install, "environment": environment, "alert_receiver": alert_receiver}
    _tell(monitor.deploy(schedule, properties=_properties(prop), **settings))
    if start:
        _tell(monitor.start())


def status(file: Path = FILE) -> None:
    """Say how a monitor stands: its job, the last run and the next one, its newest window.

    [bold]hopsmon status monitor.yaml[/bold]
    """
    _tell(_saved(file).status())


def undeploy(
    file: Path = FILE,
    delete_results: bool = typer.Option(False, "--delete-results", help="Delete its result rows as well."),
) -> None:
    """Take a monitor's job away; its configuration, results and checkpoint stay.

    [bold]hopsmon undeploy monitor.yaml[/bold]
    """
    _tell(_saved(file).undeploy(keep_results=not delete_results))


def _saved(file: Path) -> Monitor:
    (config,) = load_all([file])
    return Store(wiring.home_of(config)).monitor(config.name)


def _properties(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for text, (name, found, _) in zip(texts, pairs, strict=True):
        if not found or not name:
            raise ConfigError(f"--property {text}: expected NAME=VALUE, e.g. spark.sql.shuffle.partitions=4.")
    return {name: value for name, _, value in pairs}


def _tell(what: object) -> None:
    out.print(str(what), markup=False, soft_wrap=True)
