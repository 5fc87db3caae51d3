"""See that Spark will find a Java; get one where there is none. `make setup` calls it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from hopsmon.errors import OutsideError
from hopsmon.streaming.jvm import find_java

DEBIAN_PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless")  # what Spark 4.1 runs on; each Debian has one
TEMURIN = "17"


def main() -> str | None:
    """Returns what is wrong, None where there is a Java."""
    problem = look_for_java()
    for install in (install_by_apt, install_for_user):
        if problem is None:
            break
        print(f"{problem}\nTrying to install one …", flush=True)
        install()
        problem = look_for_java()
    return problem


def look_for_java() -> str | None:
    find_java.cache_clear()
    try:
        java = find_java()
    except OutsideError as error:
        return str(error)
    print(f"Java {java.version} in {java.home}")
    return None


def install_by_apt() -> None:
    """Where we are root on a Debian or Ubuntu, as in a container. We never ask for a password."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
    # --no-upgrade: a package that is there belongs to the machine, and a JVM may be running on it.
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--no-upgrade"]
    for name in DEBIAN_PACKAGES:
        if subprocess.run([*install, name], env=environment, check=False).returncode == 0:
            return


def install_for_user() -> None:
    """A Temurin build in ~/.jdk, by the PyPI package install-jdk; needs no rights."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", "constraints.txt", "install-jdk"]
    if subprocess.run(pip, check=False).returncode != 0:
        return
    # The whole JDK: Spark starts Java with --add-modules=jdk.incubator.vector, which a trimmed runtime may lack.
    done = subprocess.run(
        [sys.executable, "-c", f"import jdk; jdk.install({TEMURIN!r})"], capture_output=True, check=False
    )
    if done.returncode != 0:
        print("install-jdk failed:", done.stderr.decode(errors="replace").strip().splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
