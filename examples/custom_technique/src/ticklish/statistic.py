"""round_values: how many values are whole multiples of ten."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.sample import NumericSample, Sample

_FORM = struct.Struct("<Bqq")


@dataclass(frozen=True, slots=True)
class RoundValues:
    """Values, and how many of them are whole multiples of ten. Two counts, so any order of merging gives the same."""

    name: ClassVar[str] = "round_values"
    feature_types: ClassVar[frozenset[FeatureType]] = frozenset({FeatureType.NUMERIC, FeatureType.INTEGER})

    values: int = 0
    round: int = 0

    @classmethod
    def of(cls, sample: Sample, _reference: FeatureSummary | None = None) -> RoundValues | None:
        """The counts of one batch, worked out on the executors."""
        if not isinstance(sample, NumericSample):
            return None
        return cls(len(sample.values), int(np.count_nonzero(np.mod(sample.values, 10) == 0)))

    def __add__(self, other: RoundValues) -> RoundValues:
        return RoundValues(self.values + other.values, self.round + other.round)

    def to_bytes(self) -> bytes:
        """Version and both counts; this is what is kept in Spark's state."""
        return _FORM.pack(1, self.values, self.round)

    @classmethod
    def from_bytes(cls, data: bytes) -> RoundValues:
        """Inverse of `to_bytes`."""
        _, values, of_them_round = _FORM.unpack(data)
        return cls(values, of_them_round)
