"""Java for Spark: which one runs, and which jars it is given."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from hopsmon.errors import ConfigError, OutsideError

_LOG = logging.getLogger(__name__)

LEAST_JAVA = 17  # Spark 4 is compiled for 17; 3.5 knows it as well
NEWEST_TRIED_JAVA = 21  # Spark 4.1's documentation names 17 and 21; a newer one is taken only where there is no other
INSTALL_JAVA = (
    "Install one: `sudo apt-get install openjdk-17-jre-headless`, or without root "
    "`pip install install-jdk && python -c 'import jdk; jdk.install(\"17\", jre=True)'`; "
    "or set JAVA_HOME to one that is there."
)
_COMMON_PLACES = (
    "~/.jdk/*",  # where the PyPI package install-jdk puts it
    "~/.jre/*",
    "~/.sdkman/candidates/java/current",
    "/usr/lib/jvm/*",
    "/opt/java/*",
    "/opt/jdk*",
    "/Library/Java/JavaVirtualMachines/*",
    "/opt/homebrew/opt/openjdk*/libexec/*",
)
_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+", re.ASCII)
_IVY_PROBLEM = re.compile(r"^\S+#\S+;\S+(: not found|!\S+)$|[Ee]xception|[Uu]nknown host")
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that runs: its home and its feature version, such as 17."""

    home: Path
    version: int

    @property
    def command(self) -> Path:
        """The launcher."""
        return self.home / "bin" / "java"


@functools.cache
def find_java() -> Java:
    """The Java to run Spark with: JAVA_HOME's if it will do, else the PATH's, else one in a common place.

    Raises:
        OutsideError: none is new enough; the message lists those seen and the command that mends it.
    """
    seen = [java for home in _unique(_homes()) if (java := _java_at(home)) is not None]
    fitting = [java for java in seen if java.version >= LEAST_JAVA]
    tried = [java for java in fitting if java.version <= NEWEST_TRIED_JAVA]
    if not fitting:
        found = ", ".join(f"Java {java.version} in {java.home}" for java in seen) or "none"
        raise OutsideError(f"Spark needs Java {LEAST_JAVA} or newer; found: {found}. {INSTALL_JAVA}")
    return (tried or fitting)[0]


def use_java() -> Java:
    """Find a Java and make this process's Spark start with it."""
    java = find_java()
    if os.environ.get("JAVA_HOME") and Path(os.environ["JAVA_HOME"]).resolve() != java.home:
        _LOG.warning(
            "JAVA_HOME=%s does not hold a Java %d or newer that runs; using %s",
            os.environ["JAVA_HOME"],
            LEAST_JAVA,
            java.home,
        )
    os.environ["JAVA_HOME"] = str(java.home)
    return java


def _homes() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if command := shutil.which("java"):
        yield Path(command).resolve().parent.parent
    for pattern in _COMMON_PLACES:
        path = Path(pattern).expanduser()
        for place in sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))):
            yield place
            yield place / "Contents" / "Home"  # macOS


def _unique(paths: Iterator[Path]) -> list[Path]:
    return list(dict.fromkeys(path.resolve() for path in paths))


def _java_at(home: Path) -> Java | None:
    command = home / "bin" / "java"
    if not command.is_file():
        return None
    try:
        done = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        _LOG.info("%s does not run: %s", command, error)
        return None
    match = _VERSION.search(done.stderr)
    if match is None:
        return None
    major, minor = match.groups()
    return Java(home, int(minor or 0) if major == "1" else int(major))  # 1.8 is Java 8


def cache_folder() -> Path:
    """Where downloaded jars are kept: HOPSMON_CACHE, else hopsmon's folder in the user's cache."""
    if own := os.environ.get("HOPSMON_CACHE"):
        return Path(own).expanduser() / "jars"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "hopsmon" / "jars"


def spark_home() -> Path:
    """The folder of the Spark in use: SPARK_HOME's, else the one pyspark brings."""
    if home := os.environ.get("SPARK_HOME"):
        return Path(home)
    import pyspark  # its import takes half a second: not for those who only ask for Java

    return Path(pyspark.__file__).parent


def jars_for(packages: Sequence[str]) -> list[Path]:
    """Local jars of Maven packages for a Spark session, without those Spark brings itself.

    Args:
        packages: coordinates such as "org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1" (`spark_lines.py`).

    Raises:
        ConfigError: a coordinate is not group:artifact:version.
        OutsideError: they could not be resolved; the message says why and what to do.
    """
    provided = {artifact_of(jar) for jar in (spark_home() / "jars").glob("*.jar")}
    return resolve(packages, without=sorted(provided))


def artifact_of(jar: Path | str) -> str:
    """The artifact's name in a jar's file name.

    >>> artifact_of("/x/spark-sql-kafka-0-10_2.13-4.1.1.jar")
    'spark-sql-kafka-0-10_2.13'
    """
    return re.sub(r"-\d+(\.\w+)+([.-][\w.]+)*\.jar$", "", Path(jar).name)


