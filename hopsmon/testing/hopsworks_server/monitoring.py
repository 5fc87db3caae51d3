"""Hopsworks' own feature monitoring: configurations and results, of feature groups and feature views."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import MONITORING_NOT_FOUND
from hopsmon.testing.hopsworks_server.executions import start_job
from hopsmon.testing.hopsworks_server.feature_groups import GROUP
from hopsmon.testing.hopsworks_server.jobs import keep_job
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection, href, page
from hopsmon.testing.hopsworks_server.state import Json, State
from hopsmon.testing.hopsworks_server.statistics import VIEW

routes = Routes()

# What has an id of its own inside a configuration or result.
_PARTS = (
    "detectionWindowConfig",
    "featureStatisticsConfigs",
    "featureStatisticsResults",
    "jobSchedule",
    "referenceWindowConfig",
    "statisticsComparisonConfigs",
    "statisticsComparisonResults",
)


def create_config(call: Call) -> Reply:
    sent = call.json()
    made = _numbered(call.state, sent, "monitoring configuration")
    name = f"{_entity(call)}_{sent['name']}_run_feature_monitoring"
    keep_job(call.state, name, {"type": "pythonJobConfiguration", "appName": name}, href(call))
    made |= {"jobName": name, "href": f"{href(call)}/{made['id']}"}
    call.state.monitoring_configs[_where(call)].append(made)
    return made


def configs(call: Call) -> Reply:
    return collection(call, call.state.monitoring_configs[_where(call)])


def config(call: Call) -> Reply:
    return _config(call)


def config_by_name(call: Call) -> Reply:
    return _only(call, [each for each in call.state.monitoring_configs[_where(call)] if each["name"] == call["name"]])


def configs_by_feature(call: Call) -> Reply:
    return collection(call, [each for each in call.state.monitoring_configs[_where(call)] if _has(each, call["name"])])


def change_config(call: Call) -> Reply:
    known = _config(call)
    known |= {**_numbered(call.state, call.json(), "monitoring configuration"), "id": known["id"]}
    return known


def delete_config(call: Call) -> Reply:
    call.state.monitoring_configs[_where(call)].remove(_config(call))
    return None


def run_config(call: Call) -> Reply:
    """Runs the configuration's job once; what that does is up to the server's runner."""
    job = call.state.jobs[_config(call)["jobName"]]
    start_job(call.state, job, "", {}, href(call))
    return job


def create_result(call: Call) -> Reply:
    made = _numbered(call.state, call.json(), "monitoring result")
    call.state.monitoring_results[_where(call)].append(made)
    return made


def results(call: Call) -> Reply:
    found = [
        each
        for each in call.state.monitoring_results[_where(call)]
        if each["featureMonitoringConfigId"] == call.number("config")
    ]
    for condition in call.listed("filter_by"):
        name, _, value = condition.partition(":")
        lowest = int(value) if name == "monitoring_time_gte" else None
        highest = int(value) if name == "monitoring_time_lte" else None
        found = [each for each in found if _between(each["monitoringTime"], lowest, highest)]
    return page(call, sorted(found, key=lambda each: int(each["monitoringTime"]), reverse=True))


def _between(time: int, lowest: int | None, highest: int | None) -> bool:
    return (lowest is None or time >= lowest) and (highest is None or time <= highest)


def _where(call: Call) -> str:
    return call.path.partition("/featuremonitoring")[0]


def _entity(call: Call) -> str:
    return _where(call).rpartition("/featurestores/")[2].split("/", 1)[1].replace("/", "_")


def _config(call: Call) -> Json:
    known = call.state.monitoring_configs[_where(call)]
    return _only(call, [each for each in known if each["id"] == call.number("config")])


def _only(call: Call, found: list[Json]) -> Json:
    if not found:
        raise MONITORING_NOT_FOUND.because(f"nothing at {call.path}")
    return found[0]


def _has(config: Json, feature: str) -> bool:
    return any(each.get("featureName") == feature for each in config.get("featureStatisticsConfigs") or [])


def _numbered(state: State, sent: Json, kind: str) -> Json:
    """A configuration or result with ids, and its parts with theirs."""
    made = {**sent, "id": sent.get("id") or state.new_id(kind)}
    for name in _PARTS:
        part = made.get(name)
        if isinstance(part, list):
            made[name] = [_numbered(state, each, name) for each in part]
        elif isinstance(part, dict):
            made[name] = _numbered(state, part, name)
    return made


for _base in (GROUP, VIEW):
    _CONFIG, _RESULT = _base + "/featuremonitoring/config", _base + "/featuremonitoring/result"
    routes.post(_CONFIG)(create_config)
    routes.get(_CONFIG + "/entity")(configs)
    routes.get(_CONFIG + "/name/{name}")(config_by_name)
    routes.get(_CONFIG + "/feature/{name}")(configs_by_feature)
    routes.get(_CONFIG + "/{config}")(config)
    routes.put(_CONFIG + "/{config}")(change_config)
    routes.delete(_CONFIG + "/{config}")(delete_config)
    routes.post(_CONFIG + "/{config}/trigger")(run_config)
    routes.post(_RESULT)(create_result)
    routes.get(_RESULT + "/byconfig/{config}")(results)


@routes.get("/project/{project}/modelregistries/{registry}/models/{model}/featuremonitoring")
def configs_of_model(call: Call) -> Reply:
    every = [each for known in call.state.monitoring_configs.values() for each in known]
    return collection(call, [each for each in every if _model_of(each) == call["model"]])


def _model_of(config: Json) -> str:
    return f"{config.get('modelName')}_{config.get('modelVersion')}"
