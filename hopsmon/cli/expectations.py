"""`hopsmon expectations`: propose a suite from a baseline, and say how a suite's expectations are checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.text import Text

from hopsmon import wiring
from hopsmon.cli.console import err, out
from hopsmon.core.expectations import overview
from hopsmon.core.expectations.propose import propose
from hopsmon.core.expectations.vocabulary import NEVER
from hopsmon.errors import OutsideError

app = typer.Typer(
    rich_markup_mode="rich", no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)


@app.callback()
def expectations() -> None:
    """Suites of Great Expectations: propose one, see how one is checked.

    [bold]hopsmon expectations propose baseline.json -o suite.json[/bold]
    """


@app.command("propose")
def propose_suite(
    baseline: Path = typer.Argument(help="A baseline, as `hopsmon baseline` writes it."),
    output: Path | None = typer.Option(None, "-o", "--output", help="Where the suite is written (default: stdout)."),
) -> None:
    """Write a suite from a baseline: ranges, nulls, labels, types and means, with room. Read it before you use it.

    [bold]hopsmon expectations propose baseline.json -o suite.json[/bold]
    """
    suite = propose(wiring.baseline_in(baseline))
    if output is None:
        typer.echo(suite.to_json(), nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(suite.to_json(), "utf-8")
    except OSError as error:
        raise OutsideError(f"Cannot write '{output}': {error.strerror}.") from error
    out.print(
        f"{output}: suite '{suite.name}' with {len(suite.expectations)} expectations; each says why under meta.why. "
        f"In a monitor: expectations: {{file: {output.name}}}",
        markup=False,
        soft_wrap=True,
    )


@app.command("show")
def show_suite(
    file: Path = typer.Argument(help="A suite, JSON of Great Expectations (1.x, 0.18) or Hopsworks."),
    baseline: Path | None = typer.Option(None, "--baseline", help="Say it for this baseline's model."),
    module: list[str] = typer.Option([], "--module", help="A module that defines expectations; repeat it for more."),
) -> None:
    """Say how each expectation is checked: on every instance, on statistics, on a sample, or not, and why.

    [bold]hopsmon expectations show suite.json[/bold]

    [bold]hopsmon expectations show suite.json --baseline baseline.json[/bold]
    """
    with err.status(f"reading {file} …"):
        suite, lines = wiring.overview_of(file, baseline, module)
    model = "" if baseline is None else f" for the model of {baseline}"
    out.print(f"Suite '{suite.name}'{model}: {len(lines)} expectations.", markup=False, soft_wrap=True)
    _tell([(line.how, f"{line.expectation.type}  {line.on}", line.note) for line in lines])


@app.command("types")
def known_types() -> None:
    """List the expectations that are known, and how each is checked.

    [bold]hopsmon expectations types[/bold]
    """
    _tell([(how, kind, NEVER.get(kind, "")) for kind, how in overview.known_types()])


def _tell(lines: Sequence[tuple[str, str, str]]) -> None:
    """Lines under headings: what is looked at, in the order of how much that says."""
    for heading in overview.HEADINGS:
        members = [(text, note) for how, text, note in lines if how == heading]
        if members:
            out.print(Text(f"\n{heading[0].upper()}{heading[1:]}: {len(members)}", "bold"))
        for text, note in members:
            out.print(Text.assemble("  ", text, (f"  {note}" if note else "", "dim")), soft_wrap=True)
