"""Feature logging: the feature group that a feature view's served rows are logged to, and its switches."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import FEATURE_LOGGING_NOT_ENABLED
from hopsmon.testing.hopsworks_server.executions import start_job
from hopsmon.testing.hopsworks_server.feature_groups import create_feature_group
from hopsmon.testing.hopsworks_server.feature_views import feature_view
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, href
from hopsmon.testing.hopsworks_server.state import Json, State
from hopsmon.testing.hopsworks_server.statistics import VIEW

routes = Routes(VIEW)

_LOG_ID, _LOG_TIME = "log_id", "log_time"
_COLUMNS = {
    _LOG_ID: "string",
    "td_version": "int",
    _LOG_TIME: "timestamp",
    "model_name": "string",
    "model_version": "string",
    "request_id": "string",
    "request_parameters": "string",
}
_PREDICTED = "predicted_"
_JOB_TRANSPORT = "job"


@routes.put("/log", status=200)
def enable(call: Call) -> Reply:
    view = feature_view(call)
    sent = call.json() if call.raw else {}
    enable_logging(call.state, view, sent.get("extraLoggingColumns") or [], sent.get("transport"))
    return None


@routes.get("/log")
def find(call: Call) -> Reply:
    log = _log(call)
    return {"id": log["id"], "untransformedLogFg": call.state.feature_groups[log["group"]], "extraLoggingColumns": []}


@routes.delete("/log")
def delete(call: Call) -> Reply:
    """Deletes what was logged: the feature group is made anew, for another transport where one is named."""
    view, log = feature_view(call), _log(call)
    del call.state.feature_groups[log["group"]]
    del call.state.feature_logs[(view["name"], view["version"])]
    enable_logging(call.state, view, log["extra"], call.given("transport") or log["transport"])
    return None


@routes.post("/log/pause", status=200)
def pause(call: Call) -> Reply:
    _switch(call, False)
    return None


@routes.post("/log/resume", status=200)
def resume(call: Call) -> Reply:
    _switch(call, True)
    return None


@routes.post("/log/materialize", status=200)
def materialize(call: Call) -> Reply:
    """Runs the logging feature group's materialization job; the client reads one job, or a collection of several."""
    group = call.state.feature_groups[_log(call)["group"]]
    job = call.state.jobs[f"{group['name']}_{group['version']}_offline_fg_materialization"]
    start_job(call.state, job, "", {}, href(call))
    return job


def enable_logging(state: State, view: Json, extra: list[Json], transport: str | None) -> Json:
    """Make a feature view's logging feature group, unless it is there."""
    key = (view["name"], view["version"])
    view["loggingEnabled"] = True
    if key in state.feature_logs:
        return state.feature_logs[key]
    realtime = transport != _JOB_TRANSPORT
    columns = [*_logged(view), *({"name": each["name"], "type": each["type"]} for each in extra)]
    group = create_feature_group(
        state,
        {
            "name": f"{view['name']}_{view['version']}_log",
            "version": 1,
            "description": f"Log of the feature view {view['name']}",
            "type": "streamFeatureGroupDTO" if realtime else "cachedFeaturegroupDTO",
            "timeTravelFormat": "HUDI" if realtime else "DELTA",
            "onlineEnabled": realtime,
            "eventTime": _LOG_TIME,
            "features": [_feature(each["name"], each["type"]) for each in columns],
        },
    )
    log = {"id": state.new_id("feature log"), "group": group["id"], "extra": extra, "transport": transport}
    state.feature_logs[key] = {**log, "paused": False}
    return state.feature_logs[key]


def _log(call: Call) -> Json:
    view = feature_view(call)
    key = (view["name"], view["version"])
    if key not in call.state.feature_logs:
        raise FEATURE_LOGGING_NOT_ENABLED.because(f"{view['name']} of version {view['version']} is not logged")
    return call.state.feature_logs[key]


def _switch(call: Call, enabled: bool) -> None:
    _log(call)["paused"] = not enabled
    feature_view(call)["loggingEnabled"] = enabled


def _logged(view: Json) -> list[Json]:
    """What a row of the log holds: facts of the call, the view's features, and a prediction for each label."""
    made = [{"name": name, "type": kind} for name, kind in _COLUMNS.items()]
    for feature in view["features"]:
        prefix = _PREDICTED if feature.get("label") else ""
        made.append({"name": prefix + feature["name"], "type": feature["type"]})
    return made


def _feature(name: str, kind: str) -> Json:
    flags = dict.fromkeys(("partition", "hudiPrecombineKey", "offlineOnly", "foreign", "onDemand"), False)
    return {"name": name, "type": kind, "primary": name == _LOG_ID, "description": None, "defaultValue": None, **flags}
