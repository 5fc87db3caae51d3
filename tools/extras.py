"""Each extra alone: hopsmon's wheel in an environment of its own, and the tests that belong to it (`make extras`).

What is in which environment stands in tests/environments/table.py. Environments are kept outside of the repository, one
folder for one set of versions; the wheel in them is always built anew.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # called as a script, only its own folder is on the path

from tests.environments.table import ENVIRONMENTS, Environment  # noqa: E402

AT_ONCE = min(4, os.cpu_count() or 1)
KEPT_UNUSED = 7 * 24 * 3600.0  # seconds
TEST_TOOLS = ("pip", "pytest", "hypothesis")
PLUGIN = "tests.environments.choosing"
# uv reads no settings of pip; where pip is told of a mirror, it serves uv as well.
_OF_PIP = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}


class Failed(Exception):
    """An environment could not be made, or its tests failed; the message is all that was printed."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all environments are made of, in a folder for this one run.

    Attributes:
        folder: holds the tests without the sources, so that hopsmon is what is installed.
        wheel: hopsmon, as users get it.
        settings: environment variables for uv.
    """

    folder: Path
    wheel: Path
    settings: Mapping[str, str]

    def uv(self, *words: str) -> None:
        """Run uv."""
        run([sys.executable, "-m", "uv", *words], self.folder, self.settings)


def open_workshop(folder: Path) -> Workshop:
    """Copy the tests and build the wheel, by way of the source archive."""
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    settings = settings_for_uv()
    run([sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", str(folder / "dist"), str(ROOT)], ROOT, settings)
    (wheel,) = (folder / "dist").glob("*.whl")
    return Workshop(folder, wheel, settings)


def settings_for_uv() -> dict[str, str]:
    """Index and certificates that pip is configured with, for uv, unless uv has its own."""
    configured = run([sys.executable, "-m", "pip", "config", "list"], ROOT)
    settings = {}
    for line in configured.splitlines():
        name, _, value = line.partition("=")
        if variable := _OF_PIP.get(name.rpartition(".")[2]):
            settings[variable] = os.environ.get(variable) or value.strip("'\"")
    return settings


def check(environment: Environment, workshop: Workshop) -> str:
    """Make an environment and run its tests; gives pytest's closing line.

    Raises:
        Failed: with all that was printed.
    """
    constraints = workshop.folder / f"{environment.name}.txt"
    constraints.write_text(constraints_of(environment), encoding="utf-8")
    python = prepared(environment, workshop, constraints)
    tests = [f"tests/{place}" for place in ("environments/test_alone.py", *environment.tests)]
    left_out = [f"{'--deselect' if '::' in place else '--ignore'}=tests/{place}" for place in environment.without]
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN, *tests, *left_out]
    printed = run(command, workshop.folder, {"HOPSMON_ENVIRONMENT": environment.name})
    return next(line for line in reversed(printed.splitlines()) if re.search(r"\d+ passed", line))


def prepared(environment: Environment, workshop: Workshop, constraints: Path) -> Path:
    """The interpreter of an environment, with the new wheel in it."""
    folder = folder_of(environment)
    python, used = folder / "bin" / "python", folder / "used"
    if not used.exists():
        workshop.uv("venv", "--quiet", "--clear", "--no-python-downloads", "--python", sys.executable, str(folder))
    extras = f"[{','.join(environment.extras)}]" if environment.extras else ""
    install = ("pip", "install", "--quiet", "--python", str(python), "--constraint", str(constraints))
    wanted = f"hopsmon{extras} @ {workshop.wheel.as_uri()}"
    workshop.uv(*install, "--reinstall-package", "hopsmon", wanted, *environment.packages)
    workshop.uv("pip", "check", "--quiet", "--python", str(python))
    workshop.uv(*install, *TEST_TOOLS)
    used.touch()
    return python


def constraints_of(environment: Environment) -> str:
    """The lines of constraints.txt, with the environment's own versions instead of those of the same packages."""
    own = {_package(pin) for pin in environment.pins}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("#") and _package(line) not in own]
    return "\n".join((*kept, *environment.pins)) + "\n"


def _package(line: str) -> str:
    return re.split(r"[^\w.-]", line, maxsplit=1)[0]


def folder_of(environment: Environment) -> Path:
    """Where an environment lives: one folder for one set of versions."""
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pinned = constraints_of(environment) + " ".join(environment.packages) + declared + sys.version
    key = hashlib.sha256(pinned.encode()).hexdigest()[:8]
    return _cache() / f"{environment.name}-{key}"


def _cache() -> Path:
    cache = os.environ.get("HOPSMON_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "hopsmon"
    return Path(cache).expanduser() / "extras"


def forget_unused() -> None:
    """Remove environments, of versions that are not used any more."""
    for used in _cache().glob("*/used"):
        if time.time() - used.stat().st_mtime > KEPT_UNUSED:
            shutil.rmtree(used.parent)


def run(command: Sequence[str], folder: Path, settings: Mapping[str, str] | None = None) -> str:
    """What a program prints.

    Raises:
        Failed: it ended with another code than 0.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        command,
        cwd=folder,
        env=inherited | dict(settings or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


def told(environment: Environment, workshop: Workshop) -> bool:
    """Check one environment and print its line; whether all is well."""
    start = time.monotonic()
    try:
        said = check(environment, workshop)
    except Failed as failed:
        print(f"{failed}\n{environment.name:14} FAILED: see above", flush=True)
        return False
    print(f"{environment.name:14} {time.monotonic() - start:4.0f} s in all; tests: {said.strip(' =')}", flush=True)
    return True


def chosen(names: Iterable[str]) -> list[Environment]:
    """The environments of these names; all without names."""
    known = {environment.name: environment for environment in ENVIRONMENTS}
    wanted = list(names) or list(known)
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"No such environment: {', '.join(unknown)}. There are: {', '.join(known)}.")
    return [known[name] for name in wanted]


def main() -> None:
    """Check the environments named, or all; ends with 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="environments; all without")
    environments = chosen(parser.parse_args().names)
    forget_unused()
    with tempfile.TemporaryDirectory(prefix="hopsmon-extras-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            workshop = open_workshop(Path(folder))
        except Failed as failed:
            sys.exit(str(failed))
        fine = list(pool.map(lambda environment: told(environment, workshop), environments))
    if not all(fine):
        sys.exit(f"{fine.count(False)} of {len(fine)} environments failed.")
    print(f"{len(fine)} environments: each installs alone and passes its own tests.")


if __name__ == "__main__":
    main()
