"""What every benchmark shares: results and their targets, interleaved rounds, the printed table, the result file."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from hopsmon.errors import OutsideError
from hopsmon.streaming.jvm import find_java

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("hopsmon", "pyspark", "delta-spark", "deltalake", "pyarrow", "numpy", "pandas", "orjson", "datasketches")
CONSOLE = Console(width=None if sys.stdout.isatty() else 120)  # in a log file the table keeps its shape


@dataclass(frozen=True, slots=True)
class Target:
    """What a value is measured against.

    >>> at_least(0.75).holds(0.9), at_most(1.2).holds(1.3), str(at_most(1.2))
    (True, False, '<= 1.2')
    """

    limit: float
    higher_is_better: bool

    def holds(self, value: float | None) -> bool:
        """Whether the value reaches the target; a value that could not be measured (None, NaN) does not."""
        if value is None:
            return False
        return value >= self.limit if self.higher_is_better else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.higher_is_better else '<='} {self.limit:g}"


def at_least(limit: float) -> Target:
    """A target from below: ratios, rates."""
    return Target(limit, higher_is_better=True)


def at_most(limit: float) -> Target:
    """A target from above: times, sizes, losses."""
    return Target(limit, higher_is_better=False)


@dataclass(frozen=True, slots=True)
class Result:
    """One measured value. `value` None: it could not be measured, and a target it has is missed."""

    name: str
    value: float | None
    unit: str
    target: Target | None = None

    @property
    def holds(self) -> bool | None:
        """The verdict; None where there is no target."""
        return None if self.target is None else self.target.holds(self.value)

    def record(self) -> dict[str, object]:
        """The result as the file holds it."""
        limit = None if self.target is None else self.target.limit
        return {"name": self.name, "value": self.value, "unit": self.unit, "target": limit, "holds": self.holds}


@dataclass(frozen=True, slots=True)
class Options:
    """How a benchmark is run. `scale` 1 is the full size, the only one the targets are meant for."""

    name: str
    arguments: tuple[str, ...] = ()
    scale: float = 1.0
    rounds: int = 3
    bootstrap: str | None = None
    out: Path = RESULTS
    formats: tuple[str, ...] = ()
    partitions: int = 2
    techniques: str = "default"

    @property
    def reduced(self) -> bool:
        """Whether sizes are below those the targets are meant for."""
        return self.scale < 1 or self.rounds < 3

    def size(self, full: int) -> int:
        """A number of messages or rows at this scale, at least 1."""
        return max(1, round(full * self.scale))

    @property
    def command(self) -> str:
        """The command that repeats this run."""
        return shlex.join(["python", "-m", f"benchmarks.{self.name}", *self.arguments])

    @property
    def file(self) -> Path:
        """Where the results go; those of a reduced run, or one with other techniques, never overwrite the real ones."""
        other = "" if self.techniques == "default" else f".techniques-{self.techniques}"
        return self.out / f"{self.name}{other}{'.reduced' if self.reduced else ''}.json"


def parse_options(name: str, arguments: Sequence[str], formats: Sequence[str] = ()) -> Options:
    """Options from the command line; every default can be set by an environment variable, for smoke runs."""
    env = os.environ
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--scale", type=float, default=float(env.get("HOPSMON_BENCH_SCALE", "1")))
    parser.add_argument("--rounds", type=int, default=int(env.get("HOPSMON_BENCH_ROUNDS", "3")))
    parser.add_argument("--bootstrap", default=env.get("HOPSMON_BENCH_BOOTSTRAP"), help="a broker that runs already")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result file")
    if formats:
        parser.add_argument("--format", action="append", choices=formats, help="only these (repeatable)")
        parser.add_argument("--partitions", type=int, default=2, help="partitions of the topic (2)")
        parser.add_argument("--techniques", choices=("default", "none"), default="default", help="the engine's")
    seen = parser.parse_args(arguments)
    chosen = tuple(getattr(seen, "format", None) or formats)
    partitions = getattr(seen, "partitions", 2)
    return Options(
        name,
        tuple(arguments),
        seen.scale,
        seen.rounds,
        seen.bootstrap,
        seen.out,
        chosen,
        partitions,
        getattr(seen, "techniques", "default"),
    )


@dataclass(slots=True)
class Rounds:
    """Measurements of several contenders, taken in turn (A B C A B C …) so that a slow minute hits all of them."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def run(self, contenders: Mapping[str, Callable[[], float]], rounds: int) -> None:
        """Every contender once a round; each returns the seconds it took."""
        for number in range(1, rounds + 1):
            for name, measure in contenders.items():
                taken = measure()
                self.seconds.setdefault(name, []).append(taken)
                CONSOLE.print(f"round {number}/{rounds}  {name:<28} {taken:8.2f} s")

    def best(self, name: str) -> float:
        """The shortest time of one contender."""
        return min(self.seconds[name])

    def speedup(self, name: str, over: str) -> float:
        """How many times as fast as another one, best against best."""
        return self.best(over) / self.best(name)


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def publish(options: Options, results: Sequence[Result], details: Mapping[str, Any]) -> Path:
    """Print the table and write the result file. A missed target is said, not raised: the figure is the product."""
    document = {
        "benchmark": options.name,
        "command": options.command,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "reduced": options.reduced,
        "machine": machine(),
        "versions": versions(),
        "results": [result.record() for result in results],
        "details": dict(details),
    }
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    CONSOLE.print(table_of(options, results))
    CONSOLE.print(summary_of(options, results), soft_wrap=True)
    return options.file


def table_of(options: Options, results: Sequence[Result]) -> Table:
    """The results for a person."""
    table = Table("name", "value", "unit", "target", "holds", title=options.command)
    table.columns[0].no_wrap = True
    for result in results:
        value = "not measured" if result.value is None else f"{result.value:,.3f}"
        verdict = {None: "", True: "yes", False: "NO"}[result.holds]
        table.add_row(result.name, value, result.unit, "" if result.target is None else str(result.target), verdict)
    return table


def summary_of(options: Options, results: Sequence[Result]) -> str:
    """One or two sentences below the table: which targets are missed, and whether they count at this size."""
    missed = [result.name for result in results if result.holds is False]
    held = "All targets hold." if any(result.target for result in results) else "No targets among these."
    verdict = f"TARGETS MISSED: {', '.join(missed)}." if missed else held
    size = " Reduced run: the targets are meant for full sizes." if options.reduced else ""
    return f"{verdict}{size} Written to {options.file}"


def machine() -> dict[str, object]:
    """What the figures depend on: processor, cores, memory, operating system. No host name."""
    return {
        "cpu": _first_line_with("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": _first_line_with("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Python, Java and the packages the figures depend on; a package that is not installed is left out."""
    found = {"python": platform.python_version(), "java": _java_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _first_line_with(file: str, key: str) -> str:
    """The value of a `key : value` line of a /proc file; empty on systems without it."""
    if not Path(file).exists():
        return ""
    lines = (line for line in Path(file).read_text().splitlines() if line.startswith(key))
    return next(lines, "").partition(":")[2].strip()


def _java_version() -> str:
    """The first line `java -version` prints, of the Java that Spark is given; empty where there is none."""
    try:
        command = find_java().command
    except OutsideError:
        return ""
    shown = subprocess.run([command, "-version"], capture_output=True, text=True, check=False)
    return (shown.stderr.splitlines() or [""])[0]
