"""Extremes: the smallest and the largest finite value of a feature."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import NUMERIC_TYPES, check_version
from hopsmon.core.statistics.sample import NumericSample, Sample

_FORM = struct.Struct("<Bdd")


@dataclass(frozen=True, slots=True)
class Extremes:
    """Smallest and largest finite value, exactly; both None when there is none."""

    name: ClassVar[str] = "extremes"
    feature_types: ClassVar[frozenset[FeatureType]] = NUMERIC_TYPES

    min: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, sample: Sample, _reference: FeatureSummary | None = None) -> Extremes | None:
        """The extremes of a numeric sample."""
        if not isinstance(sample, NumericSample):
            return None
        values = sample.sorted
        return cls(float(values[0]), float(values[-1])) if len(values) else cls()

    def __add__(self, other: Extremes) -> Extremes:
        if other.min is None or other.max is None:
            return self
        if self.min is None or self.max is None:
            return other
        return Extremes(min(self.min, other.min), max(self.max, other.max))

    def to_bytes(self) -> bytes:
        """Version, then both values; the version alone when there are none."""
        return b"\x01" if self.min is None else _FORM.pack(1, self.min, self.max)

    @classmethod
    def from_bytes(cls, data: bytes) -> Extremes:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        return cls(*_FORM.unpack(data)[1:]) if len(data) > 1 else cls()
