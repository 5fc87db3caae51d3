"""Moments: count, mean and spread of a feature."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import isfinite, isinf, sqrt
from typing import ClassVar, TypeVar

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import NUMERIC_TYPES, check_version
from hopsmon.core.statistics.sample import NumericSample, Sample

_FORM = struct.Struct("<Bqddd")
_LARGE = 1e140  # squares of larger deviations, summed, may pass float64's largest number (1.8e308)
Number = TypeVar("Number", float, FloatArray)
_SCALE = 2.0**600  # a power of two, so that scaling rounds nothing


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and spread. `Moments()` is empty; `a + b` describes both samples.

    Spread is kept as deviations from the mean, never as a sum of squares, and the mean to twice float64's precision,
    so that a mean of 1e9 with a standard deviation of 1e-3 comes out right. Deviations below 1e-162 square to zero.

    Reference: Chan, Golub & LeVeque, The American Statistician 37(3), 1983.

    Attributes:
        count: number of finite values.
        mean: their mean; 0.0 when there are none.
        m2: sum of squared deviations from the mean; infinite where float64 cannot hold it.
        mean_rest: what rounding took from `mean`: `mean + mean_rest` is the mean to twice the precision.
    """

    name: ClassVar[str] = "moments"
    feature_types: ClassVar[frozenset[FeatureType]] = NUMERIC_TYPES

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    mean_rest: float = 0.0

    @property
    def variance(self) -> float | None:
        """Sample variance; None below two values, or where float64 cannot hold it."""
        return self.m2 / (self.count - 1) if self.count > 1 and isfinite(self.m2) else None

    @property
    def std_dev(self) -> float | None:
        """Sample standard deviation in the feature's unit; None below two values, or where float64 cannot hold it."""
        variance = self.variance
        return None if variance is None else sqrt(variance)

    @classmethod
    def of(cls, sample: Sample, _reference: FeatureSummary | None = None) -> Moments | None:
        """The moments of a numeric sample."""
        return cls.of_sorted(sample.sorted) if isinstance(sample, NumericSample) else None

    @classmethod
    def of_sorted(cls, values: FloatArray) -> Moments:
        """The moments of finite values in ascending order."""
        if not len(values):
            return cls()
        if values[0] < -_LARGE or values[-1] > _LARGE:
            small = cls._about_median(values / _SCALE)
            return cls(small.count, small.mean * _SCALE, small.m2 * _SCALE * _SCALE)
        return cls._about_median(values)

    @classmethod
    def _about_median(cls, values: FloatArray) -> Moments:
        """One pass about the median: it lies within one standard deviation of the mean, so nothing cancels."""
        count = len(values)
        median = float(values[count // 2])
        deviations = values - median
        total = float(np.add.reduce(deviations))
        squares = float(np.einsum("i,i->", deviations, deviations))  # np.dot would start BLAS threads
        mean, rest = two_sum(median, total / count)
        return cls(count, mean, max(squares - total * (total / count), 0.0), rest)

    def __add__(self, other: Moments) -> Moments:
        if not other.count:
            return self
        if not self.count:
            return other
        count = self.count + other.count
        share = other.count / count
        delta = (other.mean - self.mean) + (other.mean_rest - self.mean_rest)
        m2 = self.m2 + other.m2 + delta * delta * self.count * share
        if isinf(delta):
            return Moments(count, self.mean * (self.count / count) + other.mean * share, m2)
        mean, rest = two_sum(self.mean, self.mean_rest + delta * share)
        return Moments(count, mean, m2, rest)

    def to_bytes(self) -> bytes:
        """Version, count, mean, m2, mean_rest."""
        return _FORM.pack(1, self.count, self.mean, self.m2, self.mean_rest)

    @classmethod
    def from_bytes(cls, data: bytes) -> Moments:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        return cls(*_FORM.unpack(data)[1:])


def two_sum(a: Number, b: Number) -> tuple[Number, Number]:
    """The rounded sum and what rounding took from it, exactly (Knuth, TAOCP vol. 2, 4.2.2)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)
