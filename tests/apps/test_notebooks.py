"""The notebooks run as they are, one after another in one project: the client, a broker and Spark are real."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support import hopsworks_flights
from tests.support.cluster import spark_of_the_image

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
DAYS = ("2013-04-15", "2013-04-23")
HERE = "HOPSMON_NOTEBOOKS"  # where the notebooks are run
SECONDS = 900  # for one cell, far more than any takes


@pytest.fixture(scope="module")
def project(kafka: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a notebook server in the project."""
    folder, topic = tmp_path_factory.mktemp("project"), "notebooks-inference"
    kafka.create_topic(topic, 1)
    hopsworks_flights.Log(DAYS).publish(kafka.bootstrap_servers, topic)
    with HopsworksServer(folder, tls=True, kafka=kafka.bootstrap_servers, version=client_version()) as server:
        hopsworks_flights.seed(server, topic)
        packages = folder / "packages"  # what a notebook installs does not stay in the environment of the tests
        packages.mkdir()
        for part in ("notebooks", "examples"):  # pip builds where the sources are
            shutil.copytree(FOLDER.parent / part, folder / part)
        yield {
            **server.environment,
            **spark_of_the_image(folder),
            "HOPSWORKS_ENGINE": "spark-delta",  # inside, the client reads by Hive
            "HOPSMON_CHECKPOINTS": (folder / "checkpoints").as_uri(),
            "PIP_TARGET": str(packages),
            "PYTHONPATH": os.pathsep.join((str(packages), str(FOLDER.parent), os.environ.get("PYTHONPATH", ""))),
            HERE: str(folder / "notebooks"),
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
        }


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name: str, project: dict[str, str]) -> None:
    execute(nbformat.read(FOLDER / name, as_version=4), project)


def test_by_one_line_they_run_on_a_folder(project: dict[str, str], tmp_path: Path) -> None:
    """The third looks at the monitor that the second has made. Jobs and feature groups are the project's alone."""
    there = f"hopsmon.connect({str(tmp_path / 'monitoring')!r})"
    for name in NAMES[1:3]:
        notebook = nbformat.read(FOLDER / name, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        jobs = next((number for number, cell in enumerate(code) if ".deploy(" in cell.source), len(code))
        notebook.cells = [cell for cell in code[:jobs] if "get_feature_store()" not in cell.source]
        (cell,) = [cell for cell in notebook.cells if "hopsmon.connect(project)" in cell.source]
        cell.source = cell.source.replace("hopsmon.connect(project)", there)
        execute(notebook, project)


def execute(notebook: Any, project: dict[str, str]) -> None:
    client = NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": project[HERE]}})
    client.execute(env={**os.environ, **project})
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_without_outputs(name: str) -> None:
    notebook = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_the_readme_says_what_each_shows() -> None:
    readme = (FOLDER.parent / "README.md").read_text("utf-8")
    assert [name for name in NAMES if f"notebooks/{name}" not in readme] == []


def test_they_are_numbered_without_a_gap() -> None:
    assert [name.partition("_")[0] for name in NAMES] == [str(number + 1) for number in range(len(NAMES))]
