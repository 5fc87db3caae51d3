"""The engine without Spark: observe, fold and judge called as Spark calls them, so that tests take milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pyarrow as pa

from hopsmon.streaming.batch_writer import BatchWriter
from hopsmon.streaming.fold import FoldSpec, advance
from hopsmon.streaming.fold_state import FoldState, Mode
from hopsmon.streaming.observer import Observer
from hopsmon.streaming.plan import MonitorPlan
from tests.support.monitors import MemoryStore, query

SECOND = 1_000_000
START = 1_767_225_600 * SECOND  # 2026-01-01
HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
LONG_AFTER = 10 * 365 * 86_400.0
Row = tuple[str, str, bytes]  # monitor, kind, payload


@dataclass
class Frame:
    """What Spark hands to foreachBatch."""

    rows: Sequence[Row]

    def toArrow(self) -> pa.Table:
        names = ("monitor", "kind", "payload")
        return pa.table({name: [row[at] for row in self.rows] for at, name in enumerate(names)})


def requests(
    instances: Iterable[Sequence[Any]],
    times: Iterable[float],
    first: int = 0,
    partition: int = 0,
    read_at: float = LONG_AFTER,
) -> Any:
    """A record batch of the log: one request an instance, without headers; times in seconds after START."""
    values = [orjson.dumps({"instances": [list(instance)]}) for instance in instances]
    offsets = range(first, first + len(values))
    return pa.record_batch(
        {
            "value": pa.array(values, pa.binary()),
            "headers": pa.array([[]] * len(values), HEADERS),
            "topic": ["t"] * len(values),
            "partition": pa.array([partition] * len(values), pa.int32()),
            "offset": pa.array(offsets, pa.int64()),
            "timestamp": pa.array([START + int(time * SECOND) for time in times], pa.int64()),
            "read_at": pa.array([START + int(read_at * SECOND)] * len(values), pa.int64()),
        }
    )


@dataclass
class SmallEngine:
    """One monitor's micro-batches; each is a list of tasks, each of those a list of record batches."""

    plan: MonitorPlan
    store: Any = field(default_factory=MemoryStore)
    app_id: str = "app"
    state: FoldState = field(default_factory=FoldState)
    now_ms: int = START // 1_000
    writer: BatchWriter = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = count()
        self.restart()

    def restart(self) -> None:
        """As after a crash: what was only in memory is gone."""
        source = SimpleNamespace(contiguous=False)
        self.writer = BatchWriter(query(source, Path("unused"), [self.plan], self.store), self.app_id)

    def run(self, *tasks: Sequence[pa.RecordBatch], mode: Mode = Mode.ONCE) -> list[Row]:
        """One micro-batch; gives what the fold handed on."""
        observed = []
        for task in tasks:
            observer = Observer([self.plan], "run")
            rows = [row for batch in task for row in observer.see(batch)]
            observed += [(kind, payload) for _, _, kind, payload in (*rows, *observer.finish())]
        self.state = FoldState.from_bytes(self.state.to_bytes())
        folded, _ = advance(self.state, observed, FoldSpec.of(self.plan), self.now_ms, mode)
        rows_out = [(self.plan.name, kind, payload) for kind, payload in folded]
        self.writer.write(Frame(rows_out), next(self._numbers))  # type: ignore[arg-type]
        return rows_out

    def end(self) -> None:
        """Close what is open."""
        self.now_ms = 10**13
        self.run(mode=Mode.AT_END)

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.store.read(f"hopsmon_{table}").to_pylist())
