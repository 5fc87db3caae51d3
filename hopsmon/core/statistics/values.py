"""Values: all finite values of a numeric feature, for comparisons in memory; never part of a stream's state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import EqualByBytes, check_version
from hopsmon.core.statistics.sample import NumericSample, Sample

_NONE: FloatArray = np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Values(EqualByBytes):
    """All finite values, ascending. Grows with the data: `hopsmon.compare` computes it, a monitor does not.

    A technique that finds it on both sides is exact; else it works with bins.
    """

    name: ClassVar[str] = "values"
    feature_types: ClassVar[frozenset[FeatureType]] = frozenset({FeatureType.NUMERIC, FeatureType.INTEGER})

    ascending: FloatArray = field(default_factory=lambda: _NONE)

    @classmethod
    def of(cls, sample: Sample, _reference: FeatureSummary | None = None) -> Values | None:
        """The values of a numeric sample; None for labels."""
        return cls(sample.sorted) if isinstance(sample, NumericSample) else None

    def __add__(self, other: Values) -> Values:
        return Values(np.sort(np.concatenate((self.ascending, other.ascending)), kind="stable"))

    def to_bytes(self) -> bytes:
        """Version, then the values as little-endian float64."""
        return b"\x01" + self.ascending.astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Values:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        return cls(np.frombuffer(data, "<f8", offset=1).astype(np.float64))
