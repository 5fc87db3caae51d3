"""CoMoments: means, variances and covariances of a model's numeric features together."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import orjson

from hopsmon.core.batch import Batch, FloatArray, NumericColumn
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.base import FeatureSummary, ModelStatistic
from hopsmon.core.statistics.binary import EqualByBytes, check_version
from hopsmon.core.statistics.moments import two_sum
from hopsmon.core.statistics.sample import Sample
from hopsmon.errors import ConfigError

_HEAD = struct.Struct("<BIqq")
_NONE: FloatArray = np.empty(0)
_NONE_SQUARE: FloatArray = np.empty((0, 0))


@dataclass(frozen=True, slots=True, eq=False)
class CoMoments(EqualByBytes, ModelStatistic):
    """Co-moments of the instances that have a finite number in every one of the named features.

    Belongs to the model, not to a feature: it stands in `Summary.model`. `CoMoments()` is empty and adds to any other.

    Reference: Chan, Golub & LeVeque, The American Statistician 37(3), 1983.

    Attributes:
        names: the k features, in the order of `means`.
        count: instances without a missing value.
        skipped: instances left out because a value was missing or not finite.
        means: k means.
        m2: k × k sums of products of deviations from the means.
        means_rest: what rounding took from `means`, as in `Moments`.
    """

    name: ClassVar[str] = "comoments"
    feature_types: ClassVar[frozenset[FeatureType]] = frozenset()  # of no single feature

    names: tuple[str, ...] = ()
    count: int = 0
    skipped: int = 0
    means: FloatArray = field(default_factory=lambda: _NONE)
    m2: FloatArray = field(default_factory=lambda: _NONE_SQUARE)
    means_rest: FloatArray = field(default_factory=lambda: _NONE)

    @property
    def covariance(self) -> FloatArray | None:
        """Sample covariance matrix; None below two instances."""
        return self.m2 / (self.count - 1) if self.count > 1 else None

    @classmethod
    def of(cls, _sample: Sample, _reference: FeatureSummary | None = None) -> CoMoments | None:
        """None: one feature alone has no co-moments; see `of_batch`."""
        return None

    @classmethod
    def of_batch(cls, batch: Batch, features: Sequence[Feature]) -> CoMoments:
        """The co-moments of the numeric features; one the batch has no numbers for leaves every instance out."""
        names = [feature.name for feature in features if feature.type.is_numeric]
        columns = [batch.columns.get(name) for name in names]
        numbers = [column.values for column in columns if isinstance(column, NumericColumn)]
        if not numbers or len(numbers) < len(columns):
            return cls._none(names, len(batch))
        return cls.of_rows(np.column_stack(numbers), names)

    @classmethod
    def of_rows(cls, rows: FloatArray, names: Sequence[str]) -> CoMoments:
        """The co-moments of an [n, k] matrix, one column a name."""
        complete = np.isfinite(rows).all(axis=1)
        kept = rows if complete.all() else rows[complete]
        count = len(kept)
        if not count:
            return cls._none(names, len(rows))
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float64 the result is inf or NaN, as stored
            deviations = kept - kept[0]
            offset = deviations.mean(axis=0)
            deviations -= offset
            means, rest = two_sum(kept[0], offset)
            return cls(tuple(names), count, len(rows) - count, means, deviations.T @ deviations, rest)

    @classmethod
    def _none(cls, names: Sequence[str], skipped: int) -> CoMoments:
        k = len(names)
        return cls(tuple(names), 0, skipped, np.zeros(k), np.zeros((k, k)), np.zeros(k))

    def __add__(self, other: CoMoments) -> CoMoments:
        if not other.names:
            return self
        if not self.names:
            return other
        if self.names != other.names:
            raise ConfigError(
                f"Co-moments of different features cannot be added: {', '.join(self.names)}; {', '.join(other.names)}."
            )
        count, skipped = self.count + other.count, self.skipped + other.skipped
        if not self.count or not other.count:
            full = self if self.count else other
            return CoMoments(self.names, count, skipped, full.means, full.m2, full.means_rest)
        share = other.count / count
        with np.errstate(over="ignore", invalid="ignore"):
            delta = (other.means - self.means) + (other.means_rest - self.means_rest)
            m2 = self.m2 + other.m2 + np.outer(delta, delta) * (self.count * share)
            means, rest = two_sum(self.means, self.means_rest + delta * share)
            return CoMoments(self.names, count, skipped, means, m2, rest)

    def to_bytes(self) -> bytes:
        """Version, length of the names as JSON, count, skipped, names, means, means_rest, m2."""
        names = orjson.dumps(self.names)
        head = _HEAD.pack(1, len(names), self.count, self.skipped)
        numbers = np.concatenate((self.means, self.means_rest, self.m2.ravel())).astype("<f8")
        return head + names + numbers.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> CoMoments:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        _, length, count, skipped = _HEAD.unpack_from(data)
        start = _HEAD.size + length
        names = tuple(orjson.loads(data[_HEAD.size : start]))
        numbers = np.frombuffer(data, "<f8", offset=start).astype(np.float64)
        k = len(names)
        return cls(names, count, skipped, numbers[:k], numbers[2 * k :].reshape(k, k), numbers[k : 2 * k])
