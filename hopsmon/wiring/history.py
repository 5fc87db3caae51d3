"""Baselines of a monitor that its store keeps: each new normal, and the ones before, to go back to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import orjson

from hopsmon.core.baseline import Baseline
from hopsmon.errors import ConfigError, OutsideError, UnknownNameError

BASELINES = "_baselines"
_INDEX = "history.json"


@dataclass(frozen=True, slots=True)
class SavedBaseline:
    """A baseline that the store keeps.

    Attributes:
        id: its content hash, as in `hopsmon_drift.baseline_id`.
        created: when it was built; None where it does not say so.
        source: what it was built from.
        saved: when it came into the store.
        rows: rows it rests on.
        current: whether the monitor compares with it now.
    """

    id: str
    created: datetime | None
    source: str
    saved: datetime
    rows: int
    current: bool = False


class BaselineHistory:
    """The folder `_baselines/<monitor>` of a store: a file a baseline, and an index in the order they came."""

    def __init__(self, store: Path, monitor: str) -> None:
        self.folder = store / BASELINES / monitor

    def path(self, baseline_id: str) -> Path:
        """Where the baseline of that id lies."""
        return self.folder / f"{baseline_id}.json"

    def entries(self, current: str | None = None) -> list[SavedBaseline]:
        """All of them, oldest first; `current`: the id the monitor compares with."""
        return [_entry(stored, current) for stored in self._index()]

    def save(self, baseline: Baseline) -> Path:
        """Keep a baseline; one that is there already stays as it is.

        Raises:
            OutsideError: the folder cannot be written.
        """
        path, index = self.path(baseline.id), self._index()
        if baseline.id in {stored["id"] for stored in index} and path.is_file():
            return path
        created = baseline.provenance.created_at
        stored = {
            "id": baseline.id,
            "created": None if created is None else created.isoformat(),
            "source": baseline.provenance.source,
            "saved": datetime.now(timezone.utc).isoformat(),
            "rows": baseline.rows,
        }
        others = [one for one in index if one["id"] != baseline.id]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _replace(path, baseline.to_json().encode())
            _replace(self.folder / _INDEX, orjson.dumps([*others, stored], option=orjson.OPT_INDENT_2))
        except OSError as error:
            raise OutsideError(f"Cannot keep the baseline in '{self.folder}': {error.strerror}.") from error
        return path

    def kept(self, baseline_id: str) -> Path:
        """Where a kept baseline lies.

        Raises:
            UnknownNameError: the store keeps none of that id; the message lists those it keeps.
        """
        known = [stored["id"] for stored in self._index()]
        if baseline_id not in known:
            raise UnknownNameError("baseline", baseline_id, known)
        return self.path(baseline_id)

    def _index(self) -> list[dict[str, Any]]:
        file = self.folder / _INDEX
        try:
            stored: list[dict[str, Any]] = orjson.loads(file.read_bytes()) if file.is_file() else []
        except OSError as error:
            raise OutsideError(f"Cannot read '{file}': {error.strerror}.") from error
        except orjson.JSONDecodeError as error:
            raise ConfigError(f"'{file}' is no JSON ({error}): it was changed. Put it back, or remove it.") from error
        return stored


def _entry(stored: Mapping[str, Any], current: str | None) -> SavedBaseline:
    created = stored["created"]
    return SavedBaseline(
        stored["id"],
        None if created is None else datetime.fromisoformat(created),
        stored["source"],
        datetime.fromisoformat(stored["saved"]),
        stored["rows"],
        stored["id"] == current,
    )


def _replace(path: Path, content: bytes) -> None:
    """Write beside, then rename: a reader sees the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.write_bytes(content)
    beside.replace(path)
