"""Failures: where instance techniques failed, by window: one finding a window and technique, not one a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from hopsmon.core.window import WindowSpec
from hopsmon.streaming.flag_counts import windows_of
from hopsmon.streaming.framing import pack, unpack

Failure: TypeAlias = tuple[str, int, str]  # technique, instances it failed on, error


@dataclass
class Failures:
    """What failed in windows that are still open: by start and technique, the instances and the error."""

    windows: dict[int, dict[str, tuple[int, str]]] = field(default_factory=dict)

    def add(self, start: int, technique: str, instances: int, error: str) -> None:
        """Count a failure. Of several errors the first in the alphabet stays, so that their order does not matter."""
        known = self.windows.setdefault(start, {})
        before, told = known.get(technique, (0, error))
        known[technique] = before + instances, min(told, error)

    def absorb(self, payloads: Iterable[bytes], spec: WindowSpec, closed_until: int) -> None:
        """Take in what tasks report by piece; of windows that are closed there is nothing left to say."""
        for payload in payloads:
            for piece, technique, instances, error in unpack(payload)[0]:
                for start in windows_of(piece, spec):
                    if start + spec.size_micros > closed_until:
                        self.add(start, technique, instances, error)

    def take(self, start: int) -> list[Failure]:
        """A window's failures, which are then forgotten: it closes."""
        return [(technique, *of) for technique, of in sorted(self.windows.pop(start, {}).items())]

    def forget(self, closed_until: int, spec: WindowSpec) -> None:
        """Leave out closed windows."""
        self.windows = {start: of for start, of in self.windows.items() if start + spec.size_micros > closed_until}

    def as_list(self) -> list[list[int | str]]:
        return [
            [start, technique, instances, error]
            for start, of in self.windows.items()
            for technique, (instances, error) in of.items()
        ]

    @classmethod
    def from_list(cls, values: Iterable[Sequence[int | str]]) -> Failures:
        found = cls()
        for start, technique, instances, error in values:
            found.add(int(start), str(technique), int(instances), str(error))
        return found


def report(failed: Sequence[tuple[int, str, int, str]]) -> bytes:
    """What one task saw in one record batch: piece, technique, instances, error."""
    return pack(failed)
