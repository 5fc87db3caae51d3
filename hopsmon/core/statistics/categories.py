"""Categories: how often each label of a feature occurs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import ClassVar

import orjson

from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import LABEL_TYPES, check_version
from hopsmon.core.statistics.sample import NumericSample, Sample

CAPACITY = 1_000  # labels tracked beside the reference's own: about 20 KB of state a feature at 20 characters each
MAX_LABEL = 200  # characters; longer labels are cut and told apart by a digest
_DIGEST = 8  # bytes


@dataclass(frozen=True, slots=True)
class Categories:
    """Label counts. Labels of the reference are exact always; others while there are at most `CAPACITY` of them.

    Beyond that the most frequent ones stay and the rest only counts as `untracked`: then a tracked label's count is a
    lower bound that depends on the order of merges. The total, and `unseen`, are exact always.

    Attributes:
        counts: how often each tracked label occurred; labels as `label_key` writes them.
        untracked: how many further values there were.
        unseen: values whose label the reference does not track; 0 where there was no reference.
        pinned: those labels in `counts` that are the reference's.
    """

    name: ClassVar[str] = "categories"
    feature_types: ClassVar[frozenset[FeatureType]] = LABEL_TYPES

    counts: Mapping[str, int] = field(default_factory=dict)
    untracked: int = 0
    unseen: int = 0
    pinned: frozenset[str] = frozenset()

    @property
    def total(self) -> int:
        """All values with a label."""
        return sum(self.counts.values()) + self.untracked

    @classmethod
    def of(cls, sample: Sample, reference: FeatureSummary | None = None) -> Categories | None:
        """The label counts of a categorical sample."""
        if isinstance(sample, NumericSample):
            return None
        counts = dict(zip(map(label_key, sample.labels), sample.counts.tolist(), strict=True))
        known = reference.get(Categories) if reference is not None else None
        if known is None:
            return cls._bounded(counts)
        pinned = frozenset(counts.keys() & known.counts.keys())
        unseen = sum(counts.values()) - sum(map(counts.__getitem__, pinned))
        return cls._bounded(counts, unseen=unseen, pinned=pinned)

    @classmethod
    def _bounded(
        cls, counts: dict[str, int], untracked: int = 0, unseen: int = 0, pinned: frozenset[str] = frozenset()
    ) -> Categories:
        """Moves the rarest labels beyond the capacity to `untracked`; of equally rare ones the last in the alphabet."""
        excess = len(counts) - len(pinned) - CAPACITY
        if excess > 0:
            others = sorted(counts.keys() - pinned, key=lambda label: (-counts[label], label))
            for label in others[-excess:]:
                untracked += counts.pop(label)
        return cls(counts, untracked, unseen, pinned)

    def __add__(self, other: Categories) -> Categories:
        counts = dict(self.counts)
        for label, count in other.counts.items():
            counts[label] = counts.get(label, 0) + count
        return self._bounded(
            counts, self.untracked + other.untracked, self.unseen + other.unseen, self.pinned | other.pinned
        )

    def to_bytes(self) -> bytes:
        """Version, then JSON: pinned and other counts, untracked, unseen."""
        pinned = {label: self.counts[label] for label in self.pinned}
        others = {label: count for label, count in self.counts.items() if label not in self.pinned}
        state = {"pinned": pinned, "others": others, "untracked": self.untracked, "unseen": self.unseen}
        return b"\x01" + orjson.dumps(state, option=orjson.OPT_SORT_KEYS)

    @classmethod
    def from_bytes(cls, data: bytes) -> Categories:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        state = orjson.loads(memoryview(data)[1:])
        pinned = state["pinned"]
        return cls({**pinned, **state["others"]}, state["untracked"], state["unseen"], frozenset(pinned))


def label_key(label: str) -> str:
    """The label as it is counted: itself, or its beginning and a digest of the whole where it is too long to keep."""
    if len(label) <= MAX_LABEL:
        return label
    digest = blake2b(label.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).hexdigest()
    return f"{label[: MAX_LABEL - 2 * _DIGEST - 1]}…{digest}"
