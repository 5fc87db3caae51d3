"""A monitor of a few minutes of traffic in files, for whichever home; and the program that runs it as a job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pyarrow as pa

from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES
from hopsmon.streaming.ports import ResultStore
from hopsmon.streaming.tables import TABLES
from tests.support.monitors import MODEL
from tests.support.traffic import Traffic, reference

SEQUENCES = ("e_detector", "cusum")  # those that keep a state from window to window
WALL_CLOCKS = ("closed_at", "detected_at")
Results: TypeAlias = dict[str, dict[tuple[Any, ...], dict[str, Any]]]  # rows by table and key
_ARRIVED = 1_772_370_000  # an hour after the first event; a second from file to file: they are read in that order
DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


def write_log(folder: Path, traffic: Traffic, files: int = 4) -> None:
    """The traffic's events as files of one micro-batch each; in each a line that nobody can read."""
    folder.mkdir()
    lines = [
        orjson.dumps({**event.attributes, "data": orjson.loads(event.body or b"{}")}) for event in traffic.events()
    ]
    size = -(-len(lines) // files)
    for number in range(files):
        file = folder / f"{number}.jsonl"
        file.write_bytes(b"\n".join([*lines[number * size : (number + 1) * size], b"{broken"]) + b"\n")
        os.utime(file, (_ARRIVED + number, _ARRIVED + number))


def configuration(folder: Path, **sections: Any) -> dict[str, Any]:
    """The monitor's, with its baseline and its log in the folder."""
    known = build_baseline(reference(), MODEL, predictions=["score"], slices=["city"])  # sequences follow its slices
    (folder / "baseline.json").write_text(known.to_json())
    return {
        "name": "credit",
        "model": {"name": "credit", "version": 3},
        "log": {"files": {"path": str(folder / "log"), "max_files_per_trigger": 1}},
        "baseline": {"file": str(folder / "baseline.json")},
        "window": {"size": "1m", "lateness": "5s", "close_idle_after": "2s"},
        "slices": ["city"],
        "techniques": list(dict.fromkeys((*DEFAULT_TECHNIQUES, *SEQUENCES))),
        **sections,
    }


def results(store: ResultStore) -> Results:
    """Every row of every table by its key, without the time of day at which it was written."""
    found = {}
    for name, spec in TABLES.items():
        rows = _without_wall_clocks(store.read(name)).to_pylist()
        found[name] = {tuple(row[column] for column in spec.key): row for row in rows}
        assert len(found[name]) == len(rows), f"{name}: a key stands twice"
    return found


def _without_wall_clocks(rows: pa.Table) -> pa.Table:
    return rows.drop_columns([name for name in WALL_CLOCKS if name in rows.column_names])


def main(monitor: str) -> None:
    """What a job of the cluster does, in a session as the cluster has it."""
    import hopsmon
    from hopsmon.streaming.session import local_session
    from tests.conftest import delta

    spark = local_session("job", (delta(),), "local[2]", **DELTA)
    hopsmon.connect("hopsworks:").monitor(monitor).run(once=True, spark=spark)


if __name__ == "__main__":
    main(sys.argv[1])
