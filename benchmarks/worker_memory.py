"""One run of the job in a process of its own, and the most memory any of its Python workers took (Linux: /proc)."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson

from benchmarks import engine
from hopsmon.streaming.run import run_query

ROOT = Path(__file__).parents[1]
EVERY = 0.05  # seconds between two looks; the kernel keeps the peak, so only a worker's last moments can be missed


class PeakWatch(threading.Thread):
    """Follows the Python processes below Spark's Java and remembers each one's peak."""

    def __init__(self) -> None:
        super().__init__(name="peak-watch", daemon=True)
        self.peaks: dict[int, int] = {}  # bytes by process id
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(EVERY):
            for pid in python_workers():
                if peak := peak_of(pid):
                    self.peaks[pid] = peak

    def stop(self) -> None:
        """End after the current look."""
        self._done.set()
        self.join()


def python_workers() -> list[int]:
    """Python processes whose ancestors are this process and a Java: Spark's worker daemon and what it forked."""
    parents = dict(_parents())
    return [pid for pid in parents if _name(pid).startswith("python") and _is_below_java(pid, parents)]


def _is_below_java(pid: int, parents: dict[int, int]) -> bool:
    above = parents.get(pid)
    while above is not None and _name(above) != "java":
        above = parents.get(above)
    while above is not None and above != _self():
        above = parents.get(above)
    return above == _self()


def _self() -> int:
    return int(Path("/proc/self").resolve().name)


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (found := _status(int(folder.name)).get("PPid")):
            yield int(folder.name), int(found)


def _name(pid: int) -> str:
    return _status(pid).get("Name", "")


def peak_of(pid: int) -> int:
    """Largest resident memory a process ever had, in bytes; 0 when it is gone."""
    kilobytes = _status(pid).get("VmHWM", "0 kB").split()[0]
    return int(kilobytes) * 1024


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}  # it ended between listing and reading
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def peak_memory(bootstrap: str, topic: str, max_offsets: int) -> int:
    """The peak of the largest worker, in a fresh process with a fresh Spark; `max_offsets` 0: one micro-batch.

    Raises:
        RuntimeError: the run failed.
    """
    command = [sys.executable, "-m", "benchmarks.worker_memory", bootstrap, topic, str(max_offsets)]
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command[1:])} failed; its message stands above.")
    peaks: dict[str, int] = orjson.loads(ran.stdout.splitlines()[-1])
    return max(peaks.values())


def main(arguments: list[str]) -> None:
    """Run the job to the end of the topic; print the peaks by process id."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker_memory")
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("max_offsets", type=int)
    given = parser.parse_args(arguments)
    spark = engine.session()
    watch = PeakWatch()
    watch.start()
    with tempfile.TemporaryDirectory(prefix="hopsmon-bench-") as folder:
        idle = timedelta(days=1)
        plan = engine.query(given.bootstrap, given.topic, Path(folder), idle, given.max_offsets or None)
        run_query(spark, plan, once=True)
    watch.stop()
    print(orjson.dumps({str(pid): peak for pid, peak in watch.peaks.items()}).decode())


if __name__ == "__main__":
    main(sys.argv[1:])
