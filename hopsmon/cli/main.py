"""The `hopsmon` command: its commands, its exit codes, and errors as one clear message."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

import hopsmon
from hopsmon.cli import (
    building,
    demo,
    deploying,
    doctor,
    expectations,
    rebaselining,
    running,
    showing,
    techniques,
    upkeep,
)
from hopsmon.cli.console import Ended, set_up_logging, tell_error
from hopsmon.errors import ConfigError, HopsmonError

WRONG_USE, OUTSIDE, BUG = 1, 2, 70  # 3, drift found, is given by `run`; 70 is EX_SOFTWARE of sysexits.h
_USAGE = 2  # what typer ends with on wrong usage


class ExitCodes(TyperGroup):
    """Runs commands; every failure becomes one message on stderr and the exit code that says who can mend it."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run the command line; `--debug` may stand anywhere."""
        words = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in words
        words = [word for word in words if word != "--debug"]
        set_up_logging(debug)
        try:
            return super().main(words or ["--help"], *more, **extra)
        except SystemExit as end:
            sys.exit(WRONG_USE if end.code == _USAGE else end.code)
        except Ended as end:
            sys.exit(end.code)
        except Exception as error:  # noqa: BLE001 - whatever it is, people get a message and an exit code
            if debug:
                traceback.print_exception(error)
            sys.exit(_explained(error))


def _explained(error: Exception) -> int:
    """Tell the error, and its exit code."""
    if isinstance(error, HopsmonError):
        tell_error(str(error))
        return WRONG_USE if isinstance(error, ConfigError) else OUTSIDE
    if isinstance(error, OSError):
        tell_error(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return OUTSIDE
    tell_error(f"This is a defect of hopsmon: {type(error).__name__}: {error}. `--debug` shows where it happened.")
    return BUG


app = typer.Typer(
    cls=ExitCodes,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"hopsmon {hopsmon.__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 fine, 1 wrong use or configuration, 2 something outside failed (broker, store, Java), "
    "3 drift found where --fail-on-drift asks.",
)
def hopsmon_command(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
    debug: bool = typer.Option(False, "--debug", help="Show debug messages, and tracebacks of errors."),
) -> None:
    """Watch machine learning models in production: drift and outliers from their inference log.

    Try [bold]hopsmon demo[/bold], or go step by step:

    [bold]hopsmon baseline train.parquet -o baseline.json --prediction score[/bold]

    [bold]hopsmon validate monitor.yaml[/bold]

    [bold]hopsmon run monitor.yaml --once[/bold]

    [bold]hopsmon show drift[/bold]
    """


app.command("demo")(demo.demo)
app.command("validate")(building.validate)
app.command("baseline")(building.baseline)
app.command("run")(running.run)
app.command("show")(showing.show)
app.command("deploy")(deploying.deploy)
app.command("status")(deploying.status)
app.command("undeploy")(deploying.undeploy)
app.command("rebaseline")(rebaselining.rebaseline)
app.command("baselines")(rebaselining.baselines)
app.command("techniques")(techniques.techniques)
app.add_typer(expectations.app, name="expectations")
app.command("doctor")(doctor.doctor)
app.command("optimize")(upkeep.optimize)
app.command("vacuum")(upkeep.vacuum)
app.command("deploy-maintenance")(upkeep.deploy_maintenance)
