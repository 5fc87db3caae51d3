"""Findings in words: what a reason code and its numbers mean to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hopsmon.core.finding import Reason

_NOT_COMPUTED = {
    Reason.INSUFFICIENT: "too few values ({n}) to judge",
    Reason.NO_BASELINE: "the baseline does not know this feature",
    Reason.NO_STATISTIC: "a statistic is missing: {statistic}",
    Reason.CONSTANT_REFERENCE: "the baseline has one value only",
    Reason.EMPTY_REFERENCE: "the baseline has no usable value",
    Reason.ALL_NULL: "every value is null or unusable",
    Reason.FAILED: "the technique failed: {error}",
}


def number(value: float | None) -> str:
    """A number in few characters; empty for none.

    >>> number(0.123456), number(140.5), number(1234567.0), number(0.00001), number(None)
    ('0.123', '140.5', '1,234,567', '1e-05', '')
    """
    if value is None:
        return ""
    if value and abs(value) < 0.001:
        return f"{value:.0e}"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def share(value: float) -> str:
    """A share as percent, with the digits that still say something.

    >>> share(0.5), share(0.0123), share(0.00004), share(0.0)
    ('50%', '1.2%', '<0.1%', '0%')
    """
    percent = value * 100
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.2g}%"


def verdict(row: Mapping[str, Any]) -> str:
    """One word or two for the outcome."""
    if row["is_drift"]:
        return f"DRIFT {row['severity']}"
    return "not computed" if row["score"] is None else "ok"


def why(row: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """What stands behind a verdict, as far as the technique says it."""
    if row["score"] is None:
        return _not_computed(str(row["reason"]), row, details)
    if details.get("kind") in ("null", "invalid"):
        return _null_share(details)
    moved = details.get("moved")
    if moved:
        return "; ".join(_moved(cell) for cell in moved[:2])
    if "lower" in details and "upper" in details:
        return f"largest gap between the distributions {share(details['lower'])}"
    return "" if row["reason"] in (Reason.OK, Reason.DRIFT) else str(row["reason"])


def _not_computed(reason: str, row: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    text = _NOT_COMPUTED.get(Reason(reason)) if reason in [known.value for known in Reason] else None
    values = {"n": number(row["n"]), "statistic": details.get("statistic", "?"), "error": details.get("error", "?")}
    return text.format(**values) if text else reason


def _null_share(details: Mapping[str, Any]) -> str:
    kind = details["kind"]
    word = "nulls" if kind == "null" else "unusable values"
    before, now = details.get(f"reference_{kind}_share", 0.0), details.get(f"{kind}_share", 0.0)
    return f"{word} {share(before)} → {share(now)}"


def _moved(cell: Mapping[str, Any]) -> str:
    return f"{cell['cell']} {share(cell['reference_share'])} → {share(cell['share'])}"
