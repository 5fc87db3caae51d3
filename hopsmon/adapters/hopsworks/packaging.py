"""Packaging: the installed hopsmon as a file that a cluster can run: a zip for pyFiles, or a wheel for an environment.

Both are made of the files that are installed, so that a deployment runs what its maker ran; equal files give equal
names.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.resources
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import hopsmon
from hopsmon.errors import ConfigError

if TYPE_CHECKING:
    from importlib.abc import Traversable

# Beside what the package itself needs: monitors read Kafka, and may change their techniques without a new environment.
JOB_EXTRAS = ("kafka", "models", "sequences")
_OF_THE_COMMAND_LINE = ("typer", "rich")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time a zip can hold: the same bytes whenever it is made
_READABLE = 0o644 << 16
_HASH_DIGITS = 12
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


@dataclass(frozen=True, slots=True)
class Package:
    """A file to upload.

    Attributes:
        name: has a hash of what is in it.
        digest: that hash.
    """

    name: str
    digest: str
    content: bytes = field(repr=False)


def archive() -> Package:
    """A zip of the package alone, for a job's pyFiles. Compiled dependencies cannot be in one."""
    files = dict(_files())
    digest = _digest(files)
    return Package(f"hopsmon-{hopsmon.__version__}-{digest}.zip", digest, _zipped(files))


def wheel(extras: Sequence[str] = JOB_EXTRAS) -> Package:
    """A wheel of the package that brings, when it is installed, all that a job needs, these extras included.

    Raises:
        ConfigError: this hopsmon runs from an archive and does not know what it needs.
    """
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements(extras))
    version = hopsmon.__version__
    facts = f"Metadata-Version: 2.1\nName: hopsmon\nVersion: {version}\nRequires-Python: >=3.10\n{needs}"
    files = dict(_files())
    digest = _digest({**files, "METADATA": facts.encode()})
    build = f"0_{digest}"  # a wheel's build tag must begin with a digit
    info = f"hopsmon-{version}.dist-info"
    files[f"{info}/METADATA"] = facts.encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: hopsmon\nRoot-Is-Purelib: true\nTag: py3-none-any\nBuild: {build}\n"
    ).encode()
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    return Package(f"hopsmon-{version}-{build}-py3-none-any.whl", digest, _zipped(files))


def requirements(extras: Sequence[str] = JOB_EXTRAS) -> list[str]:
    """What a job needs, as pip takes it: the package's requirements, and those of the extras.

    Raises:
        ConfigError: this hopsmon runs from an archive and does not know what it needs.
    """
    try:
        declared = importlib.metadata.requires("hopsmon") or []
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(
            "This hopsmon is not installed (it runs from an archive), so it does not know what it needs. Deploy from "
            "an environment where it is installed."
        ) from None
    return list(_wanted(declared, extras))


def needs(extras: Sequence[str] = JOB_EXTRAS) -> dict[str, SpecifierSet]:
    """The distributions, and which versions of them, that an environment must have for the zip to run in it."""
    wanted = [Requirement(requirement) for requirement in requirements(extras)]
    there = {str(canonicalize_name(one.name)): one.specifier for one in wanted}
    return {name: there[name] for name in sorted(there) if name not in _OF_THE_COMMAND_LINE}


def _wanted(declared: Iterable[str], extras: Sequence[str]) -> Iterator[str]:
    """Requirements without those of other extras; those of these extras become unconditional."""
    for text in declared:
        requirement = Requirement(text)
        extra = _EXTRA.search(str(requirement.marker or ""))
        if extra is None:
            yield text
        elif extra.group(1) in extras:
            requirement.marker = None
            yield str(requirement)


def _files() -> Iterator[tuple[str, bytes]]:
    """The package's files by their path, in the order of these; from a folder as from an archive."""
    yield from sorted(_below(importlib.resources.files("hopsmon"), "hopsmon"))


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        inner = f"{path}/{entry.name}"
        if entry.is_dir() and not entry.name.startswith((".", "__pycache__")):
            yield from _below(entry, inner)
        elif entry.is_file() and not entry.name.endswith((".pyc", ".pyo")):
            yield inner, entry.read_bytes()


def _digest(files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for path, content in files.items():
        total.update(f"{path}\n{len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()[:_HASH_DIGITS]


def _zipped(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _LONG_AGO)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _READABLE
            zipped.writestr(entry, content)
    return target.getvalue()


def _record(files: Mapping[str, bytes], itself: str) -> bytes:
    """A wheel's list of its files, with hashes (PEP 376)."""
    lines = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
        for path, content in files.items()
    ]
    return "\n".join([*lines, f"{itself},,", ""]).encode()