def resolve(packages: Sequence[str], without: Sequence[str] = ()) -> list[Path]:
    """Local jars of Maven packages and all they need, downloaded once into the cache.

    The repository is Maven Central, or the one HOPSMON_MAVEN_REPOSITORY gives as URL.
    """
    wanted = sorted(set(packages))
    for package in wanted:
        if not _COORDINATE.fullmatch(package):
            raise ConfigError(f"'{package}' is no Maven coordinate. Write group:artifact:version.")
    if not wanted:
        return []
    key = hashlib.sha256(json.dumps([wanted, sorted(without)]).encode()).hexdigest()[:8]
    folder = cache_folder() / f"{wanted[0].split(':')[1]}-{key}"
    if (jars := _complete(folder)) is None:
        _download(wanted, without, folder)
        jars = _complete(folder)
    if jars is None:
        raise OutsideError(f"{folder} changed while it was filled. Remove it and try again.")
    return jars


def _complete(folder: Path) -> list[Path] | None:
    """The folder's jars, or None where one of those it was filled with is missing or cut short."""
    try:
        sizes: dict[str, int] = json.loads((folder / "jars.json").read_text())
    except (OSError, json.JSONDecodeError):
        return None
    jars = [folder / name for name in sizes]
    whole = all(jar.is_file() and jar.stat().st_size == sizes[jar.name] for jar in jars)
    return jars if whole else None


def _download(packages: Sequence[str], without: Sequence[str], folder: Path) -> None:
    _LOG.info("downloading %s and what they need into %s (once) …", ", ".join(packages), folder)
    began = time.monotonic()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as scratch:
            out = Path(scratch) / "out"
            _run_ivy(packages, without, Path(scratch), out)
            jars = sorted(out.glob("*.jar"))
            (out / "jars.json").write_text(json.dumps({jar.name: jar.stat().st_size for jar in jars}))
            _put_in_place(out, folder)
    except OSError as error:
        raise OutsideError(
            f"Cannot keep jars in {folder.parent}: {error}. Make room, or set HOPSMON_CACHE to a folder with some."
        ) from error
    _LOG.info("downloaded %d jars in %.0f s", len(jars), time.monotonic() - began)


def _put_in_place(filled: Path, folder: Path) -> None:
    if folder.exists() and _complete(folder) is None:
        shutil.rmtree(folder)
    try:
        filled.rename(folder)
    except OSError:
        if _complete(folder) is None:  # else another process was faster, with the same jars
            raise


def _run_ivy(packages: Sequence[str], without: Sequence[str], scratch: Path, out: Path) -> None:
    """Ivy, as it comes with pyspark; `-types` leaves out entries that are a POM without a jar."""
    ivy = next((spark_home() / "jars").glob("ivy-*.jar"), None)
    if ivy is None:
        raise OutsideError(f"No ivy-*.jar in {spark_home() / 'jars'}. Get a whole Spark: pip install pyspark")
    (scratch / "ivy.xml").write_text(_ivy_file(packages, without))
    (scratch / "settings.xml").write_text(_ivy_settings(os.environ.get("HOPSMON_MAVEN_REPOSITORY")))
    command: list[str | Path] = [find_java().command, *_proxy_properties(), "-jar", ivy]
    command += ["-settings", scratch / "settings.xml", "-cache", scratch / "ivy", "-ivy", scratch / "ivy.xml"]
    command += ["-confs", "default", "-types", "jar", "bundle", "-retrieve", f"{out}/[artifact]-[revision].[ext]"]
    done = subprocess.run(  # noqa: S603 - our own command; coordinates were checked
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise OutsideError(_why_not(packages, done.stdout))


def _ivy_file(packages: Sequence[str], without: Sequence[str]) -> str:
    dependencies = "".join(
        '<dependency org="{}" name="{}" rev="{}" conf="default->default"/>'.format(*package.split(":"))
        for package in packages
    )
    excludes = "".join(f'<exclude module={quoteattr(name)} matcher="exact"/>' for name in without)
    return (
        '<ivy-module version="2.0"><info organisation="hopsmon" module="jars"/>'
        '<configurations><conf name="default"/></configurations>'
        f"<dependencies>{dependencies}{excludes}</dependencies></ivy-module>"
    )


def _ivy_settings(repository: str | None) -> str:
    """One Maven repository only: a user's own half-filled folders are not looked into."""
    root = f" root={quoteattr(repository)}" if repository else ""
    return (
        '<ivysettings><settings defaultResolver="maven"/>'
        f'<resolvers><ibiblio name="maven" m2compatible="true"{root}/></resolvers></ivysettings>'
    )


def _proxy_properties() -> list[str]:
    """Java does not read HTTPS_PROXY; give it what the other tools of the machine use."""
    proxy = urlsplit(os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or "")
    if not proxy.hostname:
        return []
    where = (f"Host={proxy.hostname}", f"Port={proxy.port or 80}")
    return [f"-D{scheme}.proxy{part}" for scheme in ("https", "http") for part in where]


def _why_not(packages: Sequence[str], told: str) -> str:
    lines = [line.strip(": \t") for line in told.splitlines()]
    known = [line for line in lines if _IVY_PROBLEM.search(line)]
    why = " | ".join(dict.fromkeys(known[:4] or lines[-4:]))
    why = re.sub(r"://[^/@\s]+@", "://", why)  # a mirror's URL may hold a password
    return (
        f"Cannot resolve {', '.join(packages)}: {why}. Is the network there? For a mirror set "
        f"HOPSMON_MAVEN_REPOSITORY to its URL. Jars once downloaded are used "
        f"offline; they are looked for in {cache_folder()}."
    )
