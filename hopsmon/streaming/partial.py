"""Partial: what one task saw of one monitor in one run of offsets; mergeable windows and the facts around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hopsmon.core.statistics.summary import Summary
from hopsmon.streaming.framing import pack, unpack

PARTIAL = "partial"  # the kind of its rows between observe and fold
NEVER = -(2**63)  # before any event time

Key = tuple[str, int]  # slice, start of the window


@dataclass(frozen=True, slots=True)
class Tally:
    """Every message of a run of offsets, in exactly one of four places.

    messages = decoded + skipped + rejected + foreign
    """

    messages: int = 0
    decoded: int = 0
    skipped: int = 0  # not an inference (readiness, metadata, error responses)
    rejected: int = 0
    foreign: int = 0  # another model's, by the monitor's `match`
    outliers: int = 0  # instances x techniques flagged; not part of the sum

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.messages + other.messages,
            self.decoded + other.decoded,
            self.skipped + other.skipped,
            self.rejected + other.rejected,
            self.foreign + other.foreign,
            self.outliers + other.outliers,
        )

    def as_list(self) -> list[int]:
        return [self.messages, self.decoded, self.skipped, self.rejected, self.foreign, self.outliers]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a run of offsets has come, in the events' time and in the log's own; µs, NEVER where there is none.

    Attributes:
        newest: largest plausible event time of this monitor's messages.
        began: when the first message arrived, whoever it belonged to.
        arrived: when the last one did: by its own word, which the next one corrects.
    """

    newest: int = NEVER
    began: int = NEVER
    arrived: int = NEVER

    def __add__(self, later: Reach) -> Reach:
        return Reach(
            max(self.newest, later.newest),
            later.began if self.began == NEVER else self.began,
            self.arrived if later.arrived == NEVER else later.arrived,
        )

    @property
    def waited(self) -> int:
        """How much of the log's own time was read, µs."""
        return self.arrived - self.began

    def as_list(self) -> list[int]:
        return [self.newest, self.began, self.arrived]


@dataclass(frozen=True, slots=True)
class Partial:
    """One task's contribution to one shard of one monitor.

    Attributes:
        source: "topic/partition".
        first_offset: offset of the first message of the run, whoever it belonged to.
        last_offset: offset of the last one.
        reach: how far it has come.
        baseline: id of the baseline whose bins and labels the summaries use.
        windows: summaries by slice and start of window; late rows are counted in theirs.
        tally: the accounting of the run (in shard 0 only, so that it adds up).
    """

    source: str
    first_offset: int
    last_offset: int
    reach: Reach = field(default_factory=Reach)
    windows: Mapping[Key, Summary] = field(default_factory=dict)
    baseline: str = ""
    tally: Tally = field(default_factory=Tally)

    def to_bytes(self) -> bytes:
        keys = list(self.windows)
        head = [
            self.source,
            self.first_offset,
            self.last_offset,
            self.reach.as_list(),
            self.baseline,
            self.tally.as_list(),
            keys,
        ]
        return pack(head, [self.windows[key].to_bytes() for key in keys])

    @classmethod
    def from_bytes(cls, data: bytes) -> Partial:
        (source, first, last, reach, baseline, tally, keys), blobs = unpack(data)
        windows = {(name, start): Summary.from_bytes(blob) for (name, start), blob in zip(keys, blobs, strict=True)}
        return cls(source, first, last, Reach(*reach), windows, baseline, Tally(*tally))
