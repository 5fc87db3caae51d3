"""A folder as the home of monitors: Delta tables, and documents and checkpoints in folders beside them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hopsmon.errors import OutsideError

if TYPE_CHECKING:
    from hopsmon.adapters.local.store import LocalStore

CHECKPOINTS = "_checkpoints"


@dataclass(frozen=True)
class LocalHome:
    """Monitors in a folder, which is made when something is written."""

    path: Path

    @property
    def place(self) -> str:
        return str(self.path)

    @cached_property
    def tables(self) -> LocalStore:
        from hopsmon.adapters.local.store import LocalStore

        return LocalStore(self.path)

    @cached_property
    def documents(self) -> LocalDocuments:
        return LocalDocuments(self.path)

    def checkpoint(self, query: str) -> str:
        return str(self.path / CHECKPOINTS / query)


@dataclass(frozen=True)
class LocalDocuments:
    """Files below a folder."""

    folder: Path

    def read(self, name: str) -> bytes | None:
        file = self.folder / name
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutsideError(f"Cannot read '{file}': {error.strerror}.") from error

    def write(self, name: str, content: bytes) -> None:
        """Write beside, then rename."""
        file = self.folder / name
        beside = file.with_name(f".{file.name}.{os.getpid()}.new")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
            beside.replace(file)
        except OSError as error:
            raise OutsideError(f"Cannot write '{file}': {error.strerror}.") from error

    def names(self, folder: str) -> list[str]:
        return sorted(file.name for file in (self.folder / folder).glob("[!.]*") if file.is_file())
