"""Traffic for benchmarks/false_alarms: seeded hourly windows of 30 features, steady or with a calendar, and changes.

Every feature has a hidden standard normal level a row; a number is a function of it, a label the interval it falls in.
So one shift of the hidden level, in standard deviations, moves numbers and labels alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from scipy import special

from hopsmon.core.baseline import Baseline, ReferenceWindow
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import FloatArray, IntArray
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.sample import CategorySample, NumericSample
from hopsmon.core.statistics.summary import Summary

HOUR = 3_600_000_000  # µs
NUMBERS, CATEGORIES = 20, 10
FEATURES = NUMBERS + CATEGORIES
NULL_SHARE = 0.05  # of every fifth feature; the others have none
REFERENCE_HOURS = 14 * 24
DAY_SIZE, WEEKDAY_SIZE, DRIFTING_SIZE, DRIFTING_MEMORY = 0.3, 0.1, 0.05, 0.8

Rows: TypeAlias = Mapping[str, FloatArray | IntArray]  # values (NaN: null) or label numbers (-1: null), by feature


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the first `features` numbers and the first `features` categories.

    Attributes:
        shift: of the hidden level, in standard deviations.
        scale: of the hidden level's standard deviation.
        nulls: added to the share of nulls.
        new_label: share of rows that get a label never seen before (categories only).
    """

    shift: float = 0.0
    scale: float = 1.0
    nulls: float = 0.0
    new_label: float = 0.0
    features: int = 3


NO_CHANGE = Change()


@dataclass
class Traffic:
    """Hour after hour of one model's traffic, from its seed.

    Attributes:
        calendar: whether there are a daily cycle, weekdays, and means that wander (an autoregressive process);
            without it all rows are independent and alike.
    """

    seed: int
    calendar: bool = False
    hour: int = 0
    _rng: np.random.Generator = field(init=False)
    _wander: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._wander = self._rng.normal(size=FEATURES) * DRIFTING_SIZE
        fixed = np.random.default_rng(7)  # the model, the same for every seed
        self._day = fixed.uniform(0, DAY_SIZE, FEATURES)
        self._phase = fixed.uniform(0, 2 * np.pi, FEATURES)
        self._weekday = fixed.normal(size=(7, FEATURES)) * WEEKDAY_SIZE
        self._cuts = [special.ndtri(np.cumsum(fixed.dirichlet(np.full(labels, 3.0)))[:-1]) for labels in label_counts()]

    def next_rows(self, rows: int, change: Change = NO_CHANGE) -> Rows:
        """One more hour."""
        level = self._rng.normal(size=(FEATURES, rows))
        touched = np.zeros(FEATURES, np.bool_)
        touched[: change.features] = touched[NUMBERS : NUMBERS + change.features] = True
        level[touched] = level[touched] * change.scale + change.shift
        if self.calendar:
            level += self._means()[:, None]
        self.hour += 1
        return {
            name: self._column(at, level[at], change if touched[at] else NO_CHANGE) for at, name in enumerate(names())
        }

    def _means(self) -> FloatArray:
        fresh = self._rng.normal(size=FEATURES) * DRIFTING_SIZE * np.sqrt(1 - DRIFTING_MEMORY**2)
        self._wander = DRIFTING_MEMORY * self._wander + fresh
        day = self._day * np.sin(2 * np.pi * self.hour / 24 + self._phase)
        return np.asarray(day + self._weekday[self.hour // 24 % 7] + self._wander)

    def _column(self, at: int, level: FloatArray, change: Change) -> FloatArray | IntArray:
        nulls = self._rng.random(len(level)) < (NULL_SHARE if at % 5 == 0 else 0.0) + change.nulls
        if at < NUMBERS:
            return np.where(nulls, np.nan, _number(at, level))
        codes = self._cuts[at - NUMBERS].searchsorted(level)
        new = self._rng.random(len(level)) < change.new_label
        return np.where(nulls, -1, np.where(new, NEW, codes)).astype(np.int64)


NEW = 99


def label_counts() -> list[int]:
    """How many labels each category has: 2 to 15."""
    return [2, 2, 3, 3, 4, 5, 6, 8, 10, 15]


def names() -> list[str]:
    return [f"x{number}" for number in range(NUMBERS)] + [f"c{number}" for number in range(CATEGORIES)]


def _number(at: int, level: FloatArray) -> FloatArray:
    """Normal, skewed (log-normal) and whole numbers take turns."""
    if at % 3 == 1:
        return np.exp(level)
    return np.round(level * 3) if at % 3 == 2 else level


def table_of(parts: list[Rows]) -> pa.Table:
    """Many hours as one table, as somebody would hand them in for a baseline."""
    columns = {}
    for name in names():
        whole = np.concatenate([part[name] for part in parts])
        missing = np.isnan(whole) if name.startswith("x") else whole < 0
        values = whole if name.startswith("x") else np.char.add("v", whole.astype(str))
        columns[name] = pa.array(values, mask=missing)
    return pa.table(columns)


def baseline_of(traffic: Traffic, hours: int, rows: int) -> tuple[Baseline, Rows]:
    """The baseline of so many hours, with its windows where the traffic has a calendar; and its rows, for the peers."""
    parts = [traffic.next_rows(rows) for _ in range(hours)]
    baseline = build_baseline(table_of(parts), ModelRef("m"))
    if traffic.calendar:
        windows = tuple(ReferenceWindow(hour * HOUR, summary_of(part, baseline)) for hour, part in enumerate(parts))
        baseline = replace(baseline, windows=windows, window_micros=HOUR)
    return baseline, {name: np.concatenate([part[name] for part in parts]) for name in names()}


def summary_of(rows: Rows, baseline: Baseline) -> Summary:
    """The window's summary on the baseline's bins, without the detour over messages."""
    features = {name: _summary(values, baseline.features[name]) for name, values in rows.items()}
    return Summary(instances=len(rows["x0"]), features=features)


def sample_of(values: FloatArray | IntArray) -> NumericSample | CategorySample:
    """The usable ones of some values (numbers are floats, label numbers integers)."""
    if values.dtype == np.float64:
        usable = np.sort(values[~np.isnan(values)]).astype(np.float64)
        return NumericSample(usable, len(values), nulls=len(values) - len(usable), ascending=True)
    codes, counts = np.unique(values[values >= 0], return_counts=True)
    labels = tuple(f"v{code}" for code in codes.tolist())
    return CategorySample(labels, counts.astype(np.int64), len(values), nulls=len(values) - int(counts.sum()))


def _summary(values: FloatArray | IntArray, reference: FeatureSummary) -> FeatureSummary:
    sample = sample_of(values)
    found: list[Statistic | None] = [kind.of(sample, reference) for kind in (Counts, Histogram, Moments, Categories)]
    return FeatureSummary({statistic.name: statistic for statistic in found if statistic is not None})
