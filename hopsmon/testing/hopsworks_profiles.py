"""Hopsworks' profiles: the statistics its profilers would compute of a data frame, for tests and the server double.

What is emulated: hsfs' `ColumnProfiler` (JVM, since 5.1), Deequ (before that), and `describe()` of the client's Python
engine: which fields each writes and leaves out, the standard deviation of population or sample, bins by the same
arithmetic, ends of ranges rounded to two decimals as Java rounds them, only the most frequent labels, sketches in the
same binary form. Where it differs: percentiles without a sketch are exact (Spark's are within 0.01 % of the ranks), the
estimated number of distinct values is of another HyperLogLog, and of equally frequent labels the first in the alphabet
stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.core.batch import FloatArray
from hopsmon.core.frames import to_arrow
from hopsmon.core.schema import Word
from hopsmon.core.statistics.distinct import Distinct, hash_labels
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.testing.hopsworks_sketches import K, bar, bars, deequ, native

_PERCENTS = np.arange(1, 100) / 100
Json = dict[str, Any]


class Form(Word):
    """Which profiler, and how it was configured."""

    KLL_NATIVE = "kll_native"  # since 5.1, StatisticsConfig(kll=True)
    KLL_DEEQU = "kll_deequ"  # before 5.1, whatever the configuration
    PERCENTILES = "percentiles"  # since 5.1, without kll: the default
    HISTOGRAM = (
        "histogram"  # the same with its percentiles taken away: no profiler writes it, some tools keep only that
    )
    PERCENTILES_PANDAS = "percentiles_pandas"  # the client's Python engine, as for training data in memory


@dataclass(frozen=True, slots=True)
class Profiler:
    """How to profile; the names are those of Hopsworks' StatisticsConfig.

    Attributes:
        form: which profiler.
        histograms: bars of numbers, and the most frequent labels.
        correlations: Pearson's, of all pairs of numeric columns.
        exact_uniqueness: exact numbers of distinct values, entropy and the like.
        histogram_bins: bars at most.
    """

    form: Form | str = Form.KLL_NATIVE
    histograms: bool = True
    correlations: bool = False
    exact_uniqueness: bool = False
    histogram_bins: int = 20

    def profile(self, frame: Any) -> list[Json]:
        """One object a column, as the REST API has it: a pandas, polars or Arrow frame in, camelCase JSON out."""
        table = to_arrow(frame)
        with np.errstate(all="ignore"):  # as in Java, what float64 cannot hold is infinite or NaN
            if Form(self.form) is Form.PERCENTILES_PANDAS:
                return [_described(name, column) for name, column in _columns(table, _PANDAS_KINDS)]
            columns = dict(_columns(table, _KINDS))
            correlations = _correlations(columns) if self.correlations else {}
            return [self._profiled(column, correlations.get(name)) for name, column in columns.items()]

    def _profiled(self, column: Column, correlations: list[Json] | None) -> Json:
        profile, extended = _counts(column), {}
        if self.exact_uniqueness and column.rows:
            profile |= _uniqueness(column)
        if column.numbers is None:
            if self.histograms:
                extended["histogram"] = _most_frequent(column, self.histogram_bins)
            return _with_extended(profile, extended)
        if column.values:
            profile |= _moments(column.numbers)
            extended |= self._distribution(profile, column.numbers)
        if correlations is not None:
            extended["correlations"] = correlations
        return _with_extended(profile, extended)

    def _distribution(self, profile: Json, numbers: FloatArray) -> Json:
        """Percentiles go into the profile; bars and sketches are returned."""
        form, finite = Form(self.form), numbers[~np.isnan(numbers)]
        extended: Json = {}
        if form in (Form.KLL_NATIVE, Form.KLL_DEEQU) and len(finite):
            sketch = Quantiles.of_values(finite, K)
            extended["kll"] = (native if form is Form.KLL_NATIVE else deequ)(sketch, finite)
            profile["percentiles"] = sketch.quantiles(_PERCENTS.tolist())
        elif form is Form.PERCENTILES:
            profile["percentiles"] = _plain(np.quantile(np.sort(numbers), _PERCENTS, method="inverted_cdf"))
        if self.histograms and form is Form.KLL_DEEQU and len(finite):
            extended["histogram"] = [
                bar(one["low_value"], one["high_value"], one) for one in extended["kll"]["buckets"]
            ]
        elif self.histograms:
            extended["histogram"] = bars(numbers, self.histogram_bins)
        return extended


@dataclass(frozen=True)
class Column:
    """A column as a profiler sees it: `labels` or `numbers` of the rows that are not null, NaN being a number."""

    name: str
    kind: str
    rows: int
    numbers: FloatArray | None = None
    labels: Mapping[str, int] | None = None

    @property
    def values(self) -> int:
        """Rows that are not null."""
        return len(self.numbers) if self.numbers is not None else sum((self.labels or {}).values())


_Kinds = tuple[tuple[Callable[[pa.DataType], bool], str], ...]
_KINDS: _Kinds = (
    (pa.types.is_integer, "Integral"),
    (pa.types.is_floating, "Fractional"),
    (pa.types.is_decimal, "Fractional"),
    (pa.types.is_boolean, "Boolean"),
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind), "String"),
)
_PANDAS_KINDS: _Kinds = (*_KINDS, (lambda _: True, "String"))


def _columns(table: pa.Table, kinds: _Kinds) -> Iterator[tuple[str, Column]]:
    """The columns that have a type the profiler knows; it leaves out others, as timestamps."""
    for name in table.column_names:
        values = table.column(name)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        kind = next((kind for fits, kind in kinds if fits(values.type)), None)
        known = values.drop_null()
        if kind in ("Integral", "Fractional"):
            numbers = known.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
            yield name, Column(name, kind, len(values), numbers)
        elif kind is not None:
            counted = pc.value_counts(known.cast(pa.string())).to_pylist()
            labels = {one["values"]: one["counts"] for one in counted}
            yield name, Column(name, kind, len(values), labels=labels)


def _counts(column: Column) -> Json:
    if not column.rows:  # the client stops here where there are no data
        return {"featureName": column.name, "count": 0}
    found = {
        "featureName": column.name,
        "featureType": column.kind,
        "count": column.rows,
        "completeness": column.values / column.rows,
        "numNonNullValues": column.values,
        "numNullValues": column.rows - column.values,
    }
    numbers, labels = column.numbers, column.labels or {}
    distinct = (
        Distinct.of_sorted(np.sort(numbers)) if numbers is not None else Distinct.of_hashes(hash_labels((*labels,)))
    )
    return {**found, "approxNumDistinctValues": round(distinct.estimate) if column.values else 0}


def _uniqueness(column: Column) -> Json:
    if column.numbers is not None:
        counts = np.unique(column.numbers, return_counts=True)[1]
    else:
        counts = np.array([*(column.labels or {}).values()], np.int64)
    shares = counts / max(int(counts.sum()), 1)
    return {
        "exactNumDistinctValues": len(counts),
        "distinctness": len(counts) / max(column.values, 1),
        "uniqueness": int((counts == 1).sum()) / max(column.values, 1),
        "entropy": float(-(shares * np.log(shares)).sum()) + 0.0,
    }


def _moments(numbers: FloatArray) -> Json:
    """What Spark's aggregates say, NaN being larger than any number; what is not finite the client takes out."""
    smallest = numbers[~np.isnan(numbers)].min(initial=np.inf)
    found = {
        "min": smallest,
        "max": numbers.max(),
        "sum": numbers.sum(),
        "mean": numbers.mean(),
        "stdDev": numbers.std(),
    }
    return _finite(found)


