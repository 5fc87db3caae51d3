"""States: what sequence techniques, and the open alert, keep from window to window, stored with the results.

The store has the states after two windows of each slice and technique, in two slots. A micro-batch goes on from the
newest one before its first window, and its own last state replaces the other. So a micro-batch that is done again after
a crash goes on from the same state, whatever of it was written before; and nothing grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from hashlib import sha256
from typing import Any

import orjson

from hopsmon.core.techniques.protocols import Technique
from hopsmon.core.window import Window, WindowSpec, to_datetime, to_micros
from hopsmon.streaming.plan import MonitorPlan

ALERT = "#alert"  # the key of the monitor's open alert, which is no technique's
_SLOTS = 2
_HASH_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Kept:
    """The state after a window, and what it was made with."""

    window: Window
    baseline: str
    settings: str
    state: bytes


class States:
    """The states of one monitor. Those of a micro-batch count from `commit` on: after they were written.

    A state belongs to a technique, to one's correction over time ("psi#lord"), or to the alert; all are keys here.
    """

    def __init__(self, plan: MonitorPlan, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        """Go on from rows of hopsmon_states; of several for one slot the last counts."""
        self._baseline = plan.baseline.id
        self._settings = {technique.name: settings_of(technique, plan.window) for technique in plan.techniques}
        self._kept: dict[str, dict[str, dict[int, Kept]]] = {}  # by slice, key and slot
        self._slots: dict[tuple[str, str], int] = {}  # where this micro-batch's states go
        self._new: dict[str, dict[str, Kept]] = {}  # by slice and key
        for row in rows:
            window = Window(_micros(row["window_start"]), _micros(row["window_end"]))
            kept = Kept(window, row["baseline_id"], row["settings"], row["state"])
            self._put(row["slice"], row["technique"], row["slot"], kept)

    def _put(self, slice_name: str, key: str, slot: int, kept: Kept) -> None:
        self._kept.setdefault(slice_name, {}).setdefault(key, {})[slot] = kept

    def before(self, slice_name: str, start: int) -> dict[str, bytes]:
        """The states to judge a window with; one that is missing starts afresh.

        A slice's windows must come in order of time. A state that was made with another baseline, other parameters or
        windows of another size is no state; the alert outlives them all.
        """
        found = {}
        for key in self._kept.get(slice_name, {}).keys() | self._new.get(slice_name, {}).keys():
            kept = self._before(slice_name, key, start)
            if kept is not None and (kept.baseline, kept.settings) == self._made_with(key):
                found[key] = kept.state
        return found

    def _made_with(self, key: str) -> tuple[str, str]:
        """The baseline and the settings of a key's states; "" for a technique that the monitor has no more."""
        return ("", "") if key == ALERT else (self._baseline, self._settings.get(key.partition("#")[0], ""))

    def _before(self, slice_name: str, key: str, start: int) -> Kept | None:
        new = self._new.get(slice_name, {}).get(key)
        if new is not None:
            return new
        slots = self._kept[slice_name][key]
        earlier = [slot for slot, kept in slots.items() if kept.window.start < start]
        slot = max(earlier, key=lambda slot: slots[slot].window.start, default=None)
        self._slots.setdefault((slice_name, key), 0 if slot is None else (slot + 1) % _SLOTS)
        return None if slot is None else slots[slot]

    def put(self, slice_name: str, window: Window, after: Mapping[str, bytes]) -> None:
        """The states after a window that was judged with those `before` it."""
        for key, state in after.items():
            self._slots.setdefault((slice_name, key), 0)
            self._new.setdefault(slice_name, {})[key] = Kept(window, *self._made_with(key), state)

    def rows(self) -> list[dict[str, Any]]:
        """What this micro-batch writes, without the columns that name the monitor."""
        return [
            {
                "slice": slice_name,
                "technique": key,
                "slot": self._slots[slice_name, key],
                "window_start": kept.window.start,
                "window_end": kept.window.end,
                "baseline_id": kept.baseline,
                "settings": kept.settings,
                "state": kept.state,
            }
            for slice_name, key, kept in self._all_new()
        ]

    def _all_new(self) -> Iterator[tuple[str, str, Kept]]:
        return ((slice_name, key, kept) for slice_name, of in self._new.items() for key, kept in of.items())

    def commit(self) -> None:
        """They were written."""
        for slice_name, key, kept in self._all_new():
            self._put(slice_name, key, self._slots[slice_name, key], kept)
        self.forget()

    def forget(self) -> None:
        """They were not written: the micro-batch begins again."""
        self._new, self._slots = {}, {}


def settings_of(technique: Technique, spec: WindowSpec) -> str:
    """A hash of what a state depends on beside the baseline: the technique, its parameters, the length of windows."""
    kind: Any = type(technique)
    parameters = {field.name: getattr(technique, field.name) for field in fields(kind)} if is_dataclass(kind) else {}
    content = [kind.__module__, kind.__qualname__, parameters, spec.size_micros]
    text = orjson.dumps(content, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return sha256(text).hexdigest()[:_HASH_DIGITS]


def _plain(value: object) -> object:
    """What JSON has no form for; a set has no order of its own, and no other in the next process."""
    return sorted(map(repr, value)) if isinstance(value, (set, frozenset)) else repr(value)


def _micros(value: Any) -> int:
    return to_micros(value - to_datetime(0))
