"""Runners: what becomes of a job that is run. The server hands each execution to one; a test picks or writes it.

`server.job_runner = fails`: every execution fails at once; `finishes` is what a server begins with. With `stays` an
execution runs until somebody stops it, and with `RunsScript(server.environment)` it is the job's script, as a process.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from hopsmon.errors import ConfigError

_STOPPED_AFTER = 10.0  # seconds until a process that was asked to end is killed


@dataclass(frozen=True)
class Run:
    """An execution about to start."""

    job: str
    config: Mapping[str, Any]  # the job's, as it was created
    arguments: str
    environment: Mapping[str, str]  # what the execution sets beyond the cluster's own
    script: Path | None  # the job's appPath on this machine; None: it has none
    modules: tuple[Path, ...]  # its pyFiles
    stdout: Path
    stderr: Path


@dataclass(frozen=True)
class Phase:
    """Where an execution is: Hopsworks' state, and the final status, UNDEFINED until it has ended."""

    state: str
    final_status: str


RUNNING = Phase("RUNNING", "UNDEFINED")
SUCCEEDED = Phase("FINISHED", "SUCCEEDED")
FAILED = Phase("FAILED", "FAILED")
KILLED = Phase("KILLED", "KILLED")


class Running(Protocol):
    """An execution that was started."""

    def phase(self) -> Phase:
        """Where it is now."""

    def stop(self) -> None:
        """Ask it to end; it may take its time, as on a cluster."""

    def end(self) -> None:
        """End it, and wait until it has."""


JobRunner: TypeAlias = Callable[[Run], Running]


def finishes(run: Run) -> Running:
    """The execution succeeds at once."""
    return _Pretended(run, SUCCEEDED)


def fails(run: Run) -> Running:
    """The execution fails at once."""
    return _Pretended(run, FAILED)


def stays(run: Run) -> Running:
    """The execution runs until it is stopped."""
    return _Pretended(run, RUNNING)


class RunsScript:
    """The job's Python script runs as a process, with the server's environment and the job's pyFiles on its path."""

    def __init__(self, environment: Mapping[str, str], python: str = sys.executable) -> None:
        """Start scripts with a Python.

        Args:
            environment: what the process sees beyond this one's variables; for a job in the cluster that is
                `HopsworksServer.environment`.
            python: the interpreter.
        """
        self._environment = dict(environment)
        self._python = python

    def __call__(self, run: Run) -> Running:
        if run.script is None or run.script.suffix != ".py":
            raise ConfigError(f"job {run.job}: '{run.script}' cannot be run here; give it a .py file as appPath")
        path = os.pathsep.join([*map(str, run.modules), *filter(None, [os.environ.get("PYTHONPATH")])])
        variables = {**os.environ, **self._environment, **run.environment, "PYTHONPATH": path}
        with run.stdout.open("wb") as out, run.stderr.open("wb") as err:
            process = subprocess.Popen(  # noqa: S603 - the script of the test that asks for it
                [self._python, str(run.script), *shlex.split(run.arguments)],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        return _Process(process)


class _Pretended:
    def __init__(self, run: Run, phase: Phase) -> None:
        self._phase = phase
        for log in (run.stdout, run.stderr):
            log.touch()

    def phase(self) -> Phase:
        return self._phase

    def stop(self) -> None:
        if self._phase is RUNNING:
            self._phase = KILLED

    end = stop


class _Process:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._stopped = False

    def phase(self) -> Phase:
        code = self._process.poll()
        if code is None:
            return RUNNING
        if self._stopped:
            return KILLED
        return SUCCEEDED if code == 0 else FAILED

    def stop(self) -> None:
        if self._process.poll() is None:
            self._stopped = True
            self._process.terminate()

    def end(self) -> None:
        self.stop()
        try:
            self._process.wait(_STOPPED_AFTER)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
