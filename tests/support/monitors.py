"""Monitors and stores for tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.batch import Batch
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.base import Statistic
from hopsmon.core.techniques import registry
from hopsmon.core.techniques.protocols import InstanceScores
from hopsmon.core.window import WindowSpec
from hopsmon.errors import OutsideError
from hopsmon.streaming.plan import MonitorPlan, QueryPlan
from hopsmon.streaming.tables import TABLES
from tests.support.traffic import reference

MODEL = ModelRef("credit", 3)


@lru_cache(maxsize=1)
def baseline() -> Baseline:
    """Of the reference traffic."""
    return build_baseline(reference(), MODEL, predictions=["score"])


def monitor(name: str = "credit", **changes: Any) -> MonitorPlan:
    """One-minute windows, ten seconds of lateness, the default techniques."""
    settings: dict[str, Any] = {
        "model": MODEL,
        "schema": baseline().schema,
        "window": WindowSpec(
            timedelta(minutes=1), lateness=timedelta(seconds=10), close_idle_after=timedelta(seconds=2)
        ),
        "baseline": baseline(),
        "techniques": tuple(registry.build(spec) for spec in registry.DEFAULT_TECHNIQUES),
    }
    return MonitorPlan(name=name, **{**settings, **changes})


@dataclass
class MemoryStore:
    """Keeps what was written, batch by batch; the same batch twice changes nothing."""

    batches: dict[tuple[str, int], Mapping[str, pa.Table]] = field(default_factory=dict)

    def write(self, tables: Mapping[str, pa.Table], app_id: str, batch_id: int) -> None:
        self.batches.setdefault((app_id, batch_id), tables)

    def read(self, table: str, monitor: str | None = None) -> pa.Table:
        parts = [tables[table] for tables in self.batches.values() if table in tables]
        whole = pa.concat_tables([TABLES[table].schema.empty_table(), *parts])
        if monitor is None:
            return whole
        return whole.filter(pc.equal(whole["monitor"], monitor))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table as dictionaries."""
        return self.read(table).to_pylist()


class FullStore(MemoryStore):
    """Takes nothing."""

    def write(self, *_: object) -> None:
        raise OutsideError("The disk of /somewhere is full: make room, then run again.")


class KeyedStore(MemoryStore):
    """Keeps one row a key, as the real store does, and may fail halfway through the tables."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self.done: dict[tuple[str, str], int] = {}
        self.tables_left: int | None = None

    def write(self, tables: Any, app_id: str, batch_id: int) -> None:
        for left, (name, table) in zip(self._lefts(), tables.items(), strict=False):
            if left == 0:
                raise OutsideError("killed")
            again = self.done.get((app_id, name), -1) >= batch_id
            for row in table.to_pylist():
                key = tuple(row[column] for column in TABLES[name].key)
                if not again or name == "hopsmon_states":
                    self.kept.setdefault(name, {})[key] = row
                else:
                    self.kept.setdefault(name, {}).setdefault(key, row)
            self.done[app_id, name] = batch_id
        if self.tables_left is not None:
            raise OutsideError("killed")

    def _lefts(self) -> Iterator[int | None]:
        left = self.tables_left
        while True:
            yield left
            left = None if left is None else left - 1

    def read(self, table: str, monitor: str | None = None) -> pa.Table:
        rows = [row for row in self.kept.get(table, {}).values() if monitor in (None, row["monitor"])]
        return TABLES[table].table(rows)


def query(source: Any, folder: Path, monitors: Sequence[MonitorPlan] = (), store: Any = None) -> QueryPlan:
    """A query with a checkpoint in a folder of the test."""
    plans = tuple(monitors) or (monitor(),)
    return QueryPlan("query", plans, source, store or MemoryStore(), str(folder / "checkpoint"))


def kafka_source(servers: str, topic: str, **settings: Any) -> KafkaSource:
    """One topic."""
    return KafkaSource(servers, (topic,), **settings)


@dataclass(frozen=True)
class FlagAll:
    """Flags every instance, so that the outliers table holds what was decoded."""

    name: ClassVar[str] = "flag_all"
    needs: ClassVar[frozenset[type[Statistic]]] = frozenset()

    def check(self, batch: Batch, baseline: Baseline) -> InstanceScores:
        return InstanceScores(np.ones(len(batch)), np.ones(len(batch), np.bool_), 0.5, {})
