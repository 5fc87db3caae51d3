"""What a statistic is: a frozen, mergeable value with an empty value, `+` and a compact binary form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, runtime_checkable

from typing_extensions import Self

from hopsmon.core.batch import Batch
from hopsmon.core.schema import Feature, FeatureType
from hopsmon.core.statistics.sample import Sample


@runtime_checkable
class Statistic(Protocol):
    """A summary of some values of one feature.

    Laws, attacked by the tests for every statistic in the table: `a + b == b + a`, `(a + b) + c == a + (b + c)`,
    `a + empty == a`, `from_bytes(to_bytes(a)) == a`, and the statistic of a whole is the sum of the statistics of its
    parts (exactly for counts, to rounding for sums, within the stated bound for sketches).
    """

    name: ClassVar[str]  # one word, stable: it is stored with the state
    feature_types: ClassVar[frozenset[FeatureType]]  # which features it makes sense for

    @classmethod
    def of(cls, sample: Sample, reference: FeatureSummary | None, /) -> Self | None:
        """The statistic of these values.

        `reference` is the baseline's summary of the same feature, for statistics whose shape comes from it (bin
        edges, tracked labels); None where there is no baseline. Returns None where the reference is needed and lacks
        what it takes: then the summary does not have this statistic and a technique that needs it says so.
        """
        ...

    def __add__(self, other: Self) -> Self:
        """The statistic of both samples together."""
        ...

    def to_bytes(self) -> bytes:
        """Compact binary form; the first byte is its version."""
        ...

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Inverse of `to_bytes`, for every version ever written."""
        ...


class ModelStatistic(ABC):
    """A statistic of several features together; it stands in `Summary.model` and `Baseline.joint`, by its name.

    It is a `Statistic` as well (of no single feature: `feature_types` is empty and `of` returns None).
    """

    __slots__ = ()
    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def of_batch(cls, batch: Batch, features: Sequence[Feature], /) -> Any:
        """The statistic of a batch of requests; `features` are the model's, whether the batch has them or not."""


# Makes a statistic of a batch by settings of its own, for `Summary.model`; None where the batch has nothing for it.
Measure: TypeAlias = Callable[[Batch], Statistic | None]

S = TypeVar("S", bound=Statistic)


@dataclass(frozen=True, slots=True)
class FeatureSummary:
    """The statistics of one feature, by name. Windows and baselines use the same type, so they compare directly."""

    statistics: Mapping[str, Statistic] = field(default_factory=dict)

    def get(self, kind: type[S]) -> S | None:
        """The statistic of that class, or None where it was not computed."""
        found = self.statistics.get(kind.name)
        return found if isinstance(found, kind) else None

    def __add__(self, other: FeatureSummary) -> FeatureSummary:
        merged = dict(self.statistics)
        for name, statistic in other.statistics.items():
            merged[name] = merged[name] + statistic if name in merged else statistic
        return FeatureSummary(merged)
