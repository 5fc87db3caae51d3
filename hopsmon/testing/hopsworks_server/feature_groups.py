"""Feature store and feature groups: create, find, change, delete; their commits."""

from __future__ import annotations

import re

from hopsmon.testing.hopsworks_server.errors import (
    FEATURE_GROUP_EXISTS,
    FEATURE_GROUP_NOT_FOUND,
    FEATURE_STORE_NOT_FOUND,
    ILLEGAL_ENTITY_NAME,
    ILLEGAL_FEATURE_GROUP_UPDATE,
    ILLEGAL_FEATURE_NAME,
    INCOMPLETE_REQUEST,
    PRIMARY_KEY_REQUIRED,
)
from hopsmon.testing.hopsworks_server.executions import run_service_job
from hopsmon.testing.hopsworks_server.jobs import keep_job
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, href, page
from hopsmon.testing.hopsworks_server.state import Json, State, now
from hopsmon.testing.hopsworks_server.tagging import tag, tags_sent_along

STORE = "/project/{project}/featurestores/{store}"
GROUP = STORE + "/featuregroups/{group}"

routes = Routes()

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_STREAM = "streamFeatureGroupDTO"
_ABSENT_WHEN_NULL = ("expectationSuite", "parents", "deltaStreamerJobConf")
_DEFAULT_STATISTICS = {
    "enabled": True,
    "correlations": False,
    "histograms": False,
    "exactUniqueness": False,
    "columns": [],
}


@routes.get("/project/{project}/featurestores")
def feature_stores(call: Call) -> Reply:
    return [_feature_store(call.state)]


@routes.get(STORE)
def feature_store(call: Call) -> Reply:
    settings = call.state.settings
    if call["store"] not in (str(settings.feature_store_id), settings.feature_store):
        raise FEATURE_STORE_NOT_FOUND.because(f"there is no feature store {call['store']}")
    return _feature_store(call.state)


@routes.get(STORE + "/featuregroups")
def feature_groups(call: Call) -> Reply:
    return page(call, list(call.state.feature_groups.values()))


@routes.post(STORE + "/featuregroups")
def create(call: Call) -> Reply:
    sent = call.json()
    tags = tags_sent_along(call.state, sent)
    group = create_feature_group(call.state, sent)
    tag(call.state, f"{call.path}/{group['id']}", tags)
    return group


@routes.get(GROUP)
def find(call: Call) -> Reply:
    """By id one object; by name an array, even with a version."""
    if call["group"].isdigit():
        return feature_group(call)
    version = call.whole("version")
    found = [
        group
        for group in call.state.feature_groups.values()
        if group["name"] == call["group"] and version in (None, group["version"])
    ]
    if not found:
        raise FEATURE_GROUP_NOT_FOUND.because(f"there is no feature group {call['group']}")
    return found


@routes.put(GROUP)
def change(call: Call) -> Reply:
    """What is changed stands in the query, not in the body, which is the whole feature group."""
    group = feature_group(call)
    sent = call.json()
    if call.flag("updateMetadata"):
        _change_metadata(group, sent)
    if call.flag("updateStatsConfig"):
        group["statisticsConfig"] = sent["statisticsConfig"]
    if call.flag("enableOnline"):
        group["onlineEnabled"] = True
    if call.given("deprecate") is not None:
        group["deprecated"] = call.flag("deprecate")
    return group


@routes.delete(GROUP)
def delete(call: Call) -> Reply:
    group = feature_group(call)
    del call.state.feature_groups[group["id"]]
    call.state.commits.pop(group["id"], None)
    call.state.jobs.pop(_materialization_job(group), None)
    return None


@routes.post(GROUP + "/clear", status=200)
def clear(call: Call) -> Reply:
    group = feature_group(call)
    call.state.commits.pop(group["id"], None)
    return group


@routes.post(GROUP + "/updatetableschema")
def update_table_schema(call: Call) -> Reply:
    """Hudi's tables learn of new features by a job; what it does is up to the server's runner."""
    group = feature_group(call)
    name = f"{group['name']}_{group['version']}_update_table_schema"
    return run_service_job(call.state, name, "-op update_table_schema_fg", href(call))


@routes.post(GROUP + "/commits", status=200)
def commit(call: Call) -> Reply:
    """The counters stay what they were sent as: the client's Spark engine sends text, its Python engine numbers."""
    group = feature_group(call)
    made = {**call.json(), "href": href(call)}
    if made.get("commitTime") is None:
        raise INCOMPLETE_REQUEST.because("the commit has no commitTime")
    made["commitID"] = made["commitTime"]
    call.state.commits[group["id"]].append(made)
    return made


@routes.get(GROUP + "/commits")
def commits(call: Call) -> Reply:
    made = sorted(call.state.commits[feature_group(call)["id"]], key=time_of, reverse=True)
    for condition in call.listed("filter_by"):
        name, _, value = condition.partition(":")
        if name != "commited_on_ltoeq":  # Hopsworks' spelling
            raise INCOMPLETE_REQUEST.because(f"commits cannot be filtered by {name}")
        made = [each for each in made if time_of(each) <= int(value)]
    return {"items": [], **page(call, made)}  # the client reads an empty list of commits only where it is there


