"""Questions: the shares of rows that the e-detector follows for one feature, with their counts in reference and window.

A question is "what share of the rows lies in this set?": below an edge of the baseline's bins, with this label, with a
label never seen, null, unusable. All are counts, so they add up over any parts of a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.techniques.pairs import LABELS, NUMBERS

UNSEEN, NULL, INVALID = "(unseen)", "(null)", "(invalid)"
_UNUSABLE = (NULL, INVALID)  # the last questions of every feature; asked of all rows, the others of usable values only

MOST_LABELS = 20  # the most frequent labels get a question each; as many as a histogram has bins
_LEAST_SHARE = 0.01  # rarer labels have no question of their own: a group's, where there are many, or none
_GROUPS = 8  # where there are more labels, all of them also stand in one of so many groups


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions about one feature. The first `values` of them are about usable values, the last two about all rows.

    Attributes:
        name: the feature.
        keys: the questions, in words that stay the same as long as bins and labels do; label questions start with "=".
        values: how many questions are about usable values.
        hits: rows of the reference in each set; for labels never seen, how many labels it has seen exactly once, as
            these are as many rows as would be expected to be new in as much more data (Good, Biometrika 40, 1953).
        rows: rows of the reference that each question is asked of.
        doubt: how far the reference's share of the values below an edge may be off, where it is an estimate.
    """

    name: str
    keys: tuple[str, ...]
    values: int
    hits: FloatArray
    rows: FloatArray
    edges: FloatArray | None = None
    groups: Mapping[str, int] = field(default_factory=dict)
    doubt: float = 0.0

    @classmethod
    def of(cls, name: str, kind: FeatureType, reference: FeatureSummary) -> Questions | None:
        """The questions that the baseline's summary of a feature allows; None where it has no rows or no counts."""
        counts = reference.get(Counts)
        if counts is None or not counts.rows:
            return None
        histogram, categories = reference.get(Histogram), reference.get(Categories)
        if kind in NUMBERS and histogram is not None and len(histogram.edges) and histogram.total:
            return cls._of_numbers(name, counts, histogram)
        if kind in LABELS and categories is not None and categories.total:
            return cls._of_labels(name, counts, categories)
        return cls._joined(name, (), np.empty(0), 0, counts)

    @classmethod
    def _joined(
        cls, name: str, keys: tuple[str, ...], hits: FloatArray, rows: int, counts: Counts, **how: object
    ) -> Questions:
        """Value questions, then those about all rows."""
        all_hits = np.append(hits, [counts.nulls, counts.invalid + counts.nonfinite]).astype(np.float64)
        all_rows = np.append(np.full(len(keys), rows), [counts.rows] * len(_UNUSABLE)).astype(np.float64)
        return cls(name, (*keys, *_UNUSABLE), len(keys), all_hits, all_rows, **how)  # type: ignore[arg-type]

    @classmethod
    def _of_numbers(cls, name: str, counts: Counts, histogram: Histogram) -> Questions:
        edges = histogram.edges
        keys = (*(f"< {edge!r}" for edge in edges[:-1].tolist()), f"<= {float(edges[-1])!r}")
        doubt = histogram.doubt / histogram.total
        return cls._joined(name, keys, _below_edges(histogram), histogram.total, counts, edges=edges, doubt=doubt)

    @classmethod
    def _of_labels(cls, name: str, counts: Counts, known: Categories) -> Questions:
        frequent = sorted(known.counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_LABELS]
        tracked = {label: count for label, count in frequent if count >= _LEAST_SHARE * known.total}
        once = sum(count == 1 for count in known.counts.values())
        keys = [*(f"={label}" for label in tracked), UNSEEN]
        hits = [*tracked.values(), once + known.untracked]
        groups: dict[str, int] = {}
        if len(known.counts) > MOST_LABELS:
            groups = {label: crc32(label.encode("utf-8", "surrogatepass")) % _GROUPS for label in known.counts}
            keys += [f"(group {number})" for number in range(_GROUPS)]
            hits += _group_sums(known.counts, groups)
        return cls._joined(name, tuple(keys), np.array(hits, np.float64), known.total, counts, groups=groups)

    @property
    def signature(self) -> int | list[str]:
        """What tells in a stored state whether its numbers answer these questions."""
        return crc32("\n".join(self.keys).encode("utf-8", "surrogatepass")) if self.edges is not None else [*self.keys]

    def counted(self, window: FeatureSummary) -> tuple[FloatArray, FloatArray] | None:
        """Rows of a window in each set, and rows each question was asked of; None where statistics are missing."""
        counts = window.get(Counts)
        found = (np.empty(0), 0) if not self.values else self._values(window)
        if counts is None or found is None:
            return None
        hits, total = found
        rows = np.full(len(self.keys), float(counts.rows))
        rows[: self.values] = total
        return np.append(hits, [counts.nulls, counts.invalid + counts.nonfinite]).astype(np.float64), rows

    def _values(self, window: FeatureSummary) -> tuple[FloatArray, int] | None:
        if self.edges is None:
            categories = window.get(Categories)
            return None if categories is None else (self._labels(categories), categories.total)
        histogram = window.get(Histogram)
        if histogram is None:
            return None
        if not len(histogram.edges):
            return np.zeros(self.values), 0
        same = histogram.edges is self.edges or np.array_equal(histogram.edges, self.edges)
        return (_below_edges(histogram), histogram.total) if same else None

    def _labels(self, window: Categories) -> FloatArray:
        hits = [window.counts.get(key[1:], 0) if key.startswith("=") else 0 for key in self.keys[: self.values]]
        hits[self.keys.index(UNSEEN)] = window.unseen
        if self.groups:
            hits[-_GROUPS:] = _group_sums(window.counts, self.groups)
        return np.array(hits, np.float64)


def _below_edges(histogram: Histogram) -> FloatArray:
    """How many values lie below each edge (below or on the last one)."""
    return np.concatenate(([histogram.underflow], histogram.underflow + np.cumsum(histogram.counts))).astype(np.float64)


def _group_sums(counts: Mapping[str, int], groups: Mapping[str, int]) -> list[int]:
    """Values by group. Groups are drawn by hash, not by frequency: rare labels are rare partly by chance."""
    sums = [0] * _GROUPS
    for label, count in counts.items():
        if label in groups:
            sums[groups[label]] += count
    return sums
