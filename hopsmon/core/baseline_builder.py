"""Baseline builder: two passes over reference data, in memory or in parts that somebody else reads. Values, no I/O.

The first pass finds the shape (bin edges, labels), the second counts exactly on that shape. Both passes give values
that add up, so a cluster can run them part by part:

    first = sum of FirstPass.of(part, schema) over the parts
    shape = shape_of(first, schema)
    second = sum of shape.summarise(part) over the parts
    baseline = shape.baseline(second, ...)

In memory the whole frame is one part, so the edges are exact quantiles and do not depend on how it was chunked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import pyarrow as pa

from hopsmon.core.baseline import Baseline, Provenance
from hopsmon.core.first_pass import FirstPass
from hopsmon.core.frames import batches_of, check_names, infer_schema, to_arrow
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.statistics.table import DEFAULT_STATISTICS
from hopsmon.errors import ConfigError


@dataclass(frozen=True)
class Shape:
    """What the first pass found: the types, and for each feature the bins and labels to count in; picklable."""

    recipe: Recipe

    def summarise(self, table: pa.Table) -> Summary:
        """The second pass over one part: exact counts. Parts' summaries add up."""
        batches = batches_of(table, self.recipe.schema)
        features = [self.recipe.summarise(batch) for batch in batches]
        joint = [self.recipe.summarise_model(batch) for batch in batches]
        return Summary(
            instances=table.num_rows,
            features={name: summary for side in features for name, summary in side.items()},
            model={name: value for side in joint for name, value in side.items()},
        )

    def baseline(self, total: Summary, model: ModelRef, provenance: Provenance) -> Baseline:
        """The baseline, once the second pass has seen all parts."""
        if not total.instances:
            raise ConfigError("The reference data has no rows: a baseline needs some to compare with.")
        features = {name: self._final(name, summary) for name, summary in total.features.items()}
        return Baseline(self.recipe.schema, features, model, provenance, total.instances, total.model)

    def _final(self, name: str, summary: FeatureSummary) -> FeatureSummary:
        """Label counts without those that only the second pass happened to track: they would depend on the parts."""
        found = summary.get(Categories)
        if found is None:
            return summary
        known = self.recipe.reference[name].get(Categories) or Categories()
        counts = {label: found.counts[label] for label in sorted(known.counts) if label in found.counts}
        labels = Categories(counts, found.total - sum(counts.values()))
        return FeatureSummary({**summary.statistics, Categories.name: labels})


def shape_of(
    first: FirstPass,
    schema: ModelSchema,
    fixed: Iterable[str] = (),
    statistics: frozenset[type[Statistic]] = DEFAULT_STATISTICS,
) -> Shape:
    """What to count, from the first pass over all parts.

    Features in `fixed` have the type that the user gave, and keep it however many labels they have.
    """
    if not first.rows:
        raise ConfigError("The reference data has no rows: a baseline needs some to compare with.")
    settled = _settled(schema, first, frozenset(fixed))
    reference = {feature.name: first.shape_of(feature) for feature in settled.all}
    return Shape(Recipe(settled, reference, statistics))


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
    statistics: frozenset[type[Statistic]] = DEFAULT_STATISTICS,
) -> Baseline:
    """The baseline of reference data in memory: a pandas, polars or Arrow frame, or what else narwhals takes.

    Args:
        frame: one row an instance; the same columns that requests (and responses) carry.
        model: which model it is the baseline of.
        schema: the model's features and predictions; without it they are inferred from the columns.
        predictions: columns that are the model's output; the others are features. Only without `schema`.
        types: feature types by column, where the inferred ones do not fit. Only without `schema`.
        provenance: where the data came from, and when; kept with the baseline.
        statistics: what to compute; techniques of other packages may need more than the default.

    Raises:
        ConfigError: no rows, columns of the same name, a column of an unsupported type, or a named column is missing.
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
    statistics: frozenset[type[Statistic]] = DEFAULT_STATISTICS,
) -> Baseline:
    """The baseline of data that is read twice, part by part, so that it need not fit into memory.

    Of more than one part the edges are quantiles of a sketch (rank error 0.13 %), the counts exact all the same.

    `parts` is called once a pass and must give the same data both times; `columns` is the Arrow schema of every part.
    The rest is as in `build_baseline`.
    """
    check_names(columns)
    resolved = schema if schema is not None else infer_schema(columns, predictions, types)
    fixed = [feature.name for feature in schema.all] if schema is not None else list(types or {})
    first = reduce(lambda a, b: a + b, (FirstPass.of(part, resolved) for part in parts()), FirstPass())
    shape = shape_of(first, resolved, fixed, statistics)
    total = reduce(lambda a, b: a + b, (shape.summarise(part) for part in parts()), Summary())
    return shape.baseline(total, model, provenance)