def feature_group(call: Call) -> Json:
    """The feature group that a path names by its id."""
    return feature_group_by_id(call.state, call.number("group"))


def feature_group_by_id(state: State, number: int) -> Json:
    """A feature group, or the refusal that Hopsworks has for a missing one."""
    if number not in state.feature_groups:
        raise FEATURE_GROUP_NOT_FOUND.because(f"there is no feature group {number}")
    return state.feature_groups[number]


def create_feature_group(state: State, sent: Json) -> Json:
    """Keep a new feature group, completed as Hopsworks completes it."""
    name, version = sent["name"], sent.get("version")
    _check_names(sent)
    versions = [group["version"] for group in state.feature_groups.values() if group["name"] == name]
    if version in versions:
        raise FEATURE_GROUP_EXISTS.because(f"{name} has a version {version}")
    settings = state.settings
    group = {name: value for name, value in sent.items() if value is not None or name not in _ABSENT_WHEN_NULL}
    group["id"] = number = state.new_id("feature group")
    group["version"] = version = version or max(versions, default=0) + 1
    group |= {
        "featurestoreId": settings.feature_store_id,
        "featurestoreName": settings.feature_store,
        "created": now(),
        "creator": settings.creator,
        "location": f"{settings.warehouse}/{name}_{version}",
        "onlineTopicName": sent.get("topicName") or settings.online_topic,
        "statisticsConfig": sent.get("statisticsConfig") or dict(_DEFAULT_STATISTICS),
        "features": [_feature(feature, number) for feature in sent["features"]],
    }
    if group.get("timeTravelFormat") == "HUDI":
        _choose_precombine_key(group)
    state.feature_groups[number] = group
    if group.get("type") == _STREAM:
        _create_materialization_job(state, group)
    return group


def time_of(made: Json) -> int:
    """When a commit was made, in milliseconds."""
    return int(made["commitTime"])


def _feature_store(state: State) -> Json:
    settings = state.settings
    return {
        "featurestoreId": settings.feature_store_id,
        "featurestoreName": settings.feature_store,
        "created": "2026-11-01T10:00:00Z",
        "projectName": settings.project,
        "projectId": settings.project_id,
        "onlineFeaturestoreName": settings.project,
        "offlineFeaturestoreName": settings.feature_store,
        "onlineEnabled": True,
        "numFeatureGroups": len(state.feature_groups),
        "numTrainingDatasets": 0,
        "numStorageConnectors": 3,
        "numFeatureViews": 0,
    }


def _check_names(sent: Json) -> None:
    if not _NAME.fullmatch(sent["name"]):
        raise ILLEGAL_ENTITY_NAME.because(f"'{sent['name']}' is not lower case letters, digits and _ (at most 63)")
    for feature in sent["features"]:
        if not _NAME.fullmatch(feature["name"]):
            raise ILLEGAL_FEATURE_NAME.because(f"'{feature['name']}' is not lower case letters, digits and _")


def _create_materialization_job(state: State, group: Json) -> None:
    """Rows of a stream feature group reach the offline table by this job."""
    name = _materialization_job(group)
    config = {
        "type": "sparkJobConfiguration",
        "appName": name,
        "mainClass": "com.logicalclocks.utils.MainClass",
        "appPath": "hdfs:///user/spark/hsfs-utils.jar",
        "defaultArgs": f"-op offline_fg_materialization -path hdfs:///Projects/{state.settings.project}/Resources/jobs",
    }
    keep_job(state, name, config, f"/project/{state.settings.project_id}/jobs/{name}")


def _materialization_job(group: Json) -> str:
    return f"{group['name']}_{group['version']}_offline_fg_materialization"


def _feature(sent: Json, number: int) -> Json:
    online = "varchar(100)" if sent["type"] == "string" else sent["type"]
    return {**sent, "featureGroupId": number, "onlineType": sent.get("onlineType") or online}


def _choose_precombine_key(group: Json) -> None:
    """Hudi merges by one feature; where the client names none, Hopsworks takes the first primary key."""
    if any(feature.get("hudiPrecombineKey") for feature in group["features"]):
        return
    key = next((feature for feature in group["features"] if feature.get("primary")), None)
    if key is None:
        raise PRIMARY_KEY_REQUIRED.because(f"{group['name']} has no primary key")
    key["hudiPrecombineKey"] = True


def _change_metadata(group: Json, sent: Json) -> None:
    """Descriptions change and features are added; a feature that is there can neither go nor change its type."""
    new = {feature["name"]: feature for feature in sent["features"]}
    for feature in group["features"]:
        if feature["name"] not in new or new[feature["name"]]["type"] != feature["type"]:
            raise ILLEGAL_FEATURE_GROUP_UPDATE.because(f"feature {feature['name']} would go or change its type")
    group["features"] = [_feature(feature, group["id"]) for feature in new.values()]
    for name in ("description", "notificationTopicName"):
        if sent.get(name) is not None:
            group[name] = sent[name]
