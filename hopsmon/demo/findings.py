"""Demo, its findings: what the monitor's result tables say, by month and feature. Pure: tables in, small values out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from hopsmon.core.baseline import Baseline
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.moments import Moments

ALL_TRAFFIC = ""  # the slice that is no slice
LASTING = "e_detector"  # follows a series of windows; all others look at one window alone
YEAR = 2013  # the last day's window is of 2014: the last evening of the year in New York
SOME = 0.01
YES = "true"  # the label of a boolean that is
DAYS_TO_CONFIRM = 7  # in a row; weather comes in spells of some days


@dataclass(frozen=True)
class Moved:
    """How one feature (or prediction) moved against the baseline.

    Attributes:
        reference: mean in the baseline; share of "true" for a boolean; None for labels.
        months: the same, by month.
        lasting_share: part of the days on which the e-detector names it: it has changed for some time.
        single_share: part of the days on which a technique that sees this day alone says drift.
        since: first of the first DAYS_TO_CONFIRM days in a row with either; None: there are none.
        techniques: those that say drift on at least SOME of the days, the most frequent first.
    """

    feature: str
    reference: float | None
    months: Mapping[int, float]
    lasting_share: float
    single_share: float
    since: pd.Timestamp | None
    techniques: tuple[str, ...]


@dataclass(frozen=True)
class NewLabel:
    """A label the baseline does not know."""

    feature: str
    label: str
    count: int
    first: pd.Timestamp  # first day with it


def moved_features(baseline: Baseline, statistics: pd.DataFrame, drift: pd.DataFrame) -> list[Moved]:
    """Every feature and prediction, the one with the most days of drift first."""
    judged = drift[(drift["slice"] == ALL_TRAFFIC) & drift["score"].notna()]
    moved = []
    for name, rows in statistics[statistics["slice"] == ALL_TRAFFIC].groupby("feature"):
        kind = str(rows["feature_type"].iloc[0])
        mean = reference_mean(baseline.feature(str(name)), kind)
        verdicts = verdicts_of(judged[judged["feature"] == name])
        moved.append(Moved(str(name), mean, monthly_means(rows, kind), *verdicts))
    return sorted(moved, key=lambda feature: (-max(feature.lasting_share, feature.single_share), feature.feature))


def verdicts_of(drift: pd.DataFrame) -> tuple[float, float, pd.Timestamp | None, tuple[str, ...]]:
    """One feature's rows of the drift table: lasting_share, single_share, since and techniques, as in Moved."""
    if drift.empty:
        return 0.0, 0.0, None, ()
    days = drift.groupby(["window_start", "technique"])["is_drift"].any().unstack(fill_value=False)
    shares = days.mean().sort_values(ascending=False, kind="stable")
    techniques = tuple(str(name) for name, share in shares.items() if share >= SOME)
    single = days.drop(columns=LASTING, errors="ignore").any(axis=1)
    return float(shares.get(LASTING, 0.0)), float(single.mean()), confirmed_since(days.any(axis=1)), techniques


def confirmed_since(days: pd.Series) -> pd.Timestamp | None:
    """First of the first DAYS_TO_CONFIRM days in a row that are true."""
    in_a_row = days.astype(int).rolling(DAYS_TO_CONFIRM).sum() == DAYS_TO_CONFIRM
    if not in_a_row.any():
        return None
    return pd.Timestamp(days.index[int(in_a_row.to_numpy().argmax()) - DAYS_TO_CONFIRM + 1])


def reference_mean(summary: FeatureSummary | None, kind: str) -> float | None:
    """The baseline's mean; for a boolean its share of "true"; None for labels."""
    if kind == "boolean":
        counts = _categories(summary).counts
        return counts.get(YES, 0) / max(sum(counts.values()), 1)
    moments = summary.get(Moments) if summary else None
    return moments.mean if moments and moments.count else None


def monthly_means(rows: pd.DataFrame, kind: str) -> dict[int, float]:
    """Each month's mean from its days' means, each day with the weight of its values."""
    values, weight = _values(rows, kind)
    start = rows["window_start"].dt
    counted = (start.year == YEAR) & values.notna()
    by_month = pd.DataFrame({"sum": values * weight, "weight": weight})[counted].groupby(start.month).sum()
    return {int(month): float(mean) for month, mean in (by_month["sum"] / by_month["weight"]).items()}


def new_labels(baseline: Baseline, statistics: pd.DataFrame) -> list[NewLabel]:
    """Labels that are not in the baseline, the most frequent first."""
    found: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], pd.Timestamp] = {}
    labelled = statistics[(statistics["slice"] == ALL_TRAFFIC) & (statistics["feature_type"] == "categorical")]
    for row in labelled.sort_values("window_start").itertuples():
        known = _categories(baseline.feature(row.feature)).counts
        for label in _label_counts(row.histogram).keys() - known.keys():
            found[row.feature, label] += _label_counts(row.histogram)[label]
            first.setdefault((row.feature, label), row.window_start)
    return [NewLabel(*key, count, first[key]) for key, count in found.most_common()]


def drivers(outliers: pa.Table) -> dict[str, Counter[str]]:
    """By technique: how often each feature was the one that drove an outlier most."""
    counted: dict[str, Counter[str]] = {}
    rows = outliers.select(["technique", "top_features"]).to_pydict()
    for technique, shares in zip(rows["technique"], map(json.loads, rows["top_features"]), strict=True):
        driver = max(shares, key=shares.__getitem__, default="no feature alone")
        counted.setdefault(technique, Counter())[driver] += 1
    return counted


def drift_by_slice(drift: pd.DataFrame) -> dict[str, dict[str, tuple[float, pd.Timestamp]]]:
    """By slice, the features that drift for DAYS_TO_CONFIRM days in a row: share of days and since, largest first."""
    rows = drift[(drift["slice"] != ALL_TRAFFIC) & (drift["feature"] != "") & drift["score"].notna()]
    found: dict[str, dict[str, tuple[float, pd.Timestamp]]] = {}
    for (name, feature), part in rows.groupby(["slice", "feature"]):
        of_slice = found.setdefault(str(name), {})
        lasting, single, since, _ = verdicts_of(part)
        if since is not None:
            of_slice[str(feature)] = max(lasting, single), since
    return {name: dict(sorted(of.items(), key=lambda item: -item[1][0])) for name, of in found.items()}


def _values(rows: pd.DataFrame, kind: str) -> tuple[pd.Series, pd.Series]:
    """A mean and a number of values for each row."""
    if kind != "boolean":
        return rows["mean"], rows["count"] - rows["nulls"] - rows["invalid"]
    counts = rows["histogram"].map(_label_counts)
    weight = counts.map(lambda labels: sum(labels.values())).astype("int64")
    return counts.map(lambda labels: labels.get(YES, 0)) / weight.where(weight > 0), weight


def _label_counts(histogram: str) -> dict[str, int]:
    return {label: count for label, count in json.loads(histogram).get("counts", {}).items() if count}


def _categories(summary: FeatureSummary | None) -> Categories:
    found = summary.get(Categories) if summary else None
    return found or Categories()
