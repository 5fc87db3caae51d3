"""Quantiles: a sketch of a feature's distribution, of bounded size and error."""

from __future__ import annotations

import copy
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
from datasketches import kll_doubles_sketch

from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import NUMERIC_TYPES, EqualByBytes, check_version
from hopsmon.core.statistics.sample import NumericSample, Sample

_HEAD = struct.Struct("<BIH")
_LZ4 = pa.Codec("lz4")  # the frame format
DEFAULT_K = 200  # the library's default: rank error 1.33 %, at most 5 KB


@dataclass(frozen=True, slots=True, eq=False)
class Quantiles(EqualByBytes):
    """Quantiles of the finite values, from a KLL sketch.

    The rank of an estimated quantile is off by at most `rank_error` (as a share of all values) with 99 % probability.
    Up to about k values nothing is lost. Sketches pick at random, so two sketches of the same values may differ.
    Never change `sketch` in place: summaries share it.

    Reference: Karnin, Lang & Liberty, Optimal Quantile Approximation in Streams, FOCS 2016.
    """

    name: ClassVar[str] = "quantiles"
    feature_types: ClassVar[frozenset[FeatureType]] = NUMERIC_TYPES

    sketch: kll_doubles_sketch = field(default_factory=lambda: kll_doubles_sketch(DEFAULT_K))

    @property
    def count(self) -> int:
        """Number of values sketched."""
        return int(self.sketch.n)

    @property
    def rank_error(self) -> float:
        """Bound on the error of a rank, as a share of all values, kept with 99 % probability; 0.0 while exact."""
        if not self.sketch.is_estimation_mode():
            return 0.0
        return float(self.sketch.normalized_rank_error(False))

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The values at or below which these shares (0 to 1) of all values lie; an empty list without values."""
        return [] if self.sketch.is_empty() else list(self.sketch.get_quantiles(list(shares), True))

    def ranks(self, values: Sequence[float]) -> list[float]:
        """The shares of all values that are at or below each of these; an empty list without values."""
        return [] if self.sketch.is_empty() else [self.sketch.get_rank(value, True) for value in values]

    def retained(self) -> tuple[FloatArray, IntArray]:
        """The values the sketch kept, ascending, and how many values each stands for."""
        values, weights = zip(*self.sketch, strict=True) if self.count else ((), ())
        kept, standing_for = np.array(values, np.float64), np.array(weights, np.int64)
        order = np.argsort(kept, kind="stable")
        return kept[order], standing_for[order]

    @classmethod
    def of(cls, sample: Sample, _reference: FeatureSummary | None = None) -> Quantiles | None:
        """The sketch of a numeric sample."""
        return cls.of_values(sample.sorted) if isinstance(sample, NumericSample) else None

    @classmethod
    def of_values(cls, values: FloatArray, k: int = DEFAULT_K) -> Quantiles:
        """The sketch of finite values; k trades size for accuracy. Sorted values are taken in twice as fast."""
        sketch = kll_doubles_sketch(k)
        sketch.update(values)
        return cls(sketch)

    def __add__(self, other: Quantiles) -> Quantiles:
        if other.sketch.is_empty():
            return self
        if self.sketch.is_empty():
            return other
        merged = copy.copy(self.sketch)
        merged.merge(other.sketch)
        return Quantiles(merged)

    def to_bytes(self) -> bytes:
        """Version, number of retained values, the library's own form with the values packed."""
        form = bytes(self.sketch.serialize())
        retained = self.sketch.num_retained
        start = len(form) - 8 * retained
        return _HEAD.pack(1, retained, start) + form[:start] + _packed(form[start:])

    @classmethod
    def from_bytes(cls, data: bytes) -> Quantiles:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        _, retained, start = _HEAD.unpack_from(data)
        head = data[_HEAD.size : _HEAD.size + start]
        return cls(kll_doubles_sketch.deserialize(head + _unpacked(data[_HEAD.size + start :], 8 * retained)))


def _packed(values: bytes) -> bytes:
    """The bytes of float64 values, place by place (signs and exponents are alike, so runs form), then LZ4."""
    places = np.frombuffer(values, np.uint8).reshape(-1, 8).T
    return bytes(_LZ4.compress(places.tobytes(), asbytes=True))


def _unpacked(packed: bytes, size: int) -> bytes:
    places = np.frombuffer(_LZ4.decompress(packed, size), np.uint8).reshape(8, -1)
    return bytes(places.T.tobytes())
