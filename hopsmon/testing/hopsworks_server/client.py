"""Client: the real `hopsworks` client, logged in to the server, with this process's environment put back afterwards."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from hopsworks.project import Project

Engine: TypeAlias = Literal["python", "spark", "spark-delta"]

# Every variable that steers where the client logs in to; what the process had must not leak into a test.
_VARIABLES = (
    "HADOOP_USER_NAME",
    "HDFS_USER",
    "HOPSWORKS_API_KEY",
    "HOPSWORKS_CERT_FOLDER",
    "HOPSWORKS_ENGINE",
    "HOPSWORKS_HOST",
    "HOPSWORKS_HOSTNAME_VERIFICATION",
    "HOPSWORKS_PORT",
    "HOPSWORKS_PROJECT",
    "HOPSWORKS_PROJECT_ID",
    "HOPSWORKS_PROJECT_NAME",
    "HOPSWORKS_PUBLIC_HOST",
    "HOPSWORKS_TRUST_STORE_PATH",
    "MATERIAL_DIRECTORY",
    "REST_ENDPOINT",
    "SECRETS_DIR",
    "SERVING_API_KEY",
)


class ClientSession:
    """This process as a client of the server. The client is a singleton of the process: a login ends the one before."""

    def __init__(self) -> None:
        self._before: dict[str, str] | None = None

    def login(self, engine: Engine, environment: Mapping[str, str]) -> Project:
        """Log in where the environment says, and keep it until `close`: the client reads it later as well."""
        if self._before is None:
            self._before = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        self._set(environment)
        import hopsworks

        return hopsworks.login(engine=engine)

    def close(self) -> None:
        """Log out and put the environment back."""
        if self._before is None:
            return
        try:
            sys.modules["hopsworks"].logout()
        finally:
            self._set(self._before)
            self._before = None

    @staticmethod
    def _set(values: Mapping[str, str]) -> None:
        for name in _VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(values)
