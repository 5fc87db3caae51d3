"""A Hopsworks project as the home of monitors: feature groups, and files of its Resources."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.documents import RESOURCES, ProjectDocuments
from hopsmon.config import HopsworksStoreConfig
from hopsmon.errors import ConfigError

if TYPE_CHECKING:
    from hopsmon.adapters.hopsworks.store import ProjectStore

CHECKPOINTS = "_checkpoints"
ELSEWHERE = "HOPSMON_CHECKPOINTS"  # what a machine outside the cluster says for all of its monitors


@dataclass(frozen=True)
class ProjectHome:
    """Monitors in a project."""

    connection: Connection
    settings: HopsworksStoreConfig

    @property
    def place(self) -> str:
        return f"hopsworks:{self.connection.name}"

    @cached_property
    def tables(self) -> ProjectStore:
        from hopsmon.adapters.hopsworks.store import ProjectStore

        return ProjectStore(self.connection, self.settings)

    @cached_property
    def documents(self) -> ProjectDocuments:
        return ProjectDocuments(self.connection)

    def checkpoint(self, query: str) -> str:
        """Below the configured folder, else that of HOPSMON_CHECKPOINTS, else below the project's Resources.

        Raises:
            ConfigError: no folder is configured, and Spark runs outside the cluster, from where it reaches no HopsFS.
        """
        folder = self.settings.folder or os.environ.get(ELSEWHERE)
        if folder is None:
            if self.connection.external:
                raise ConfigError(
                    "Outside of Hopsworks, Spark cannot write checkpoints into the project's Resources. Set "
                    f"{ELSEWHERE} in the environment to a place of this machine that it can write, as "
                    "file:///var/lib/hopsmon; or store.hopsworks.folder to one that jobs reach too, as "
                    "s3://bucket/hopsmon."
                )
            folder = f"hdfs:///Projects/{self.connection.name}/{RESOURCES}"
        return f"{folder.rstrip('/')}/{CHECKPOINTS}/{query}"
