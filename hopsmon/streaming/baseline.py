"""Baselines of Spark frames: the builder's two passes, each as one Spark job whose partial results are added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from hopsmon.core.baseline import Baseline, Provenance
from hopsmon.core.baseline_builder import Counted, resolve, shape_of
from hopsmon.core.first_pass import FirstPass
from hopsmon.core.frames import check_names
from hopsmon.core.reference_windows import Cut
from hopsmon.core.schema import FeatureType, ModelRef
from hopsmon.core.season import Season
from hopsmon.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS_AT_ONCE = 200_000  # a partition's rows are summarised in lots of so many: bounds a worker's memory
Part = TypeVar("Part", FirstPass, Counted)


def baseline_of_frame(  # noqa: PLR0913 - all but two by keyword
    frame: DataFrame,
    model: ModelRef,
    *,
    predictions: Sequence[str] = (),
    types: Mapping[str, FeatureType | str] | None = None,
    provenance: Provenance = Provenance(),  # noqa: B008 - a frozen value
    event_time: str | None = None,
    window: timedelta | None = None,
    season: Season | str = Season.NONE,
    slices: Sequence[str] = (),
) -> Baseline:
    """The baseline of reference data in Spark, however large: no row leaves the executors.

    Bin edges are quantiles of a sketch (rank error 0.13 %), the counts in them exact. The frame is read twice:
    cache it first if reading is dear. Arguments are those of `hopsmon.core.baseline_builder.build_baseline`.

    Raises:
        ConfigError: no rows, columns of the same name or an unsupported type, a prediction that is no column; rows
            without event time, fewer than two windows, or a slice by a feature without labels.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    columns = to_arrow_schema(frame.schema)
    check_names(columns)
    cut = Cut.of(event_time, window, season, columns)
    schema, fixed = resolve(columns, None, predictions, types, cut)
    passed = _per_partition(frame, lambda table: FirstPass.of(table, schema, cut))
    first = reduce(lambda a, b: a + b, map(FirstPass.from_bytes, passed), FirstPass())
    shape = shape_of(first, schema, fixed, cut=cut, slices=slices)
    counted = _per_partition(frame, shape.count)
    total = reduce(lambda a, b: a + b, map(Counted.from_bytes, counted), Counted())
    if total.whole.instances != first.rows:
        raise ConfigError(
            f"The frame gave {first.rows} rows when read first and {total.whole.instances} when read again: it is not "
            "deterministic. Cache it, or write it to a table first."
        )
    return shape.baseline(total, model, provenance)


def _per_partition(frame: DataFrame, summarise: Callable[[pa.Table], Part]) -> list[bytes]:
    """One value for every partition of the frame, made where the partition is."""

    def each(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        made: Part | None = None
        for table in in_lots(batches):
            part = summarise(table)
            made = part if made is None else made + part
        if made is not None:
            yield pa.RecordBatch.from_arrays([pa.array([made.to_bytes()], pa.binary())], names=["part"])

    return [bytes(row.part) for row in frame.mapInArrow(each, "part binary").collect()]


def in_lots(batches: Iterable[pa.RecordBatch], rows: int = ROWS_AT_ONCE) -> Iterator[pa.Table]:
    """Record batches as tables of about so many rows; none is empty."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield pa.Table.from_batches(waiting)
            waiting, count = [], 0
    if count:
        yield pa.Table.from_batches(waiting)
