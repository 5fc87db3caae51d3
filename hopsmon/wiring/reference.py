"""Baselines: read from a file, or built from reference data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.dataset as ds

import hopsmon
from hopsmon.adapters.files.reference import open_files
from hopsmon.config import DataConfig, MonitorConfig, format_duration
from hopsmon.core.baseline import Baseline, Provenance
from hopsmon.core.baseline_builder import build_from_parts
from hopsmon.core.event_times import column_and_unit
from hopsmon.core.frames import infer_schema
from hopsmon.core.natural import LEAST_WINDOWS
from hopsmon.core.reference_slices import UNSLICEABLE
from hopsmon.core.schema import FeatureType, ModelRef
from hopsmon.core.season import Season
from hopsmon.errors import ConfigError, did_you_mean
from hopsmon.wiring.adapters import require
from hopsmon.wiring.history import BaselineHistory
from hopsmon.wiring.homes import home_of
from hopsmon.wiring.hopsworks import project_baseline

_LOG = logging.getLogger("hopsmon.wiring")
ROWS_AT_ONCE = 2_000_000  # up to so many the bin edges are exact quantiles; more are read in parts, to bound memory

Parts: TypeAlias = Callable[[], Iterable[pa.Table]]


def baseline_of(config: MonitorConfig) -> Baseline:
    """The baseline a monitor compares with; without its own windows where these are of another size than the monitor's.

    Raises:
        ConfigError: the file or the data is not there or cannot be used.
    """
    baseline = _fitting(read_baseline_of(config), config)
    known = {name.partition("=")[0] for name in baseline.slices}
    if missing := [name for name in config.slices if name not in known]:
        _LOG.warning(
            "monitor %s: its baseline has no slices of %s. Their windows are compared with all traffic, from which "
            "slices differ by nature, and sequence techniques leave them out; build it with %s",
            config.name,
            ", ".join(missing),
            " ".join(f"--slice {name}" for name in missing),
        )
    return baseline


def _fitting(baseline: Baseline, config: MonitorConfig) -> Baseline:
    """Windows of another size vary more, or less: a wrong yardstick is worse than none, so it is left out, and said."""
    if not baseline.windows:
        return baseline
    theirs, ours = timedelta(microseconds=baseline.window_micros or 0), config.window.size
    if theirs != ours:
        _LOG.warning(
            "monitor %s: its windows are %s long, its baseline knows how windows of %s vary. Findings are judged by "
            "fixed thresholds only; build the baseline with --window %s",
            config.name,
            format_duration(ours),
            format_duration(theirs),
            format_duration(ours),
        )
        return baseline.without_windows()
    if len(baseline.windows) < LEAST_WINDOWS:
        _LOG.warning(
            "monitor %s: its baseline has %d windows of %s; how they vary is used from %d on. Build it from data over "
            "a longer time",
            config.name,
            len(baseline.windows),
            format_duration(ours),
            LEAST_WINDOWS,
        )
    return baseline


def read_baseline_of(config: MonitorConfig) -> Baseline:
    """The baseline that the configuration names, as it is."""
    source = config.baseline
    if source.file is not None:
        return baseline_in(Path(source.file))
    if source.data is not None:
        return _of_data(config, source.data)
    if source.saved is not None:
        return BaselineHistory(home_of(config).documents, config.name).load(source.saved)
    if source.in_project is not None:
        return project_baseline(config, source.in_project)
    raise ConfigError("baseline: none is given.")  # the configuration has refused it before


def _of_data(config: MonitorConfig, data: DataConfig) -> Baseline:
    named = [name for spec in config.predictions or () for name in spec]
    columns = open_data(Path(data.path)).schema
    predictions = data.predictions or tuple(name for name in named if name in columns.names)
    return baseline_of_data(
        Path(data.path),
        ModelRef(config.model.name, config.model.version),
        predictions,
        data.types,
        data.exclude,
        event_time=data.event_time,
        window=config.window.size if data.event_time is not None else None,
        season=data.season,
        slices=sliceable(config.slices, columns, predictions, data.types),
    )


def sliceable(
    slices: Sequence[str], columns: pa.Schema, predictions: Sequence[str], types: Mapping[str, FeatureType]
) -> list[str]:
    """The monitor's slices that the data can have; what is wrong with others is told with the rest of the file."""
    labels = {name for name in slices if name in columns.names and name not in predictions}
    schema = infer_schema(
        pa.schema([columns.field(name) for name in labels]), (), {n: types[n] for n in labels & types.keys()}
    )
    kinds = {feature.name: feature.type for feature in schema.features}
    return [name for name in slices if kinds.get(name, FeatureType.NUMERIC) not in UNSLICEABLE]


def baseline_in(path: Path) -> Baseline:
    """The baseline in a file that `hopsmon baseline` wrote.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"Cannot read the baseline '{path}': {error.strerror}. `hopsmon baseline DATA -o FILE` writes one."
        ) from error
    try:
        return Baseline.from_json(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def baseline_of_data(  # noqa: PLR0913 - the last four by keyword
    path: Path,
    model: ModelRef,
    predictions: Sequence[str] = (),
    types: Mapping[str, FeatureType] | None = None,
    exclude: Sequence[str] = (),
    *,
    event_time: str | None = None,
    window: timedelta | None = None,
    season: Season = Season.NONE,
    slices: Sequence[str] = (),
) -> Baseline:
    """The baseline of reference data in parquet, CSV or Delta; the arguments are those of `build_baseline`.

    Raises:
        ConfigError: the data cannot be read, has no rows, lacks a column that is named, or cannot be cut into windows.
    """
    data = open_data(path)
    _check_columns(data.schema.names, {"exclude": exclude, "predictions": predictions, "types": tuple(types or ())})
    time = None if event_time is None else column_and_unit(event_time, data.schema.names)[0]
    names = [name for name in data.schema.names if name not in exclude or name == time]
    provenance = Provenance(str(path), datetime.now(timezone.utc), hopsmon.__version__)
    try:
        return build_from_parts(
            _parts(data, names),
            model,
            columns=pa.schema([data.schema.field(name) for name in names]),
            predictions=predictions,
            types=types,
            provenance=provenance,
            event_time=event_time,
            window=window,
            season=season,
            slices=slices,
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"Cannot read the reference data '{path}': {error}") from error


def open_data(path: Path) -> ds.Dataset:
    """Reference data of any known kind."""
    from hopsmon.adapters.local.reference import is_delta, open_delta

    if not is_delta(path):
        return open_files(path)
    require("deltalake")
    return open_delta(path)


def _check_columns(columns: Sequence[str], named: Mapping[str, Sequence[str]]) -> None:
    wrong = [(where, name) for where, names in named.items() for name in names if name not in columns]
    if wrong:
        raise ConfigError(
            f"The reference data has no column {', '.join(f'{name!r} (named in {where})' for where, name in wrong)}."
            f" It has: {', '.join(columns)}.{did_you_mean(wrong[0][1], columns)}"
        )


def _parts(data: ds.Dataset, names: list[str]) -> Parts:
    """How the data is read, twice: at once, or in parts where it is large."""
    if data.count_rows() <= ROWS_AT_ONCE:
        whole = data.to_table(columns=names)
        return lambda: [whole]
    return lambda: _in_parts(data, names)


def _in_parts(data: ds.Dataset, names: list[str]) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in data.to_batches(columns=names):
        waiting.append(batch)
        if sum(part.num_rows for part in waiting) >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)
