"""Histogram: counts of a feature's values in bins that the reference fixed."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import NUMERIC_TYPES, EqualByBytes, check_version
from hopsmon.core.statistics.sample import NumericSample, Sample
from hopsmon.errors import ConfigError

# PSI's usual 10 bins hide a shift inside a bin, many more need large windows (PSI of unchanged data averages
# (bins - 1) / n); 20 can be joined two by two.
DEFAULT_BINS = 20
_HEAD = struct.Struct("<BHqqB")
_DOUBT = struct.Struct("<q")
_COUNT_TYPES = {size: np.dtype(f"<u{size}") for size in (1, 2, 4, 8)}
_NO_EDGES: FloatArray = np.empty(0)
_NO_COUNTS: IntArray = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Histogram(EqualByBytes):
    """Counts in the bins [e0, e1), [e1, e2), …, [e(B-1), eB]: the last one is closed, values outside are counted apart.

    Two equal edges at the end make a bin that holds one value, e.g. for a constant reference. `Histogram()` is empty
    and has no bins; it adds to any other. Edges compare exactly.

    Attributes:
        edges: B + 1 ascending numbers.
        counts: B counts.
        underflow: values below the first edge.
        overflow: values above the last edge.
        doubt: by how many values the number of those below any inner edge may be off, where it is an estimate, as from
            a sketch; 0 where values were counted. Whoever compares allows for it (`techniques.doubt`).
    """

    name: ClassVar[str] = "histogram"
    feature_types: ClassVar[frozenset[FeatureType]] = NUMERIC_TYPES

    edges: FloatArray = field(default_factory=lambda: _NO_EDGES)
    counts: IntArray = field(default_factory=lambda: _NO_COUNTS)
    underflow: int = 0
    overflow: int = 0
    doubt: int = 0

    @property
    def total(self) -> int:
        """Finite values, inside or outside the bins."""
        return int(self.counts.sum()) + self.underflow + self.overflow

    def shares(self) -> FloatArray:
        """Share of underflow, of each bin and of overflow, in this order; they add to 1 (all 0 without values)."""
        parts = np.concatenate(([self.underflow], self.counts, [self.overflow])).astype(np.float64)
        return parts / max(self.total, 1)

    @classmethod
    def of(cls, sample: Sample, reference: FeatureSummary | None) -> Histogram | None:
        """Counts in the reference's bins; None where the reference has none."""
        pattern = reference.get(Histogram) if reference is not None else None
        if pattern is None or not isinstance(sample, NumericSample):
            return None
        return cls.of_sorted(sample.sorted, pattern.edges)

    @classmethod
    def of_sorted(cls, values: FloatArray, edges: FloatArray) -> Histogram:
        """Counts of finite values in ascending order. Searches the few edges in the values, not the other way round."""
        if not len(edges):
            return cls()
        below = values.searchsorted(edges)
        below[-1] = values.searchsorted(edges[-1], "right")
        counts: IntArray = below[1:] - below[:-1]
        return cls(edges, counts, int(below[0]), len(values) - int(below[-1]))

    @classmethod
    def of_weighted(cls, values: FloatArray, weights: IntArray, edges: FloatArray) -> Histogram:
        """Counts of ascending values that each stand for so many, as a quantile sketch keeps them."""
        if not len(edges):
            return cls()
        cumulated = np.concatenate(([0], np.cumsum(weights)))
        below = cumulated[values.searchsorted(edges)]
        below[-1] = cumulated[values.searchsorted(edges[-1], "right")]
        return cls(edges, np.diff(below), int(below[0]), int(cumulated[-1] - below[-1]))

    def __add__(self, other: Histogram) -> Histogram:
        if not len(other.edges):
            return self
        if not len(self.edges):
            return other
        if self.edges is not other.edges and not np.array_equal(self.edges, other.edges):
            raise ConfigError(
                f"Histograms with different edges cannot be added ({_span(self.edges)} and {_span(other.edges)}):"
                " they were made with different baselines."
            )
        return Histogram(
            self.edges,
            self.counts + other.counts,
            self.underflow + other.underflow,
            self.overflow + other.overflow,
            self.doubt + other.doubt,
        )

    def to_bytes(self) -> bytes:
        """Version, number of bins, underflow, overflow, bytes a count, edges, counts; version 2: and the doubt."""
        most = int(self.counts.max(initial=0))
        size = next(size for size in _COUNT_TYPES if most < 1 << 8 * size)
        head = _HEAD.pack(2 if self.doubt else 1, len(self.counts), self.underflow, self.overflow, size)
        tail = _DOUBT.pack(self.doubt) if self.doubt else b""
        return head + self.edges.astype("<f8").tobytes() + self.counts.astype(_COUNT_TYPES[size]).tobytes() + tail

    @classmethod
    def from_bytes(cls, data: bytes) -> Histogram:
        """Inverse of `to_bytes`."""
        version = check_version(data, cls.name, newest=2)
        _, bins, underflow, overflow, size = _HEAD.unpack_from(data)
        if not bins:
            return cls()
        edges = np.frombuffer(data, "<f8", bins + 1, _HEAD.size)
        counts = np.frombuffer(data, _COUNT_TYPES[size], bins, _HEAD.size + edges.nbytes).astype(np.int64)
        (doubt,) = _DOUBT.unpack_from(data, len(data) - _DOUBT.size) if version > 1 else (0,)
        return cls(edges, counts, underflow, overflow, doubt)


