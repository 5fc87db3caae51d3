"""`hopsmon techniques`: which techniques there are, and all about one."""

from __future__ import annotations

import typer
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hopsmon.cli.console import out
from hopsmon.core.techniques import registry
from hopsmon.core.techniques.guide import FAMILIES, by_default, family_of, meaning, sections
from hopsmon.core.techniques.registry import Description


def techniques(name: str | None = typer.Argument(None, help="Show all about this one.")) -> None:
    """List the techniques, or tell all about one: meaning, formula, parameters, sources.

    [bold]hopsmon techniques[/bold]

    [bold]hopsmon techniques psi[/bold]
    """
    if name is None:
        _tell_all()
    else:
        _tell_one(registry.describe(name))


def _tell_all() -> None:
    """One table a family; the star says that a technique runs where nobody chooses."""
    described = [registry.describe(known) for known in registry.names()]
    widest = max(len(one.name) for one in described)
    for key, family in FAMILIES.items():
        members = [one for one in described if family_of(one) == key]
        if not members:
            continue
        out.print(Text.assemble((family.title, "bold"), (f"  looks at {family.looks_at}", "dim")))
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(width=1)
        table.add_column(width=widest)
        table.add_column()
        for one in members:
            table.add_row("*" if by_default(one.name) else "", one.name, Text(one.title))
        out.print(table)
        out.print()
    out.print("* runs by default. `hopsmon techniques NAME` tells all about one.", highlight=False)


def _tell_one(described: Description) -> None:
    """What a page of docs/techniques says, for a terminal."""
    parts = sections(described)
    family = FAMILIES[family_of(described)]
    out.print(Text.assemble((described.name, "bold"), "  ", described.title))
    default = "runs by default" if by_default(described.name) else "runs where it is named"
    facts = f"{family.title.lower()}: looks at {family.looks_at}; {default}"
    out.print(Text(f"{facts}; reads {', '.join(described.needs)}" if described.needs else facts, "dim"))
    for paragraph in parts.paragraphs:
        out.print()
        out.print(Text(paragraph))
    if described.parameters:
        out.print()
        out.print(_parameters(described))
    if parts.example:
        out.print()
        out.print(Group(Text("Example", "bold"), Padding(Text(parts.example), (0, 2))))


def _parameters(described: Description) -> Group:
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for one in described.parameters:
        table.add_row(Text(f"{one.name}: {one.type} = {one.default}"), Text(meaning(described, one.name), "dim"))
    return Group(Text("Parameters", "bold"), table)
