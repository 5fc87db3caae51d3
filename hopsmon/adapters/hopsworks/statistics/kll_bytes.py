"""KLL bytes: whether they are a sound sketch. The C++ library that reads them trusts them, and ends the process if not.

The form is Apache DataSketches', the same in Java and C++, little-endian: number of 4-byte words of the head, version,
family, flags, k (2 bytes), m, unused; then of a single value that value, else n (8 bytes), smallest k (2), levels (1),
unused, where each level begins (4 each), smallest value, largest value, values. Level i's values stand for 2 ** i each.
"""

from __future__ import annotations

import struct

import numpy as np

from hopsmon.adapters.hopsworks.statistics.notices import UnusableError
from hopsmon.core.batch import IntArray

_FAMILY = 15
_EMPTY, _SINGLE = 1, 4  # flags
_HEAD = struct.Struct("<BBBBHBB")
_COUNTS = struct.Struct("<QHBB")
_LEVELS_AT = _HEAD.size + _COUNTS.size
_MOST_LEVELS = 60
_SMALL_DEPTH = 30


def check(data: bytes) -> None:
    """Look at everything that the library takes for granted.

    Raises:
        UnusableError: what is wrong.
    """
    if len(data) < _HEAD.size:
        raise UnusableError(f"{len(data)} bytes are too few")
    words, version, family, flags, k, m, _ = _HEAD.unpack_from(data)
    if family != _FAMILY or (words, version) not in ((2, 1), (2, 2), (5, 1)) or m != 8 or k < m:
        raise UnusableError(f"they begin with {data[: _HEAD.size].hex(' ')}, as no KLL sketch does that can be read")
    if flags & _EMPTY:
        raise UnusableError("they are an empty sketch")
    if (words == 2) != (version == 2) or (words == 2) != bool(flags & _SINGLE):
        raise UnusableError("their head contradicts itself")
    if words == 2:
        if len(data) != _HEAD.size + 8 or not np.isfinite(np.frombuffer(data, "<f8", 1, _HEAD.size)).all():
            raise UnusableError("they hold no single finite value")
        return
    _check_levels(data, k, m)


def _check_levels(data: bytes, k: int, m: int) -> None:
    if len(data) < _LEVELS_AT:
        raise UnusableError(f"{len(data)} bytes are too few")
    n, least_k, levels, _ = _COUNTS.unpack_from(data, _HEAD.size)
    values_at = _LEVELS_AT + 4 * levels + 16
    if not 1 <= levels <= _MOST_LEVELS or not m <= least_k <= k or len(data) < values_at:
        raise UnusableError(f"{levels} levels do not fit into {len(data)} bytes")
    starts = np.append(np.frombuffer(data, "<u4", levels, _LEVELS_AT).astype(np.int64), _capacity(k, m, levels))
    sizes = np.diff(starts)
    if (sizes < 0).any() or len(data) != values_at + 8 * int(sizes.sum()):
        raise UnusableError(f"levels that begin at {starts[:-1].tolist()} do not fit into {len(data)} bytes")
    if sum(size << level for level, size in enumerate(sizes.tolist())) != n:
        raise UnusableError(f"what they kept does not stand for {n:,} values")
    _check_values(data, values_at, sizes)


def _check_values(data: bytes, values_at: int, sizes: IntArray) -> None:
    ends, values = np.frombuffer(data, "<f8", 2, values_at - 16), np.frombuffer(data, "<f8", offset=values_at)
    if not np.isfinite(values).all() or not np.isfinite(ends).all():
        raise UnusableError("they hold values that are NaN or infinite")
    if values.min() < ends[0] or values.max() > ends[1]:
        raise UnusableError("they hold values beyond their smallest and largest")
    upper = np.split(values, np.cumsum(sizes)[:-1])[1:]
    if not all((np.diff(level) >= 0).all() for level in upper):
        raise UnusableError("their values are not in order")


def _capacity(k: int, m: int, levels: int) -> int:
    """How many values a sketch of so many levels has room for: upper levels hold k, lower ones 2/3 of the next."""
    return sum(max(m, _level_capacity(k, depth)) for depth in range(levels))


def _level_capacity(k: int, depth: int) -> int:
    """Room for k · (2/3) ** depth values, in the library's own rounding."""
    if depth <= _SMALL_DEPTH:
        twice: int = (2 * k << depth) // 3**depth
        return (twice + 1) >> 1
    half = depth // 2
    return _level_capacity(_level_capacity(k, half), depth - half)
