"""Environments of other tools: made once, outside the repository, with pinned versions; a script runs in each."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

PYTHONS = ("python3.11", "python3.10", "python3.12")  # the pins below have wheels for these
ROOT = Path(__file__).parents[1]
# One core each, and no reports to anybody about being used.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "WHYLOGS_NO_ANALYTICS": "1",
    "DO_NOT_TRACK": "1",
}


class EnvironmentUnavailable(RuntimeError):
    """An environment could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another tool: the script that measures it and the versions it needs."""

    name: str
    script: str
    pins: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where its environment lives: one folder for one set of pins."""
        cache = os.environ.get("HOPSMON_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "hopsmon"
        key = hashlib.sha256(" ".join(self.pins).encode()).hexdigest()[:8]
        return Path(cache).expanduser() / "benchmarks" / f"{self.name}-{key}"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    @property
    def command(self) -> tuple[str, ...]:
        """What measures it."""
        return str(self.python), str(ROOT / "benchmarks" / "peers" / self.script)


WHYLOGS = Peer("whylogs", "whylogs_profile.py", ("whylogs==1.6.4", "numpy==1.26.4", "pandas==2.1.4"))
EVIDENTLY = Peer(
    "evidently",
    "evidently_drift.py",
    ("evidently==0.7.23", "numpy==2.0.2", "pandas==2.2.3", "scipy==1.14.1", "scikit-learn==1.5.2"),
)


def prepare(peer: Peer) -> None:
    """Make the environment where it is not there yet.

    Raises:
        EnvironmentUnavailable: no fitting Python, or the packages cannot be had.
    """
    done = peer.folder / "complete"
    if done.exists():
        return
    shutil.rmtree(peer.folder, ignore_errors=True)
    _run([_python(), "-m", "venv", str(peer.folder)])
    _run([str(peer.python), "-m", "pip", "install", "--quiet", *peer.pins])
    done.touch()


def measure(command: Sequence[str], *arguments: object) -> dict[str, Any]:
    """Run a program of `peers/` in a fresh process; what it printed last, as JSON.

    Raises:
        EnvironmentUnavailable: it failed; the message ends with its last words.
    """
    printed = _run([*command, *map(str, arguments)])
    found: dict[str, Any] = orjson.loads(printed.splitlines()[-1])
    return found


def _python() -> str:
    """An interpreter the pins have wheels for."""
    own = f"python3.{sys.version_info.minor}"
    runs = (name for name in (own, *PYTHONS) if name in PYTHONS and _works(name))
    if (found := next(runs, None)) is None:
        raise EnvironmentUnavailable(f"The other tools' pinned versions need one of {', '.join(PYTHONS)} on the path.")
    return found


def _works(name: str) -> bool:
    """Whether it is there and starts (a version manager's shim may be there and not start)."""
    if shutil.which(name) is None:
        return False
    return subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode == 0


def _run(command: list[str]) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **QUIET}, cwd=ROOT)
    if ran.returncode != 0:
        raise EnvironmentUnavailable(f"{command[0]} failed: {' | '.join(ran.stderr.strip().splitlines()[-3:])}")
    return ran.stdout
