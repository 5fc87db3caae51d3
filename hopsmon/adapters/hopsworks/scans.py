"""Scans: a baseline of the data itself, read by the client: by Spark where it has Spark, else through Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa

import hopsmon
from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.adapters.hopsworks.names import Roles, ViewFeatures, feature_type
from hopsmon.adapters.hopsworks.references import Columns, FeatureGroupRef, Scan, TrainingDatasetRef
from hopsmon.core.baseline import Baseline, Provenance
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.event_times import column_and_unit
from hopsmon.core.frames import to_arrow
from hopsmon.core.schema import FeatureType, ModelRef
from hopsmon.core.season import Season
from hopsmon.errors import ConfigError, HopsmonError, OutsideError
from hopsmon.streaming.baseline import baseline_of_frame

_IN_MEMORY = "IN_MEMORY_TRAINING_DATASET"
_SPLITS = {  # the client's method for so many splits, and the order in which it gives their features
    ("test", "train"): ("get_train_test_split", ("train", "test")),
    ("test", "train", "validation"): ("get_train_validation_test_split", ("train", "validation", "test")),
}
_WITH_SCHEMA = ("parquet", "orc", "avro")  # formats whose files say the types of their columns
_NO_CHANGES = "DELTA_MISSING_CHANGE_DATA"
_ANEW = "Read anew from the feature groups, in the training dataset's span of event time."
_BY_SPARK = (
    " The Python engine reads feature groups through the cluster's query service alone. By Spark: in a job, or after "
    "hopsworks.login(engine='spark-delta')."
)


@dataclass(frozen=True)
class Reading:
    """What is to be made of data, wherever it comes from.

    Attributes:
        view: the columns that there are.
        roles: what they are to the monitor.
        columns: what was asked of them.
        scan: how they are scanned.
    """

    connection: Connection
    view: ViewFeatures
    roles: Roles
    model: ModelRef
    columns: Columns
    scan: Scan

    def baseline(self, frame: Any, source: str, notes: Sequence[str] = ()) -> Baseline:
        """The baseline of a data frame."""
        about = f"Hopsworks project {self.connection.name}: {source}"
        provenance = Provenance(about, datetime.now(timezone.utc), hopsmon.__version__, (*self.roles.notes(), *notes))
        there = list(frame.columns)
        if missing := [name for name in self.roles.all if name not in there]:
            raise ConfigError(f"The {source} has no column {', '.join(missing)}. It has: {', '.join(there)}.")
        scan, time = self.scan, self._event_time(there)
        also = () if time is None else (column_and_unit(time, there)[0],)
        build, only = (baseline_of_frame, _of_spark) if self.connection.has_spark else (build_baseline, _of_arrow)
        types = {**self.roles.types, **self.columns.types}
        return build(
            only(frame, list(dict.fromkeys((*self.roles.all, *also)))),
            self.model,
            predictions=self.roles.predictions,
            types={name: kind for name, kind in types.items() if name in self.roles.all},
            provenance=provenance,
            event_time=time,
            window=None if time is None else scan.window,
            season=Season.NONE if time is None else scan.season,
            slices=scan.slices,
        )

    def _event_time(self, there: Sequence[str]) -> str | None:
        """The column with each row's time; None where the baseline is to have no windows, or the data has no time."""
        scan = self.scan
        if scan.window is None:
            return None
        time = self._own_time(there) if scan.event_time is None else scan.event_time
        if not time and scan.season is not Season.NONE:
            raise ConfigError(
                f"season: {scan.season} needs the time of each row. Name the column with it as event_time. The data of "
                f"{self.view.title} has: {', '.join(there)}."
            )
        return time or None

    def _own_time(self, there: Sequence[str]) -> str | None:
        """The feature group's event time, where the data has it and it is a time by itself."""
        own = self.view.event_time
        kinds = {column.name: feature_type(column.type) for column in self.view.columns}
        return own if own in there and kinds.get(str(own), FeatureType.TIMESTAMP) is FeatureType.TIMESTAMP else None


def scan_group(reading: Reading, group: Any, ref: FeatureGroupRef) -> Baseline:
    """The baseline of a feature group's rows, or of what a span of commits wrote.

    Raises:
        OutsideError: the data cannot be read.
    """
    title = f"data of {ref.title}"
    if ref.from_commit is None and ref.to_commit is None:
        with _reading(reading, title):
            return reading.baseline(group.read(), title)
    before = None if ref.from_commit is None else ref.from_commit - timedelta(milliseconds=1)
    start, end = (time.isoformat() if time else "…" for time in (ref.from_commit, ref.to_commit))
    try:
        with _reading(reading, title):
            frame = group.as_of(ref.to_commit, exclude_until=before).read()
            return reading.baseline(frame, f"{title}, commits from {start} to {end}")
    except OutsideError as error:
        if _NO_CHANGES not in str(error):
            raise
        raise ConfigError(
            f"The {title} cannot be read from a commit on: the table keeps no change data feed "
            "(delta.enableChangeDataFeed). Leave from_commit out, or take the statistics (read: statistics)."
        ) from error


