"""Flag counts: how many outliers each stretch of event time has, and how many of their rows were handed on.

A piece is a stretch as long as the slide: the window, where windows do not overlap. Each piece hands on so many rows
that no window gets more than `max_outliers`: the first that come, so that they can be seen at once. All are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from hopsmon.core.batch import BoolArray, IntArray
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.framing import pack, unpack


@dataclass(frozen=True, slots=True)
class Bundle:
    """The flagged pairs of one record batch.

    Attributes:
        place: source, first offset and number within the task: bundles are counted in this order, however they arrive.
        flagged: how many (instance, technique) pairs, by piece.
        rows: at most so many rows of hopsmon_outliers as their pieces may still hand on, in log order; None: no row.
    """

    place: tuple[str, int, int]
    flagged: dict[int, int]
    rows: pa.Table | None = None

    def to_bytes(self) -> bytes:
        return pack([*self.place, list(self.flagged.items())], [] if self.rows is None else [to_ipc(self.rows)])

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        (source, first, number, flagged), blobs = unpack(data)
        rows = from_ipc(blobs[0]) if blobs else None
        return cls((source, first, number), dict(flagged), rows)


@dataclass(frozen=True, slots=True)
class Flags:
    """Of one window or piece: the flagged pairs, and how many of their rows were handed on."""

    flagged: int = 0
    written: int = 0

    @property
    def left_out(self) -> int:
        """Those of which there is no row."""
        return self.flagged - self.written

    def __add__(self, other: Flags) -> Flags:
        return Flags(self.flagged + other.flagged, self.written + other.written)


@dataclass
class FlagCounts:
    """The flags of the pieces that still lie in an open window."""

    pieces: dict[int, Flags] = field(default_factory=dict)

    def admit(
        self, bundles: Iterable[Bundle], spec: WindowSpec, max_outliers: int, closed_until: int
    ) -> tuple[list[pa.Table], dict[int, Flags]]:
        """Count bundles; gives the rows to hand on, and the flags of windows that are closed already, by their start.

        The counts of pieces whose windows are all closed are gone: together they hand on `max_outliers` a micro-batch.
        """
        most, left_late = most_of_a_piece(spec, max_outliers), max_outliers
        rows: list[pa.Table] = []
        late: dict[int, Flags] = {}
        for bundle in sorted(bundles, key=lambda bundle: bundle.place):
            may = {}
            for piece in bundle.flagged:
                open_piece = piece + spec.size_micros > closed_until
                may[piece] = most - self.pieces.get(piece, Flags()).written if open_piece else left_late
            taken, table = _cut(bundle, spec, may)
            rows += [] if table is None else [table]
            for piece, flagged in bundle.flagged.items():
                new = Flags(flagged, taken.get(piece, 0))
                if piece + spec.size_micros > closed_until:
                    self.pieces[piece] = self.pieces.get(piece, Flags()) + new
                else:
                    left_late -= new.written
                for start in windows_of(piece, spec):
                    if start + spec.size_micros <= closed_until:
                        late[start] = late.get(start, Flags()) + new
        return rows, late

    def of_window(self, start: int, spec: WindowSpec) -> Flags:
        """All of one window's."""
        starts = range(start, start + spec.size_micros, spec.slide_micros)
        return sum((self.pieces[piece] for piece in starts if piece in self.pieces), Flags())

    def forget(self, closed_until: int, spec: WindowSpec) -> None:
        """Leave out the pieces that lie in closed windows only."""
        self.pieces = {piece: of for piece, of in self.pieces.items() if piece + spec.size_micros > closed_until}

    def as_list(self) -> list[list[int]]:
        return [[piece, of.flagged, of.written] for piece, of in self.pieces.items()]

    @classmethod
    def from_list(cls, values: Sequence[Sequence[int]]) -> FlagCounts:
        return cls({piece: Flags(flagged, written) for piece, flagged, written in values})


def _cut(bundle: Bundle, spec: WindowSpec, may: dict[int, int]) -> tuple[dict[int, int], pa.Table | None]:
    """The rows that may be handed on, and how many there are of each piece."""
    if bundle.rows is None:
        return {}, None
    pieces = spec.last_start(bundle.rows.column("event_time").cast(pa.int64()).to_numpy())
    keep = first_of_each(pieces, may)
    if not keep.any():
        return {}, None
    found, counts = np.unique(pieces[keep], return_counts=True)
    rows = bundle.rows if keep.all() else bundle.rows.filter(pa.array(keep))
    return dict(zip(found.tolist(), counts.tolist(), strict=True)), rows


def first_of_each(pieces: IntArray, may: dict[int, int]) -> BoolArray:
    """Which entries are among the first so many of their piece."""
    keep = np.zeros(len(pieces), np.bool_)
    for piece in np.unique(pieces).tolist():
        keep[np.flatnonzero(pieces == piece)[: max(may[piece], 0)]] = True
    return keep


def most_of_a_piece(spec: WindowSpec, max_outliers: int) -> int:
    """How many rows a piece may hand on; at least one, unless there shall be none."""
    return max(max_outliers // spec.overlap, min(max_outliers, 1))


def windows_of(piece: int, spec: WindowSpec) -> Iterator[int]:
    """The starts of the windows a piece lies in."""
    return (piece - back * spec.slide_micros for back in range(spec.overlap))


def to_ipc(table: pa.Table) -> bytes:
    """A small table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def from_ipc(data: bytes) -> pa.Table:
    """Inverse of `to_ipc`."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()
