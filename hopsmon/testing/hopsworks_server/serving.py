"""Serving: deployments, whether they run, and where their models answer."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import DEPLOYMENT_NOT_FOUND, INCOMPLETE_REQUEST
from hopsmon.testing.hopsworks_server.kafka import keep_topic
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection, href
from hopsmon.testing.hopsworks_server.state import Json, State, now

routes = Routes("/project/{project}")

_PORTS = ({"name": "HTTP", "number": 32080}, {"name": "HTTPS", "number": 32443})
_INFERENCE_SCHEMA = {"schemaName": "inferenceschema", "schemaVersion": 4}
_CREATE, _NONE = "CREATE", "NONE"  # what the client calls a topic to be made, and no topic
_RUNNING, _STOPPED = "Running", "Stopped"
_CONDITIONS = {_RUNNING: "READY", _STOPPED: "STOPPED"}
_SCALING = {
    "minInstances": 1,
    "maxInstances": 1,
    "scaleMetric": "CONCURRENCY",
    "target": 100,
    "panicWindowPercentage": 10.0,
    "stableWindowSeconds": 60,
    "panicThresholdPercentage": 200.0,
    "scaleToZeroRetentionSeconds": 0,
}
_RESOURCES = {
    "requestedInstances": 1,
    "requests": {"cores": 0.2, "memory": 64, "gpus": 0},
    "limits": {"cores": 1, "memory": 512, "gpus": 0},
}


@routes.get("/inference/endpoints")
def endpoints(call: Call) -> Reply:
    """One for clients inside the cluster, one for those outside; clients of 5.1 ask at login."""
    kinds = ("KUBE_CLUSTER", "LOAD_BALANCER")
    return collection(call, [{"type": kind, "hosts": ["127.0.0.1"], "ports": list(_PORTS)} for kind in kinds])


@routes.get("/serving")
def deployments(call: Call) -> Reply:
    """By name one object, else a bare array."""
    known = call.state.deployments.values()
    name, model, status = (call.given(each) for each in ("name", "model", "status"))
    if name is None:
        return [each for each in known if model in (None, each.get("modelName")) and status in (None, each["status"])]
    for deployment in known:
        if deployment["name"] == name:
            return deployment
    raise DEPLOYMENT_NOT_FOUND.because(f"there is no deployment {name}")


@routes.put("/serving")
def save(call: Call) -> Reply:
    return keep_deployment(call.state, call.json(), href(call))


@routes.get("/serving/{deployment}")
def find(call: Call) -> Reply:
    return _deployment(call)


@routes.post("/serving/{deployment}", status=200)
def act(call: Call) -> Reply:
    deployment, action = _deployment(call), (call.given("action") or "").upper()
    if action not in ("START", "STOP"):
        raise INCOMPLETE_REQUEST.because(f"action '{action}' is neither START nor STOP")
    deployment |= _status(_RUNNING if action == "START" else _STOPPED)
    return None


@routes.delete("/serving/{deployment}")
def delete(call: Call) -> Reply:
    del call.state.deployments[_deployment(call)["id"]]
    return None


@routes.get("/serving/{deployment}/versions")
def versions(call: Call) -> Reply:
    return collection(call, [{"version": _deployment(call)["version"], "active": True}])


def keep_deployment(state: State, sent: Json, where: str) -> Json:
    """Keep a deployment, or change the one of this name; a topic it asks for comes into being."""
    settings = state.settings
    known = next((each for each in state.deployments.values() if each["name"] == sent["name"]), None)
    given = {name: value for name, value in sent.items() if value is not None}
    deployment = known or {
        "id": state.new_id("deployment"),
        "version": 1,
        "created": now(),
        "creator": settings.email,
        "projectNamespace": settings.project,
        "requestedInstances": 1,
        "predictorResources": _RESOURCES,
        "predictorScalingConfig": _SCALING,
        "predictorEnvironment": {"name": "pandas-inference-pipeline"},
        "inferenceLogging": _NONE,
        **_status(_STOPPED),
    }
    deployment |= {**given, "href": where}
    deployment["kafkaTopicDTO"] = _topic(state, deployment, where)
    state.deployments[deployment["id"]] = deployment
    return deployment


def _topic(state: State, deployment: Json, where: str) -> Json | None:
    """The inference logger's topic: none, one that is there, or a new one named after the deployment."""
    asked = deployment.get("kafkaTopicDTO") or {"name": _NONE}
    if asked["name"] == _NONE or deployment["inferenceLogging"] == _NONE:
        return None
    if asked["name"] != _CREATE:
        return state.topics.get(asked["name"]) or asked
    name = f"{deployment['name']}-inf{1000 + deployment['id']}"
    return keep_topic(state, {**_INFERENCE_SCHEMA, **asked, "name": name}, where)


def _status(status: str) -> Json:
    running = int(status == _RUNNING)
    condition = {"type": _CONDITIONS[status], "status": True, "reason": ""}
    return {
        "status": status,
        "condition": condition,
        "deployed": now() if running else None,
        "availableInstances": running,
    }


def _deployment(call: Call) -> Json:
    number = call.number("deployment")
    if number not in call.state.deployments:
        raise DEPLOYMENT_NOT_FOUND.because(f"there is no deployment {number}")
    return call.state.deployments[number]