def scan_training_data(
    reading: Reading, view: Any, dataset: Any, ref: TrainingDatasetRef, split: str | None
) -> Baseline:
    """The baseline of a training dataset's rows, from its files, or else from the feature groups it is made of.

    Raises:
        ConfigError: what is asked for is in files only, and there are none.
        OutsideError: the data cannot be read.
    """
    no_files = dataset.training_dataset_type == _IN_MEMORY
    title = f"data of {ref.title}" + (f", split {split}" if split else "")
    if no_files or (ref.before_transformation and view.transformation_functions):
        _check_made_anew(reading, view, ref, split, "keeps no files" if no_files else "has transformed files")
        with _reading(reading, title):
            return reading.baseline(_made_anew(view, dataset, ref), title, (_ANEW,))
    with _reading(reading, title):
        return reading.baseline(_from_files(reading, view, dataset, ref, split), title)


@contextmanager
def _reading(reading: Reading, title: str) -> Iterator[None]:
    """Reading by the client, whose engines raise what comes, such as ValueError where a cluster has no query service.

    Spark reads when the baseline is built, so that is in it, too.
    """
    engine = reading.connection.engine
    what = f"The {title}, read by the client's engine '{engine}'"
    with asking(what):
        try:
            yield
        except HopsmonError:
            raise
        except (ValueError, OSError) as error:
            advice = "" if reading.connection.has_spark else _BY_SPARK
            raise OutsideError(f"{what}: {error}.{advice}") from error


def _from_files(reading: Reading, view: Any, dataset: Any, ref: TrainingDatasetRef, split: str | None) -> Any:
    """The rows in a training dataset's files, with labels where they are asked for, and the event time where it is."""
    if reading.roles.predictions and reading.connection.has_spark:
        return _whole_files(dataset, ref, split)
    features, labels = _features_and_labels(view, dataset, ref, split)
    if labels is None or not reading.roles.predictions:
        return features
    import pandas as pd

    return pd.concat([features, labels], axis=1)


def _features_and_labels(view: Any, dataset: Any, ref: TrainingDatasetRef, split: str | None) -> tuple[Any, Any]:
    if split is None:
        features, labels = view.get_training_data(ref.version, event_time=True)
        return features, labels
    method, order = _SPLITS[tuple(sorted(one.name for one in dataset.splits))]
    found, at = getattr(view, method)(ref.version, event_time=True), order.index(split)
    return found[at], found[len(order) + at]


def _whole_files(dataset: Any, ref: TrainingDatasetRef, split: str | None) -> Any:
    """All columns in one Spark frame: the client's two, features and labels, cannot be put side by side again."""
    if dataset.data_format not in _WITH_SCHEMA:
        raise ConfigError(
            f"The files of {ref.title} are {dataset.data_format}, of which Spark cannot read labels and features "
            f"together. It can of {', '.join(_WITH_SCHEMA)}. Take the statistics (read: statistics), or leave "
            "predictions out."
        )
    connector = dataset.data_source.storage_connector
    path = f"{dataset.location}/{split or dataset.name}"
    return connector.read(query=None, data_format=dataset.data_format, options={}, path=path)


def _made_anew(view: Any, dataset: Any, ref: TrainingDatasetRef) -> Any:
    """Today's rows of the feature groups, in the training dataset's span of time."""
    view.init_batch_scoring(training_dataset_version=ref.version)
    return view.get_batch_data(
        start_time=dataset.event_start_time,
        end_time=dataset.event_end_time,
        event_time=True,
        transformed=not ref.before_transformation,
    )


def _check_made_anew(reading: Reading, view: Any, ref: TrainingDatasetRef, split: str | None, why: str) -> None:
    """What only files have: splits, which are random, and labels."""
    labels = [name for name in reading.roles.predictions if name in view.labels]
    if split is None and not labels:
        return
    asked = f"split '{split}'" if split else f"label {', '.join(labels)}"
    raise ConfigError(
        f"The {ref.title} {why}, so its {asked} cannot be read again. Take the statistics (read: statistics), or make "
        "a training dataset with feature_view.create_training_data(…)."
    )


def _of_spark(frame: Any, names: Sequence[str]) -> Any:
    """Some columns of a Spark frame; decimals as numbers."""
    from pyspark.sql import functions as F

    kinds = dict(frame.dtypes)
    quoted = {name: F.col(f"`{name}`") for name in names}
    return frame.select(
        *(of.cast("double").alias(name) if kinds[name].startswith("decimal") else of for name, of in quoted.items())
    )


def _of_arrow(frame: Any, names: Sequence[str]) -> pa.Table:
    """Some columns of a data frame as an Arrow table; decimals as numbers."""
    table = to_arrow(frame).select(names)
    fields = [pa.field(one.name, pa.float64()) if pa.types.is_decimal(one.type) else one for one in table.schema]
    return table.cast(pa.schema(fields))
