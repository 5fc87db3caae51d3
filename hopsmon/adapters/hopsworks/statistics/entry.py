"""Entry: one JSON object of Hopsworks' statistics, read field by field, with one clear error where a field is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any, NoReturn

from hopsmon.errors import ConfigError

AGAIN = (
    "Compute the statistics again, with StatisticsConfig(histograms=True, kll=True); or have the data itself scanned."
)
_CAPITAL = re.compile(r"(?<=.)(?=[A-Z])")
_NO_NUMBER = frozenset({"NaN", "Infinity", "-Infinity"})  # how the JVM's JSON writes them
_SHOWN = 80  # characters


def snake(name: str) -> str:
    """A name as the client's attributes have it; the wire has camelCase.

    >>> snake("numNonNullValues"), snake("std_dev")
    ('num_non_null_values', 'std_dev')
    """
    return _CAPITAL.sub("_", name).lower()


@dataclass(frozen=True, slots=True)
class Entry:
    """A JSON object of one feature's statistics, its names in snake_case.

    Attributes:
        feature: whose statistics, for error messages.
        path: where it stands in them: empty, or as "extended_statistics.kll.".
    """

    feature: str
    fields: Mapping[str, Any]
    path: str = ""

    @classmethod
    def of(cls, feature: str, given: object, path: str = "") -> Entry:
        """An object; each value is read when it is asked for.

        Raises:
            ConfigError: it is something else.
        """
        if not isinstance(given, Mapping):
            raise ConfigError(wrong(feature, path.rstrip(".") or "the entry", given, "an object"))
        return cls(feature, {snake(str(name)): value for name, value in given.items()}, path)

    def fail(self, field: str, value: object, allowed: str) -> NoReturn:
        """Raises the ConfigError of a wrong field."""
        raise ConfigError(wrong(self.feature, self.path + field, value, allowed))

    def number(self, field: str) -> float | None:
        """A finite number; None where it is missing, null, or NaN or infinite in whatever spelling."""
        value = self.fields.get(field)
        if value is None or (isinstance(value, str) and value in _NO_NUMBER):
            return None
        if isinstance(value, bool) or not isinstance(value, Real):
            self.fail(field, value, "a number")
        return _finite(value)

    def count(self, field: str) -> int | None:
        """A whole number from 0 up, 150.0 being one; None where it is missing or null."""
        value = self.fields.get(field)
        if value is None:
            return None
        number = self.number(field)
        if number is None or number < 0 or not number.is_integer():
            self.fail(field, value, "a whole number from 0 up")
        return int(number)

    def text(self, field: str) -> str | None:
        """A text; None where it is missing or null."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, str):
            self.fail(field, value, "a text")
        return value

    def items(self, field: str) -> Sequence[Any] | None:
        """A list; None where it is missing or null."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, (list, tuple)):
            self.fail(field, value, "a list")
        return value

    def objects(self, field: str) -> list[Entry] | None:
        """A list of objects; None where it is missing or null."""
        found = self.items(field)
        if found is None:
            return None
        return [Entry.of(self.feature, one, f"{self.path}{field}[{at}].") for at, one in enumerate(found)]

    def inner(self, field: str) -> Entry | None:
        """An object, or its JSON as a text; None where it is missing or null."""
        value = self.unpacked(field, "a JSON object")
        return None if value is None else Entry.of(self.feature, value, f"{self.path}{field}.")

    def unpacked(self, field: str, allowed: str) -> Any:
        """A value, from its JSON where that was written as a text."""
        value = self.fields.get(field)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            self.fail(field, value, allowed)


def wrong(feature: str, field: str, value: object, allowed: str) -> str:
    """What is wrong with a field, and the next step."""
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    return f"Hopsworks' statistics of feature '{feature}': {field} must be {allowed}, got {shown}. {AGAIN}"


def _finite(value: Real) -> float | None:
    try:
        number = float(value)
    except OverflowError:  # an integer beyond float64
        return None
    return number if isfinite(number) else None
