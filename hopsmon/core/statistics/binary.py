"""What the binary forms share: a version byte first, equality and pickling by bytes."""

from __future__ import annotations

from typing import Any

from typing_extensions import Self

from hopsmon.core.schema import FeatureType
from hopsmon.errors import ConfigError

ALL_TYPES = frozenset(FeatureType)
NUMERIC_TYPES = frozenset(kind for kind in FeatureType if kind.is_numeric)
LABEL_TYPES = ALL_TYPES - NUMERIC_TYPES


def check_version(data: bytes, kind: str, newest: int = 1) -> int:
    """The version byte of a binary form.

    Raises:
        ConfigError: it is newer than this code can read, or there is none.
    """
    if not data:
        raise ConfigError(f"Stored {kind} is empty: the state or baseline it came from is damaged.")
    if not 1 <= data[0] <= newest:
        raise ConfigError(
            f"Stored {kind} has format version {data[0]}; this hopsmon reads 1 to {newest}."
            " It was written by a newer hopsmon: upgrade this one."
        )
    return data[0]


class EqualByBytes:
    """Equality, hash and pickling through the binary form, for values that hold arrays or sketches."""

    __slots__ = ()

    def to_bytes(self) -> bytes:
        """Compact binary form."""
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Inverse of `to_bytes`."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EqualByBytes) or type(other) is not type(self):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.to_bytes())


def _restored(kind: type[EqualByBytes], data: bytes) -> EqualByBytes:
    """What pickle calls. A function: cloudpickle would copy a class method with its module's globals."""
    return kind.from_bytes(data)
