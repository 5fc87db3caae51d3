"""Sketches: KLL sketches as the JVM profiler writes them (since 5.1), as Deequ did before, and the buckets of both."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
from datasketches import kll_doubles_sketch

from hopsmon.adapters.hopsworks.statistics.bins import Known, Retained, counted
from hopsmon.adapters.hopsworks.statistics.entry import Entry
from hopsmon.adapters.hopsworks.statistics.kll_bytes import check
from hopsmon.adapters.hopsworks.statistics.notices import UnusableError
from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.quantiles import Quantiles

NATIVE = "datasketches-native-v1"
DEFAULT_K = 2048  # of both profilers


def native(kll: Entry) -> Quantiles:
    """The sketch of Apache DataSketches in `bytes`.

    Raises:
        UnusableError: there are none, or they are no such sketch.
    """
    text = kll.text("bytes")
    if text is None:
        raise UnusableError("it holds no bytes")
    if kll.fields.get("kll_format") not in (None, NATIVE):
        raise UnusableError(f"its format is {kll.fields['kll_format']!r}; {NATIVE} can be read")
    try:
        data = base64.b64decode(text, validate=True)
        check(data)
    except (binascii.Error, ValueError, UnusableError) as error:
        raise UnusableError(f"its bytes are no sound KLL sketch of doubles: {error}") from error
    return Quantiles(kll_doubles_sketch.deserialize(data))


def of_native(sketch: Quantiles, known: Known) -> Histogram:
    """Bins from a native sketch.

    Raises:
        UnusableError: it is the sketch of other values.
    """
    values, weights = sketch.retained()
    if known.count is not None and sketch.count != known.count:
        raise UnusableError(f"it is of {sketch.count:,} values, but the feature has {known.count:,}")
    return _binned(values, weights, sketch.rank_error, known)


def of_deequ(kll: Entry, known: Known) -> Histogram:
    """Bins from what Deequ's sketch kept: lists of values, those of list i standing for 2 ** i each.

    Raises:
        UnusableError: there is none, or it is the sketch of other values.
        ConfigError: its lists do not hold numbers.
    """
    sketch = kll.inner("sketch")
    if sketch is None:
        raise UnusableError("it holds no sketch")
    levels = [_level(sketch, at, level) for at, level in enumerate(_levels(sketch))]
    values = np.concatenate([*levels, np.empty(0)])
    weights = np.repeat(2 ** np.arange(len(levels), dtype=np.int64), [len(level) for level in levels])
    count = int(weights.sum())
    if count < 1 or (known.count is not None and count != known.count):
        raise UnusableError(f"it is of {count:,} values, but the feature has {known.count or 0:,}")
    order = np.argsort(values, kind="stable")
    error = rank_error(_k(sketch)) if len(levels) > 1 else 0.0
    return _binned(values[order], weights[order], error, known)


def of_buckets(kll: Entry, known: Known) -> Histogram:
    """Bins from the buckets: equal widths between exact edges, counts as the sketch knew them.

    Raises:
        UnusableError: there are none, or they do not fit the feature's range or number of values.
        ConfigError: they do not hold numbers.
    """
    buckets = kll.objects("buckets")
    if not buckets:
        raise UnusableError("it holds no buckets")
    lows, highs = (np.array([_needed(one, end) for one in buckets]) for end in ("low_value", "high_value"))
    counts = np.array([int(_needed(one, "count")) for one in buckets], np.int64)
    edges = np.append(lows, highs[-1])
    rounding = 1e-9 * max(abs(known.low), abs(known.high))
    if not (edges[1:] > edges[:-1]).all() or (np.abs(highs[:-1] / 2 - lows[1:] / 2) > rounding).any():
        raise UnusableError("its buckets do not follow one another")
    if max(abs(edges[0] / 2 - known.low / 2), abs(edges[-1] / 2 - known.high / 2)) > rounding:
        raise UnusableError(
            f"its buckets do not go from the smallest value to the largest: {edges[0]:g} … {edges[-1]:g}"
        )
    edges[0], edges[-1] = known.low, known.high
    if kll.fields.get("kll_format") == NATIVE:
        # DataSketches counts values that are at or below an upper edge, Deequ (and we) those below.
        edges[1:-1] = np.nextafter(edges[1:-1], np.inf)
    sketch = kll.inner("sketch")
    return counted(edges, counts, known, rank_error(DEFAULT_K if sketch is None else _k(sketch)))


def rank_error(k: int = DEFAULT_K) -> float:
    """Of 99 % of the sketches of that size, the share of values below any number is right within this."""
    return float(kll_doubles_sketch.get_normalized_rank_error(min(max(k, 8), 65_535), False))


def _binned(values: FloatArray, weights: IntArray, error: float, known: Known) -> Histogram:
    if len(values) < 2:
        raise UnusableError("it kept a single value of a feature that has more")
    if values[0] < known.low or values[-1] > known.high:
        raise UnusableError(f"it has values from {values[0]:g} to {values[-1]:g}, outside of the feature's own")
    return Retained(values, weights, error).histogram(known)


def _k(sketch: Entry) -> int:
    parameters = sketch.inner("parameters")
    return (parameters.count("k") if parameters is not None else None) or DEFAULT_K


def _levels(sketch: Entry) -> list[Any]:
    found = sketch.unpacked("data", "a list of lists of numbers")
    if not isinstance(found, list) or len(found) > 60:
        sketch.fail("data", found, "a list of at most 60 lists of numbers")
    return found


def _level(sketch: Entry, at: int, values: Any) -> FloatArray:
    inner = Entry(sketch.feature, {"values": values}, f"{sketch.path}data[{at}].")
    numbers = [value for value in inner.items("values") or () if isinstance(value, (int, float))]
    array = np.array(numbers, np.float64)
    if len(numbers) != len(values or ()) or not np.isfinite(array).all():
        inner.fail("values", values, "finite numbers")
    return array


def _needed(bucket: Entry, field: str) -> float:
    value = bucket.count(field) if field == "count" else bucket.number(field)
    if value is None:
        bucket.fail(field, bucket.fields.get(field), "a number")
    return value
