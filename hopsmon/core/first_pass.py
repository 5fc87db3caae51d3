"""First pass: what must be known about reference data before it can be counted. Mergeable, with bytes, no I/O."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa

from hopsmon.core.batch import Column, FloatArray
from hopsmon.core.frames import batches_of
from hopsmon.core.reference_windows import Cut, Traffic
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import check_version
from hopsmon.core.statistics.categories import Categories, label_key
from hopsmon.core.statistics.histogram import DEFAULT_BINS, Histogram, quantile_edges
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.sample import NumericSample, sample_of

SKETCH_K = 2048  # rank error 0.13 % (99 %), a fortieth of a bin's share with 20 bins; 16 to 40 KB a feature
MOST_CATEGORIES = 1_000  # text with more distinct labels is taken for free text or ids
_LABELS_KEPT = 10_000  # a feature the user called categorical may have that many; memory bound of this pass


@dataclass(frozen=True, slots=True)
class Numbers:
    """The distribution of one numeric feature.

    Attributes:
        exact: all values, ascending, while only one part has been seen.
        few: the distinct values while there are no more than bins: a sketch might lose a rare one; None: more.
        sketch: quantiles of all values, once there is more than one part.
    """

    exact: FloatArray | None = None
    few: frozenset[float] | None = frozenset()
    sketch: Quantiles = field(default_factory=Quantiles)

    @classmethod
    def of(cls, values: FloatArray) -> Numbers:
        """The distribution of ascending finite values."""
        return cls(values, _few(values))

    def __add__(self, other: Numbers) -> Numbers:
        if self._is_empty or other._is_empty:
            return other if self._is_empty else self
        both = None if self.few is None or other.few is None else self.few | other.few
        few = both if both is not None and len(both) <= DEFAULT_BINS else None
        return Numbers(None, few, self.sketched() + other.sketched())

    @property
    def _is_empty(self) -> bool:
        return self.few is not None and not self.few

    def sketched(self) -> Quantiles:
        """The sketch, made now if all values are still at hand."""
        return self.sketch if self.exact is None else Quantiles.of_values(self.exact, SKETCH_K)

    def edges(self) -> FloatArray:
        """Bin edges at the quantiles; exact ones where all values are at hand."""
        if self.few is not None:
            return quantile_edges(np.array(sorted(self.few), np.float64))
        if self.exact is not None:
            return quantile_edges(self.exact)
        values, weights = self.sketch.retained()
        # The sketch may have dropped the extremes from what it retains, but knows them: no value lies outside the bins.
        values[0], values[-1] = self.sketch.sketch.get_min_value(), self.sketch.sketch.get_max_value()
        return quantile_edges(values, weights=weights)


def _few(ascending: FloatArray) -> frozenset[float] | None:
    """The distinct values if they are few; looks only as far as needed."""
    found: list[float] = []
    at = 0
    while at < len(ascending):
        if len(found) == DEFAULT_BINS:
            return None
        found.append(float(ascending[at]))
        at = int(ascending.searchsorted(ascending[at], "right"))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one feature and their counts, at most `_LABELS_KEPT` of them.

    Attributes:
        counts: how often each label occurred; exact unless `more`.
        more: whether rare labels have been dropped.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    more: bool = False

    def __add__(self, other: Labels) -> Labels:
        counts = dict(self.counts)
        for label, count in other.counts.items():
            counts[label] = counts.get(label, 0) + count
        return Labels(_most_frequent(counts, _LABELS_KEPT), self.more or other.more or len(counts) > _LABELS_KEPT)


def most_frequent(counts: Mapping[str, int], most: int) -> tuple[str, ...]:
    """The most frequent labels, the first the most frequent; of equally frequent ones the first in the alphabet."""
    return tuple(sorted(counts, key=lambda label: (-counts[label], label))[:most])


def _most_frequent(counts: Mapping[str, int], most: int) -> dict[str, int]:
    if len(counts) <= most:
        return dict(counts)
    return {label: counts[label] for label in most_frequent(counts, most)}


ColumnPass: TypeAlias = Numbers | Labels


@dataclass(frozen=True, slots=True)
class FirstPass:
    """Rows, each feature's distribution, and the traffic. `FirstPass()` is empty; `a + b` describes both parts.

    Attributes:
        rows: rows read.
        columns: the distribution of each feature and prediction.
        traffic: how many rows each window of a monitor's size has; None where the data is not cut into windows.
    """

    rows: int = 0
    columns: Mapping[str, ColumnPass] = field(default_factory=dict)
    traffic: Traffic | None = None

    @classmethod
    def of(cls, table: pa.Table, schema: ModelSchema, cut: Cut | None = None) -> FirstPass:
        """The first pass over one part of the data."""
        columns = [column for batch in batches_of(table, schema) for column in batch.columns.items()]
        traffic = None if cut is None else Traffic.of(table, cut)
        return cls(table.num_rows, {name: _column_pass(column) for name, column in columns}, traffic)

    def __add__(self, other: FirstPass) -> FirstPass:
        rows = self.rows + other.rows
        both = (self.traffic, other.traffic)
        traffic = both[0] + both[1] if both[0] is not None and both[1] is not None else both[0] or both[1]
        if not self.columns or not other.columns:
            return FirstPass(rows, self.columns or other.columns, traffic)
        added = {name: _add(column, other.columns[name]) for name, column in self.columns.items()}
        return FirstPass(rows, added, traffic)

    def is_free_text(self, name: str) -> bool:
        """Whether a feature has too many labels to be categories."""
        column = self.columns[name]
        return isinstance(column, Labels) and (column.more or len(column.counts) > MOST_CATEGORIES)

    def shape_of(self, feature: Feature) -> FeatureSummary:
        """Bins or labels to count in, as an empty summary; the second pass fills it."""
        column = self.columns[feature.name]
        if isinstance(column, Numbers):
            edges = column.edges()
            return FeatureSummary({Histogram.name: Histogram(edges, np.zeros(max(len(edges) - 1, 0), np.int64))})
        most = MOST_CATEGORIES if feature.type is FeatureType.STRING else _LABELS_KEPT
        return FeatureSummary({Categories.name: Categories(_most_frequent(column.counts, most))})

    def to_bytes(self) -> bytes:
        """Version, then JSON; what a cluster sends from its workers."""
        columns = {name: _column_out(column) for name, column in self.columns.items()}
        traffic = None if self.traffic is None else self.traffic.to_plain()
        return b"\x01" + orjson.dumps({"rows": self.rows, "columns": columns, "traffic": traffic})

    @classmethod
    def from_bytes(cls, data: bytes) -> FirstPass:
        """Inverse of `to_bytes`; values kept exactly come back as a sketch."""
        check_version(data, "first pass")
        stored = orjson.loads(memoryview(data)[1:])
        columns = {name: _column_in(column) for name, column in stored["columns"].items()}
        traffic = stored["traffic"]
        return cls(stored["rows"], columns, None if traffic is None else Traffic.from_plain(traffic))


def _column_pass(column: Column) -> ColumnPass:
    sample = sample_of(column)
    if isinstance(sample, NumericSample):
        return Numbers.of(sample.sorted)
    counts = dict(zip(map(label_key, sample.labels), sample.counts.tolist(), strict=True))
    return Labels(_most_frequent(counts, _LABELS_KEPT), len(counts) > _LABELS_KEPT)


def _add(one: ColumnPass, other: ColumnPass) -> ColumnPass:
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return one + other
    if isinstance(one, Labels) and isinstance(other, Labels):
        return one + other
    raise TypeError("Two parts read one column as numbers and as labels: they were made with different schemas.")


def _column_out(column: ColumnPass) -> dict[str, object]:
    if isinstance(column, Labels):
        return {"labels": column.counts, "more": column.more}
    few = None if column.few is None else sorted(column.few)
    return {"few": few, "sketch": base64.b64encode(column.sketched().to_bytes()).decode()}


def _column_in(stored: dict[str, Any]) -> ColumnPass:
    if "labels" in stored:
        return Labels(stored["labels"], stored["more"])
    few = None if stored["few"] is None else frozenset(stored["few"])
    return Numbers(None, few, Quantiles.from_bytes(base64.b64decode(stored["sketch"])))
