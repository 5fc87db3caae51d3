"""Every error hopsmon raises, sorted by what the caller can do about it.

HopsmonError
├── ConfigError        wrong use or configuration: mend the file or the call (CLI exit code 1)
│   └── UnknownNameError   a name that is not known; lists the known ones and the nearest
└── OutsideError       the outside world failed: broker, store, Java (CLI exit code 2)
    └── TransientError     may pass by itself; says after how many seconds to try again
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(wanted: str, known: Iterable[str]) -> str | None:
    """The known name that may have been meant; None where none is near."""
    return next(iter(difflib.get_close_matches(wanted, list(known), n=1)), None)


def did_you_mean(wanted: str, known: Iterable[str]) -> str:
    """The question that a message ends with, a space before it; empty where no other name is near.

    >>> did_you_mean("pis", ["ks", "psi"])
    " Did you mean 'psi'?"
    """
    near = nearest(wanted, known)
    return f" Did you mean '{near}'?" if near not in (None, wanted) else ""


class HopsmonError(Exception):
    """Root of all errors raised on purpose by hopsmon."""


class ConfigError(HopsmonError, ValueError):
    """Wrong use or configuration; the message names the value seen, the values allowed and the next step."""


class UnknownNameError(ConfigError):
    """A name nobody registered.

    >>> print(UnknownNameError("technique", "pis", ["ks", "psi"]))
    Unknown technique 'pis'. Known: ks, psi. Did you mean 'psi'?
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        known_ones = ", ".join(names) or "none"
        super().__init__(f"Unknown {kind} '{name}'. Known: {known_ones}.{did_you_mean(name, names)}")
        self.kind = kind
        self.name = name
        self.nearest = nearest(name, names)


class OutsideError(HopsmonError):
    """Something outside hopsmon failed: a broker, a store, Java. The message says what to look at next."""


class TransientError(OutsideError):
    """An outside failure that may pass by itself."""

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds
