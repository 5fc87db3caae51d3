"""Every home that monitors may have: a folder, and a project by each of the client's engines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.home import ProjectHome
from hopsmon.adapters.hopsworks.private import client_version
from hopsmon.adapters.local.home import LocalHome
from hopsmon.config import HopsworksStoreConfig
from hopsmon.streaming.ports import Home, ResultTables
from hopsmon.testing.hopsworks_server import HopsworksServer

Kind: TypeAlias = Literal["local", "python", "spark-delta"]
Opener: TypeAlias = Callable[[], Home]


class Projects:
    """A project for each engine, on servers that are started when somebody wants them."""

    def __init__(self, folder: Path, exits: ExitStack) -> None:
        self._folder = folder
        self._exits = exits
        self._servers: dict[str, HopsworksServer] = {}
        self._now: tuple[str, Connection] | None = None

    def server(self, engine: Literal["python", "spark-delta"]) -> HopsworksServer:
        """The Python engine reaches files only from inside, Spark reads only from outside."""
        if engine not in self._servers:
            server = HopsworksServer(self._folder / engine, tls=engine == "spark-delta", version=client_version())
            self._servers[engine] = self._exits.enter_context(server)
        return self._servers[engine]

    def connection(self, engine: Literal["python", "spark-delta"]) -> Connection:
        """Logged in with that engine; the client has one login at a time."""
        if self._now is None or self._now[0] != engine:
            self._now = engine, connect(self.server(engine).login(engine))
        return self._now[1]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Projects]:
    with ExitStack() as exits:
        yield Projects(tmp_path_factory.mktemp("hopsworks"), exits)


_VERSIONS = itertools.count(1)  # each test has feature groups of its own


def opener(kind: Kind, request: pytest.FixtureRequest) -> Opener:
    """Opens one home, as a new process would each time."""
    if kind == "local":
        folder: Path = request.getfixturevalue("tmp_path")
        return lambda: LocalHome(folder / "store")
    if kind == "spark-delta":
        request.getfixturevalue("spark")
    connection = request.getfixturevalue("projects").connection(kind)
    settings = HopsworksStoreConfig(version=next(_VERSIONS))
    return lambda: ProjectHome(connection, settings)


@pytest.fixture(params=["local", "python"])
def opened(request: pytest.FixtureRequest) -> Opener:
    """A home that writes fast."""
    return opener(request.param, request)


@pytest.fixture
def store(opened: Opener) -> ResultTables:
    return opened().tables


@pytest.fixture(params=["local", "python", "spark-delta"])
def any_store(request: pytest.FixtureRequest) -> ResultTables:
    """Any home's tables; by Spark, a write takes seconds."""
    return opener(request.param, request)().tables
