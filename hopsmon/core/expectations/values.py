"""Values: tests of single numbers and labels; small frozen values, so that they travel to the executors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import numpy as np

from hopsmon.core.batch import BoolArray, FloatArray

Value = TypeVar("Value", float, str)


@dataclass(frozen=True, slots=True)
class Bounds(Generic[Value]):
    """An interval of numbers, or of labels in the order of their code points; a bound that is None is none."""

    low: Value | None = None
    high: Value | None = None
    strict_low: bool = False
    strict_high: bool = False

    def hold(self, value: Value) -> bool:
        """Whether one value lies in it; NaN does not."""
        above = self.low is None or (value > self.low if self.strict_low else value >= self.low)
        below = self.high is None or (value < self.high if self.strict_high else value <= self.high)
        return above and below and value == value  # noqa: PLR0124 - NaN is not itself


@dataclass(frozen=True, slots=True)
class Between:
    """Numbers in an interval."""

    bounds: Bounds[float]

    def __call__(self, values: FloatArray) -> BoolArray:
        """Which numbers lie in it."""
        inside, bounds = ~np.isnan(values), self.bounds
        if bounds.low is not None:
            inside &= values > bounds.low if bounds.strict_low else values >= bounds.low
        if bounds.high is not None:
            inside &= values < bounds.high if bounds.strict_high else values <= bounds.high
        return inside


def nearest_bound(bounds: Bounds[float], value: float) -> float | None:
    """The bound that a number breaks, or else is closest to.

    >>> nearest_bound(Bounds(0.0, 10.0), 12.5)
    10.0
    """
    known = [bound for bound in (bounds.low, bounds.high) if bound is not None]
    return min(known, key=lambda bound: abs(value - bound), default=None)


@dataclass(frozen=True, slots=True)
class OneOfNumbers:
    """A set of numbers; `inside` False: what is not in it."""

    numbers: tuple[float, ...]
    inside: bool = True

    def __call__(self, values: FloatArray) -> BoolArray:
        """Which numbers are in the set."""
        return np.isin(values, np.array(self.numbers, np.float64), invert=not self.inside)


@dataclass(frozen=True, slots=True)
class OneOfLabels:
    """A set of labels; `inside` False: what is not in it."""

    labels: frozenset[str]
    inside: bool = True

    def __call__(self, label: str) -> bool:
        """Whether a label is in the set."""
        return (label in self.labels) is self.inside


@dataclass(frozen=True, slots=True)
class Matches:
    """Regular expressions, found anywhere in a label.

    Attributes:
        every: all of them, not any.
        inside: False: none of them.
        whole: the pattern must be the whole label, as SQL's LIKE has it.
    """

    patterns: tuple[str, ...]
    every: bool = False
    inside: bool = True
    whole: bool = False

    def __call__(self, label: str) -> bool:
        """Whether a label matches."""
        look = re.fullmatch if self.whole else re.search
        found = (look(pattern, label) is not None for pattern in self.patterns)
        return (all(found) if self.every else any(found)) is self.inside


@dataclass(frozen=True, slots=True)
class Length:
    """How many characters a label has."""

    bounds: Bounds[float]

    def __call__(self, label: str) -> bool:
        """Whether the length is as expected."""
        return self.bounds.hold(len(label))


@dataclass(frozen=True, slots=True)
class IsTime:
    """Written in one format of strftime."""

    format: str

    def __call__(self, label: str) -> bool:
        """Whether a label is such a time."""
        try:
            datetime.strptime(label, self.format)  # noqa: DTZ007 - only whether it can be read
        except ValueError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class IsJson:
    """Written in JSON."""

    def __call__(self, label: str) -> bool:
        """Whether a label is JSON."""
        try:
            json.loads(label)
        except (ValueError, RecursionError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class ReadsAs:
    """A label that is a number as well: features of labels are often numbers in the feature group."""

    whole: bool

    def __call__(self, label: str) -> bool:
        """Whether it can be read as a number, or as a whole one."""
        try:
            value = float(label)
        except ValueError:
            return False
        return value.is_integer() if self.whole else True


@dataclass(frozen=True, slots=True)
class Whole:
    """Numbers without a fraction."""

    def __call__(self, values: FloatArray) -> BoolArray:
        """Which are."""
        whole: BoolArray = np.isfinite(values) & (values == np.trunc(values))
        return whole


def like(pattern: str, escape: str | None = None) -> str:
    r"""SQL's LIKE as a regular expression for the whole text: % is any text, _ one character.

    >>> like("a%_b"), like("50!%", "!")
    ('(?s:a.*.b)', '(?s:50%)')
    """
    parts, escaped = [], False
    for letter in pattern:
        if escaped or letter not in ("%", "_", escape):
            parts.append(re.escape(letter))
            escaped = False
        elif letter == escape:
            escaped = True
        else:
            parts.append(".*" if letter == "%" else ".")
    return f"(?s:{''.join(parts)})"
