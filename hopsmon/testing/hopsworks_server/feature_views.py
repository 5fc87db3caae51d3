"""Feature views: create, find, delete; the query of their batch data; functions that transform features."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import (
    FEATURE_VIEW_EXISTS,
    FEATURE_VIEW_NOT_FOUND,
    TRANSFORMATION_FUNCTION_NOT_FOUND,
)
from hopsmon.testing.hopsworks_server.feature_groups import STORE
from hopsmon.testing.hopsworks_server.queries import Column, columns_of, parts_of, with_current_groups
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection, href, page
from hopsmon.testing.hopsworks_server.state import Json, State, now
from hopsmon.testing.hopsworks_server.statistics import VIEW
from hopsmon.testing.hopsworks_server.tagging import tag, tags_sent_along

routes = Routes()

_VIEWS = STORE + "/featureview"
_ROLES = ("label", "inferenceHelperColumn", "trainingHelperColumn")
_FUNCTIONS = STORE + "/transformationfunctions"


@routes.get(_VIEWS)
def views(call: Call) -> Reply:
    return page(call, [shown_view(call.state, each) for each in call.state.views.values()])


@routes.post(_VIEWS)
def create(call: Call) -> Reply:
    sent = call.json()
    tags = tags_sent_along(call.state, sent)
    view = create_feature_view(call.state, sent)
    tag(call.state, f"{call.path}/{view['name']}/version/{view['version']}", tags)
    return view


@routes.get(_VIEWS + "/{view}")
def versions(call: Call) -> Reply:
    found = [each for (name, _), each in call.state.views.items() if name == call["view"]]
    if not found:
        raise FEATURE_VIEW_NOT_FOUND.because(f"there is no feature view {call['view']}")
    return collection(call, [shown_view(call.state, each) for each in found])


@routes.get(VIEW)
def find(call: Call) -> Reply:
    return shown_view(call.state, feature_view(call))


@routes.put(VIEW)
def change(call: Call) -> Reply:
    view = feature_view(call)
    view["description"] = call.json().get("description")
    return shown_view(call.state, view)


@routes.delete(VIEW)
def delete(call: Call) -> Reply:
    view = feature_view(call)
    key = (view["name"], view["version"])
    call.state.training_datasets.pop(key, None)
    del call.state.views[key]
    return None


@routes.get(VIEW + "/preparedstatement")
def prepared_statements(call: Call) -> Reply:
    """None: there is no online store to prepare them for."""
    feature_view(call)
    return {"href": href(call), "count": 0, "items": []}


@routes.get(VIEW + "/query/batch")
def batch_query(call: Call) -> Reply:
    return _batch_query(call)


@routes.get(_FUNCTIONS)
def transformation_functions(call: Call) -> Reply:
    found = call.state.transformation_functions
    if call.given("name"):
        found = [each for each in found if each["hopsworksUdf"]["name"] == call.given("name")]
        version = call.whole("version")
        found = [each for each in found if version in (None, each["version"])]
        if not found:
            raise TRANSFORMATION_FUNCTION_NOT_FOUND.because(f"there is no function {call.given('name')}")
    return collection(call, found)


@routes.post(_FUNCTIONS)
def save_transformation_function(call: Call) -> Reply:
    sent = call.json()
    name = sent["hopsworksUdf"]["name"]
    same = [each["version"] for each in call.state.transformation_functions if each["hopsworksUdf"]["name"] == name]
    kept = {
        **sent,
        "id": call.state.new_id("transformation function"),
        "version": sent.get("version") or max(same, default=0) + 1,
    }
    call.state.transformation_functions.append(kept)
    return kept


def feature_view(call: Call) -> Json:
    """The feature view that a path names."""
    key = (call["view"], call.number("version"))
    if key not in call.state.views:
        raise FEATURE_VIEW_NOT_FOUND.because(f"there is no feature view {call['view']} of version {call['version']}")
    return call.state.views[key]


def create_feature_view(state: State, sent: Json) -> Json:
    """Keep a new feature view, with the features that its query gives."""
    name, version = sent["name"], sent.get("version")
    known = [number for view, number in state.views if view == name]
    if version in known:
        raise FEATURE_VIEW_EXISTS.because(f"{name} has a version {version}")
    parts = parts_of(state, sent["query"])
    view = {
        **sent,
        "id": state.new_id("feature view"),
        "version": version or max(known, default=0) + 1,
        "featurestoreId": state.settings.feature_store_id,
        "featurestoreName": state.settings.feature_store,
        "created": now(),
        "creator": state.settings.creator,
        "features": _features(sent, columns_of(parts)),
    }
    for function in view.get("transformationFunctions") or []:
        if function.get("id") is None:
            function["id"] = state.new_id("transformation function")
    state.views[(name, view["version"])] = view
    return shown_view(state, view)


def _features(sent: Json, columns: list[Column]) -> list[Json]:
    """One feature a column; the client sends only those with a role, such as labels."""
    made = []
    for index, column in enumerate(columns):
        role: Json = next((role for role in sent.get("features") or [] if _is_of(role, column)), {})
        feature: Json = {
            "name": column.name,
            "type": column.feature["type"],
            "index": index,
            "featureGroupFeatureName": column.feature["name"],
            "featuregroup": _brief(column.part.group),
            **{name: bool(role.get(name)) for name in _ROLES},
        }
        function = column.feature.get("transformationFunction") or role.get("transformationFunction")
        made.append({**feature, "transformationFunction": function} if function else feature)
    return made


def _is_of(role: Json, column: Column) -> bool:
    """Whether a role is a column's: the client names feature group and feature, `Seed` the column."""
    group = role.get("featuregroup")
    if group is None:
        return bool(role["name"] == column.name)
    return bool(role["name"] == column.feature["name"] and group["id"] == column.part.group["id"])


