"""`hopsmon.compare`: reference and current data through the stream's own summaries, techniques and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np

from hopsmon.comparison.expectations import expected
from hopsmon.comparison.outliers import Flagged, outliers_of
from hopsmon.comparison.panels import Assignment, Panels, assigned, needs_of
from hopsmon.comparison.reference import Reference
from hopsmon.comparison.result import Comparison, Judged, TimedFinding
from hopsmon.comparison.sides import Current, current_of, table_of
from hopsmon.config.values import parse_duration
from hopsmon.core.baseline import Baseline
from hopsmon.core.batch import Batch, IntArray, Side
from hopsmon.core.finding import Finding
from hopsmon.core.multiplicity import Correction
from hopsmon.core.natural import ThresholdRule
from hopsmon.core.schema import FeatureType
from hopsmon.core.season import Season
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques.guard import measures_of
from hopsmon.core.techniques.registry import Spec
from hopsmon.core.window import WindowSpec
from hopsmon.errors import ConfigError, UnknownNameError


def compare(  # noqa: PLR0913 - all but two by keyword
    reference: Any,
    current: Any,
    *,
    techniques: Sequence[Spec] | None = None,
    convention: str | None = None,
    correction: Correction | str | None = None,
    types: Mapping[str, FeatureType | str] | None = None,
    predictions: Sequence[str] = (),
    importances: Mapping[str, float] | None = None,
    event_time: str | None = None,
    window: timedelta | str | None = None,
    season: Season | str = Season.NONE,
    threshold_rule: ThresholdRule | str = ThresholdRule.ROOM,
    expectations: Any = None,
) -> Comparison:
    """Compare current data with reference data: which features have drifted, how far, and how sure that is.

    The same summaries, techniques and verdicts as in a monitor; here techniques also get the raw values, and are exact.

    Args:
        reference: a pandas, polars or pyarrow table, or what else narwhals takes; a Spark DataFrame of at most
            2,000,000 rows and 40 million values; or a `Baseline` (then techniques work on its bins, as in a monitor).
        current: a table with the same columns.
        techniques: names, or `{name: {parameter: value}}`; without, the default set. Those on instances (range,
            z_score …) give `outliers` and the share of rows they flag.
        convention: evidently, nannyml, deequ, tfdv or hopsworks: compute as that library does. Without `techniques`,
            also run what it runs by default.
        correction: of each technique's p-values for many features: benjamini_hochberg (the default), bonferroni, e_bh
            or none (the default with a convention: those libraries do not correct).
        types: feature types by column, where the inferred ones do not fit, e.g. `{"zip": "categorical"}`.
        predictions: columns that are the model's output; compared as features are.
        importances: how much each feature matters to the model, to rank what drift comes from.
        event_time: the column that says when each row happened; it is no feature.
        window: cut the current data into windows of that length ("1h", timedelta), by `event_time`, and judge them in
            order. Where the reference has the column too, its own windows give the natural variation.
        season: hour_of_day, day_of_week or hour_of_week: compare each window with the reference's alike ones.
        threshold_rule: room, mean_3sd or quantile: how thresholds follow from the scores of the reference's own windows
            (needs `event_time` there and `window`); a technique's own threshold counts where it is larger.
        expectations: a suite of Great Expectations (the object, or its JSON as a dict) that the current data is held
            to as well; an expectation that fails is a finding with reason expectation_failed.

    Raises:
        ConfigError: data without rows, unknown names or parameters, arguments that do not go together.

    >>> import pyarrow as pa
    >>> before, after = pa.table({"x": list(range(200))}), pa.table({"x": list(range(100, 300))})
    >>> result = compare(before, after, techniques=["psi"])
    >>> result.passed, [finding.feature for finding in result.findings if finding.is_drift]
    (False, ['x'])
    """
    spec, phase, chosen = _window(window, event_time), Season.named(season), _correction(correction, convention)
    rule = ThresholdRule.named(threshold_rule)
    given = Reference.of(reference, {"types": types, "predictions": _names(predictions)}, event_time, spec, phase)
    baseline = given.baseline(given.statistics)
    weights = _weights(importances, baseline)
    now = current_of(table_of(current, "current"), baseline.schema, event_time)
    # A convention chooses by the data; techniques may then need more statistics than were computed to choose by.
    recipe = Recipe(baseline.schema, baseline.features, given.statistics)
    whole = Summary() if convention is None else _summary(recipe, now.batches, now.rows)
    assignments = [*assigned(techniques, convention, baseline, whole), *expected(expectations, baseline.schema)]
    needed = given.statistics | needs_of(assignments)
    if needed != given.statistics:
        baseline = given.baseline(needed)
    return _judged(baseline, assignments, now, Settings(chosen, weights, spec, needed, rule))


@dataclass(frozen=True)
class Settings:
    """How to judge, after all has been checked."""

    correction: Correction
    importances: Mapping[str, float]
    window: WindowSpec | None
    statistics: frozenset[type[Statistic]]
    threshold_rule: ThresholdRule


def _judged(baseline: Baseline, assignments: Sequence[Assignment], now: Current, settings: Settings) -> Comparison:
    """Every window, in order of time."""
    panels = Panels.of(assignments, baseline, settings.correction, settings.importances, settings.threshold_rule)
    measures = measures_of(technique for technique, _ in assignments)
    recipe = Recipe(baseline.schema, baseline.features, settings.statistics, measures)
    judged: list[Judged] = []
    flagged: list[Flagged] = []
    for start, rows in _windows(now, settings.window):
        batches = now.take(rows)
        summary = _summary(recipe, batches, len(rows))
        found, rows_flagged = outliers_of(assignments, batches, baseline, now.places[rows], start)
        judged.append(Judged(start, summary, _timed([*panels.findings(summary, start), *found], start)))
        flagged += rows_flagged
    return Comparison(
        baseline,
        tuple(judged),
        _timed(now.findings, None),
        tuple(flagged),
        settings.importances,
        settings.correction,
        settings.window,
    )


def _window(window: timedelta | str | None, event_time: str | None) -> WindowSpec | None:
    if window is None:
        return None
    if event_time is None:
        raise ConfigError("window needs event_time: which column says when each row happened?")
    return WindowSpec(parse_duration(window))


def _correction(correction: Correction | str | None, convention: str | None) -> Correction:
    if correction is None:
        return Correction.BENJAMINI_HOCHBERG if convention is None else Correction.NONE
    return Correction.named(correction)


def _names(columns: str | Sequence[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns)


def _weights(importances: Any, baseline: Baseline) -> dict[str, float]:
    """The importances (a mapping, or a pandas Series), checked: names of features, and numbers from 0 up."""
    names = [feature.name for feature in baseline.schema.all]
    weights = {}
    try:
        given = {} if importances is None else dict(importances)
    except (TypeError, ValueError):
        raise ConfigError(f"importances must be {{feature: number}}, got {importances!r}.") from None
    for name, value in given.items():
        if name not in names:
            raise UnknownNameError("feature in importances", str(name), names)
        if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value) or value < 0:
            raise ConfigError(f"importances[{name!r}] must be a number from 0 up, got {value!r}.")
        weights[name] = float(value)
    return weights


def _windows(now: Current, spec: WindowSpec | None) -> Iterator[tuple[int | None, IntArray]]:
    """Start and rows of each window that has rows, in order; one of all rows where none were asked for."""
    if spec is None:
        yield None, np.arange(now.rows)
        return
    starts = spec.last_start(now.batches[0].event_time)
    order = np.argsort(starts, kind="stable")
    found, first = np.unique(starts[order], return_index=True)
    yield from zip(found.tolist(), np.split(order, first[1:]), strict=True)


def _summary(recipe: Recipe, batches: Sequence[Batch], rows: int) -> Summary:
    """What the engine would know about these rows."""
    features: dict[str, FeatureSummary] = {}
    model = FeatureSummary()
    sides = {batch.side for batch in batches}
    for batch in batches:
        features |= recipe.summarise(batch)
        model += FeatureSummary(recipe.summarise_model(batch))
    return Summary(
        instances=rows if Side.REQUEST in sides else 0,
        predictions=rows if Side.RESPONSE in sides else 0,
        features=features,
        model=model.statistics,
    )


def _timed(findings: Sequence[Finding], start: int | None) -> tuple[TimedFinding, ...]:
    return tuple(
        TimedFinding(**{field.name: getattr(finding, field.name) for field in fields(Finding)}, start=start)
        for finding in findings
    )
