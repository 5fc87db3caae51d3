"""Distinct: about how many different values a feature had."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf, log, sqrt
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from hopsmon.core.batch import FloatArray
from hopsmon.core.schema import FeatureType
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.binary import ALL_TYPES, EqualByBytes, check_version
from hopsmon.core.statistics.sample import NumericSample, Sample

HashArray: TypeAlias = npt.NDArray[np.uint64]
RegisterArray: TypeAlias = npt.NDArray[np.uint8]

PRECISION = 10  # 2**10 registers: standard error 1.04 / sqrt(1024) = 3.3 %
REGISTERS = 1 << PRECISION
_PLACE_BITS = np.uint64(PRECISION)
_RANK_BITS = 53  # of the 54 that are left: what a float64 holds without rounding up to another bit length
_ABOVE_PLACE = np.uint64(64 - PRECISION)
_ABOVE_RANK = np.uint64(64 - _RANK_BITS)
_SPARSE_LIMIT = REGISTERS // 6  # a register takes three bytes in the sparse form, half a byte in the nibble form
_SPARSE, _NIBBLE, _DENSE = 0, 1, 2  # second byte of the binary form; the third one is the nibble form's base
_LARGEST_NIBBLE = 15
_NONE_SET: RegisterArray = np.zeros(REGISTERS, np.uint8)
_NONE_SET.setflags(write=False)

_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True, eq=False)
class Distinct(EqualByBytes):
    """Approximate number of distinct values by HyperLogLog: standard error 3.3 %, one kilobyte at most.

    The order of values and of merges makes no difference: the registers are maxima. Hashes are part of the stored
    form and must never change.

    References: Flajolet et al., HyperLogLog, AofA 2007; estimator: Ertl, New cardinality estimation algorithms for
    HyperLogLog sketches, arXiv:1702.01284, 2017.

    Attributes:
        registers: for each of the 1,024 classes of hashes the largest number of leading zeros plus one; 0 if empty.
    """

    name: ClassVar[str] = "distinct"
    feature_types: ClassVar[frozenset[FeatureType]] = ALL_TYPES

    registers: RegisterArray = field(default_factory=lambda: _NONE_SET)

    @property
    def estimate(self) -> float:
        """Estimated number of distinct values."""
        return _estimate(np.bincount(self.registers, minlength=_RANK_BITS + 2).tolist())

    @classmethod
    def of(cls, sample: Sample, _reference: FeatureSummary | None = None) -> Distinct:
        """The registers of a sample's values or labels."""
        if isinstance(sample, NumericSample):
            return cls.of_sorted(sample.sorted)
        return cls.of_hashes(hash_labels(sample.labels))

    @classmethod
    def of_sorted(cls, values: FloatArray) -> Distinct:
        """The registers of finite values in ascending order (without -0.0)."""
        changes = np.empty(len(values), np.bool_)
        changes[:1] = True
        np.not_equal(values[1:], values[:-1], out=changes[1:])
        if 2 * np.count_nonzero(changes) < len(values):  # hashing costs more than picking
            values = values[changes]
        return cls.of_hashes(hash_numbers(values))

    @classmethod
    def of_hashes(cls, hashes: HashArray) -> Distinct:
        """The registers of evenly spread 64-bit hashes."""
        if not len(hashes):
            return cls()
        places = (hashes >> _ABOVE_PLACE).astype(np.intp)
        rest = hashes << _PLACE_BITS
        rest >>= _ABOVE_RANK
        lengths = np.frexp(rest.astype(np.float64))[1]
        registers = np.zeros(REGISTERS, np.uint8)
        np.maximum.at(registers, places, (_RANK_BITS + 1 - lengths).astype(np.uint8))
        return cls(registers)

    def __add__(self, other: Distinct) -> Distinct:
        return Distinct(np.maximum(self.registers, other.registers))

    def to_bytes(self) -> bytes:
        """Version, form, base, then the set registers while they are few, or all as nibbles above a base, or all."""
        places = np.flatnonzero(self.registers)
        if len(places) <= _SPARSE_LIMIT:
            few = places.astype("<u2").tobytes() + self.registers[places].tobytes()
            return bytes((1, _SPARSE, 0)) + few
        base = int(self.registers.min())
        above = self.registers - np.uint8(base)
        if above.max() > _LARGEST_NIBBLE:
            return bytes((1, _DENSE, 0)) + self.registers.tobytes()
        pairs: RegisterArray = above[::2] | (above[1::2] << np.uint8(4))
        return bytes((1, _NIBBLE, base)) + pairs.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Distinct:
        """Inverse of `to_bytes`."""
        check_version(data, cls.name)
        form, base = data[1], data[2]
        if form == _DENSE:
            return cls(np.frombuffer(data, np.uint8, REGISTERS, 3))
        registers = np.zeros(REGISTERS, np.uint8)
        if form == _NIBBLE:
            pairs = np.frombuffer(data, np.uint8, REGISTERS // 2, 3)
            registers[::2], registers[1::2] = pairs & _LARGEST_NIBBLE, pairs >> 4
            return cls(registers + np.uint8(base))
        few = (len(data) - 3) // 3
        registers[np.frombuffer(data, "<u2", few, 3)] = np.frombuffer(data, np.uint8, few, 3 + 2 * few)
        return cls(registers)


def hash_numbers(values: FloatArray) -> HashArray:
    """Well-mixed 64-bit hashes of float64 bits (the finaliser of splitmix64; Steele, Lea & Flood, OOPSLA 2014)."""
    bits = np.ascontiguousarray(values).view(np.uint64)
    mixed: HashArray = bits ^ (bits >> _SHIFTS[0])
    mixed *= _FACTORS[0]
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _FACTORS[1]
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


def hash_labels(labels: tuple[str, ...]) -> HashArray:
    """64-bit hashes of labels, the same in every process (Python's own hash is salted)."""
    digests = [blake2b(label.encode("utf-8", "surrogatepass"), digest_size=8).digest() for label in labels]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _estimate(multiplicity: list[int]) -> float:
    """Ertl's improved estimator (algorithm 6); `multiplicity[r]`: how many registers hold r."""
    last = _RANK_BITS + 1
    z = REGISTERS * _tau(1 - multiplicity[last] / REGISTERS)
    for rank in range(last - 1, 0, -1):
        z = 0.5 * (z + multiplicity[rank])
    z += REGISTERS * _sigma(multiplicity[0] / REGISTERS)
    return REGISTERS * REGISTERS / (2 * log(2) * z) if z else 2.0**63  # every register full: as many as hashes


def _sigma(x: float) -> float:
    if x == 1:
        return inf
    total, factor, before = x, 1.0, -1.0
    while total != before:
        before = total
        x *= x
        total += x * factor
        factor += factor
    return total


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    total, factor, before = 1 - x, 1.0, -1.0
    while total != before:
        before = total
        x = sqrt(x)
        factor *= 0.5
        total -= (1 - x) ** 2 * factor
    return total / 3
