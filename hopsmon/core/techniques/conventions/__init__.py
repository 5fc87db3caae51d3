"""Conventions: other libraries' numbers, for people who come from there. Only on raw samples, so only in a comparison.

A convention is a library: its bins, formula, threshold and verdict for each technique it has, defects included. They
are no better than hopsmon's own; they are what one has been looking at so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from hopsmon.core.finding import Finding, Reason, Severity
from hopsmon.core.schema import FeatureType
from hopsmon.core.techniques.conventions.deequ import DEEQU
from hopsmon.core.techniques.conventions.evidently import EVIDENTLY
from hopsmon.core.techniques.conventions.hopsworks import HOPSWORKS
from hopsmon.core.techniques.conventions.nannyml import NANNYML
from hopsmon.core.techniques.conventions.rules import Peer, Spec, refuse
from hopsmon.core.techniques.conventions.tfdv import TFDV
from hopsmon.core.techniques.pairs import LABELS, NUMBERS, Pair
from hopsmon.errors import ConfigError, UnknownNameError

CONVENTIONS: Mapping[str, Peer] = {
    "evidently": EVIDENTLY,
    "nannyml": NANNYML,
    "deequ": DEEQU,
    "tfdv": TFDV,
    "hopsworks": HOPSWORKS,
}


def known(technique: str) -> tuple[str, ...]:
    """The conventions that have a technique.

    >>> known("linf")
    ('nannyml', 'deequ', 'tfdv')
    """
    return tuple(name for name, peer in CONVENTIONS.items() if technique in peer.rules)


def types_of(technique: str, convention: str) -> frozenset[FeatureType]:
    """The features that a convention computes a technique for; not always those that hopsmon does.

    Raises:
        UnknownNameError: there is no such convention.
        ConfigError: the convention has no such technique.
    """
    check(technique, convention)
    return _peer(convention).rules[technique].types


def check(technique: str, convention: str) -> None:
    """Refuse a convention that does not have the technique.

    Raises:
        UnknownNameError: there is no such convention.
        ConfigError: the convention has no such technique.
    """
    if technique not in _peer(convention).rules:
        others = ", ".join(known(technique)) or "none"
        raise ConfigError(
            f"{convention} has no {technique}. It has: {', '.join(_peer(convention).rules)};"
            f" conventions with {technique}: {others}. Choose one of these, or leave the convention out."
        )


def finding(technique: str, convention: str, pair: Pair, threshold: float | None = None) -> Finding:
    """What another library says about one feature, from raw samples.

    Args:
        threshold: instead of the library's own. For a test it is the level that the p-value is compared with.

    Returns:
        Its score and verdict; `details` has its name and version, the rule of the verdict, and how it got there.
        Without a threshold, given or its own, there is a score and never drift.

    Raises:
        UnknownNameError: there is no such convention.
        ConfigError: the convention has no such technique.
        NotComputableError: raw values are missing on a side, or the library has no number for them.
    """
    check(technique, convention)
    peer = _peer(convention)
    rule = peer.rules[technique]
    measured = rule.measure(pair)
    if not isfinite(measured.score):
        refuse(f"{convention} gives {measured.score} here", measured.n)
    limit = rule.threshold_for(pair, threshold)
    drift = limit is not None and rule.verdict.drift(measured.score, measured.p_value, limit)
    details: dict[str, Any] = {"convention": convention, "version": peer.version, "rule": str(rule.verdict)}
    if threshold is None and rule.learned is not None:
        details["threshold_from"] = "chunks of the reference, its values in random order"
    return Finding(
        technique,
        pair.name,
        measured.score,
        limit,
        measured.n,
        Reason.DRIFT if drift else Reason.OK,
        drift,
        Severity.WARNING if drift else Severity.NONE,
        measured.p_value,
        details={**details, **measured.details},
    )


def defaults(convention: str, kind: FeatureType, n_ref: int, distinct: int) -> tuple[Spec, ...]:
    """What a library runs on a feature when nobody chooses: technique specs, none for features that it leaves alone.

    Args:
        n_ref: usable values of the reference. Evidently turns from tests to distances beyond 1,000.
        distinct: distinct values. Evidently counts them over reference and window together.

    >>> defaults("evidently", FeatureType.NUMERIC, 1_000, 800)
    ({'ks': {'convention': 'evidently'}},)
    >>> defaults("evidently", FeatureType.NUMERIC, 1_001, 800)
    ({'wasserstein': {'convention': 'evidently'}},)
    """
    if kind not in NUMBERS | LABELS:
        return ()
    return tuple({name: {"convention": convention}} for name in _peer(convention).defaults(kind, n_ref, distinct))


def _peer(convention: str) -> Peer:
    if convention not in CONVENTIONS:
        raise UnknownNameError("convention", convention, CONVENTIONS)
    return CONVENTIONS[convention]
