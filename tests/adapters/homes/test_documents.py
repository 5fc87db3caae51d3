"""One suite for the documents of every home."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from hopsmon.streaming.ports import Documents, Home
from tests.adapters.homes.conftest import Opener


@pytest.fixture
def documents(opened: Opener, request: pytest.FixtureRequest) -> Documents:
    return Folder(opened().documents, request.node.name.replace("[", "-").replace("]", ""))


class Folder:
    """A test's own documents: the tests share a project."""

    def __init__(self, documents: Documents, name: str) -> None:
        self._documents = documents
        self._name = name

    def read(self, name: str) -> bytes | None:
        return self._documents.read(f"{self._name}/{name}")

    def write(self, name: str, content: bytes) -> None:
        self._documents.write(f"{self._name}/{name}", content)

    def names(self, folder: str) -> list[str]:
        return self._documents.names(f"{self._name}/{folder}")


def test_a_home_is_a_home(opened: Opener) -> None:
    home = opened()
    assert isinstance(home, Home)
    assert isinstance(home.documents, Documents)


def test_a_document_that_is_not_there(documents: Documents) -> None:
    assert documents.read("baselines/none.json") is None
    assert documents.names("baselines") == []


@pytest.mark.parametrize("content", [b"name: credit\n", b"", bytes(range(256)) * 500])
def test_what_is_written_is_read_and_replaced_as_a_whole(documents: Documents, content: bytes) -> None:
    documents.write("monitors/credit.yaml", b"longer than what comes next" * 100)
    documents.write("monitors/credit.yaml", content)
    assert documents.read("monitors/credit.yaml") == content


def test_names_are_those_right_in_the_folder_in_order(documents: Documents) -> None:
    for name in ("b.yaml", "a.yaml", "deeper/c.yaml", "Z.yaml"):
        documents.write(f"monitors/{name}", b"x")
    assert documents.names("monitors") == ["Z.yaml", "a.yaml", "b.yaml"]
    assert documents.names("monitors/deeper") == ["c.yaml"]


def test_readers_see_the_old_content_or_the_new(documents: Documents) -> None:
    old, new = b"old" * 1000, b"new" * 1000
    documents.write("one", old)

    def read(_: int) -> bytes | None:
        return documents.read("one")

    with ThreadPoolExecutor(3) as pool:
        seen = pool.map(read, range(40))
        for content in (new, old, new):
            documents.write("one", content)
        assert set(seen) <= {old, new}
    assert documents.read("one") == new
