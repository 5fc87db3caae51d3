"""Statistics of feature groups, feature views and training datasets: register and find."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from hopsmon.testing.hopsworks_server.errors import (
    COMMIT_NOT_FOUND,
    INCOMPLETE_REQUEST,
    INVALID_STATISTICS_WINDOW,
)
from hopsmon.testing.hopsworks_server.executions import run_service_job
from hopsmon.testing.hopsworks_server.feature_groups import GROUP, STORE, feature_group
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection, href
from hopsmon.testing.hopsworks_server.state import Json, State, milliseconds

VIEW = STORE + "/featureview/{view}/version/{version}"
TRAINING_DATASET = VIEW + "/trainingdatasets/version/{dataset}"

routes = Routes()

_FIELDS = {
    "computation_time": "computationTime",
    "window_start_commit_time": "windowStartCommitTime",
    "window_end_commit_time": "windowEndCommitTime",
    "window_start_event_time": "windowStartEventTime",
    "window_end_event_time": "windowEndEventTime",
    "event_time": "eventTime",
    "row_percentage": "rowPercentage",
    "before_transformation": "beforeTransformation",
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "_eq": operator.eq,
    "_ltoeq": operator.le,
    "_gtoeq": operator.ge,
}
_COMMIT_WINDOW = ("windowStartCommitTime", "windowEndCommitTime")
_CONTENT = ("featureDescriptiveStatistics", "splitStatistics")


@routes.post(GROUP + "/statistics", status=200)
def register_for_feature_group(call: Call) -> Reply:
    """A time-travel feature group's statistics belong to a window of commits; the same window is registered once."""
    group = feature_group(call)
    sent = {**_sent(call), "featureGroupId": group["id"]}
    if not has_time_travel(group):
        _refuse_window(sent, f"{group['name']} has no time travel")
    if "windowEndCommitTime" in sent:
        sent["windowEndCommitTime"] = _commit_at(call.state, group["id"], sent["windowEndCommitTime"])
    return _register(call.state, feature_group_key(group["id"]), sent)


@routes.post(TRAINING_DATASET + "/statistics", status=200)
def register_for_training_dataset(call: Call) -> Reply:
    sent = {
        **_sent(call),
        "featureViewName": call["view"],
        "featureViewVersion": call.number("version"),
        "trainingDatasetVersion": call.number("dataset"),
    }
    _refuse_window(sent, "it is of a training dataset")
    return _register(call.state, training_dataset_key(call["view"], call["version"], call["dataset"]), sent)


@routes.post(GROUP + "/statistics/compute")
def compute(call: Call) -> Reply:
    """Starts a job, which computes nothing."""
    group = feature_group(call)
    name = f"{group['name']}_{group['version']}_compute_stats_{milliseconds()}"
    return run_service_job(call.state, name, "-op compute_stats", href(call))


@routes.post(VIEW + "/statistics", status=200)
def register_for_feature_view(call: Call) -> Reply:
    sent = {**_sent(call), "featureViewName": call["view"], "featureViewVersion": call.number("version")}
    return _register(call.state, (call["view"], call["version"]), sent)


@routes.get(GROUP + "/statistics")
def of_feature_group(call: Call) -> Reply:
    return _find(call, feature_group_key(feature_group(call)["id"]))


@routes.get(TRAINING_DATASET + "/statistics")
def of_training_dataset(call: Call) -> Reply:
    return _find(call, training_dataset_key(call["view"], call["version"], call["dataset"]))


@routes.get(VIEW + "/statistics")
def of_feature_view(call: Call) -> Reply:
    return _find(call, (call["view"], call["version"]))


def feature_group_key(number: int) -> tuple[str, ...]:
    """Where a feature group's statistics are kept."""
    return (str(number),)


def training_dataset_key(view: str, version: int | str, dataset: int | str) -> tuple[str, ...]:
    """Where a training dataset's statistics are kept."""
    return (view, str(version), str(dataset))


def has_time_travel(group: Json) -> bool:
    """Whether a feature group has commits."""
    return group.get("timeTravelFormat") not in (None, "NONE")


def keep(state: State, key: tuple[str, ...], sent: Json) -> Json:
    """Keep statistics as they are sent, with the ids that Hopsworks gives."""
    for feature in _features(sent):
        feature["id"] = state.new_id("feature statistics")
    state.statistics[key].append(sent)
    return sent


