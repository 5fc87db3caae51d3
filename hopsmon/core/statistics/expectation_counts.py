"""Expectation counts: how many instances of a window met each expectation, and some of the values that did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import check_version
from hopsmon.core.statistics.sample import Sample

MOST_SAMPLES = 20  # different values an expectation; as many as Great Expectations shows


@dataclass(frozen=True, slots=True)
class SampledValue:
    """One of the unexpected values.

    Attributes:
        hash: of the value alone; the values with the smallest hashes are the sample.
        value: as JSON holds it; a list where the expectation is on several features.
        count: how often it was seen.
    """

    hash: int
    value: Any
    count: int


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """What one expectation saw. `+` adds both parts; the sample of both is that of the whole, its counts exact.

    That is so because a value among the smallest hashes of the whole is among them in every part that has it.

    Attributes:
        elements: instances looked at.
        missing: those that have no value to look at.
        unexpected: those whose value is not as expected.
        samples: some of the different unexpected values, those with the smallest hashes.
        error: why some instances could not be looked at; None where all could.
    """

    elements: int = 0
    missing: int = 0
    unexpected: int = 0
    samples: tuple[SampledValue, ...] = ()
    error: str | None = None

    @property
    def considered(self) -> int:
        """Instances that have a value to look at."""
        return self.elements - self.missing

    @property
    def unexpected_share(self) -> float:
        """Of those; 0 without any."""
        return self.unexpected / self.considered if self.considered else 0.0

    def __add__(self, other: CheckCounts) -> CheckCounts:
        both: dict[int, SampledValue] = {one.hash: one for one in self.samples}
        for one in other.samples:
            before = both[one.hash].count if one.hash in both else 0
            both[one.hash] = SampledValue(one.hash, one.value, before + one.count)
        return CheckCounts(
            self.elements + other.elements,
            self.missing + other.missing,
            self.unexpected + other.unexpected,
            tuple(both[key] for key in sorted(both)[:MOST_SAMPLES]),
            min((text for text in (self.error, other.error) if text is not None), default=None),
        )

    def as_list(self) -> list[Any]:
        samples = [[one.hash, one.value, one.count] for one in self.samples]
        return [self.elements, self.missing, self.unexpected, samples, self.error]

    @classmethod
    def from_list(cls, values: list[Any]) -> CheckCounts:
        elements, missing, unexpected, samples, error = values
        return cls(elements, missing, unexpected, tuple(SampledValue(*one) for one in samples), error)


@dataclass(frozen=True, slots=True)
class ExpectationCounts:
    """The counts of several expectations. No technique asks for it by its class: those on expectations measure it.

    Attributes:
        by_key: the counts by the expectation's key, which is a hash of what it expects: so a window that was open while
            the suite changed mixes no counts of different expectations.
    """

    name: ClassVar[str] = "expectations"
    feature_types: ClassVar[frozenset[FeatureType]] = frozenset()  # of no single feature

    by_key: Mapping[str, CheckCounts] = field(default_factory=dict)

    @classmethod
    def of(cls, _sample: Sample, _reference: FeatureSummary | None = None) -> ExpectationCounts | None:
        """None: values alone say nothing of what was expected of them."""
        return None

    def __add__(self, other: ExpectationCounts) -> ExpectationCounts:
        merged = dict(self.by_key)
        for key, counts in other.by_key.items():
            merged[key] = merged[key] + counts if key in merged else counts
        return ExpectationCounts(merged)

    def to_bytes(self) -> bytes:
        """Version, then JSON: by key the counts, the sample and the error."""
        plain = {key: counts.as_list() for key, counts in self.by_key.items()}
        return b"\x01" + orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)

    @classmethod
    def from_bytes(cls, data: bytes) -> ExpectationCounts:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        plain = orjson.loads(memoryview(data)[1:])
        return cls({key: CheckCounts.from_list(values) for key, values in plain.items()})
