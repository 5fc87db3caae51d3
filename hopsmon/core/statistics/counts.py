"""Counts: how many values a feature had and how many of them were usable."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import ALL_TYPES, check_version
from hopsmon.core.statistics.sample import NumericSample, Sample

_FORM = struct.Struct("<Bqqqq")


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows, and why some of them hold no usable value. `rows` = `valid` + `nulls` + `nonfinite` + `invalid`.

    Attributes:
        rows: all values.
        nulls: missing values.
        nonfinite: NaN or infinities that the sender wrote as such.
        invalid: values of a wrong type.
    """

    name: ClassVar[str] = "counts"
    feature_types: ClassVar[frozenset[FeatureType]] = ALL_TYPES

    rows: int = 0
    nulls: int = 0
    nonfinite: int = 0
    invalid: int = 0

    @property
    def valid(self) -> int:
        """Values that the other statistics rest on."""
        return self.rows - self.nulls - self.nonfinite - self.invalid

    @classmethod
    def of(cls, sample: Sample, _reference: FeatureSummary | None = None) -> Counts:
        """The counts of a sample."""
        nonfinite = sample.nonfinite if isinstance(sample, NumericSample) else 0
        return cls(sample.rows, sample.nulls, nonfinite, sample.invalid)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.rows + other.rows,
            self.nulls + other.nulls,
            self.nonfinite + other.nonfinite,
            self.invalid + other.invalid,
        )

    def to_bytes(self) -> bytes:
        """Version and the four counts."""
        return _FORM.pack(1, self.rows, self.nulls, self.nonfinite, self.invalid)

    @classmethod
    def from_bytes(cls, data: bytes) -> Counts:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        return cls(*_FORM.unpack(data)[1:])
