"""DescriptiveStatistics: what Hopsworks knows about one feature, whichever of its versions and engines wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hopsmon.adapters.hopsworks.statistics.entry import Entry, wrong
from hopsmon.core.frames import canonical_label
from hopsmon.errors import ConfigError

_SPARSE = (25, 50, 75)  # the percentiles that the client's Python engine fills in its list of 100, the others being 0
_ESTIMATED = 0.05
_COUNTS = ("count", "num_non_null_values", "num_null_values", "approx_num_distinct_values", "exact_num_distinct_values")
_NUMBERS = ("completeness", "min", "max", "mean")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: a label, or a range of numbers as a label; and how many values it has."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class DescriptiveStatistics:
    """The statistics of one feature, as read; what they are good for is decided elsewhere.

    Attributes:
        name: the feature's.
        kind: Boolean, Fractional, Integral or String; None where it was not said.
        count: rows; of the client's Python engine only those that are not null, see `nulls`.
        values: rows that are not null.
        nulls: rows that are; None where nobody counted them (the Python engine says completeness 1 whatever the data).
        approx_distinct: about how many different values there are.
        exact_distinct: how many there are.
        min: the smallest value.
        max: the largest.
        mean: the mean; None also where some value is NaN or infinite.
        std_dev: the standard deviation: of the population where nulls were counted, else of the sample.
        percentiles: value by percent; None where a value is missing.
        bars: the histogram.
        kll: the sketch and its buckets, to be read by `sketches`.
        correlations: Pearson's, by the other feature.
        unique: how many labels are listed without their counts.
    """

    name: str
    kind: str | None = None
    count: int | None = None
    values: int | None = None
    nulls: int | None = None
    approx_distinct: int | None = None
    exact_distinct: int | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std_dev: float | None = None
    percentiles: Mapping[float, float | None] = field(default_factory=dict)
    bars: tuple[Bar, ...] | None = None
    kll: Entry | None = None
    correlations: Mapping[str, float | None] = field(default_factory=dict)
    unique: int | None = None

    @property
    def distinct(self) -> int | None:
        """How many different values there are, as well as that is known."""
        return self.approx_distinct if self.exact_distinct is None else self.exact_distinct

    @property
    def least_distinct(self) -> int | None:
        """How many there are at least; the profilers' estimate has a standard error of 5 %."""
        if self.exact_distinct is not None or self.approx_distinct is None:
            return self.exact_distinct
        return round(self.approx_distinct * (1 - _ESTIMATED))

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> DescriptiveStatistics:
        """From one object of the REST API, or from what the client's FeatureDescriptiveStatistics holds.

        Raises:
            ConfigError: a field of a wrong type, or counts that contradict each other.
        """
        name = given.get("featureName", given.get("feature_name")) if isinstance(given, Mapping) else None
        if not isinstance(name, str) or not name:
            raise ConfigError(wrong("?", "featureName", name, "a name"))
        entry = Entry.of(name, given)
        extended = entry.inner("extended_statistics") or Entry(name, {}, "extended_statistics.")
        counts = {key: entry.count(key) for key in _COUNTS}
        numbers = {key: entry.number(key) for key in _NUMBERS}
        unique = extended.items("unique_values")
        return cls(
            name,
            entry.text("feature_type"),
            **_rows(entry, counts, numbers["completeness"]),
            approx_distinct=counts["approx_num_distinct_values"],
            exact_distinct=counts["exact_num_distinct_values"],
            min=numbers["min"],
            max=numbers["max"],
            mean=numbers["mean"],
            std_dev=_std_dev(entry),
            percentiles=_percentiles(entry),
            bars=_bars(extended),
            kll=extended.inner("kll"),
            correlations=_correlations(extended),
            unique=None if unique is None else len(unique),
        )


def _rows(entry: Entry, counts: Mapping[str, int | None], completeness: float | None) -> dict[str, int | None]:
    """Rows, those not null and those null, as far as two of the three, or a completeness below 1, tell them."""
    count, values, nulls = counts["count"], counts["num_non_null_values"], counts["num_null_values"]
    if completeness is not None and not 0 <= completeness <= 1:
        entry.fail("completeness", completeness, "a share from 0 to 1")
    if count == 0:
        return {"count": 0, "values": 0, "nulls": None}
    if count is None and values is not None and nulls is not None:
        count = values + nulls
    if values is None and nulls is None and count is not None and completeness is not None and completeness < 1:
        values = round(count * completeness)
    if count is not None and nulls is None and values is not None:
        nulls = count - values
    if count is not None and values is None:
        values = count - (nulls or 0)
    if count is not None and values is not None and (values < 0 or values + (nulls or 0) != count or (nulls or 0) < 0):
        entry.fail("count", count, f"num_non_null_values + num_null_values = {values} + {nulls}")
    return {"count": count, "values": values, "nulls": nulls}


def _std_dev(entry: Entry) -> float | None:
    """`stdDev` since 5.1, `stddev` before."""
    name = "stddev" if entry.fields.get("std_dev") is None else "std_dev"
    found = entry.number(name)
    if found is not None and found < 0:
        entry.fail(name, found, "a number from 0 up")
    return found


def _percentiles(entry: Entry) -> dict[float, float | None]:
    """By percent: from a list of 1 … 99 (or 100), the Python engine's list with three of them, or a mapping."""
    given = entry.fields.get("percentiles")
    if given is None:
        return {}
    if isinstance(given, Mapping):
        items = {_percent(entry, key): value for key, value in given.items()}
    elif isinstance(given, (list, tuple)) and len(given) in (0, 99, 100):
        items = {float(at): value for at, value in enumerate(given, 1)}
        if len(given) == 100 and all(value == 0 for at, value in items.items() if at not in _SPARSE):
            items = {float(at): items[at] for at in _SPARSE}
    else:
        entry.fail("percentiles", given, "a list of 99 or 100 numbers, or a mapping as {'25%': …}")
    inner = Entry(entry.feature, {f"{at:g}": value for at, value in items.items()}, f"{entry.path}percentiles.")
    return {at: inner.number(f"{at:g}") for at in sorted(items)}


def _percent(entry: Entry, key: object) -> float:
    try:
        percent = float(str(key).strip().removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        entry.fail("percentiles", key, "by percent, as '25%'")
    return percent


def _bars(extended: Entry) -> tuple[Bar, ...] | None:
    found = extended.objects("histogram")
    return None if found is None else tuple(_bar(one) for one in found)


def _bar(entry: Entry) -> Bar:
    label, count = entry.fields.get("value"), entry.count("count")
    if label is None or isinstance(label, (Mapping, list)):
        entry.fail("value", label, "a label, or a range as '0.50 to 0.75'")
    if count is None:
        entry.fail("count", None, "a whole number from 0 up")
    return Bar(canonical_label(label), count)


def _correlations(extended: Entry) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for one in extended.objects("correlations") or ():
        column, value = one.text("column"), one.number("correlation")
        if column is None:
            one.fail("column", None, "a feature's name")
        if value is not None and abs(value) > 1 + 1e-6:
            one.fail("correlation", value, "a number from -1 to 1")
        found[column] = value
    return found
