"""Notices: which source of a feature's statistics was used, and which was not and why. For logs and provenance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_NAMED = 20  # features in one sentence


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of one source.

    Attributes:
        feature: whose statistics.
        source: what was looked at, as "KLL sketch".
        used: whether it went into the baseline.
        text: what it gave, or why it was not used; goes on after the source, as in "KLL sketch: …".
    """

    feature: str
    source: str
    used: bool
    text: str


class UnusableError(Exception):
    """A source that cannot be used; `str` says why. It becomes a notice, and the next source is tried."""


def sentences(notices: Iterable[Notice]) -> tuple[str, ...]:
    """One sentence for what is alike, with the features it is true of.

    >>> sentences([Notice("a", "labels", True, "20 of 30"), Notice("b", "labels", True, "20 of 30")])
    ('labels: 20 of 30 (a, b).',)
    """
    features: dict[str, list[str]] = {}
    for notice in notices:
        said = f"{notice.source}{'' if notice.used else ' not used'}: {notice.text}"
        features.setdefault(said, []).append(notice.feature)
    return tuple(f"{said} ({_listed(names)})." for said, names in features.items())


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
