"""The engine as the benchmarks run it: a baseline of ten normal features, the default techniques, a local store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.messages import FEATURES
from benchmarks.rivals import rival_packages
from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.adapters.local.store import LocalStore
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.techniques.protocols import Technique
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES, build
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.plan import MonitorPlan, QueryPlan
from hopsmon.streaming.session import local_session

MODEL = ModelRef("bench", 1)
SCHEMA = ModelSchema(tuple(Feature(name, FeatureType.NUMERIC) for name in FEATURES))
WINDOW = timedelta(seconds=15)
LATENESS = timedelta(seconds=6)
REFERENCE_ROWS = 100_000


def baseline() -> Baseline:
    """The reference: standard normal rows, as the messages are, from another seed."""
    values = np.random.default_rng(11).normal(size=(REFERENCE_ROWS, len(FEATURES)))
    table = pa.table({name: values[:, k] for k, name in enumerate(FEATURES)})
    return build_baseline(table, MODEL, schema=SCHEMA)


def default_techniques() -> tuple[Technique, ...]:
    """Those a user gets who names none."""
    return tuple(build(name) for name in DEFAULT_TECHNIQUES)


def session(memory: str = "3g") -> SparkSession:
    """One Spark for engine and rivals alike, on all cores."""
    return local_session("hopsmon benchmarks", rival_packages(), **{"spark.driver.memory": memory})


def query(
    bootstrap: str, topic: str, folder: Path, close_idle_after: timedelta, max_offsets: int | None = None
) -> QueryPlan:
    """The job over one topic, from its beginning; store and checkpoint in a folder of this run alone."""
    monitor = MonitorPlan(
        name="bench",
        model=MODEL,
        schema=SCHEMA,
        window=WindowSpec(WINDOW, lateness=LATENESS, close_idle_after=close_idle_after),
        baseline=baseline(),
        techniques=default_techniques(),
    )
    return QueryPlan(
        name="bench",
        monitors=(monitor,),
        source=KafkaSource(bootstrap, (topic,), max_offsets_per_trigger=max_offsets),
        store=LocalStore(folder / "store"),
        checkpoint=str(folder / "checkpoint"),
    )
