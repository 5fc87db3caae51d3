"""A reader of the store, in a process of its own: notes when each version of each table can be seen.

A Delta table's version is visible from the moment its file stands in the table's log; looking for that file every few
milliseconds is what a reader that polls the table does first, and costs the machine next to nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
EVERY = 0.01  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Sighting:
    """One version of a table and when it was first seen, microseconds since the epoch."""

    table: str
    version: int
    seen_at: int


def log_file(store: Path, table: str, version: int) -> Path:
    """The file that makes a version of a table exist."""
    return store / table / "_delta_log" / f"{version:020d}.json"


def start_watcher(store: Path, tables: tuple[str, ...], out: Path) -> subprocess.Popen[bytes]:
    """The watcher as a child process; it writes one line a sighting until it is terminated."""
    command = [sys.executable, "-m", "benchmarks.watcher", str(store), str(out), *tables]
    return subprocess.Popen(command, cwd=ROOT)


def sightings(out: Path) -> list[Sighting]:
    """What the watcher has written so far."""
    return [Sighting(*orjson.loads(line)) for line in out.read_bytes().splitlines() if line]


def added_rows(store: Path, table: str, version: int, columns: list[str]) -> pa.Table:
    """The rows in the files a version added; a rewritten file brings its old rows again."""
    actions = [orjson.loads(line) for line in log_file(store, table, version).read_bytes().splitlines()]
    files = [store / table / action["add"]["path"] for action in actions if "add" in action]
    parts = [pq.ParquetFile(file).read(columns) for file in files]
    return pa.concat_tables(parts) if parts else pa.table({name: pa.array([], pa.null()) for name in columns})


def first_seen(
    store: Path, seen: list[Sighting], table: str, key: list[str]
) -> Iterator[tuple[tuple[object, ...], int]]:
    """Each key of a table once, with the moment its first version was visible."""
    known: set[tuple[object, ...]] = set()
    for sighting in sorted((s for s in seen if s.table == table), key=lambda s: s.version):
        rows = added_rows(store, table, sighting.version, key)
        for row in zip(*(rows.column(name).to_pylist() for name in key), strict=True):
            if row not in known:
                known.add(row)
                yield row, sighting.seen_at


def main(arguments: list[str]) -> None:
    """Look for the next version of every table, for ever."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher")
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("tables", nargs="+")
    given = parser.parse_args(arguments)
    next_version = dict.fromkeys(given.tables, 0)
    with given.out.open("ab", buffering=0) as out:
        while True:
            for table, version in next_version.items():
                if log_file(given.store, table, version).exists():
                    out.write(orjson.dumps([table, version, time.time_ns() // 1_000]) + b"\n")
                    next_version[table] = version + 1
            time.sleep(EVERY)


if __name__ == "__main__":
    main(sys.argv[1:])
