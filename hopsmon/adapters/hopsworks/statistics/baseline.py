"""Baseline of statistics: a model's baseline from what Hopsworks already knows about its features. Pure."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hopsmon.adapters.hopsworks.statistics.correlations import comoments_of
from hopsmon.adapters.hopsworks.statistics.descriptive import DescriptiveStatistics
from hopsmon.adapters.hopsworks.statistics.entry import AGAIN
from hopsmon.adapters.hopsworks.statistics.notices import Notice, sentences
from hopsmon.adapters.hopsworks.statistics.summaries import summary_of, type_of
from hopsmon.core.baseline import Baseline, Provenance
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary, Statistic
from hopsmon.errors import ConfigError

_LOG = logging.getLogger("hopsmon.hopsworks")


def baseline_of_statistics(
    features: Sequence[DescriptiveStatistics],
    *,
    model: ModelRef,
    provenance: Provenance = Provenance(),  # noqa: B008 - a frozen value
    schema: ModelSchema | None = None,
    types: Mapping[str, FeatureType] | None = None,
    predictions: Sequence[str] = (),
) -> tuple[Baseline, tuple[Notice, ...]]:
    """The baseline that descriptive statistics allow, and what became of each of their sources.

    What they do not tell is missing in it, and techniques that need it say so: there is no sample of rows, there are no
    windows of its own and no slices, and which statistics a feature has depends on what was computed.

    Args:
        features: one entry a feature; of a model's features, in the order of positional instances.
        model: which model it is the baseline of.
        provenance: where the statistics came from; the notices are added to it.
        schema: the model's features and predictions; others are left out. Without it each entry is a feature.
        types: types by name, where the statistics' own do not fit. Only without `schema`.
        predictions: names that are the model's output. Only without `schema`.

    Raises:
        ConfigError: no entry, two of one feature, no rows, names that have no entry, or an unknown type.
    """
    by_name = _by_name(features)
    settled = _schema(by_name, types or {}, predictions) if schema is None else schema
    found = {one.name: summary_of(by_name[one.name], one.type) for one in settled.all if one.name in by_name}
    rows = max((by_name[name].count or by_name[name].values or 0 for name in found), default=0)
    if not rows:
        wanted = ", ".join(one.name for one in settled.all)
        raise ConfigError(f"Hopsworks' statistics are of no rows of {wanted}: a baseline needs some. {AGAIN}")
    notices = [notice for _, told in found.values() for notice in told]
    notices += [
        Notice(one.name, "feature", False, "there are no statistics of it")
        for one in settled.all
        if one.name not in found
    ]
    summaries = {name: summary for name, (summary, _) in found.items()}
    joint = _joint(settled.features, by_name, summaries)
    told = replace(provenance, notes=(*provenance.notes, *sentences(notices)))
    _log(model, notices)
    return Baseline(settled, summaries, model, told, rows, joint), tuple(notices)


def _by_name(features: Sequence[DescriptiveStatistics]) -> dict[str, DescriptiveStatistics]:
    by_name = {one.name: one for one in features}
    if not features or len(by_name) < len(features):
        twice = sorted({one.name for one in features if sum(other.name == one.name for other in features) > 1})
        told = f"these features stand twice: {', '.join(twice)}" if twice else "there is no feature"
        raise ConfigError(f"Hopsworks' statistics cannot be used: {told}. {AGAIN}")
    return by_name


def _schema(
    by_name: Mapping[str, DescriptiveStatistics], types: Mapping[str, FeatureType], predictions: Sequence[str]
) -> ModelSchema:
    missing = sorted({*types, *predictions} - by_name.keys())
    if missing:
        raise ConfigError(f"Hopsworks has no statistics of {', '.join(missing)}. It has: {', '.join(by_name)}.")
    known = {name: Feature(name, types.get(name) or type_of(one)) for name, one in by_name.items()}
    outputs = tuple(known.pop(name) for name in dict.fromkeys(predictions))
    return ModelSchema(tuple(known.values()), outputs)


def _joint(
    features: Sequence[Feature],
    statistics: Mapping[str, DescriptiveStatistics],
    summaries: Mapping[str, FeatureSummary],
) -> dict[str, Statistic]:
    found = comoments_of(features, statistics, summaries)
    return {} if found is None else {found.name: found}


def _log(model: ModelRef, notices: Sequence[Notice]) -> None:
    """One line for what is alike."""
    name = model.name if model.version is None else f"{model.name}:{model.version}"
    for used, level in ((True, logging.INFO), (False, logging.WARNING)):
        for sentence in sentences(notice for notice in notices if notice.used is used):
            _LOG.log(level, "baseline of %s from Hopsworks' statistics: %s", name, sentence)