def _sent(call: Call) -> Json:
    given = {name: value for name, value in call.json().items() if value is not None}
    if "computationTime" not in given:
        raise INCOMPLETE_REQUEST.because("the statistics have no computationTime")
    return {"rowPercentage": 1.0, "beforeTransformation": False, **given, "href": href(call)}


def _refuse_window(sent: Json, reason: str) -> None:
    if any(name in sent for name in _COMMIT_WINDOW):
        raise INVALID_STATISTICS_WINDOW.because(f"these statistics cannot have a window of commits: {reason}")


def _register(state: State, key: tuple[str, ...], sent: Json) -> Json:
    """Keep statistics; those of a window that is known take the new ones' features in."""
    if "windowEndCommitTime" in sent:
        for known in state.statistics[key]:
            if all(known.get(name) == sent.get(name) for name in (*_COMMIT_WINDOW, "rowPercentage")):
                return _merge(state, known, sent)
    return keep(state, key, sent)


def _merge(state: State, known: Json, sent: Json) -> Json:
    features = {each["featureName"]: each for each in known.get("featureDescriptiveStatistics", [])}
    for feature in _features(sent):
        features[feature["featureName"]] = {**feature, "id": state.new_id("feature statistics")}
    known["featureDescriptiveStatistics"] = list(features.values())
    known["computationTime"] = sent["computationTime"]
    return known


def _find(call: Call, key: tuple[str, ...]) -> Reply:
    found = call.state.statistics.get(key, [])
    for condition in call.listed("filter_by"):
        name, _, value = condition.partition(":")
        found = [each for each in found if _meets(call, each, name, value)]
    for field, descending in reversed(_order(call)):
        found = sorted(found, key=lambda each: each.get(_FIELDS[field]) or 0, reverse=descending)
    start, limit = call.whole("offset") or 0, call.whole("limit")
    part = found[start : None if limit is None else start + limit]
    return collection(call, [_shown(call, each) for each in part], len(found))


def _meets(call: Call, statistics: Json, name: str, value: str) -> bool:
    field, comparison = _comparison(name)
    own = statistics.get(_FIELDS[field])
    if own is None:
        return False
    wanted = _value(field, value)
    if field == "window_end_commit_time" and comparison is operator.eq and "group" in call.segments:
        wanted = _commit_at(call.state, call.number("group"), wanted)
    return comparison(own, wanted)


def _comparison(name: str) -> tuple[str, Callable[[Any, Any], bool]]:
    for ending, comparison in _COMPARISONS.items():
        if name.endswith(ending) and name.removesuffix(ending) in _FIELDS:
            return name.removesuffix(ending), comparison
    raise INCOMPLETE_REQUEST.because(f"statistics cannot be filtered by {name}")


def _value(field: str, text: str) -> Any:
    if field == "event_time":
        return text
    if field == "before_transformation":
        return text.lower() == "true"
    return float(text) if field == "row_percentage" else int(text)


def _order(call: Call) -> list[tuple[str, bool]]:
    """What to sort by, and whether downwards; the latest stand first where nothing is asked."""
    asked = [part.partition(":") for part in call.listed("sort_by")]
    return [(field, order == "desc") for field, _, order in asked] or [("computation_time", True)]


def _commit_at(state: State, group: int, time: int) -> int:
    """The latest commit at or before a time; a window ends at a commit."""
    times = [int(made["commitTime"]) for made in state.commits[group] if int(made["commitTime"]) <= time]
    if not times:
        raise COMMIT_NOT_FOUND.because(f"there is no commit at or before {time}")
    return max(times)


def _shown(call: Call, statistics: Json) -> Json:
    """Statistics without their content, unless it is asked for, and then of the features asked for."""
    if "content" not in call.listed("fields"):
        return {name: value for name, value in statistics.items() if name not in _CONTENT}
    names = call.listed("feature_names")
    return _of_features(statistics, names) if names else statistics


def _of_features(statistics: Json, names: list[str]) -> Json:
    content = "featureDescriptiveStatistics"
    shown = dict(statistics)
    if content in shown:
        shown[content] = [each for each in shown[content] if each["featureName"] in names]
    if "splitStatistics" in shown:
        shown["splitStatistics"] = [_of_features(split, names) for split in shown["splitStatistics"]]
    return shown


def _features(statistics: Json) -> list[Json]:
    splits = statistics.get("splitStatistics", [])
    return [each for part in (statistics, *splits) for each in part.get("featureDescriptiveStatistics", [])]