def shown_view(state: State, view: Json) -> Json:
    """A feature view with its query as it is now, and the keys by which it is looked up."""
    query = with_current_groups(state, view["query"])
    return {**view, "query": query, "servingKeys": _serving_keys(state, view)}


def _serving_keys(state: State, view: Json) -> list[Json]:
    """The primary keys by which rows are looked up; a joined feature group's own follow from the join."""
    keys = []
    for index, part in enumerate(parts_of(state, view["query"])):
        for feature in part.group["features"]:
            if feature.get("primary"):
                key = {"featureName": feature["name"], "prefix": part.prefix, "joinIndex": index}
                key |= {"featureGroup": _brief(part.group), "required": index == 0}
                keys.append({**key, "joinOn": feature["name"]} if index else key)
    return keys


def _batch_query(call: Call) -> Json:
    """The view's query: labels, keys and event time only where asked for, between two event times."""
    state = call.state
    view = feature_view(call)
    query = with_current_groups(state, view["query"])
    roles = {feature["name"]: feature for feature in view["features"]}
    dropped = {name for name, feature in roles.items() if _is_unwanted(call, feature)}
    columns = columns_of(parts_of(state, query))
    for part in parts_of(state, query):
        wanted = [each.feature for each in columns if each.part.alias == part.alias and each.name not in dropped]
        part.query["leftFeatures"] = wanted + _extra(call, part.group, {each["name"] for each in wanted})
    bounds = _bounds(call, query["leftFeatureGroup"])
    return {**query, "filter": _both(query.get("filter"), bounds)} if bounds else query


def _is_unwanted(call: Call, feature: Json) -> bool:
    asked = {
        "label": call.flag("with_label"),
        "inferenceHelperColumn": call.flag("inference_helper_columns"),
        "trainingHelperColumn": call.flag("training_helper_columns"),
    }
    return any(feature.get(role) and not wanted for role, wanted in asked.items())


def _extra(call: Call, group: Json, present: set[str]) -> list[Json]:
    """Primary keys and event time, where they are asked for and not features of the view."""
    names = {feature["name"] for feature in group["features"] if feature.get("primary")}
    names = names if call.flag("with_primary_keys") else set()
    if call.flag("with_event_time") and group.get("eventTime"):
        names |= {group["eventTime"]}
    return [each for each in group["features"] if each["name"] in names - present]


def _bounds(call: Call, group: Json) -> Json | None:
    event_time = group.get("eventTime")
    feature = next((each for each in group["features"] if each["name"] == event_time), None)
    if feature is None:
        return None
    sides = {"leftFilter": ("GREATER_THAN_OR_EQUAL", "start_time"), "rightFilter": ("LESS_THAN", "end_time")}
    given = {
        side: {"feature": feature, "condition": condition, "value": call.given(name)}
        for side, (condition, name) in sides.items()
        if call.given(name) is not None
    }
    return {"type": "AND" if len(given) > 1 else "SINGLE", **given} if given else None


def _both(one: Json | None, other: Json) -> Json:
    return {"type": "AND", "leftLogic": one, "rightLogic": other} if one else other


def _brief(group: Json) -> Json:
    """A feature group as features name theirs."""
    names = ("id", "name", "version", "featurestoreId", "eventTime", "onlineEnabled", "deprecated", "statisticsConfig")
    return {"type": "featuregroupDTO", **{name: group[name] for name in names if name in group}}
