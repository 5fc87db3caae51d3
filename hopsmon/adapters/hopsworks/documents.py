"""Documents in a project: files below its Resources, by the dataset API, from a job as from outside."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking

RESOURCES = "Resources/hopsmon"
_NEW = ".new"  # ending of a document's next content, until that has taken its place
_PAGE = 1000  # files in one answer
_NOT_FOUND = 404


@dataclass(frozen=True)
class ProjectDocuments:
    """Files below a folder of the project."""

    connection: Connection
    folder: str = RESOURCES

    def read(self, name: str) -> bytes | None:
        """What a document holds; None where there is none.

        HopsFS replaces no file by another: for a moment there is only the new one, beside the place of the old one.
        """
        path = f"{self.folder}/{name}"
        for there in (path, path + _NEW, path):
            content = self._content(there)
            if content is not None:
                return content
        return None

    def in_place(self, name: str) -> bool:
        """Whether a document lies where others than `read` find it: not so where a writer was killed half-way."""
        with asking(f"Looking for '{self.folder}/{name}'"):
            return bool(self._api.exists(f"{self.folder}/{name}"))

    def write(self, name: str, content: bytes) -> None:
        """Upload beside, then take the old one's place."""
        path = PurePosixPath(self.folder, name)
        beside = path.with_name(path.name + _NEW)
        with asking(f"Writing '{path}'"), tempfile.TemporaryDirectory() as folder:
            self._make_folders(path.parent)
            local = Path(folder, beside.name)
            local.write_bytes(content)
            with contextlib.redirect_stderr(io.StringIO()):  # the client shows a progress bar
                self._api.upload(str(local), str(beside.parent), overwrite=True)
            self._api.move(str(beside), str(path), overwrite=True)

    def names(self, folder: str) -> list[str]:
        """The documents right in a folder, by name and without it, in alphabetical order."""
        path = PurePosixPath(self.folder, folder)
        with asking(f"Looking into '{path}'"):
            return sorted({name.removesuffix(_NEW) for name in self._files(path) if not name.startswith(".")})

    @cached_property
    def _api(self) -> Any:
        return self.connection.project.get_dataset_api()

    def _content(self, path: str) -> bytes | None:
        from hopsworks.client.exceptions import RestAPIError

        with asking(f"Reading '{path}'"):
            try:
                content: bytes = self._api.read_content("/" + path).content  # it leaves out the first character
            except RestAPIError as error:
                if error.response.status_code == _NOT_FOUND:
                    return None
                raise
            return content

    def _make_folders(self, folder: PurePosixPath) -> None:
        for path in [*reversed(folder.parents), folder][2:]:  # below "." and the dataset
            if not self._api.exists(str(path)):
                self._make_folder(str(path))

    def _make_folder(self, path: str) -> None:
        from hopsworks.client.exceptions import RestAPIError

        try:
            self._api.mkdir(path)
        except RestAPIError:
            if not self._api.exists(path):  # else somebody was faster
                raise

    def _files(self, path: PurePosixPath) -> Iterator[str]:
        """Not by the client's `list`, which says of no entry whether it is a file, and fails where there is none."""
        from hopsworks.client.exceptions import RestAPIError

        offset, count = 0, 1
        while offset < count:
            query = {"action": "listing", "offset": offset, "limit": _PAGE, "sort_by": "NAME:asc", "expand": "inodes"}
            try:
                page = private.get_json(("dataset", str(path)), query)
            except RestAPIError as error:
                if error.response.status_code == _NOT_FOUND:
                    return
                raise
            yield from (one["attributes"]["name"] for one in page.get("items", []) if not one["attributes"]["dir"])
            offset, count = offset + _PAGE, page["count"]
