"""The engine as the benchmarks run it: a baseline of normal features, the default techniques, a local store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.messages import FEATURES, feature_names
from benchmarks.rivals import rival_packages
from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.adapters.local.store import LocalStore
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.techniques.protocols import Technique
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES, Spec, build
from hopsmon.core.window import WindowSpec
from hopsmon.streaming.plan import MonitorPlan, QueryPlan
from hopsmon.streaming.session import local_session

MODEL = ModelRef("bench", 1)
WINDOW = timedelta(seconds=15)
LATENESS = timedelta(seconds=6)
REFERENCE_ROWS = 100_000
REFERENCE_VALUES = 10_000_000  # of wide models fewer rows, so that their baselines are built in the same time
TECHNIQUES: Mapping[str, tuple[Spec, ...]] = {"default": DEFAULT_TECHNIQUES, "none": ()}


@dataclass(frozen=True, slots=True)
class Setting:
    """What the engine is asked to do.

    Attributes:
        techniques: a key of `TECHNIQUES`.
        features: numbers in a request.
    """

    techniques: str = "default"
    features: int = len(FEATURES)


DEFAULT = Setting()


def schema(features: int) -> ModelSchema:
    """So many numbers, no predictions."""
    return ModelSchema(tuple(Feature(name, FeatureType.NUMERIC) for name in feature_names(features)))


@lru_cache(maxsize=2)
def baseline(features: int = len(FEATURES)) -> Baseline:
    """The reference: standard normal rows, as the messages are, from another seed."""
    rows = min(REFERENCE_ROWS, REFERENCE_VALUES // features)
    values = np.random.default_rng(11).normal(size=(rows, features))
    table = pa.table({name: values[:, k] for k, name in enumerate(feature_names(features))})
    return build_baseline(table, MODEL, schema=schema(features))


def techniques(names: str) -> tuple[Technique, ...]:
    """`default`: those a user gets who names none; `none`: the statistics alone."""
    return tuple(build(spec) for spec in TECHNIQUES[names])


def session(memory: str = "3g") -> SparkSession:
    """One Spark for engine and rivals alike, on all cores."""
    return local_session("hopsmon benchmarks", rival_packages(), **{"spark.driver.memory": memory})


def query(
    bootstrap: str,
    topic: str,
    folder: Path,
    close_idle_after: timedelta,
    max_offsets: int | None = None,
    setting: Setting = DEFAULT,
) -> QueryPlan:
    """The job over one topic, from its beginning; store and checkpoint in a folder of this run alone."""
    monitor = MonitorPlan(
        name="bench",
        model=MODEL,
        schema=schema(setting.features),
        window=WindowSpec(WINDOW, lateness=LATENESS, close_idle_after=close_idle_after),
        baseline=baseline(setting.features),
        techniques=techniques(setting.techniques),
    )
    return QueryPlan(
        name="bench",
        monitors=(monitor,),
        source=KafkaSource(bootstrap, (topic,), max_offsets_per_trigger=max_offsets),
        store=LocalStore(folder / "store"),
        checkpoint=str(folder / "checkpoint"),
    )
