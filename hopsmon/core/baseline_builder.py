"""Baseline builder: two passes over reference data, in memory or in parts that somebody else reads. Values, no I/O.

The first pass finds the shape (bin edges, labels), the second counts exactly on that shape. Both passes give values
that add up, so a cluster can run them part by part:

    first = sum of FirstPass.of(part, schema) over the parts
    shape = shape_of(first, schema)
    second = sum of shape.summarise(part) over the parts
    baseline = shape.baseline(second, ...)

In memory the whole frame is one part, so the edges are exact quantiles and do not depend on how it was chunked.
Where the data has an event time, both passes also look at its windows (`reference_windows`).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import reduce
from typing import Any

import orjson
import pyarrow as pa

from hopsmon.core.baseline import Baseline, Provenance, ReferenceSlice, ReferenceWindow
from hopsmon.core.baseline_json import pack_windows, unpack_windows
from hopsmon.core.first_pass import FirstPass
from hopsmon.core.frames import batches_of, check_names, infer_schema, to_arrow
from hopsmon.core.reference_slices import CountedSlice, SlicePlan, final
from hopsmon.core.reference_windows import Cut, WindowPlan, WindowSummaries, added
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.season import Season
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.binary import check_version
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import baseline_statistics
from hopsmon.errors import ConfigError

_WHOLE = -1  # in place of a window's start


@dataclass(frozen=True)
class Counted:
    """The second pass over (part of) the data: `a + b` describes both parts.

    Attributes:
        whole: of all rows.
        windows: of the rows of each window, by its start; empty where the data is not cut into windows.
        slices: of the rows of each slice, by its name; empty unless asked for.
    """

    whole: Summary = field(default_factory=Summary)
    windows: WindowSummaries = field(default_factory=dict)
    slices: Mapping[str, CountedSlice] = field(default_factory=dict)

    def __add__(self, other: Counted) -> Counted:
        slices = dict(self.slices)
        for name, one in other.slices.items():
            slices[name] = slices[name] + one if name in slices else one
        return Counted(self.whole + other.whole, added(self.windows, other.windows), slices)

    def to_bytes(self) -> bytes:
        """Version, then the summaries of the whole and of each slice as JSON; what a cluster sends from its workers."""
        parts = {"": (self.whole, self.windows), **{name: (of.whole, of.windows) for name, of in self.slices.items()}}
        packed = {name: pack_windows([(_WHOLE, whole), *of.items()]) for name, (whole, of) in parts.items()}
        return b"\x01" + orjson.dumps({name: base64.b64encode(form).decode() for name, form in packed.items()})

    @classmethod
    def from_bytes(cls, data: bytes) -> Counted:
        """Inverse of `to_bytes`."""
        check_version(data, "second pass")
        parts = {}
        for name, form in orjson.loads(memoryview(data)[1:]).items():
            (_, whole), *windows = unpack_windows(base64.b64decode(form))
            parts[name] = CountedSlice(whole, dict(windows))
        all_rows = parts.pop("")
        return cls(all_rows.whole, all_rows.windows, parts)


@dataclass(frozen=True)
class Shape:
    """What the first pass found: the types, for each feature the bins and labels to count in, and the windows.

    Picklable.
    """

    recipe: Recipe
    windows: WindowPlan | None = None
    slices: SlicePlan | None = None

    def count(self, table: pa.Table) -> Counted:
        """The second pass over one part: exact counts. Parts add up."""
        windows = {} if self.windows is None else self.windows.summarise(table, self.recipe)
        slices = {} if self.slices is None else self.slices.summarise(table, self.recipe)
        return Counted(self.summarise(table), windows, slices)

    def summarise(self, table: pa.Table) -> Summary:
        """The second pass over one part, as a whole."""
        batches = batches_of(table, self.recipe.schema)
        features = [self.recipe.summarise(batch) for batch in batches]
        joint = [self.recipe.summarise_model(batch) for batch in batches]
        return Summary(
            instances=table.num_rows,
            features={name: summary for side in features for name, summary in side.items()},
            model={name: value for side in joint for name, value in side.items()},
        )

    def baseline(self, total: Counted, model: ModelRef, provenance: Provenance) -> Baseline:
        """The baseline, once the second pass has seen all parts."""
        whole, plan = total.whole, self.windows
        if not whole.instances:
            raise ConfigError("The reference data has no rows: a baseline needs some to compare with.")
        features = {name: self._final(name, summary) for name, summary in whole.features.items()}
        notes = [note for part in (plan, self.slices) if part is not None for note in part.notes]
        provenance = replace(provenance, notes=(*provenance.notes, *notes))
        made = Baseline(self.recipe.schema, features, model, provenance, whole.instances, whole.model)
        if self.slices is not None:
            made = replace(made, slices={name: _slice(one) for name, one in self._in_order(total.slices)})
        if plan is None:
            return made
        windows = tuple(ReferenceWindow(start, total.windows[start]) for start in plan.kept if start in total.windows)
        return replace(made, windows=windows, window_micros=plan.cut.micros, season=plan.cut.season)

    def _in_order(self, slices: Mapping[str, CountedSlice]) -> Iterator[tuple[str, CountedSlice]]:
        """By feature, the most frequent values first; whatever part of the data came first."""
        for feature, labels in (self.slices.values if self.slices is not None else {}).items():
            yield from ((name, slices[name]) for label in labels if (name := f"{feature}={label}") in slices)

    def _final(self, name: str, summary: FeatureSummary) -> FeatureSummary:
        """Label counts without those that only the second pass happened to track: they would depend on the parts."""
        found = summary.get(Categories)
        if found is None:
            return summary
        known = self.recipe.reference[name].get(Categories) or Categories()
        counts = {label: found.counts[label] for label in sorted(known.counts) if label in found.counts}
        labels = Categories(counts, found.total - sum(counts.values()))
        return FeatureSummary({**summary.statistics, Categories.name: labels})


def _slice(counted: CountedSlice) -> ReferenceSlice:
    features = {name: final(one) for name, one in counted.whole.features.items()}
    windows = tuple(ReferenceWindow(start, counted.windows[start]) for start in sorted(counted.windows))
    return ReferenceSlice(replace(counted.whole, features=features), windows)


def shape_of(
    first: FirstPass,
    schema: ModelSchema,
    fixed: Iterable[str] = (),
    statistics: frozenset[type[Statistic]] | None = None,
    cut: Cut | None = None,
    slices: Sequence[str] = (),
) -> Shape:
    """What to count, from the first pass over all parts.

    Features in `fixed` have the type that the user gave, and keep it however many labels they have. `cut` is the one
    that the first pass was made with; `slices` are features whose values each get a baseline of their own.

    Raises:
        ConfigError: no rows, or the data cannot be cut into windows or slices.
    """
    if not first.rows:
        raise ConfigError("The reference data has no rows: a baseline needs some to compare with.")
    settled = _settled(schema, first, frozenset(fixed))
    counted = baseline_statistics() if statistics is None else statistics
    reference = {feature.name: first.shape_of(feature) for feature in settled.all}
    windows = None if cut is None or first.traffic is None else first.traffic.plan(cut, len(settled.all))
    return Shape(Recipe(settled, reference, counted), windows, SlicePlan.of(slices, first, settled, windows))


def _settled(schema: ModelSchema, first: FirstPass, fixed: frozenset[str]) -> ModelSchema:
    """Text with too many labels to be categories becomes `string`, unless the user said what it is."""

    def settle(feature: Feature) -> Feature:
        free = feature.type is FeatureType.CATEGORICAL and feature.name not in fixed
        return replace(feature, type=FeatureType.STRING) if free and first.is_free_text(feature.name) else feature

    return ModelSchema(tuple(map(settle, schema.features)), tuple(map(settle, schema.predictions)))


def build_baseline(  # noqa: PLR0913 - all but two by keyword
    frame: Any,
    model: ModelRef,
    *,
    schema: ModelSchema | None = None,
    predictions: Sequence[str] = (),
    types: Mapping[str, FeatureType | str] | None = None,
    provenance: Provenance = Provenance(),  # noqa: B008 - a frozen value
    statistics: frozenset[type[Statistic]] | None = None,
    event_time: str | None = None,
    window: timedelta | None = None,
    season: Season | str = Season.NONE,
    slices: Sequence[str] = (),
) -> Baseline:
    """The baseline of reference data in memory: a pandas, polars or Arrow frame, or what else narwhals takes.

    Args:
        frame: one row an instance; the same columns that requests (and responses) carry.
        model: which model it is the baseline of.
        schema: the model's features and predictions; without it they are inferred from the columns.
        predictions: columns that are the model's output; the others are features. Only without `schema`.
        types: feature types by column, where the inferred ones do not fit. Only without `schema`.
        provenance: where the data came from, and when; kept with the baseline.
        statistics: what to compute; without, what any technique may ask for, those of installed packages included, and
            a sample of the rows (`Reservoir`). Where rows must not be kept: DEFAULT_STATISTICS.
        event_time: the column with each row's event time; neither feature nor prediction. With it the baseline also
            keeps how its own windows vary, and findings are judged by that. Timestamps, dates, ISO 8601 text (without
            a zone: UTC), or epoch numbers with their unit: "ts:ms" (s, ms, us, ns).
        window: the size of the monitor's windows; goes with `event_time`.
        season: which windows are alike: none, hour_of_day, day_of_week or hour_of_week (UTC). A monitor's window is
            then compared with those of its own hour or weekday.
        slices: features (labels or booleans) by whose values a monitor cuts its traffic: each value's rows, of at most
            100 values a feature, get a baseline of their own (`Baseline.of_slice`), with windows where the whole has.

    Raises:
        ConfigError: no rows, columns of the same name, a column of an unsupported type, or a named column is missing;
            rows without event time, fewer than two windows, or a slice by a feature without labels.
    """
    table = to_arrow(frame)
    return build_from_parts(
        lambda: [table],
        model,
        columns=table.schema,
        schema=schema,
        predictions=predictions,
        types=types,
        provenance=provenance,
        statistics=statistics,
        event_time=event_time,
        window=window,
        season=season,
        slices=slices,
    )


def build_from_parts(  # noqa: PLR0913 - all but two by keyword
    parts: Callable[[], Iterable[pa.Table]],
    model: ModelRef,
    *,
    columns: pa.Schema,
    schema: ModelSchema | None = None,
    predictions: Sequence[str] = (),
    types: Mapping[str, FeatureType | str] | None = None,
    provenance: Provenance = Provenance(),  # noqa: B008 - a frozen value
    statistics: frozenset[type[Statistic]] | None = None,
    event_time: str | None = None,
    window: timedelta | None = None,
    season: Season | str = Season.NONE,
    slices: Sequence[str] = (),
) -> Baseline:
    """The baseline of data that is read twice, part by part, so that it need not fit into memory.

    Of more than one part the edges are quantiles of a sketch (rank error 0.13 %), the counts exact all the same.

    `parts` is called once a pass and must give the same data both times; `columns` is the Arrow schema of every part.
    The rest is as in `build_baseline`.
    """
    check_names(columns)
    cut = Cut.of(event_time, window, season, columns)
    resolved, fixed = resolve(columns, schema, predictions, types, cut)
    first = reduce(lambda a, b: a + b, (FirstPass.of(part, resolved, cut) for part in parts()), FirstPass())
    shape = shape_of(first, resolved, fixed, statistics, cut, slices)
    total = reduce(lambda a, b: a + b, (shape.count(part) for part in parts()), Counted())
    return shape.baseline(total, model, provenance)


def resolve(
    columns: pa.Schema,
    schema: ModelSchema | None,
    predictions: Sequence[str],
    types: Mapping[str, FeatureType | str] | None,
    cut: Cut | None,
) -> tuple[ModelSchema, list[str]]:
    """Features and predictions, and those whose type the user gave; the event time is none of them.

    Raises:
        ConfigError: names that are no columns, or the event time among them.
    """
    given = [*predictions, *(types or {})] if schema is None else [feature.name for feature in schema.all]
    if cut is None:
        possible = columns
    else:
        cut.check_apart(given)
        possible = pa.schema([column for column in columns if column.name != cut.column])
    if schema is None:
        return infer_schema(possible, predictions, types), list(types or {})
    return schema, given
