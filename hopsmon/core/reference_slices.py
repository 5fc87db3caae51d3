"""Reference slices: how reference data is cut by the labels of features, as a monitor with slices cuts its traffic.

The second pass summarises each slice with what is kept of a window, so that a slice is compared with its own past.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hopsmon.core.batch import CategoryColumn
from hopsmon.core.first_pass import FirstPass, Labels, most_frequent
from hopsmon.core.frames import batches_of
from hopsmon.core.reference_windows import LIGHT, MOST_CELLS, WindowPlan, WindowSummaries, added, bounded
from hopsmon.core.schema import FeatureType, ModelSchema
from hopsmon.core.season import spread
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories, label_key
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.errors import ConfigError

_LEAST_WINDOWS = 24  # fewer do not say how they vary (core.natural)
MOST_VALUES = 100  # of a feature; a monitor has as many slices unless its limits say otherwise
UNSLICEABLE = frozenset({FeatureType.NUMERIC, FeatureType.INTEGER, FeatureType.TIMESTAMP})


@dataclass(frozen=True)
class CountedSlice:
    """The second pass over (part of) one slice: `a + b` describes both parts.

    Attributes:
        whole: of all its rows.
        windows: of its rows in each window, by the window's start.
    """

    whole: Summary
    windows: WindowSummaries

    def __add__(self, other: CountedSlice) -> CountedSlice:
        return CountedSlice(self.whole + other.whole, added(self.windows, other.windows))


@dataclass(frozen=True)
class SlicePlan:
    """Which slices the second pass summarises; picklable.

    Attributes:
        values: by feature, the labels that get a slice each, the most frequent first.
        windows: which windows of each are kept; None: none.
        notes: what was left out, for the provenance.
    """

    values: Mapping[str, tuple[str, ...]]
    windows: WindowPlan | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, slices: Sequence[str], first: FirstPass, schema: ModelSchema, windows: WindowPlan | None
    ) -> SlicePlan | None:
        """The slices that a user asks for; None: none.

        All slices together keep at most as many windows times features as the whole may: with many slices each keeps
        fewer, evenly spread. Where too few would be left to tell how they vary, none is kept.

        Raises:
            ConfigError: no such feature, or one that has no labels.
        """
        if not slices:
            return None
        values, notes = {}, []
        for feature in dict.fromkeys(slices):
            _check(feature, schema)
            column = first.columns[feature]
            counts = column.counts if isinstance(column, Labels) else {}
            values[feature] = most_frequent(counts, MOST_VALUES)
            if len(counts) > MOST_VALUES:
                notes.append(f"slices: the {MOST_VALUES} most frequent of {len(counts):,} values of {feature}")
        count = sum(map(len, values.values()))
        if windows is None or not count:
            return cls(values, None, tuple(notes))
        most = MOST_CELLS // (count * len(schema.features))
        kept = windows.kept if len(windows.kept) <= most else _thinned(windows.kept, most)
        if len(kept) < len(windows.kept):
            notes.append(f"slices: {len(kept):,} of {len(windows.kept):,} windows kept of each, evenly spread")
        return cls(values, replace(windows, kept=kept, notes=()), tuple(notes))

    def summarise(self, table: pa.Table, recipe: Recipe) -> dict[str, CountedSlice]:
        """Each slice's rows in one part of the data, on the bins and labels of the whole."""
        light = replace(recipe, schema=ModelSchema(recipe.schema.features), statistics=LIGHT)
        found = {}
        for name, rows in self._rows(table, recipe.schema):
            part = table.take(pa.array(rows))
            features = [light.summarise(batch) for batch in batches_of(part, light.schema)]
            whole = Summary(
                instances=part.num_rows,
                features={name: bounded(one) for side in features for name, one in side.items()},
            )
            windows = {} if self.windows is None else self.windows.summarise(part, light)
            found[name] = CountedSlice(whole, windows)
        return found

    def _rows(self, table: pa.Table, schema: ModelSchema) -> Iterator[tuple[str, npt.NDArray[np.intp]]]:
        """Name and row numbers of every slice that is present."""
        sliced = tuple(feature for feature in schema.features if feature.name in self.values)
        for batch in batches_of(table, ModelSchema(sliced)):
            for feature, labels in self.values.items():
                column = batch.columns.get(feature)
                if not isinstance(column, CategoryColumn):
                    continue
                wanted = frozenset(labels)
                keys = np.array([*map(label_key, column.labels), "", ""], object)[column.codes]
                known = np.array([*(label_key(label) in wanted for label in column.labels), False, False])[column.codes]
                for label in labels:
                    rows = np.flatnonzero(known & (keys == label))
                    if len(rows):
                        yield f"{feature}={label}", rows


def _thinned(starts: tuple[int, ...], most: int) -> tuple[int, ...]:
    return tuple(starts[number] for number in spread(len(starts), most)) if most >= _LEAST_WINDOWS else ()


def _check(name: str, schema: ModelSchema) -> None:
    types = {feature.name: feature.type for feature in schema.features}
    allowed = ", ".join(known for known, kind in types.items() if kind not in UNSLICEABLE) or "none"
    if name in {feature.name for feature in schema.predictions}:
        raise ConfigError(f"Slice '{name}' is a prediction; requests, which slices are cut from, do not carry it.")
    if name not in types:
        raise ConfigError(f"Slice '{name}': the reference data has no such feature. Allowed: {allowed}.")
    if types[name] in UNSLICEABLE:
        raise ConfigError(
            f"Slice '{name}' is {types[name]}, and slices need labels: give it type categorical if it has few values. "
            f"Allowed: {allowed}."
        )


def final(summary: FeatureSummary) -> FeatureSummary:
    """A slice's whole as a reference: labels that it does not hold are none of its own."""
    found = summary.get(Categories)
    if found is None:
        return summary
    counts = {label: count for label, count in sorted(found.counts.items()) if count}
    labels = Categories(counts, found.total - sum(counts.values()))
    return FeatureSummary({**summary.statistics, Categories.name: labels})
