"""Hopsworks' feature monitoring: what its distribution engine makes of the statistics that it stores.

It never sees raw values. Of numbers it has a histogram of 20 bins of equal width over each window's own range, the
bins' borders written with two decimals, and 99 percentiles. It picks 11 of the reference's percentiles as edges
(EQUI_FREQUENCY), and sends each of the 20 bins whole to where its midpoint lies. So edge bins stay empty on one side
and PSI reaches 4 to 13 without any drift; that is Hopsworks' number, not hopsmon's. `from_raw_values` in the details
is what the same formula gives on raw values between the reference's deciles. Labels: the 20 most frequent of each side.
Each bin gets 1e-6 rows more, then shares are made.

Percentiles are exact here (there: sketches), and so are counts (there, a value on a bin's border may fall into the
next one). A column with one value gets numpy's 20 bins of width 0.05 around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import scipy

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.techniques.conventions import formulas
from hopsmon.core.techniques.conventions.rules import Measured, Peer, Rule, Verdict, refuse
from hopsmon.core.techniques.conventions.samples import Labels, Numbers, sample_of
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, Pair

_STORED_BINS = 20  # of a numeric histogram, and labels of a categorical one
_BINS = 10
_EPSILON = 1e-6

# The window's shares, the reference's, and the bins' centres.
Measure: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray], float]


def _wasserstein(window: FloatArray, reference: FloatArray, centres: FloatArray) -> float:
    return float(scipy.stats.wasserstein_distance(centres, centres, window, reference))


def _ks(window: FloatArray, reference: FloatArray, _centres: FloatArray) -> float:
    return float(np.abs(np.cumsum(window) - np.cumsum(reference)).max())


MEASURES: Mapping[str, Measure] = {
    "psi": lambda window, reference, _: formulas.psi(window, reference),
    "kl": lambda window, reference, _: formulas.kl(window, reference),
    "js": lambda window, reference, _: formulas.js_divergence(window, reference),
    "hellinger": lambda window, reference, _: formulas.hellinger(window, reference),
    "wasserstein": _wasserstein,
    "ks": _ks,
}
_NEED_ORDER = frozenset({"wasserstein", "ks"})


def stored(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The numeric histogram as it is stored: counts, and the bins' lower and upper borders to two decimals."""
    counts, edges = np.histogram(values, bins=_STORED_BINS)
    rounded = np.array([float(f"{edge:.2f}") for edge in edges.tolist()])
    return counts.astype(np.float64), rounded[:-1], rounded[1:]


def equal_width_edges(reference: FloatArray) -> FloatArray:
    """EQUI_WIDTH: the borders of the reference's stored histogram."""
    _, low, high = stored(reference)
    return np.append(low[:1], high)


def equal_frequency_edges(reference: FloatArray) -> FloatArray:
    """EQUI_FREQUENCY: 11 of the percentiles 1 to 99, equal ones once; EQUI_WIDTH where only one is left."""
    percentiles = np.percentile(reference, np.arange(1, 100))
    edges = np.unique(percentiles[np.linspace(0, len(percentiles) - 1, _BINS + 1).round().astype(np.intp)])
    return edges if len(edges) > 1 else equal_width_edges(reference)


def from_stored(values: FloatArray, edges: FloatArray) -> FloatArray:
    """Counts between edges as the engine gets them: each stored bin goes whole to where its midpoint is."""
    counts, low, high = stored(values)
    at = np.clip(np.searchsorted(edges, (low + high) / 2, "right") - 1, 0, len(edges) - 2)
    return np.bincount(at, weights=counts, minlength=len(edges) - 1).astype(np.float64)


def from_raw(values: FloatArray, edges: FloatArray) -> FloatArray:
    """Counts of the values themselves; the outer bins are open."""
    return np.bincount(np.searchsorted(edges[1:-1], values, "right"), minlength=len(edges) - 1).astype(np.float64)


def shares(counts: FloatArray) -> FloatArray:
    """Shares with Hopsworks' smoothing."""
    smoothed = counts + _EPSILON
    return smoothed / float(smoothed.sum())


def between(technique: str, window: FloatArray, reference: FloatArray, edges: FloatArray) -> float:
    """A measure of two arrays of counts between the same edges."""
    return MEASURES[technique](shares(window), shares(reference), (edges[:-1] + edges[1:]) / 2)


def _measured(technique: str) -> Callable[[Pair], Measured]:
    def measure(pair: Pair) -> Measured:
        sample = sample_of(pair)
        return _of_numbers(technique, sample) if isinstance(sample, Numbers) else _of_labels(technique, sample)

    return measure


def _of_numbers(technique: str, sample: Numbers) -> Measured:
    edges = equal_frequency_edges(sample.reference)
    score = between(technique, from_stored(sample.current, edges), from_stored(sample.reference, edges), edges)
    details = {"binning": "EQUI_FREQUENCY", "bins": len(edges) - 1}
    deciles = np.unique(np.quantile(sample.reference, np.linspace(0, 1, _BINS + 1)))
    if len(deciles) < 2:
        return Measured(score, len(sample.current), details=details)
    raw = between(technique, from_raw(sample.current, deciles), from_raw(sample.reference, deciles), deciles)
    return Measured(score, len(sample.current), details={**details, "from_raw_values": raw})


def _of_labels(technique: str, labels: Labels) -> Measured:
    n = int(labels.current.sum())
    if technique in _NEED_ORDER:
        refuse(f"Hopsworks computes {technique} for numbers only", n)
    kept = Labels.of(*(_most_frequent(labels.names, counts) for counts in (labels.reference, labels.current)))
    score = MEASURES[technique](shares(kept.current), shares(kept.reference), np.empty(0))
    return Measured(score, n, details={"binning": "CATEGORICAL", "labels": len(kept.names)})


def _most_frequent(names: Sequence[str], counts: FloatArray) -> dict[str, float]:
    """The labels that the stored histogram holds; of equally frequent ones the first in the alphabet."""
    kept = np.argsort(-counts, kind="stable")[:_STORED_BINS]
    return {names[i]: float(counts[i]) for i in kept.tolist() if counts[i]}


def _defaults(_kind: FeatureType, _n_ref: int, _distinct: int) -> tuple[str, ...]:
    return ("psi",)


HOPSWORKS = Peer(
    version="5.2.1",
    rules={
        name: Rule(
            _measured(name),
            Verdict.AT_LEAST,
            threshold=0.2 if name == "psi" else None,
            types=NUMBERS if name in _NEED_ORDER else NUMBERS | LABELS,
        )
        for name in MEASURES
    },
    defaults=_defaults,
)
