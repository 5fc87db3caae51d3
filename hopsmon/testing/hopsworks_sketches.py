"""Hopsworks' sketches and bars: the distribution of a numeric column as its profilers write it."""

from __future__ import annotations

import base64
import json
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from typing import Any

import numpy as np

from hopsmon.core.batch import FloatArray
from hopsmon.core.statistics.quantiles import Quantiles

K = 2048  # of both profilers' sketches
_BUCKETS = 20
_WHOLE = 2.0**53  # from here on floats have no decimals
Json = dict[str, Any]


def bars(numbers: FloatArray, bins: int) -> list[Json]:
    """Bins of equal width from the smallest value to the largest, as HistogramBuilder counts them."""
    low, high = float(numbers.min()), float(numbers.max())
    width = (high - low) / bins
    if width:
        places = np.nan_to_num((numbers - low) / width)  # Spark casts NaN to 0
        at = np.clip(np.floor(places), 0, bins - 1).astype(np.int64)
    else:
        at = np.zeros(len(numbers), np.int64)
    counts = np.bincount(at, minlength=bins).tolist()
    lows = [low + number * width for number in range(bins)]
    return [
        bar(start, start + width, {"count": count, "ratio": count / len(numbers)})
        for start, count in zip(lows, counts, strict=True)
    ]


def bar(low: float, high: float, counted: Json) -> Json:
    """One of them; both ends only as its label has them."""
    return {"value": f"{_rounded(low)} to {_rounded(high)}", "count": counted["count"], "ratio": counted["ratio"]}


def _rounded(value: float) -> str:
    """Java's "%.2f": of the shortest decimal that means this number, half up."""
    if not isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if abs(value) >= _WHOLE:
        return f"{value:.2f}"
    return str(Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def native(sketch: Quantiles, finite: FloatArray) -> Json:
    """As ProfileJsonSerializer writes it; its buckets hold what is above their lower edge and up to the upper one."""
    low, high, rows = float(finite.min()), float(finite.max()), len(finite)
    width = (high - low) / _BUCKETS if high > low else 1.0
    inner = [low + at * width for at in range(1, _BUCKETS)]
    below = [0.0, *sketch.ranks(inner), 1.0]
    shares = np.diff(below).tolist()
    buckets = [_bucket(low + at * width, width, round(share * rows), rows) for at, share in enumerate(shares)]
    text = base64.b64encode(bytes(sketch.sketch.serialize())).decode()
    return {"kllFormat": "datasketches-native-v1", "bytes": text, "buckets": buckets}


def deequ(sketch: Quantiles, finite: FloatArray) -> Json:
    """As Deequ writes it: what the sketch kept, level by level; buckets hold their lower edge and not the upper one."""
    values, weights = sketch.retained()
    levels = [values[weights == 1 << level].tolist() for level in range(int(weights.max()).bit_length())]
    low, high, rows = float(finite.min()), float(finite.max()), len(finite)
    edges = [low + (high - low) * at / _BUCKETS for at in range(_BUCKETS + 1)]
    below = np.concatenate(([0], np.cumsum(weights)))[values.searchsorted(edges)]
    below[-1] = rows
    counts = np.diff(below).tolist()
    buckets = [_bucket(edge, edges[at + 1] - edge, counts[at], rows) for at, edge in enumerate(edges[:-1])]
    kept = {"parameters": {"c": 0.64, "k": float(K)}, "data": json.dumps(levels)}
    return {"buckets": buckets, "sketch": kept}


def _bucket(low: float, width: float, count: int, rows: int) -> Json:
    return {"low_value": low, "high_value": low + width, "count": count, "ratio": count / rows}
