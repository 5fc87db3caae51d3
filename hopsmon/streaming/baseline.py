"""Baselines of Spark frames: the builder's two passes, each as one Spark job whose partial results are added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa

from hopsmon.core.baseline import Baseline, Provenance
from hopsmon.core.baseline_builder import shape_of
from hopsmon.core.first_pass import FirstPass
from hopsmon.core.frames import check_names, infer_schema
from hopsmon.core.schema import FeatureType, ModelRef
from hopsmon.core.statistics.summary import Summary
from hopsmon.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def baseline_of_frame(
    frame: DataFrame,
    model: ModelRef,
    *,
    predictions: Sequence[str] = (),
    types: Mapping[str, FeatureType | str] | None = None,
    provenance: Provenance = Provenance(),  # noqa: B008 - a frozen value
) -> Baseline:
    """The baseline of reference data in Spark, however large: no row leaves the executors.

    Bin edges are quantiles of a sketch (rank error 0.13 %), the counts in them exact. The frame is read twice:
    cache it first if reading is dear. Arguments are those of `hopsmon.core.baseline_builder.build_baseline`.

    Raises:
        ConfigError: no rows, columns of the same name or an unsupported type, a prediction that is no column.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    columns = to_arrow_schema(frame.schema)
    check_names(columns)
    schema = infer_schema(columns, predictions, types)
    parts = _per_partition(frame, lambda table: FirstPass.of(table, schema).to_bytes())
    first = reduce(lambda a, b: a + b, map(FirstPass.from_bytes, parts), FirstPass())
    shape = shape_of(first, schema, list(types or {}))
    counted = _per_partition(frame, lambda table: shape.summarise(table).to_bytes())
    total = reduce(lambda a, b: a + b, map(Summary.from_bytes, counted), Summary())
    if total.instances != first.rows:
        raise ConfigError(
            f"The frame gave {first.rows} rows when read first and {total.instances} when read again: it is not "
            "deterministic. Cache it, or write it to a table first."
        )
    return shape.baseline(total, model, provenance)


def _per_partition(frame: DataFrame, summarise: Callable[[pa.Table], bytes]) -> list[bytes]:
    """One value for every Arrow batch of the frame, made where the batch is."""

    def each(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                made = [summarise(pa.Table.from_batches([batch]))]
                yield pa.RecordBatch.from_arrays([pa.array(made, pa.binary())], names=["part"])

    return [bytes(row.part) for row in frame.mapInArrow(each, "part binary").collect()]
