"""Files of the project: uploaded whole and in chunks, under every spelling of a path."""

from __future__ import annotations

import pytest
from hopsworks.client.exceptions import RestAPIError


@pytest.fixture
def files(project):
    return project.get_dataset_api()


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("first")
    return path


def test_a_project_begins_with_datasets(files):
    assert {"Models", "Resources", "Logs", "demo_Training_Datasets"} <= {path.strip("/") for path in files.list("/")}
    assert not files.exists("Resources/note.txt")


def test_upload_and_download(server, files, note, tmp_path):
    assert files.upload(str(note), "Resources") == "Resources/note.txt"
    assert server.dataset("Resources/note.txt").read_text() == "first"
    assert files.list("Resources") == ["/Resources/note.txt"]
    assert files.get("Resources/note.txt")["attributes"]["size"] == 5
    files.download("Resources/note.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_text() == "first"


@pytest.mark.parametrize(
    "path",
    [
        "Resources/note.txt",
        "/Resources/note.txt",
        "/Projects/demo/Resources/note.txt",
        "//Projects/demo/Resources/note.txt",
    ],
)
def test_spellings(server, files, note, path):
    files.upload(str(note), "/Projects/demo/Resources")
    assert files.exists(path)
    for scheme in ("", "hdfs://", "hopsfs://10.0.0.1:8020"):
        assert server.dataset(scheme + path if path.startswith("/") else path).read_text() == "first"


def test_overwrite(server, files, note):
    files.upload(str(note), "Resources")
    note.write_text("2nd")
    files.upload(str(note), "Resources", overwrite=True)
    assert server.dataset("Resources/note.txt").read_text() == "2nd"


def test_chunks_in_any_order(server, files, tmp_path):
    content = bytes(range(256)) * 20
    (tmp_path / "large.bin").write_bytes(content)
    files.upload(str(tmp_path / "large.bin"), "Resources", chunk_size=1000, simultaneous_chunks=3)
    assert server.dataset("Resources/large.bin").read_bytes() == content


def test_an_empty_file(server, files, tmp_path):
    (tmp_path / "empty").touch()
    files.upload(str(tmp_path / "empty"), "Resources")
    assert server.dataset("Resources/empty").read_bytes() == b""


def test_folders(server, files, note):
    assert files.mkdir("Resources/a/b") == "/Projects/demo/Resources/a/b"
    files.upload(str(note), "Resources/a/b")
    files.copy("Resources/a", "Resources/c")
    files.move("Resources/c/b/note.txt", "Resources/c/moved.txt")
    assert files.list("Resources/c") == ["/Resources/c/b", "/Resources/c/moved.txt"]
    files.remove("Resources/a")
    assert not files.exists("Resources/a/b/note.txt")
    with pytest.raises(RestAPIError) as caught:
        files.mkdir("Resources/c")
    assert caught.value.error_code == 110047


def test_nothing_outside_the_project(server, files, note):
    with pytest.raises(RestAPIError) as caught:
        files.upload(str(note), "Resources/../../../..")
    assert caught.value.error_code == 110028


def test_a_folder_that_is_not_there(files, note):
    with pytest.raises(RestAPIError) as caught:
        files.upload(str(note), "Resources/nowhere")
    assert caught.value.error_code == 110018
