"""A project as a home: what it is called, and where Spark keeps its checkpoints."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.home import ProjectHome
from hopsmon.config import HopsworksStoreConfig
from hopsmon.errors import ConfigError

PROJECT = SimpleNamespace(name="demo")
INSIDE, OUTSIDE = Connection(PROJECT, "spark", False), Connection(PROJECT, "spark-delta", True)


def test_a_home_is_called_by_its_project() -> None:
    assert ProjectHome(INSIDE, HopsworksStoreConfig()).place == "hopsworks:demo"


def test_in_a_job_checkpoints_are_in_the_projects_resources() -> None:
    home = ProjectHome(INSIDE, HopsworksStoreConfig())
    assert home.checkpoint("credit") == "hdfs:///Projects/demo/Resources/hopsmon/_checkpoints/credit"


@pytest.mark.parametrize("connection", [INSIDE, OUTSIDE])
@pytest.mark.parametrize("folder", ["s3://bucket/hopsmon", "s3://bucket/hopsmon/"])
def test_a_configured_folder_wins(connection: Connection, folder: str) -> None:
    home = ProjectHome(connection, HopsworksStoreConfig(folder=folder))
    assert home.checkpoint("credit") == "s3://bucket/hopsmon/_checkpoints/credit"


def test_outside_spark_needs_a_folder() -> None:
    with pytest.raises(ConfigError, match=r"store\.hopsworks\.folder"):
        ProjectHome(OUTSIDE, HopsworksStoreConfig()).checkpoint("credit")
