"""What envelope readers hand to body readers: whose body, when, which id; and the ledger of what was not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import BoolArray, IntArray, Side
from hopsmon.core.payloads.decoded import Reject, RejectReason, SkipReason
from hopsmon.core.payloads.layout import Block

ReadColumn: TypeAlias = Callable[[], "pa.StringArray | None"]


def nobody() -> None:
    """The column no message has."""


class UnreadableError(ValueError):
    """One message (or body) that cannot be read; becomes a Reject where the row is known."""

    def __init__(self, reason: RejectReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bodies:
    """Bodies of one side: `contents[i]` belongs to row `rows[i]` of the record batch.

    side None: the envelope does not say; the body's keys decide. parsed: contents are JSON values, not bytes.
    tails: by row, the bytes behind the JSON head of a parsed body (v2's binary tensors). block: the instances, where
    the envelope reader already came to read them.
    """

    side: Side | None
    rows: IntArray
    contents: list[Any]
    parsed: bool = False
    tails: Mapping[int, bytes] = field(default_factory=dict)
    block: Block | None = None


class BodySorter:
    """Puts bodies of one side and one kind (JSON values, or bytes still to be parsed) together."""

    def __init__(self) -> None:
        self._heaps: dict[tuple[Side | None, bool], tuple[list[int], list[Any]]] = {}

    def add(self, row: int, side: Side | None, body: Any) -> None:
        """One body: bytes (None: empty), or else a JSON value."""
        rows, contents = self._heaps.setdefault((side, not isinstance(body, bytes | None)), ([], []))
        rows.append(row)
        contents.append(body)

    def sorted(self) -> tuple[Bodies, ...]:
        """The heaps."""
        return tuple(
            Bodies(side, np.array(rows, dtype=np.int64), contents, parsed)
            for (side, parsed), (rows, contents) in self._heaps.items()
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """The messages one envelope reader opened. Arrays: one entry for each of `rows`.

    times: microseconds, `times.MISSING` where there is none; None: none has one. Ids and attributes are read when
    somebody asks for them: most monitors take every message of their topic, and look up few ids.
    """

    rows: IntArray
    bodies: tuple[Bodies, ...]
    times: IntArray | None = None
    ids: ReadColumn = nobody
    attributes: Mapping[str, ReadColumn] = field(default_factory=dict)


@dataclass(slots=True)
class Ledger:
    """Collects what was not decoded, so that every message is accounted for."""

    rejects: list[Reject] = field(default_factory=list)
    skips: dict[int, SkipReason] = field(default_factory=dict)

    def reject(self, row: int, reason: RejectReason, message: str) -> None:
        """One message (or half of it) cannot be read."""
        self.rejects.append(Reject(int(row), reason, message))

    def reject_all(self, rows: Iterable[int], reason: RejectReason, message: str) -> None:
        """These messages cannot be read, all for the same reason."""
        for row in rows:
            self.reject(row, reason, message)

    def skip(self, row: int, reason: SkipReason) -> None:
        """One message (or half of it) carries nothing to monitor."""
        self.skips[int(row)] = reason

    def skip_all(self, rows: Iterable[int], reason: SkipReason) -> None:
        """These messages carry nothing to monitor, all for the same reason."""
        self.skips.update((int(row), reason) for row in rows)

    def settle(self, decoded: BoolArray) -> tuple[int, dict[SkipReason, int]]:
        """Messages rejected, and skipped by reason. A message counts once: decoded before rejected before skipped."""
        rejected = {reject.row for reject in self.rejects if not decoded[reject.row]}
        skipped = Counter(why for row, why in self.skips.items() if not decoded[row] and row not in rejected)
        return len(rejected), dict(skipped)
