"""Datasets: the project's files and folders: look, upload, download, make, move, delete."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import shutil
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path

from hopsmon.testing.hopsworks_server.errors import (
    DATASET_OPERATION_INVALID,
    FOLDER_EXISTS,
    INCOMPLETE_REQUEST,
    PATH_IS_FOLDER,
)
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, href, page
from hopsmon.testing.hopsworks_server.state import Json, iso

routes = Routes("/project/{project}/dataset")


@routes.get("/download/with_auth/{path:path}")
def download(call: Call) -> Reply:
    local = call.state.files.existing(call["path"])
    if local.is_dir():
        raise PATH_IS_FOLDER.because(call["path"])
    return local.read_bytes()


@routes.post("/upload/{path:path}", status=200)
def upload(call: Call) -> Reply:
    """One chunk of a file, in any order: the client sends several at once."""
    form = _form(call)
    folder = call.state.files.existing(call["path"])
    file = folder / Path(form["flowFilename"].decode()).name
    number, size = int(form["flowChunkNumber"]), int(form["flowChunkSize"])
    if number == 1 and int(form.get("flowTotalChunks", b"1")) <= 1:
        file.write_bytes(form["file"])
        return None
    file.touch()
    with file.open("r+b") as opened:
        opened.seek((number - 1) * size)
        opened.write(form["file"])
        opened.truncate(int(form["flowTotalSize"]))
    return None


@routes.get("/")
def datasets(call: Call) -> Reply:
    return page(call, [_dataset(call, each) for each in sorted(call.state.files.existing("").iterdir())])


@routes.get("/{path:path}")
def look(call: Call) -> Reply:
    local = call.state.files.existing(call["path"])
    if call.given("action") == "listing":
        return page(call, [_entry(call, each) for each in sorted(local.iterdir())])
    return _entry(call, local)


@routes.post("/{path:path}")
def act(call: Call) -> Reply:
    files, action = call.state.files, (call.given("action") or "").lower()
    local = files.local(call["path"])
    if action == "create":
        if local.exists():
            raise FOLDER_EXISTS.because(files.absolute(call["path"]))
        local.mkdir(parents=True)
        return _entry(call, local)
    target = files.local(call.given("destination_path") or "")
    if action == "move":
        files.existing(call["path"]).rename(target)
    elif action == "copy":
        _copy(files.existing(call["path"]), target)
    else:
        raise DATASET_OPERATION_INVALID.because(f"action '{action}'")
    return None


@routes.delete("/{path:path}")
def delete(call: Call) -> Reply:
    local = call.state.files.existing(call["path"])
    if local.is_dir():
        shutil.rmtree(local)
    else:
        local.unlink()
    return None


def _form(call: Call) -> Mapping[str, bytes]:
    """The fields of multipart/form-data."""
    head = f"Content-Type: {call.headers.get('Content-Type', '')}\r\n\r\n".encode()
    message = email.message_from_bytes(head + call.raw, policy=email.policy.HTTP)
    if not isinstance(message, EmailMessage) or not message.is_multipart():
        raise INCOMPLETE_REQUEST.because("an upload is multipart/form-data")
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload
    return fields


def _dataset(call: Call, local: Path) -> Json:
    return {"id": local.stat().st_ino, "datasetType": "DATASET", "description": "", **_entry(call, local)}


def _entry(call: Call, local: Path) -> Json:
    path = "/" + local.relative_to(call.state.settings.folder).as_posix()
    facts = local.stat()
    return {
        "href": href(call),
        "path": path,
        "name": local.name,
        "attributes": {
            "name": local.name,
            "path": path,
            "dir": local.is_dir(),
            "size": 0 if local.is_dir() else facts.st_size,
            "owner": call.state.settings.project_user,
            "permission": "rwxrwx---",
            "modificationTime": iso(dt.datetime.fromtimestamp(facts.st_mtime, dt.timezone.utc)),
            "underConstruction": False,
        },
    }


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)
