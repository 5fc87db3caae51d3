"""Python environments of a project: whether one can run hopsmon, and one that surely can."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking, missing
from hopsmon.adapters.hopsworks.packaging import Package, normalised
from hopsmon.errors import OutsideError

SPARK = "spark-feature-pipeline"  # what Hopsworks' own Spark jobs run in
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Environments:
    """The environments of a project."""

    connection: Connection

    def libraries(self, environment: str) -> dict[str, str]:
        """The distributions in an environment and their versions; empty where Hopsworks does not tell.

        Raises:
            ConfigError: there is no such environment.
        """
        with asking(f"The libraries of environment '{environment}'"):
            if self._find(environment) is None:
                names = sorted(str(one.name) for one in self._api.get_environments())
                raise missing("Python environment", environment, names, "Mend environment=…, or clone one in its page.")
            path = ("python", "environments", environment, "libraries")
            listed = private.get_json(path, {"expand": "commands"}).get("items") or []
        return {normalised(str(one["library"])): str(one.get("version") or "") for one in listed}

    def with_wheel(self, wheel: Package, path: str, base: str) -> tuple[str, bool]:
        """The environment that has this wheel, and whether it was made now: a clone of another one.

        Its name says which wheel: a newer hopsmon gets another one, and jobs that run in this go on undisturbed.

        Args:
            wheel: what it must have.
            path: where the wheel lies in the project.
            base: the environment to clone.

        Raises:
            ConfigError: there is no such environment to clone.
            OutsideError: the wheel or what it needs could not be installed.
        """
        name = f"hopsmon-{wheel.digest}"
        with asking(f"Environment '{name}'"):
            there = self._find(name)
        if there is not None and any(key.startswith("hopsmon") for key in self.libraries(name)):
            return name, False
        if there is None:
            self.libraries(base)  # whether it is there
            there = self._cloned(name, base)
        _LOG.info("installing %s into environment %s; this takes minutes", wheel.name, name)
        with self._building(name):
            there.install_wheel(path)
        return name, True

    def _cloned(self, name: str, base: str) -> Any:
        _LOG.info("making environment %s, a clone of %s; this takes minutes", name, base)
        with self._building(name):
            return self._api.create_environment(name, "hopsmon and what it needs", base_environment_name=base)

    @contextlib.contextmanager
    def _building(self, name: str) -> Iterator[None]:
        from hopsworks.client.exceptions import EnvironmentException

        try:
            with asking(f"Environment '{name}'"), contextlib.redirect_stdout(sys.stderr):
                yield
        except EnvironmentException as error:
            raise OutsideError(
                f"Environment '{name}' could not be built: {error}. Its page in Hopsworks has the whole log. Deploy "
                "again when it is mended, or delete the environment."
            ) from error

    def _find(self, name: str) -> Any:
        return self._api.get_environment(name)

    @cached_property
    def _api(self) -> Any:
        return self.connection.project.get_environment_api()
