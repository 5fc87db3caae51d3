"""Recipe: which statistics to compute for each column of a batch, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hopsmon.core.batch import Batch, Side
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary, Measure, ModelStatistic, Statistic
from hopsmon.core.statistics.sample import CategorySample, NumericSample, Sample, sample_of
from hopsmon.core.statistics.table import DEFAULT_STATISTICS


@dataclass(frozen=True)
class Recipe:
    """How to summarise a batch of one model.

    Attributes:
        schema: the model's features and predictions.
        reference: the baseline's summaries by feature, for bin edges and known labels; empty without a baseline.
        statistics: which statistics to compute, where they make sense for the feature's type.
        measures: make further statistics of whole batches, of both sides; those of one name are added up.
    """

    schema: ModelSchema
    reference: Mapping[str, FeatureSummary] = field(default_factory=dict)
    statistics: frozenset[type[Statistic]] = DEFAULT_STATISTICS
    measures: tuple[Measure, ...] = ()
    _by_type: Mapping[FeatureType, tuple[type[Statistic], ...]] = field(init=False, repr=False, compare=False)
    _of_model: tuple[type[ModelStatistic], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.statistics, key=lambda kind: kind.name)
        by_type = {kind: tuple(s for s in ordered if kind in s.feature_types) for kind in FeatureType}
        object.__setattr__(self, "_by_type", by_type)
        object.__setattr__(self, "_of_model", tuple(kind for kind in ordered if issubclass(kind, ModelStatistic)))

    def summarise(self, batch: Batch) -> dict[str, FeatureSummary]:
        """The statistics of every column of the batch's side; a column the batch lacks counts as all null."""
        return {feature.name: self._summarise(feature, batch) for feature in self._of_side(batch.side)}

    def summarise_model(self, batch: Batch) -> dict[str, Statistic]:
        """The statistics of several features together, for requests, and the measures; empty unless asked for."""
        request = batch.side is Side.REQUEST
        made = {kind.name: kind.of_batch(batch, self.schema.features) for kind in self._of_model if request}
        for measure in self.measures:
            measured = measure(batch)
            if measured is not None:
                before = made.get(measured.name)
                made[measured.name] = measured if before is None else before + measured
        return made

    def _of_side(self, side: Side) -> tuple[Feature, ...]:
        return self.schema.features if side is Side.REQUEST else self.schema.predictions

    def _summarise(self, feature: Feature, batch: Batch) -> FeatureSummary:
        column = batch.columns.get(feature.name)
        sample = _absent(feature, len(batch)) if column is None else sample_of(column)
        reference = self.reference.get(feature.name)
        computed = ((kind.name, kind.of(sample, reference)) for kind in self._by_type[feature.type])
        return FeatureSummary({name: value for name, value in computed if value is not None})


def _absent(feature: Feature, rows: int) -> Sample:
    """The sample of a column that is not there: all null."""
    if feature.type.is_numeric:
        return NumericSample(np.empty(0), rows, nulls=rows, ascending=True)
    return CategorySample((), np.empty(0, np.int64), rows, nulls=rows)
