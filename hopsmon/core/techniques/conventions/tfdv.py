"""TensorFlow Data Validation's numbers (and so Vertex AI's): JS divergence in base 2, L-infinity of labels.

Numbers: 10 bins of equal width over each side's own range; the borders of both sides are merged and values are taken
to spread evenly within a bin. A side with one value only is a point that matches nothing but the same point. NaN and
infinities are bins of their own that never match (so it does not matter which of them a value is); nulls are missing.
TFDV finds the bins' counts from a quantile sketch, here they are exact. Both measures go by the threshold of the user;
0.3 is what Vertex AI's console starts with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.finding import Reason
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.values import Values
from hopsmon.core.techniques.conventions.formulas import js_divergence
from hopsmon.core.techniques.conventions.rules import Measured, Peer, Rule, Verdict, refuse
from hopsmon.core.techniques.conventions.samples import Labels, labels_of
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, NotComputableError, Pair

_BINS = 10
_MOST_LABELS = 1_000  # TFDV's rank histograms keep so many of each side, the most frequent ones
_THRESHOLD = 0.3


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a TFDV histogram; a point where `low` is `high`."""

    low: float
    high: float
    count: float


def _js(pair: Pair) -> Measured:
    if pair.kind not in NUMBERS:
        kept = most_frequent(labels_of(pair))
        return Measured(js_of_labels(kept), int(kept.current.sum()), details={"base": 2, "labels": len(kept.names)})
    window, reference = pair.both(Values)
    seen, expected = pair.counts()
    n, m = len(window.ascending) + seen.nonfinite, len(reference.ascending) + expected.nonfinite
    if not m:
        raise NotComputableError(Reason.EMPTY_REFERENCE, n)
    if not n:
        raise NotComputableError(Reason.ALL_NULL)
    sides = equal_width(reference.ascending), equal_width(window.ascending)
    score = js_of_histograms(*sides, (expected.nonfinite, seen.nonfinite))
    return Measured(score, n, details={"base": 2, "bins": _BINS, "never_matching": seen.nonfinite})


def equal_width(ascending: FloatArray) -> list[Bin]:
    """The standard histogram: one point where all values are the same, none where there is no value."""
    if not len(ascending):
        return []
    if ascending[0] == ascending[-1]:
        return [Bin(float(ascending[0]), float(ascending[0]), float(len(ascending)))]
    if not np.isfinite(ascending[-1] - ascending[0]):
        refuse("TFDV makes no histogram where the range of the values overflows", len(ascending))
    counts, edges = np.histogram(ascending, bins=_BINS)
    return [Bin(*row) for row in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)]


def js_of_histograms(a: Sequence[Bin], b: Sequence[Bin], never_matching: tuple[float, float] = (0.0, 0.0)) -> float:
    """Jensen–Shannon divergence, base 2, of two histograms with bins of their own; 1 at most.

    `never_matching` holds both sides' values that no bin can hold: NaN and infinities.
    """
    borders = np.unique([end for bin_ in (*a, *b) if bin_.low < bin_.high for end in (bin_.low, bin_.high)])
    points = sorted({bin_.low for bin_ in (*a, *b) if bin_.low == bin_.high})
    left, right = never_matching
    shares = [
        np.concatenate((_spread(side, borders), _at_points(side, points), apart))
        for side, apart in ((a, [left, 0.0]), (b, [0.0, right]))
    ]
    return min(js_divergence(shares[0], shares[1], base=2), 1.0)


def _spread(side: Sequence[Bin], borders: FloatArray) -> FloatArray:
    """How much of a side falls between each two borders. All of the side's own borders are among them."""
    result = np.zeros(max(len(borders) - 1, 0))
    for bin_ in side:
        if bin_.low < bin_.high:
            first, last = np.searchsorted(borders, (bin_.low, bin_.high))
            widths = np.diff(borders[first : last + 1])
            result[first:last] += widths / (bin_.high - bin_.low) * bin_.count
    return result


def _at_points(side: Sequence[Bin], points: Sequence[float]) -> FloatArray:
    held = [sum(bin_.count for bin_ in side if bin_.low == bin_.high == point) for point in points]
    return np.array(held, np.float64)


def js_of_labels(labels: Labels) -> float:
    """Jensen–Shannon divergence, base 2, of label counts; 1 at most."""
    return min(js_divergence(labels.reference, labels.current, base=2), 1.0)


def linf_of_labels(labels: Labels) -> tuple[float, str]:
    """The largest difference of a label's share, and the label; of equal ones the last in the alphabet."""
    reference, current = labels.shares
    gaps = np.abs(reference - current)
    at = len(gaps) - 1 - int(np.argmax(gaps[::-1]))
    return float(gaps[at]), labels.names[at]


def _linf(pair: Pair) -> Measured:
    kept = most_frequent(labels_of(pair))
    score, label = linf_of_labels(kept)
    return Measured(score, int(kept.current.sum()), details={"largest_at": label, "labels": len(kept.names)})


def most_frequent(labels: Labels) -> Labels:
    """What the rank histograms of both sides hold."""
    if len(labels.names) <= _MOST_LABELS:
        return labels
    sides = []
    for counts in (labels.reference, labels.current):
        kept = np.argsort(-counts, kind="stable")[:_MOST_LABELS]
        sides.append({labels.names[i]: float(counts[i]) for i in kept.tolist() if counts[i]})
    return Labels.of(*sides)


def _defaults(kind: FeatureType, _n_ref: int, _distinct: int) -> tuple[str, ...]:
    """Vertex AI's choice."""
    return ("js",) if kind in NUMBERS else ("linf",)


TFDV = Peer(
    version="1.16.1",
    rules={
        "js": Rule(_js, Verdict.ABOVE, _THRESHOLD),
        "linf": Rule(_linf, Verdict.ABOVE, _THRESHOLD, types=LABELS),
    },
    defaults=_defaults,
)
