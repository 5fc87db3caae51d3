"""NannyML's numbers. Bins: numpy's "doane" over the reference alone; what falls outside is one more bin.

From 10,000 values of reference on, Kolmogorov–Smirnov and Wasserstein distances come from 10,000 bins of equal width,
with NannyML's own treatment of what lies outside of them. JS is a distance in base 2; chi-square a contingency test,
with Yates' correction for two labels. Nulls are dropped, infinities are not: numpy's edges then fail, and so do
distances of numbers; in the window alone they count as outside of the bins. hopsmon cannot tell a NaN that is not a
null from an infinity here; NannyML's data frames (pandas) have no such NaN.

Thresholds: mean + 3 standard deviations of the same measure over 10 consecutive chunks of the reference
(`upper_threshold`, where the reference is at hand in its order). A comparison of raw samples without their order deals
the values out to the chunks at random (seeded): as if the reference had been shuffled before NannyML saw it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import TypeAlias

import numpy as np
import scipy

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.techniques.conventions import formulas
from hopsmon.core.techniques.conventions.rules import Measured, Peer, Rule, Verdict, refuse
from hopsmon.core.techniques.conventions.samples import labels_of, numbers_of
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, Pair
from hopsmon.errors import ConfigError

_ESTIMATED = frozenset({"ks", "wasserstein"})
_LARGE = 10_000  # values of the reference from which on these two are estimated from bins
_BINS = 10_000
CHUNKS = 10
Measure: TypeAlias = Callable[[FloatArray, FloatArray, int], float]


def _ks(reference: FloatArray, current: FloatArray, _outside: int = 0) -> float:
    if len(reference) < _LARGE:
        return formulas.largest_gap(np.sort(reference), np.sort(current))
    edges = np.linspace(reference.min(), reference.max(), _BINS + 1)
    expected = np.cumsum(np.histogram(reference, edges)[0] / len(reference))
    below = np.count_nonzero(current < edges[0]) / len(current)
    seen = below + np.cumsum(np.histogram(current, edges)[0] / len(current))
    return float(np.abs(expected - seen).max())


def _wasserstein(reference: FloatArray, current: FloatArray, _outside: int = 0) -> float:
    if len(reference) < _LARGE:
        return float(scipy.stats.wasserstein_distance(reference, current))
    counts, edges = np.histogram(reference, bins=_BINS)
    first, last = float(edges[0]), float(edges[-1])
    left, area_left = _tail(first - current[current < first], len(current))
    _, area_right = _tail(current[current > last] - last, len(current))
    expected = np.cumsum(counts / len(reference))
    seen = np.cumsum(np.histogram(current, bins=edges)[0] / len(current)) + left
    return float(np.sum(np.abs(expected - seen) * (edges[1] - edges[0]))) + area_left + area_right


def _tail(beyond: FloatArray, n: int) -> tuple[float, float]:
    """The share that NannyML gives to values beyond the reference's range, and their part of the distance.

    `beyond`: how far out each of them is. NannyML counts the end of the range itself as one value more.
    """
    if not len(beyond):
        return 0.0, 0.0
    return (len(beyond) + 1) / n, float(beyond.sum()) / n


def _doane(reference: FloatArray, current: FloatArray, outside: int) -> tuple[FloatArray, FloatArray]:
    edges = np.histogram_bin_edges(reference, bins="doane")
    expected = np.histogram(reference, bins=edges)[0] / len(reference)
    return _with_leftover(expected, np.histogram(current, bins=edges)[0] / (len(current) + outside))


def _with_leftover(expected: FloatArray, seen: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The window's values that are in none of the reference's bins get one of their own."""
    leftover = 1 - seen.sum()
    return (np.append(expected, 0.0), np.append(seen, leftover)) if leftover > 0 else (expected, seen)


def _js(reference: FloatArray, current: FloatArray, outside: int = 0) -> float:
    return formulas.js_distance(*_doane(reference, current, outside), base=2)


def _hellinger(reference: FloatArray, current: FloatArray, outside: int = 0) -> float:
    return formulas.hellinger(*_doane(reference, current, outside))


