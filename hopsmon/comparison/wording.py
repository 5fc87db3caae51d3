"""Findings in words: what a reason code and its numbers mean to a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hopsmon.core.finding import Reason

_NAMED = 3  # features or labels that a phrase names
_NOT_COMPUTED = {
    Reason.INSUFFICIENT: "too few values ({n}) to judge",
    Reason.NO_BASELINE: "the baseline does not know this feature",
    Reason.NO_STATISTIC: "a statistic is missing: {statistic}",
    Reason.CONSTANT_REFERENCE: "the baseline has one value only",
    Reason.EMPTY_REFERENCE: "the baseline has no usable value",
    Reason.ALL_NULL: "every value is null or unusable",
    Reason.EXPECTATION_FAILED: "an expectation of the suite is not met",
    Reason.NOT_CHECKABLE: "a window cannot be held to it: {why}",
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
    """What stands behind a verdict, as far as the technique says it: one that hopsmon does not know says nothing.

    >>> why({"score": 0.5, "reason": "drift"}, {"mean": 22.5, "reference_mean": 20.0})
    'mean 20 → 22.5'
    """
    if "problem" in details:
        return str(details["problem"])
    if row["score"] is None:
        return _not_computed(str(row["reason"]), row, details)
    for phrase in _PHRASES:
        try:
            text = phrase(row, details)
        except (AttributeError, KeyError, LookupError, TypeError, ValueError):  # anybody's details, in any shape
            continue
        if text:
            return text
    return "" if row["reason"] in (Reason.OK, Reason.DRIFT) else str(row["reason"])


def _expectation(row: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    if details["success"]:
        return ""
    place = " of a sample" if details["on"] == "sample" else ""
    if details.get("unexpected_count"):
        values = [one["value"] for one in details["unexpected_values"][:_NAMED]]
        shown = f": {', '.join(map(str, values))}" if values and values != [None] else ""
        return f"{share(details['unexpected_share'])} of {row['n']:,}{place} not as expected{shown}"
    return f"observed {_observed(details['observed_value'])}{place}{_bounds(details['expectation']['kwargs'])}"


def _observed(value: Any) -> str:
    return number(value) if isinstance(value, (int, float)) else str(value)


def _bounds(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value", kwargs.get("value")), kwargs.get("max_value", kwargs.get("value"))
    if low == high:
        return "" if low is None else f", expected {_observed(low)}"
    if low is None or high is None:
        return f", expected at {'most' if low is None else 'least'} {_observed(high if low is None else low)}"
    return f", expected {_observed(low)} to {_observed(high)}"


def _ranking(_: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    names = [str(entry["feature"]) for entry in details["ranking"][:_NAMED]]
    return f"from {', '.join(names)}" if names else ""


def _flagged(row: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    return f"{details['flagged']:,} of {row['n']:,} rows flagged"


def _null_share(_: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    kind = details["kind"]
    word = {"null": "nulls", "invalid": "unusable values"}[kind]
    before, now = details.get(f"reference_{kind}_share", 0.0), details.get(f"{kind}_share", 0.0)
    return f"{word} {share(before)} → {share(now)}"


def _moved_cells(_: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    moved = details["moved"]
    if isinstance(moved, str):
        return _moved({"cell": moved.removeprefix("="), **details})
    return "; ".join(_moved(cell) for cell in moved[:2])


def _moved(cell: Mapping[str, Any]) -> str:
    return f"{cell['cell']} {share(cell['reference_share'])} → {share(cell['share'])}"


def _labels(_: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    labels = [str(label) for label in details["labels"]]
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return f"{', '.join(labels[:_NAMED])}{more}" if labels else ""


def _statistic(_: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    before, now = details["reference_value"], details["value"]
    return f"{str(details['statistic']).replace('_', ' ')} {number(before)} → {number(now)}"


def _mean(_: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    return f"mean {number(details['reference_mean'])} → {number(details['mean'])}"


def _spread(_: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    return f"standard deviation {number(details['reference_sd'])} → {number(details['sd'])}"


def _series(_: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    series = str(details["series"]).replace("_", " ")
    return f"{series} {number(details['value'])}, usually {number(details['usual'])}"


def _distance(row: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """A gap is a share, a distance has the feature's unit; other techniques' bounds say nothing to most people."""
    technique = row.get("technique", "ks")
    if technique == "ks":
        return f"largest gap between the distributions {share(details['lower'])}"
    return f"values moved by {number(details['raw'])}" if technique == "wasserstein" else ""


_Phrase: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
_PHRASES: tuple[_Phrase, ...] = (
    _expectation,
    _ranking,
    _flagged,
    _null_share,
    _moved_cells,
    _labels,
    _statistic,
    _mean,
    _series,
    _distance,
    _spread,
)


def _not_computed(reason: str, row: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    text = _NOT_COMPUTED.get(Reason(reason)) if reason in [known.value for known in Reason] else None
    values = {"n": number(row["n"]), **{name: details.get(name, "?") for name in ("statistic", "error", "why")}}
    return text.format(**values) if text else reason
