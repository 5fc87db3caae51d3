"""`hopsmon optimize` and `hopsmon vacuum`: keep the store's tables quick and small."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from hopsmon.cli.console import out
from hopsmon.errors import ConfigError
from hopsmon.sdk import Store, connect

STORE = typer.Option("monitoring", "--store", envvar="HOPSMON_STORE", help="Folder of the store, or hopsworks:PROJECT.")


def store_there(place: str) -> Store:
    """The store in a folder that must be there, or of a project: who only reads would look at an empty one else.

    Raises:
        ConfigError: there is no such folder.
    """
    store = connect(place)
    if not store.place.startswith("hopsworks:") and not store.path.is_dir():
        what = "is no folder" if store.path.exists() else "is not there"
        raise ConfigError(
            f"There is no store at {place}: {store.path.absolute()} {what}. `hopsmon run` makes the one of its "
            "configuration (store.path); name another with --store, or in HOPSMON_STORE."
        )
    return store


def optimize(store: str = STORE) -> None:
    """Merge the small files that continuous runs leave, so that reading stays quick.

    Once a day is enough; runs may go on meanwhile.

    [bold]hopsmon optimize --store ./monitoring[/bold]
    """
    _tell(store_there(store).optimize())


def vacuum(
    store: str = STORE,
    retention_hours: float | None = typer.Option(
        None, "--retention-hours", min=0, help="Keep what was deleted less than this long ago (default: a week)."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be deleted."),
) -> None:
    """Delete files that no current version of a table needs, as `optimize` leaves them.

    [bold]hopsmon vacuum --store ./monitoring --dry-run[/bold]
    """
    _tell(store_there(store).vacuum(retention_hours=retention_hours, dry_run=dry_run))


def deploy_maintenance(
    store: str = STORE,
    schedule: str = typer.Option("0 0 3 ? * * *", "--schedule", metavar="CRON", help="When it runs, UTC."),
    keep: str | None = typer.Option(None, "--keep", help="Delete result rows that are older, as 90d (default: none)."),
) -> None:
    """Let a job of a Hopsworks project do both each night, for all its monitors.

    [bold]hopsmon deploy-maintenance --store hopsworks:PROJECT --keep 90d[/bold]
    """
    out.print(str(connect(store).deploy_maintenance(schedule, keep=keep)), markup=False, soft_wrap=True)


def _tell(results: Mapping[str, Mapping[str, int]]) -> None:
    for table, result in results.items():
        numbers = ", ".join(f"{value:,} {what.replace('_', ' ')}" for what, value in result.items())
        out.print(f"{table}: {numbers}")
    if not results:
        out.print("The store has no tables yet.")