def _span(edges: FloatArray) -> str:
    return f"{len(edges) - 1} bins over {float(edges[0])!r} to {float(edges[-1])!r}"


def quantile_edges(
    values: FloatArray, bins: int = DEFAULT_BINS, weights: npt.NDArray[np.number] | None = None
) -> FloatArray:
    """Edges that put about equally many of the reference's values into each bin.

    Up to `bins` distinct values get a bin each, with the edges half-way between them; one value gives the bin
    [v, v]. Otherwise edges are quantiles; a value so frequent that several quantiles fall on it gets a bin of its
    own. Without values there are no edges.

    Args:
        values: finite reference values in ascending order (or the retained values of a quantile sketch).
        bins: the most bins to make.
        weights: how many values each stands for; 1 each if omitted.
    """
    if not len(values):
        return _NO_EDGES
    first = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    distinct = values[first] + 0.0
    if len(distinct) <= bins:
        halves = _after(distinct, np.arange(len(distinct) - 1))
        return _frozen(np.concatenate((distinct[:1], halves, distinct[-1:])))
    masses = np.diff(first, append=len(values)) if weights is None else np.add.reduceat(weights, first)
    return _frozen(_quantiles_apart(distinct, np.cumsum(masses), bins))


def _quantiles_apart(distinct: FloatArray, cumulated: npt.NDArray[np.number], bins: int) -> FloatArray:
    levels = np.linspace(0.0, 1.0, bins + 1) * cumulated[-1]
    at = np.minimum(cumulated.searchsorted(levels), len(distinct) - 1)
    places, hits = np.unique(at, return_counts=True)
    frequent = places[hits > 1]
    edges = np.unique(np.concatenate((distinct[places], _after(distinct, frequent[frequent < len(distinct) - 1]))))
    return np.append(edges, edges[-1]) if hits[-1] > 1 else edges  # a frequent maximum: its bin is [max, max]


def _after(distinct: FloatArray, places: npt.NDArray[np.intp]) -> FloatArray:
    """Half-way from the values at these places to their successors; the successor itself where they are neighbours."""
    low, high = distinct[places], distinct[places + 1]
    middle = np.minimum(low / 2 + high / 2, high)
    return np.where(middle > low, middle, high)


def _frozen(edges: FloatArray) -> FloatArray:
    edges.setflags(write=False)
    return edges
