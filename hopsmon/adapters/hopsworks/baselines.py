"""Baselines from the feature store: of a feature group or training dataset, by its statistics or a scan of its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import hopsmon
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.adapters.hopsworks.names import Roles, ViewFeatures, roles_of
from hopsmon.adapters.hopsworks.references import Columns, FeatureGroupRef, Reference, Scan, TrainingDatasetRef
from hopsmon.adapters.hopsworks.scans import Reading, scan_group, scan_training_data
from hopsmon.adapters.hopsworks.statistics import DescriptiveStatistics, baseline_of_statistics
from hopsmon.adapters.hopsworks.statistics.summaries import type_of
from hopsmon.adapters.hopsworks.views import (
    feature_group,
    feature_view,
    group_features,
    training_dataset,
    view_features,
)
from hopsmon.core.baseline import Baseline, Provenance
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.errors import ConfigError, did_you_mean

TRAIN = "train"
_SCAN = "Or have the data itself scanned: baseline, read: data."

Entries = Mapping[str, DescriptiveStatistics]


def baseline_of(
    connection: Connection,
    reference: Reference,
    model: ModelRef,
    columns: Columns = Columns(),  # noqa: B008 - a frozen value
    scan: Scan | None = None,
) -> Baseline:
    """The baseline of a model from the project's feature store.

    Its features have the names and the order in which the feature view gives them to the model. What was used of the
    statistics, and what was left out, stands in the provenance's notes.

    Args:
        connection: the project.
        reference: a feature group, or a training dataset of a feature view.
        model: which model it is the baseline of.
        columns: which columns are predictions, and which are neither.
        scan: read the data itself, in this way; None: take the statistics that Hopsworks keeps.

    Raises:
        ConfigError: what is named is not there, there are no statistics of it, or the columns do not fit.
        TransientError: Hopsworks does not answer.
        OutsideError: the data cannot be read.
    """
    if isinstance(reference, FeatureGroupRef):
        return _of_group(connection, reference, model, columns, scan)
    return _of_training_dataset(connection, reference, model, columns, scan)


def _of_group(
    connection: Connection, ref: FeatureGroupRef, model: ModelRef, columns: Columns, scan: Scan | None
) -> Baseline:
    group = feature_group(connection, ref.name, ref.version)
    known = group_features(group)
    roles = roles_of(known, predictions=columns.predictions, exclude=columns.exclude)
    if scan is not None:
        return scan_group(Reading(connection, known, roles, model, columns, scan), group, ref)
    found = _group_statistics(group, ref)
    about = _provenance(connection, f"statistics of {ref.title}", found, roles)
    return _of_entries(_entries(found.feature_descriptive_statistics), roles, columns, model, about)


def _of_training_dataset(
    connection: Connection, ref: TrainingDatasetRef, model: ModelRef, columns: Columns, scan: Scan | None
) -> Baseline:
    view = feature_view(connection, ref.view, ref.view_version)
    dataset = training_dataset(view, ref.version)
    split = _split(dataset, ref)
    known = view_features(view, ref.version)
    roles = roles_of(
        known, transformed=not ref.before_transformation, predictions=columns.predictions, exclude=columns.exclude
    )
    if scan is not None:
        return scan_training_data(Reading(connection, known, roles, model, columns, scan), view, dataset, ref, split)
    found = _training_statistics(view, ref, before=ref.before_transformation)
    entries = _entries(_of_split(found, split, ref))
    if ref.before_transformation:
        entries = {**_untransformed(view, ref, split, known), **entries}
    what = f"statistics of {ref.title}" + (f", split {split}" if split else "")
    return _of_entries(entries, roles, columns, model, _provenance(connection, what, found, roles))


def _of_entries(entries: Entries, roles: Roles, columns: Columns, model: ModelRef, provenance: Provenance) -> Baseline:
    def typed(name: str) -> Feature:
        kind = columns.types.get(name) or roles.types.get(name)
        if kind is None:
            kind = type_of(entries[name]) if name in entries else FeatureType.CATEGORICAL
        return Feature(name, kind)

    schema = ModelSchema(tuple(map(typed, roles.features)), tuple(map(typed, roles.predictions)))
    baseline, _ = baseline_of_statistics(list(entries.values()), model=model, provenance=provenance, schema=schema)
    return baseline


def _entries(statistics: Sequence[Any] | None) -> Entries:
    read = (DescriptiveStatistics.from_json(one.to_dict()) for one in statistics or ())
    return {one.name: one for one in read}


def _group_statistics(group: Any, ref: FeatureGroupRef) -> Any:
    """The statistics of a feature group: the latest, or those of a window of commits."""
    start, end = _milliseconds(ref.from_commit), _milliseconds(ref.to_commit)
    with asking(f"The statistics of {ref.title}"):
        if start is None and end is None:
            found = group.get_statistics()
        else:
            found = group.get_statistics_by_commit_window(from_commit_time=start, to_commit_time=end)
        if found is not None and found.feature_descriptive_statistics:
            return found
        others = group.get_all_statistics() or []
    window = "" if start is None and end is None else f" of the commits from {_shown(start)} to {_shown(end)}"
    there = "; ".join(_described(one) for one in others) or "none"
    raise ConfigError(
        f"There are no statistics of {ref.title}{window}. There are: {there}. Compute them: feature_group."
        "statistics_config = StatisticsConfig(histograms=True, kll=True), feature_group.update_statistics_config(), "
        f"feature_group.compute_statistics(). {_SCAN}"
    )


def _training_statistics(view: Any, ref: TrainingDatasetRef, before: bool) -> Any:
    with asking(f"The statistics of {ref.title}"):
        found = view.get_training_dataset_statistics(ref.version, before_transformation=before)
    if found is None or not (found.feature_descriptive_statistics or found.split_statistics):
        kind = " before transformation" if before else ""
        raise ConfigError(
            f"There are no statistics{kind} of {ref.title}. They are computed when it is made: feature_view."
            f"create_training_data(…, statistics_config=StatisticsConfig(histograms=True, kll=True)). {_SCAN}"
        )
    return found


def _untransformed(view: Any, ref: TrainingDatasetRef, split: str | None, known: ViewFeatures) -> Entries:
    """Statistics of the columns that no transformation touches: only those after transformation have them."""
    after = _entries(_of_split(_training_statistics(view, ref, before=False), split, ref))
    same = {column.name for column in known.columns} & {column.name for column in known.transformed}
    return {name: entry for name, entry in after.items() if name in same}


def _split(dataset: Any, ref: TrainingDatasetRef) -> str | None:
    """The split that is asked for, or the one a model learns from; None: the whole."""
    names = [one.name for one in dataset.splits or ()]
    wanted = ref.split or (TRAIN if TRAIN in names else None)
    if wanted is None and names:
        raise ConfigError(f"The {ref.title} has the splits {', '.join(names)}: name one of them as split.")
    if wanted is not None and wanted not in names:
        there = (
            f"It has: {', '.join(names)}.{did_you_mean(wanted, names)}" if names else "It has none: leave split out."
        )
        raise ConfigError(f"The {ref.title} has no split '{wanted}'. {there}")
    return wanted


def _of_split(statistics: Any, split: str | None, ref: TrainingDatasetRef) -> Sequence[Any] | None:
    """The entries of one split; what is not split (as statistics before transformation are not) is of the whole."""
    by_name = {one.name: one.feature_descriptive_statistics for one in statistics.split_statistics or ()}
    if not by_name:
        whole: Sequence[Any] | None = statistics.feature_descriptive_statistics
        return whole
    if split not in by_name:
        raise ConfigError(f"The statistics of {ref.title} are of the splits {', '.join(by_name)}; not of {split}.")
    entries: Sequence[Any] | None = by_name[split]
    return entries


def _provenance(connection: Connection, what: str, statistics: Any, roles: Roles) -> Provenance:
    source = f"Hopsworks project {connection.name}: {what}, {_described(statistics)}"
    return Provenance(source, datetime.now(timezone.utc), hopsmon.__version__, (*roles.notes(), *_cautions(statistics)))


def _cautions(statistics: Any) -> list[str]:
    """What makes these statistics something else than those of all rows."""
    notes = []
    if statistics.row_percentage is not None and statistics.row_percentage < 1:
        notes.append(f"The statistics are of {statistics.row_percentage:.0%} of the rows.")
    # Clients before 5.2 know no windows of event time.
    start, end = (getattr(statistics, f"window_{side}_event_time", None) for side in ("start", "end"))
    if start is not None or end is not None:
        notes.append(f"The statistics are of the rows from {_shown(start)} to {_shown(end)} alone, by event time.")
    return notes


def _described(statistics: Any) -> str:
    """When statistics were computed, and of which commits."""
    start, end = statistics.window_start_commit_time, statistics.window_end_commit_time
    window = "" if start is None and end is None else f", commits from {_shown(start)} to {_shown(end)}"
    return f"computed {_shown(statistics.computation_time)}{window}"


def _milliseconds(time: datetime | None) -> int | None:
    """Epoch milliseconds, which commits are named by: exactly, as a float may be one less."""
    return None if time is None else (time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def _shown(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "…"
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="milliseconds")
