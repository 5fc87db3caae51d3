"""Tags on whatever has an address: feature groups, feature views, training datasets, models, deployments, jobs."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import TAG_NOT_FOUND
from hopsmon.testing.hopsworks_server.feature_groups import GROUP
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection
from hopsmon.testing.hopsworks_server.state import now
from hopsmon.testing.hopsworks_server.statistics import TRAINING_DATASET, VIEW
from hopsmon.testing.hopsworks_server.tagging import check_tag, tag

routes = Routes()

_PROJECT = "/project/{project}"
_TAGGED = (
    GROUP,
    TRAINING_DATASET,
    VIEW,
    _PROJECT + "/modelregistries/{registry}/models/{model}",
    _PROJECT + "/serving/{deployment}",
    _PROJECT + "/jobs/{job}",
)


def attach(call: Call) -> Reply:
    check_tag(call.state, call["tag"])
    tag(call.state, _owner(call), {call["tag"]: call.raw.decode()})
    return None


def every(call: Call) -> Reply:
    return _shown(call, call.state.tags[_owner(call)])


def one(call: Call) -> Reply:
    known = call.state.tags[_owner(call)]
    if call["tag"] not in known:
        raise TAG_NOT_FOUND.because(f"there is no tag '{call['tag']}'")
    return _shown(call, {call["tag"]: known[call["tag"]]})


def detach(call: Call) -> Reply:
    if call.state.tags[_owner(call)].pop(call["tag"], None) is None:
        raise TAG_NOT_FOUND.because(f"there is no tag '{call['tag']}'")
    return None


for _path in _TAGGED:
    routes.put(_path + "/tags/{tag}", status=201)(attach)
    routes.get(_path + "/tags")(every)
    routes.get(_path + "/tags/{tag}")(one)
    routes.delete(_path + "/tags/{tag}")(detach)


def _owner(call: Call) -> str:
    """What a tag is on: the path before /tags."""
    return call.path.rpartition("/tags")[0]


def _shown(call: Call, tags: dict[str, str]) -> Reply:
    made = now()
    return collection(call, [{"name": name, "value": value, "createdOn": made} for name, value in tags.items()])