def _finite(found: Mapping[str, float]) -> Json:
    return {name: float(value) for name, value in found.items() if isfinite(value)}


def _plain(values: FloatArray) -> list[float | None]:
    return [value if isfinite(value) else None for value in values.tolist()]


def _most_frequent(column: Column, bins: int) -> list[Json]:
    labels = column.labels or {}
    frequent = sorted(labels, key=lambda label: (-labels[label], label))[:bins]
    return [{"value": label, "count": labels[label], "ratio": labels[label] / column.values} for label in frequent]


def _correlations(columns: Mapping[str, Column]) -> dict[str, list[Json]]:
    """Of all pairs of numeric columns without nulls; "NaN", as Java's JSON has it, where it is not defined."""
    numeric = {name: one.numbers for name, one in columns.items() if one.numbers is not None and one.values == one.rows}
    rows = np.array([*numeric.values()])
    matrix = np.full((len(numeric), len(numeric)), np.nan)
    if rows.size > len(rows):
        matrix = np.atleast_2d(np.corrcoef(rows))
    return {
        name: [
            {"column": other, "correlation": 1.0 if name == other else (float(value) if isfinite(value) else "NaN")}
            for other, value in zip(numeric, row, strict=True)
        ]
        for name, row in zip(numeric, matrix, strict=True)
    }


def _with_extended(profile: Json, extended: Json) -> Json:
    return {**profile, "extendedStatistics": json.dumps(extended)} if extended and profile["count"] else profile


def _described(name: str, column: Column) -> Json:
    """As the Python engine turns pandas' describe() into statistics: no nulls, and completeness 1 whatever the data."""
    known = column.values if column.numbers is None else int((~np.isnan(column.numbers)).sum())
    if not known:
        return {"featureName": name, "count": 0}
    found: Json = {"featureName": name, "featureType": column.kind, "count": known, "completeness": 1}
    if column.numbers is None:
        distinct = len(column.labels or {})
        return {**found, "approxNumDistinctValues": distinct, "exactNumDistinctValues": distinct}
    numbers = column.numbers[~np.isnan(column.numbers)]
    percentiles: list[float | None] = [0] * 100
    for percent in (25, 50, 75):
        (percentiles[percent - 1],) = _plain(np.quantile(numbers, [percent / 100]))
    moments = {"min": numbers.min(), "max": numbers.max(), "mean": numbers.mean(), "sum": numbers.sum()}
    spread = {"stdDev": numbers.std(ddof=1)} if len(numbers) > 1 else {}
    return {**found, **_finite({**moments, **spread}), "percentiles": percentiles}
