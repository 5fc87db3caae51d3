"""Baselines of a monitor that its store keeps: each new normal, and the ones before, to go back to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import orjson

from hopsmon.core.baseline import Baseline
from hopsmon.errors import ConfigError, UnknownNameError
from hopsmon.streaming.ports import Documents

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
    """A store's documents `_baselines/<monitor>/…`: one a baseline, and an index in the order they came."""

    def __init__(self, documents: Documents, monitor: str) -> None:
        self._documents = documents
        self._folder = f"{BASELINES}/{monitor}"

    def entries(self, current: str | None = None) -> list[SavedBaseline]:
        """All of them, oldest first; `current`: the id the monitor compares with."""
        return [_entry(stored, current) for stored in self._index()]

    def save(self, baseline: Baseline) -> str:
        """Keep a baseline, and give its id; one that is there already stays as it is.

        Raises:
            OutsideError: the store cannot be written.
        """
        index = self._index()
        if baseline.id in {stored["id"] for stored in index} and self._documents.read(self._name(baseline.id)):
            return baseline.id
        created = baseline.provenance.created_at
        stored = {
            "id": baseline.id,
            "created": None if created is None else created.isoformat(),
            "source": baseline.provenance.source,
            "saved": datetime.now(timezone.utc).isoformat(),
            "rows": baseline.rows,
        }
        others = [one for one in index if one["id"] != baseline.id]
        self._documents.write(self._name(baseline.id), baseline.to_json().encode())
        content = orjson.dumps([*others, stored], option=orjson.OPT_INDENT_2)
        self._documents.write(f"{self._folder}/{_INDEX}", content)
        return baseline.id

    def load(self, baseline_id: str) -> Baseline:
        """A kept baseline.

        Raises:
            UnknownNameError: the store keeps none of that id; the message lists those it keeps.
        """
        text = self._documents.read(self._name(self.check(baseline_id)))
        if text is None:
            raise ConfigError(
                f"The baseline {baseline_id} is in the store's history, but its document is gone: put it back, or "
                "choose another one."
            )
        return Baseline.from_json(text)

    def check(self, baseline_id: str) -> str:
        """The id, if the store keeps a baseline of it.

        Raises:
            UnknownNameError: it does not; the message lists those it keeps.
        """
        known = [stored["id"] for stored in self._index()]
        if baseline_id not in known:
            raise UnknownNameError("baseline", baseline_id, known)
        return baseline_id

    def _name(self, baseline_id: str) -> str:
        return f"{self._folder}/{baseline_id}.json"

    def _index(self) -> list[dict[str, Any]]:
        text = self._documents.read(f"{self._folder}/{_INDEX}")
        try:
            stored: list[dict[str, Any]] = orjson.loads(text) if text else []
        except orjson.JSONDecodeError as error:
            raise ConfigError(
                f"'{self._folder}/{_INDEX}' is no JSON ({error}): it was changed. Put it back, or remove it."
            ) from error
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
