"""`hopsmon doctor`: what is there, what is missing, and the command that mends it."""

from __future__ import annotations

import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from hopsmon import wiring
from hopsmon.cli.console import Ended, err, out
from hopsmon.config import MonitorConfig
from hopsmon.errors import ConfigError, HopsmonError, OutsideError

# Package, the versions that work (from, below), and the extra that brings it; None: hopsmon itself does.
_PACKAGES: tuple[tuple[str, tuple[int, ...], tuple[int, ...], str | None], ...] = (
    ("numpy", (1, 26), (3,), None),
    ("pyarrow", (22,), (26,), None),
    ("datasketches", (5, 2), (6,), None),
    ("pyspark", (3, 5), (4, 2), "spark"),
    ("pandas", (2, 2), (3,), "spark"),
    ("kafka-python", (2, 2), (4,), "kafka"),
)
_LEAST_PYTHON = (3, 10)


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `wrong` is the error where it is not as it should be."""

    what: str
    seen: str
    wrong: HopsmonError | None = None


def doctor(
    file: Path | None = typer.Argument(None, help="A monitor's configuration: also look at its log and store."),
) -> None:
    """Look at Python, packages, Java; with FILE also at jars, log, baseline and store.

    [bold]hopsmon doctor[/bold]

    [bold]hopsmon doctor monitor.yaml[/bold]

    Says what is missing and how to mend it. Ends with 0 if all is well, 1 where
    something is to be installed or changed, 2 where something outside does not
    answer.
    """
    findings = []
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    with err.status("looking …"):
        for finding in (*_installation(), *(_of_monitor(file) if file is not None else ())):
            findings.append(finding)
            mark = Text("mend", "red") if finding.wrong else Text("ok", "green")
            table.add_row(mark, finding.what, Text(str(finding.wrong or finding.seen)))
    out.print(table)
    wrong = [finding.wrong for finding in findings if finding.wrong is not None]
    if wrong:
        raise Ended(1 if any(isinstance(error, ConfigError) for error in wrong) else 2)


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look())
    except HopsmonError as error:
        return Finding(what, "", error)


def _installation() -> Iterator[Finding]:
    yield _look("Python", _python)
    for name, least, below, extra in _PACKAGES:
        yield _look(name, lambda name=name, least=least, below=below, extra=extra: _package(name, least, below, extra))  # type: ignore[misc]
    yield _look("deltalake", _one_deltalake)
    yield _look("Java", _java)


def _python() -> str:
    if sys.version_info < _LEAST_PYTHON:
        raise ConfigError(f"{platform.python_version()}; hopsmon needs {'.'.join(map(str, _LEAST_PYTHON))} or newer.")
    return f"{platform.python_version()} in {sys.prefix}"


def _package(name: str, least: tuple[int, ...], below: tuple[int, ...], extra: str | None) -> str:
    mend = f"pip install 'hopsmon[{extra}]'" if extra else "pip install hopsmon"
    try:
        found = version(name)
    except PackageNotFoundError:
        raise ConfigError(f"not installed: {mend}") from None
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:3])
    if not least <= numbers < below:
        wanted = f"{'.'.join(map(str, least))} or newer, below {'.'.join(map(str, below))}"
        raise ConfigError(f"{found}; tried with {wanted}: {mend}")
    return found


def _one_deltalake() -> str:
    """Deltalake and hops-deltalake, which Hopsworks' client brings, own one module: with both, which runs is chance."""
    found = {one.name: one.version for one in distributions() if one.name in ("deltalake", "hops-deltalake")}
    if len(found) > 1:
        both = " and ".join(f"{name} {number}" for name, number in found.items())
        raise ConfigError(f"{both} own the same module: pip uninstall hops-deltalake deltalake, then install one.")
    if "hops-deltalake" in found:
        return f"{found['hops-deltalake']}, of hops-deltalake"
    return _package("deltalake", (1, 2), (2,), "local")


def _java() -> str:
    from hopsmon.streaming.jvm import find_java

    java = find_java()
    return f"{java.version} in {java.home}"


def _of_monitor(file: Path) -> Iterator[Finding]:
    loaded = _look("configuration", lambda: MonitorConfig.from_file(file).name)
    yield loaded
    if loaded.wrong:
        return
    config = MonitorConfig.from_file(file)
    yield _look("baseline", lambda: _baseline(config))
    yield _look("jars", lambda: _jars(config))
    yield _look("log", lambda: _log(config))
    yield _look("store", lambda: _store(config))


def _baseline(config: MonitorConfig) -> str:
    plan = wiring.monitor_plan(config)
    return f"{plan.baseline.id}, {plan.baseline.rows:,} rows, {len(plan.schema.all)} features and predictions"


def _jars(config: MonitorConfig) -> str:
    """The jars Spark needs for the log; those not yet there are downloaded, as a run would do."""
    packages = wiring.log_of(config).source.packages
    if not packages:
        return "none needed"
    from hopsmon.streaming.jvm import jars_for

    return f"{len(jars_for(packages))} for {', '.join(packages)}"


def _log(config: MonitorConfig) -> str:
    source = wiring.log_of(config).source
    source.check()
    return f"{source.identity} can be read"


def _store(config: MonitorConfig) -> str:
    """Whether a run could write there; of a folder, what has to be made for the trial is removed again."""
    home = wiring.home_of(config)
    if not isinstance(home, wiring.LocalHome):
        return f"{home.place}, {len(home.tables.tables())} result feature groups"
    path = home.path
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OutsideError(
            f"'{there}' cannot be written ({error.strerror}): chown or chmod it, or change store.path."
        ) from error
    return f"{path} can be written" + ("" if there == path else ", and will be made")
