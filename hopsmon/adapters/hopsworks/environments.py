"""Python environments of a project: whether one can run hopsmon, and one that surely can."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from packaging.utils import canonicalize_name

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking, missing
from hopsmon.adapters.hopsworks.packaging import Package
from hopsmon.errors import OutsideError, TransientError

SPARK = "spark-feature-pipeline"  # what Hopsworks' own Spark jobs run in
_FAILED = "FAILED"
_UNDER_WAY = ("NEW", "ONGOING")
_NAME_DIGITS = 12
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Environments:
    """The environments of a project."""

    connection: Connection

    def libraries(self, environment: str) -> dict[str, str]:
        """The distributions in an environment and their versions; empty where Hopsworks does not tell.

        What could not be installed, or is not yet, is left out.

        Raises:
            ConfigError: there is no such environment.
        """
        there = self._listed(environment)
        return {name: str(one.get("version") or "") for name, one in there.items() if _is_installed(one)}

    def _listed(self, environment: str) -> dict[str, Mapping[str, Any]]:
        """What Hopsworks says of each library that is or shall be in an environment, by the library's name."""
        with asking(f"The libraries of environment '{environment}'"):
            if self._find(environment) is None:
                names = sorted(str(one.name) for one in self._api.get_environments())
                raise missing("Python environment", environment, names, "Mend environment=…, or clone one in its page.")
            found = private.get_json(("python", "environments", environment), {"expand": ["libraries", "commands"]})
        listed = found.get("libraries") or []
        items = listed.get("items") or [] if isinstance(listed, Mapping) else listed
        return {str(canonicalize_name(str(one["library"]))): one for one in items}

    def with_wheel(self, wheel: Package, path: str, base: str) -> tuple[str, bool]:
        """The environment that has this wheel, and whether it was made now: a clone of another one.

        Its name says which wheel and which base: a newer hopsmon, or another base, gets another one, and jobs that run
        in this go on undisturbed.

        Args:
            wheel: what it must have.
            path: where the wheel lies in the project.
            base: the environment to clone.

        Raises:
            ConfigError: there is no such environment to clone.
            OutsideError: the wheel or what it needs could not be installed, now or before.
            TransientError: somebody else is installing it.
        """
        name = clone_name(wheel, base)
        with asking(f"Environment '{name}'"):
            there = self._find(name)
        if there is not None and self._has_hopsmon(name):
            return name, False
        if there is None:
            self.libraries(base)  # whether it is there
            there = self._cloned(name, base)
        _LOG.info("installing %s into environment %s; this takes minutes", wheel.name, name)
        with self._building(name):
            there.install_wheel(path)
        return name, True

    def _has_hopsmon(self, name: str) -> bool:
        ours = {library: one for library, one in self._listed(name).items() if library.startswith("hopsmon")}
        for library, one in ours.items():
            if _has_command(one, _FAILED):
                raise OutsideError(
                    f"Environment '{name}' could not be built: the installation of {library} has failed. Its page in "
                    "Hopsworks has the whole log. Delete the environment there, and deploy again."
                )
            if not _is_installed(one):
                raise TransientError(f"Environment '{name}' is being built: deploy again when that has ended.")
        return bool(ours)

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


def clone_name(wheel: Package, base: str) -> str:
    """The name of the environment that is a base with a wheel."""
    return f"hopsmon-{hashlib.sha256(f'{base}/{wheel.digest}'.encode()).hexdigest()[:_NAME_DIGITS]}"


def _is_installed(library: Mapping[str, Any]) -> bool:
    return not _has_command(library, _FAILED, *_UNDER_WAY)


def _has_command(library: Mapping[str, Any], *statuses: str) -> bool:
    """Hopsworks keeps with a library the commands that it was installed by."""
    commands = (library.get("commands") or {}).get("items") or []
    return any(str(command.get("status")).upper() in statuses for command in commands)
