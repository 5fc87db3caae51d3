"""judge: a closed window and its findings as rows of the result tables. Pure; runs on the driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from hopsmon.core.finding import Finding
from hopsmon.core.rebaseline import kept_form
from hopsmon.core.schema import Feature
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.distinct import Distinct
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.techniques.guard import plain
from hopsmon.streaming.fold import ClosedWindow
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.rewrites import LATE_ONLY
from hopsmon.streaming.tables import PERCENTILES

TableRow = dict[str, Any]


def identity(plan: MonitorPlan, slice_name: str) -> TableRow:
    """The columns every table begins with."""
    version = "" if plan.model.version is None else str(plan.model.version)
    return {"monitor": plan.name, "model_name": plan.model.name, "model_version": version, "slice": slice_name}


def window_row(plan: MonitorPlan, closed: ClosedWindow, now: int) -> TableRow:
    """One row of hopsmon_windows."""
    summary = closed.summary
    judged = max(summary.instances, summary.predictions)
    status = "partial" if judged == 0 else "insufficient" if judged < plan.min_instances else "ok"
    return {
        **_place(plan, closed),
        "requests": summary.requests,
        "responses": summary.responses,
        "instances": summary.instances,
        "predictions": summary.predictions,
        "rejected": summary.rejected,
        "late": summary.late,
        # Slices hold requests only: responses do not carry the features that tell slices apart.
        "unpaired": abs(summary.requests - summary.responses) if closed.both_sides and not closed.slice else None,
        "first_event": summary.first_event,
        "last_event": summary.last_event,
        "closed_at": now,
        "status": status,
        "revision": 0,
        "outliers": None if closed.flags is None else closed.flags.flagged,
        "outliers_left_out": None if closed.flags is None else closed.flags.left_out,
    }


def late_row(plan: MonitorPlan, closed: ClosedWindow, now: int) -> TableRow:
    """An update of hopsmon_windows: the store adds these counts to the row that is there."""
    return {**window_row(plan, closed, now), "status": "partial", "unpaired": None, "revision": LATE_ONLY}


def statistics_rows(plan: MonitorPlan, closed: ClosedWindow) -> Iterable[TableRow]:
    """Rows of hopsmon_statistics: one a feature that the window saw."""
    for feature in plan.schema.all:
        summary = closed.summary.features.get(feature.name)
        if summary is not None:
            kept = None if closed.slice else kept_form(feature.name, summary)
            yield {**_place(plan, closed), **_feature_row(feature, summary), "summary": kept}


def drift_rows(plan: MonitorPlan, closed: ClosedWindow, findings: Iterable[Finding]) -> Iterable[TableRow]:
    """Rows of hopsmon_drift: one a finding."""
    for finding in findings:
        yield {
            **_place(plan, closed),
            "feature": finding.feature or "",
            "technique": finding.technique,
            "score": finding.score,
            "threshold": finding.threshold,
            "p_value": finding.p_value,
            "p_adjusted": finding.p_adjusted,
            "is_drift": finding.is_drift,
            "severity": str(finding.severity),
            "n": finding.n,
            "reason": str(finding.reason),
            "baseline_id": plan.baseline.id,
            "details": _json(finding.details),
        }


def _json(details: Mapping[str, Any]) -> str:
    """Details as JSON; the guard has seen to other packages', so that only a slip of our own does not fit at once."""
    try:
        return orjson.dumps(details, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except TypeError:
        return orjson.dumps(plain(details)).decode()


def _place(plan: MonitorPlan, closed: ClosedWindow) -> TableRow:
    return {
        **identity(plan, closed.slice),
        "window_start": closed.window.start,
        "window_end": closed.window.end,
    }


def _feature_row(feature: Feature, summary: FeatureSummary) -> TableRow:
    counts, moments, extremes = summary.get(Counts), summary.get(Moments), summary.get(Extremes)
    distinct = summary.get(Distinct)
    row: TableRow = {"feature": feature.name, "feature_type": str(feature.type)}
    if counts:
        row |= {"count": counts.rows, "nulls": counts.nulls, "invalid": counts.invalid + counts.nonfinite}
    if moments and moments.count:
        row |= {"mean": moments.mean, "stddev": moments.std_dev}
    if extremes:
        row |= {"min": extremes.min, "max": extremes.max}
    if distinct:
        row |= {"distinct_approx": round(distinct.estimate)}
    row |= _percentiles(summary)
    return row | {"histogram": orjson.dumps(shape_of(summary), option=orjson.OPT_SERIALIZE_NUMPY).decode()}


def _percentiles(summary: FeatureSummary) -> TableRow:
    quantiles = summary.get(Quantiles)
    if quantiles is None or quantiles.count == 0:
        return {}
    values = quantiles.quantiles([percent / 100 for percent in PERCENTILES])
    return {f"p{percent:02d}": float(value) for percent, value in zip(PERCENTILES, values, strict=True)}


def shape_of(summary: FeatureSummary) -> Mapping[str, Any]:
    """The distribution as plain JSON: bins of a number, or counts of labels."""
    histogram, categories = summary.get(Histogram), summary.get(Categories)
    if histogram:
        return {
            "edges": [float(edge) for edge in histogram.edges],
            "counts": [int(count) for count in histogram.counts],
            "underflow": histogram.underflow,
            "overflow": histogram.overflow,
        }
    if categories:
        return {"counts": dict(categories.counts), "unseen": categories.unseen, "untracked": categories.untracked}
    return {}
