"""observe: from a record batch of the log to few rows: mergeable partials, flagged instances, rejects.

Runs on the executors inside `DataFrame.mapInArrow`, one Arrow record batch at a time, without a Python loop over
messages or instances. One row per (monitor, shard, run of offsets), and one per bundle of outliers or rejects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pyarrow as pa

from hopsmon.streaming.observer import Observer
from hopsmon.streaming.plan import MonitorPlan

OBSERVED = pa.schema([("monitor", pa.string()), ("shard", pa.int32()), ("kind", pa.string()), ("payload", pa.binary())])
OBSERVED_DDL = "monitor string, shard int, kind string, payload binary"


def observer_of(
    plans: Sequence[MonitorPlan],
) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    """The function that `mapInArrow` ships to the executors."""
    monitors = tuple(replace(plan, baseline=plan.baseline.for_workers()) for plan in plans)
    run = uuid4().hex  # a technique that is suspended in this run gets a new chance in the next

    def observe(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        observer = Observer(monitors, run)
        for batch in batches:
            for part in runs_of_one_source(batch):
                yield from as_rows(observer.see(part))
        yield from as_rows(observer.finish())

    return observe


def runs_of_one_source(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A record batch cut where topic or partition changes; Kafka's tasks hold one partition, folders many files."""
    if batch.num_rows == 0:
        return
    partition = batch.column("partition").to_numpy()
    topic = batch.column("topic").dictionary_encode().indices.to_numpy()
    cuts = np.flatnonzero((np.diff(partition) != 0) | (np.diff(topic) != 0)) + 1
    starts = [0, *cuts.tolist(), batch.num_rows]
    for start, end in pairwise(starts):
        yield batch.slice(start, end - start)


def as_rows(rows: Iterator[tuple[str, int, str, bytes]]) -> Iterator[pa.RecordBatch]:
    """Observed rows as one record batch, or none."""
    found = list(rows)
    if found:
        yield pa.RecordBatch.from_arrays(
            [pa.array(column, field.type) for column, field in zip(zip(*found, strict=True), OBSERVED, strict=True)],
            schema=OBSERVED,
        )
