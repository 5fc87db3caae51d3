"""The core in memory: 1M rows of ten numbers, against whylogs' profile and Evidently's drift report, one core each."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import EVIDENTLY, WHYLOGS, EnvironmentUnavailable, Peer, measure, prepare
from benchmarks.harness import CONSOLE, Options, Result, Rounds, at_least, parse_options, publish

ROWS = 1_000_000
REFERENCE_ROWS = 100_000
FEATURES = 10
BATCH = 20_000
OURS = (sys.executable, "-m", "benchmarks.peers.hopsmon_summary")
SUMMARISE, JUDGE = "hopsmon summarise", "hopsmon summarise + judge"


def main(arguments: list[str]) -> None:
    """Measure and publish."""
    options = parse_options("core", arguments)
    rounds, unavailable = Rounds(), {}
    for peer in (WHYLOGS, EVIDENTLY):
        CONSOLE.print(f"environment of {peer.name}: {peer.folder}")
        try:
            prepare(peer)
        except EnvironmentUnavailable as error:
            unavailable[peer.name] = str(error)
            CONSOLE.print(f"[red]{peer.name} is not measured: {error}[/red]")
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(Path(folder), options)
        peers = [peer for peer in (WHYLOGS, EVIDENTLY) if peer.name not in unavailable]
        rounds.run(contenders(data, peers), options.rounds)
    publish(options, results(rounds, options.size(ROWS)), {"seconds": rounds.seconds, "not measured": unavailable})


def write_data(folder: Path, options: Options) -> tuple[Path, Path]:
    """Current and reference rows as numpy files, the same for everybody."""
    rng = np.random.default_rng(7)
    current, reference = folder / "current.npy", folder / "reference.npy"
    np.save(current, rng.normal(size=(options.size(ROWS), FEATURES)))
    np.save(reference, rng.normal(size=(options.size(REFERENCE_ROWS), FEATURES)))
    return current, reference


def contenders(data: tuple[Path, Path], peers: list[Peer]) -> Mapping[str, Callable[[], float]]:
    """Each in a process of its own; imports and the building of frames are outside the time it reports."""
    arguments = (*data, BATCH)
    ours = {
        SUMMARISE: lambda: _seconds(measure(OURS, *arguments), "summarise"),
        JUDGE: lambda: _seconds(measure(OURS, *arguments), "judge"),
    }
    theirs = {peer.name: (lambda peer=peer: _seconds(measure(peer.command, *arguments), None)) for peer in peers}
    return {**ours, **theirs}


def _seconds(found: Mapping[str, Any], name: str | None) -> float:
    seconds: Mapping[str, float] = found["seconds"]
    return sum(seconds.values()) if name is None else seconds[name]


def results(rounds: Rounds, rows: int) -> list[Result]:
    """Rows a second of each, and the two ratios. The report is compared with summarising and judging together."""
    rates = [
        Result(f"rows_per_second.{name.replace(' + ', '_and_').replace(' ', '_')}", rows / rounds.best(name), "rows/s")
        for name in rounds.seconds
    ]
    return [
        Result("core_over_whylogs", _ratio(rounds, SUMMARISE, WHYLOGS.name), "x", at_least(8)),
        Result("core_over_evidently", _ratio(rounds, JUDGE, EVIDENTLY.name), "x", at_least(15)),
        *rates,
    ]


def _ratio(rounds: Rounds, ours: str, theirs: str) -> float | None:
    return rounds.speedup(ours, over=theirs) if theirs in rounds.seconds else None


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1:])
