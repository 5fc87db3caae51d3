"""States: what sequence techniques keep from window to window, stored with the results.

The store has the states after two windows of each slice and technique, in two slots. A micro-batch goes on from the
newest one before its first window, and its own last state replaces the other. So a micro-batch that is done again after
a crash goes on from the same state, whatever of it was written before; and nothing grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from hashlib import sha256
from typing import Any, TypeAlias

import orjson

from hopsmon.core.techniques.protocols import SequenceTechnique
from hopsmon.core.window import Window, WindowSpec, to_datetime, to_micros
from hopsmon.streaming.plan import MonitorPlan

_SLOTS = 2
_HASH_DIGITS = 16

Key: TypeAlias = tuple[str, str]  # slice, technique


@dataclass(frozen=True, slots=True)
class Kept:
    """The state after a window, and what it was made with."""

    window: Window
    baseline: str
    settings: str
    state: bytes


class States:
    """The states of one monitor. Those of a micro-batch count from `commit` on: after they were written."""

    def __init__(self, plan: MonitorPlan, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        """Go on from rows of hopsmon_states; of several for one slot the last counts."""
        self._baseline = plan.baseline.id
        self._settings = {technique.name: settings_of(technique, plan.window) for technique in plan.sequence_techniques}
        self._kept: dict[Key, dict[int, Kept]] = {}
        self._slots: dict[Key, int] = {}  # where this micro-batch's states go
        self._new: dict[Key, Kept] = {}
        for row in rows:
            window = Window(*(_micros(row[name]) for name in ("window_start", "window_end")))
            kept = Kept(window, row["baseline_id"], row["settings"], row["state"])
            self._kept.setdefault((row["slice"], row["technique"]), {})[row["slot"]] = kept

    def before(self, slice_name: str, start: int) -> dict[str, bytes]:
        """The states to judge a window with, by technique; one that is missing starts afresh.

        A slice's windows must come in order of time. A state that was made with another baseline, other parameters or
        windows of another size is no state.
        """
        found = {}
        for technique, settings in self._settings.items():
            kept = self._before((slice_name, technique), start)
            if kept is not None and (kept.baseline, kept.settings) == (self._baseline, settings):
                found[technique] = kept.state
        return found

    def _before(self, key: Key, start: int) -> Kept | None:
        if key in self._new:
            return self._new[key]
        earlier = {slot: kept for slot, kept in self._kept.get(key, {}).items() if kept.window.start < start}
        slot = max(earlier, key=lambda slot: earlier[slot].window.start, default=None)
        self._slots.setdefault(key, 0 if slot is None else (slot + 1) % _SLOTS)
        return None if slot is None else earlier[slot]

    def put(self, slice_name: str, window: Window, after: Mapping[str, bytes]) -> None:
        """The states after a window that was judged with those `before` it."""
        for technique, state in after.items():
            kept = Kept(window, self._baseline, self._settings[technique], state)
            self._new[slice_name, technique] = kept

    def rows(self) -> list[dict[str, Any]]:
        """What this micro-batch writes, without the columns that name the monitor."""
        return [
            {
                "slice": key[0],
                "technique": key[1],
                "slot": self._slots[key],
                "window_start": kept.window.start,
                "window_end": kept.window.end,
                "baseline_id": kept.baseline,
                "settings": kept.settings,
                "state": kept.state,
            }
            for key, kept in self._new.items()
        ]

    def commit(self) -> None:
        """They were written."""
        for key, kept in self._new.items():
            self._kept.setdefault(key, {})[self._slots[key]] = kept
        self.forget()

    def forget(self) -> None:
        """They were not written: the micro-batch begins again."""
        self._new, self._slots = {}, {}


def settings_of(technique: SequenceTechnique, spec: WindowSpec) -> str:
    """A hash of what a state depends on beside the baseline: the technique, its parameters, the length of windows."""
    kind: Any = type(technique)
    parameters = {field.name: getattr(technique, field.name) for field in fields(kind)} if is_dataclass(kind) else {}
    content = [kind.__module__, kind.__qualname__, parameters, spec.size_micros]
    text = orjson.dumps(content, default=repr, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return sha256(text).hexdigest()[:_HASH_DIGITS]


def _micros(value: Any) -> int:
    return to_micros(value - to_datetime(0))