def _on_known(reference: FloatArray, current: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares of the reference's labels, and of all others together."""
    known = reference > 0
    return _with_leftover(reference[known] / reference.sum(), current[known] / current.sum())


def _js_of_labels(reference: FloatArray, current: FloatArray, _outside: int = 0) -> float:
    return formulas.js_distance(*_on_known(reference, current), base=2)


def _hellinger_of_labels(reference: FloatArray, current: FloatArray, _outside: int = 0) -> float:
    return formulas.hellinger(*_on_known(reference, current))


def _linf(reference: FloatArray, current: FloatArray, _outside: int = 0) -> float:
    return float(np.abs(reference / reference.sum() - current / current.sum()).max())


_OF_NUMBERS: Mapping[str, Measure] = {"ks": _ks, "wasserstein": _wasserstein, "js": _js, "hellinger": _hellinger}
_OF_LABELS: Mapping[str, Measure] = {"js": _js_of_labels, "hellinger": _hellinger_of_labels, "linf": _linf}


def _measured(technique: str) -> Callable[[Pair], Measured]:
    def measure(pair: Pair) -> Measured:
        reference, current, outside = _arrays(technique, pair)
        score = _measure_of(technique, pair.kind)(reference, current, outside)
        n = len(current) + outside if pair.kind in NUMBERS else int(current.sum())
        return Measured(score, n, details={"estimated": technique in _ESTIMATED and len(reference) >= _LARGE})

    return measure


def _arrays(technique: str, pair: Pair) -> tuple[FloatArray, FloatArray, int]:
    """Values or label counts of both sides, and how many infinities the window has."""
    if pair.kind not in NUMBERS:
        labels = labels_of(pair)
        return labels.reference, labels.current, 0
    sample = numbers_of(pair)
    window, reference = pair.counts()
    if reference.nonfinite or (window.nonfinite and technique in _ESTIMATED):
        refuse("NannyML gives no number where there are infinities", len(sample.current))
    return sample.reference, sample.current, window.nonfinite


def _measure_of(technique: str, kind: FeatureType) -> Measure:
    table = _OF_NUMBERS if kind in NUMBERS else _OF_LABELS
    if technique not in table:
        refuse(f"NannyML computes {technique} for {'labels' if kind in NUMBERS else 'numbers'} only")
    return table[technique]


def _learned(technique: str) -> Callable[[Pair], float | None]:
    def threshold(pair: Pair) -> float | None:
        reference, _, _ = _arrays(technique, pair)
        labels = None if pair.kind in NUMBERS else len(reference)
        if labels is not None:
            reference = np.repeat(np.arange(float(labels)), reference.astype(np.int64))
        if len(reference) < CHUNKS:
            return None
        return _threshold(technique, pair.kind, np.random.default_rng(0).permutation(reference), labels)

    return threshold


def upper_threshold(technique: str, reference: Sequence[float] | Sequence[str | None]) -> float:
    """NannyML's own threshold from a reference in its order; missing values are None or NaN.

    Raises:
        ConfigError: fewer than 10 values.

    >>> round(upper_threshold("linf", ["a", "b"] * 50), 3)
    0.0
    """
    if any(isinstance(value, str) for value in reference):
        names = sorted({value for value in reference if isinstance(value, str)})
        at = {name: float(code) for code, name in enumerate(names)}
        codes = np.array([at[value] if isinstance(value, str) else nan for value in reference])
        return _threshold(technique, FeatureType.CATEGORICAL, codes, len(names))
    return _threshold(technique, FeatureType.NUMERIC, np.array(reference, np.float64), None)


def _threshold(technique: str, kind: FeatureType, ordered: FloatArray, labels: int | None) -> float:
    scores = chunk_scores(technique, kind, ordered, ordered, labels)
    upper = float(np.nanmean(scores) + 3 * np.nanstd(scores))
    return min(upper, 1.0) if technique == "ks" else upper


def chunk_scores(
    technique: str, kind: FeatureType, reference: FloatArray, ordered: FloatArray, labels: int | None = None
) -> FloatArray:
    """The measure of each of 10 chunks (and of a rest, where there is one); NaN for a chunk without any value.

    Args:
        reference: values, or codes of labels from 0 to `labels` - 1; NaN is missing.
        ordered: the same of the data in chunks.
    """
    size = len(ordered) // CHUNKS
    if not size:
        raise ConfigError(f"NannyML's thresholds need at least {CHUNKS} values of reference, got {len(ordered)}.")
    measure = _measure_of(technique, kind)
    base = _present(reference, labels)
    scores = []
    for start in range(0, len(ordered), size):
        chunk = ordered[start : start + size]
        empty = np.isnan(chunk).all()
        scores.append(nan if empty else measure(base, _present(chunk, labels), 0))
    return np.array(scores)


def _present(values: FloatArray, labels: int | None) -> FloatArray:
    """Values without the missing ones, or how often each label's code occurs."""
    held = values[~np.isnan(values)]
    return held if labels is None else np.bincount(held.astype(np.int64), minlength=labels).astype(np.float64)


def _chi2(pair: Pair) -> Measured:
    labels = labels_of(pair)
    found = scipy.stats.chi2_contingency(np.stack((labels.reference, labels.current)))
    return Measured(float(found.statistic), int(labels.current.sum()), float(found.pvalue), {"judged": "p_value"})


def _defaults(_kind: FeatureType, _n_ref: int, _distinct: int) -> tuple[str, ...]:
    return ("js",)


_TYPES: Mapping[str, frozenset[FeatureType]] = {
    "js": NUMBERS | LABELS,
    "hellinger": NUMBERS | LABELS,
    "ks": NUMBERS,
    "wasserstein": NUMBERS,
    "linf": LABELS,
}
NANNYML = Peer(
    version="0.13.1",
    rules={
        **{
            name: Rule(_measured(name), Verdict.ABOVE, learned=_learned(name), types=types)
            for name, types in _TYPES.items()
        },
        "chi2": Rule(_chi2, Verdict.P_BELOW, 0.05, types=LABELS),
    },
    defaults=_defaults,
)
