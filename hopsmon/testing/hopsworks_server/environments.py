"""Python environments and the libraries in them. Commands succeed at once; nothing is installed."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import ENVIRONMENT_EXISTS, ENVIRONMENT_NOT_FOUND, LIBRARY_NOT_FOUND
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection, href
from hopsmon.testing.hopsworks_server.state import Json, State

routes = Routes("/project/{project}/python/environments")

_PROVIDED = ("spark-feature-pipeline", "python-feature-pipeline", "pandas-inference-pipeline", "python-app-pipeline")
_PYTHON = "3.12"


@routes.get("")
def environments(call: Call) -> Reply:
    return collection(call, list(_known(call.state).values()))


@routes.post("/{environment}")
def create(call: Call) -> Reply:
    known, sent, name = _known(call.state), call.json(), call["environment"]
    if name in known:
        raise ENVIRONMENT_EXISTS.because(name)
    base = sent["baseImage"]["name"]
    if base not in known:
        raise ENVIRONMENT_NOT_FOUND.because(f"there is no environment {base} to start from")
    known[name] = _environment(name, sent["baseImage"].get("description"))
    known[name] |= {"href": href(call), "commands": _done(call.state, "CREATE")}
    return known[name]


@routes.get("/{environment}")
def find(call: Call) -> Reply:
    return _of(call)


@routes.delete("/{environment}")
def delete(call: Call) -> Reply:
    del _known(call.state)[_of(call)["name"]]
    return None


@routes.post("/{environment}/libraries/{library}")
def install(call: Call) -> Reply:
    sent = call.json()
    library = {
        "library": call["library"],
        "version": sent.get("version") or "",
        "channel": sent.get("channelUrl"),
        "packageSource": sent.get("packageSource"),
        "dependencyUrl": sent.get("dependencyUrl"),
        "commands": _done(call.state, "INSTALL"),
    }
    if sent.get("dependencyUrl"):
        call.state.files.existing(sent["dependencyUrl"])
    _of(call)["libraries"].append(library)
    return library


@routes.get("/{environment}/libraries")
def libraries(call: Call) -> Reply:
    return collection(call, _of(call)["libraries"])


@routes.get("/{environment}/libraries/{library}")
def find_library(call: Call) -> Reply:
    return _library(call)


@routes.delete("/{environment}/libraries/{library}")
def uninstall(call: Call) -> Reply:
    _of(call)["libraries"].remove(_library(call))
    return None


def _known(state: State) -> dict[str, Json]:
    """All environments; those that Hopsworks brings are there from the first look."""
    if not state.environments:
        state.environments.update({name: _environment(name, None) for name in _PROVIDED})
    return state.environments


def _environment(name: str, description: str | None) -> Json:
    return {"name": name, "description": description, "pythonVersion": _PYTHON, "libraries": []}


def _done(state: State, operation: str) -> Json:
    return {"count": 1, "items": [{"id": state.new_id("command"), "op": operation, "status": "SUCCESS"}]}


def _of(call: Call) -> Json:
    known = _known(call.state)
    if call["environment"] not in known:
        raise ENVIRONMENT_NOT_FOUND.because(f"there is no environment {call['environment']}")
    return known[call["environment"]]


def _library(call: Call) -> Json:
    for library in _of(call)["libraries"]:
        if library["library"] == call["library"]:
            found: Json = library
            return found
    raise LIBRARY_NOT_FOUND.because(f"{call['environment']} has no library {call['library']}")
