import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hopsmon.errors import ConfigError, OutsideError
from hopsmon.streaming import jvm

POM = """<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId>
<artifactId>{name}</artifactId><version>{version}</version>{more}</project>"""
NEEDS = """<dependencies><dependency><groupId>org.example</groupId><artifactId>{name}</artifactId>
<version>1.0</version></dependency></dependencies>"""


class Handler(BaseHTTPRequestHandler):
    server: "Repository"

    def do_GET(self):
        self.server.asked.append(self.path)
        body = self.server.files.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body or b"")

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


class Repository(ThreadingHTTPServer):
    """A Maven repository on this machine; asked for a file, it notes the path."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.asked: list[str] = []


@pytest.fixture
def repository():
    """In it `main` 1.0 needs `part` 1.0."""
    files = {}
    for name, more in (("main", NEEDS.format(name="part")), ("part", "")):
        where = f"/org/example/{name}/1.0/{name}-1.0"
        files[f"{where}.pom"] = POM.format(name=name, version="1.0", more=more).encode()
        files[f"{where}.jar"] = f"jar of {name}".encode()

    with Repository(files) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def cache(tmp_path, repository, monkeypatch):
    monkeypatch.setenv("HOPSMON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOPSMON_MAVEN_REPOSITORY", f"http://127.0.0.1:{repository.server_port}/")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "jars"


def fake_java(home, version):
    command = home / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return home


@pytest.fixture
def no_java(tmp_path, monkeypatch):
    """A machine without Java."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(jvm, "_COMMON_PLACES", ("~/.jdk/*",))
    jvm.find_java.cache_clear()
    yield tmp_path
    jvm.find_java.cache_clear()


def test_the_java_of_this_machine_is_found():
    java = jvm.find_java()

    assert java.version >= 17
    assert java.command.is_file()


def test_without_java_the_error_has_the_command_that_mends_it(no_java):
    with pytest.raises(OutsideError, match=r"found: none\. .*apt-get install openjdk-17"):
        jvm.find_java()


def test_an_old_java_is_named(no_java, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(fake_java(no_java / "old", "1.8.0_402")))

    with pytest.raises(OutsideError, match=r"found: Java 8 in .*old"):
        jvm.find_java()


def test_a_java_from_install_jdk_is_found_beside_an_old_one(no_java, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(fake_java(no_java / "old", "11.0.2")))
    good = fake_java(no_java / ".jdk" / "jdk-17.0.9+9", "17.0.9")

    assert jvm.find_java() == jvm.Java(good, 17)
    assert jvm.use_java().home == good
    assert Path(os.environ["JAVA_HOME"]) == good


def test_a_tried_version_comes_before_a_newer_one(no_java):
    fake_java(no_java / ".jdk" / "a", "26")
    good = fake_java(no_java / ".jdk" / "b", "21.0.1")

    assert jvm.find_java() == jvm.Java(good, 21)


def test_jars_come_with_what_they_need_and_then_from_the_cache(cache, repository):
    jars = jvm.resolve(["org.example:main:1.0"])

    assert [(jar.name, jar.read_text()) for jar in jars] == [
        ("main-1.0.jar", "jar of main"),
        ("part-1.0.jar", "jar of part"),
    ]
    asked = len(repository.asked)
    assert jvm.resolve(["org.example:main:1.0"]) == jars
    assert len(repository.asked) == asked
    assert [entry.name for entry in cache.iterdir() if entry.name.startswith(".partial")] == []


def test_what_spark_brings_is_left_out(cache):
    assert [jar.name for jar in jvm.resolve(["org.example:main:1.0"], without=["part"])] == ["main-1.0.jar"]


@pytest.mark.parametrize("damage", ["cut", "remove", "forget"])
def test_a_damaged_cache_is_filled_again(cache, damage):
    first = jvm.resolve(["org.example:main:1.0"])
    if damage == "cut":
        first[0].write_text("")
    elif damage == "remove":
        first[1].unlink()
    else:
        (first[0].parent / "jars.json").unlink()

    assert jvm.resolve(["org.example:main:1.0"]) == first
    assert [jar.read_text() for jar in first] == ["jar of main", "jar of part"]


def test_a_download_that_fails_leaves_nothing_that_looks_complete(cache, repository):
    part = repository.files.pop("/org/example/part/1.0/part-1.0.jar")
    with pytest.raises(OutsideError, match=r"org\.example#part;1\.0!part\.jar.*HOPSMON_MAVEN_REPOSITORY"):
        jvm.resolve(["org.example:main:1.0"])
    repository.files["/org/example/part/1.0/part-1.0.jar"] = part

    assert len(jvm.resolve(["org.example:main:1.0"])) == 2


def test_two_that_download_at_once_both_get_the_jars(cache):
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(jvm.resolve, [["org.example:main:1.0"]] * 2)

    assert one == other
    assert all(jar.is_file() for jar in one)


def test_an_unknown_package_and_no_network_are_told(cache, monkeypatch):
    with pytest.raises(OutsideError, match=r"org\.example#none;1\.0: not found"):
        jvm.resolve(["org.example:none:1.0"])
    monkeypatch.setenv("HOPSMON_MAVEN_REPOSITORY", "http://127.0.0.1:1/")
    with pytest.raises(OutsideError, match=r"refused.*Is the network there"):
        jvm.resolve(["org.example:other:1.0"])


@pytest.mark.parametrize("package", ["main", "a:b", 'a:b:"/><x', "a:b:c:d"])
def test_what_is_no_coordinate_is_refused(package):
    with pytest.raises(ConfigError, match="group:artifact:version"):
        jvm.resolve([package])


def test_a_cache_that_cannot_be_written_is_told(cache):
    cache.parent.write_text("a file")

    with pytest.raises(OutsideError, match="HOPSMON_CACHE"):
        jvm.resolve(["org.example:main:1.0"])


def test_the_list_of_jars_holds_their_sizes(cache):
    [folder] = {jar.parent for jar in jvm.resolve(["org.example:main:1.0"])}

    assert json.loads((folder / "jars.json").read_text()) == {"main-1.0.jar": 11, "part-1.0.jar": 11}
