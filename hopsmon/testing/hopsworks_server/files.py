"""Files: the project's part of HopsFS as folders on disk, under whatever spelling of a path a client uses."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from hopsmon.testing.hopsworks_server.errors import PATH_INVALID, PATH_NOT_FOUND

# Datasets that every project has from its start.
_DATASETS = ("DataValidation", "Jupyter", "Logs", "Models", "Resources", "Statistics")
_SCHEME = re.compile(r"(hopsfs|hdfs|file):(//[^/]*)?")


class ProjectFiles:
    """The files of one project: `/Projects/{project}/…` of HopsFS, below a folder."""

    def __init__(self, folder: Path, project: str) -> None:
        self._folder = folder
        self._root = PurePosixPath("/Projects") / project
        for name in (*_DATASETS, f"{project}_Training_Datasets"):
            self.local(name).mkdir(parents=True, exist_ok=True)

    def absolute(self, path: str) -> str:
        """A path as HopsFS knows it; `Resources/x`, `/Projects/demo/Resources/x` and `hdfs:///Projects/…` are one."""
        inside = path.removeprefix(self._folder.as_uri())
        parts = [part for part in _SCHEME.sub("", inside, count=1).split("/") if part]
        if ".." in parts:
            raise PATH_INVALID.because(f"'{path}' leaves the project")
        whole = PurePosixPath("/", *parts)
        return str(whole if whole.is_relative_to("/Projects") else self._root.joinpath(*parts))

    def local(self, path: str) -> Path:
        """Where a path of HopsFS lies on disk."""
        return self._folder / self.absolute(path).lstrip("/")

    def existing(self, path: str) -> Path:
        """The same, of a file or folder that is there."""
        local = self.local(path)
        if not local.exists():
            raise PATH_NOT_FOUND.because(f"there is no {self.absolute(path)}")
        return local
