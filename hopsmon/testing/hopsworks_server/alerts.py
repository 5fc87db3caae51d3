"""Alerts: receivers, routes to them, what triggers them, and alerts that were triggered by hand."""

from __future__ import annotations

from collections.abc import Callable

from hopsmon.testing.hopsworks_server.errors import (
    ENTITY_ALERT_EXISTS,
    ENTITY_ALERT_NOT_FOUND,
    INCOMPLETE_REQUEST,
    JOB_ALERT_EXISTS,
    JOB_ALERT_NOT_FOUND,
    PROJECT_ALERT_EXISTS,
    PROJECT_ALERT_NOT_FOUND,
    RECEIVER_EXISTS,
    RECEIVER_NOT_FOUND,
    ROUTE_EXISTS,
    ErrorCode,
)
from hopsmon.testing.hopsworks_server.feature_groups import GROUP, feature_group
from hopsmon.testing.hopsworks_server.feature_views import feature_view
from hopsmon.testing.hopsworks_server.jobs import job_of
from hopsmon.testing.hopsworks_server.router import Call, Handler, Reply, Routes, collection, href, page
from hopsmon.testing.hopsworks_server.state import Json, State, now
from hopsmon.testing.hopsworks_server.statistics import VIEW

routes = Routes()

_ALERTS = "/project/{project}/alerts"
_GLOBAL = "global-receiver__"  # the prefix of receivers that every project may use


@routes.get(_ALERTS + "/receivers")
def receivers(call: Call) -> Reply:
    return page(call, list(call.state.receivers.values()))


@routes.post(_ALERTS + "/receivers")
def create_receiver(call: Call) -> Reply:
    return keep_receiver(call.state, call.json())


@routes.get(_ALERTS + "/receivers/default")
def default_receivers(_: Call) -> Reply:
    """Which kinds of receiver the cluster can send to."""
    return {"emailConfigured": True, "slackConfigured": True, "pagerDutyConfigured": True}


@routes.get(_ALERTS + "/receivers/{receiver}")
def find_receiver(call: Call) -> Reply:
    return _receiver(call.state, call["receiver"])


@routes.delete(_ALERTS + "/receivers/{receiver}")
def delete_receiver(call: Call) -> Reply:
    del call.state.receivers[_receiver(call.state, call["receiver"])["name"]]
    return None


@routes.get(_ALERTS + "/routes")
def routes_to_receivers(call: Call) -> Reply:
    return page(call, call.state.routes)


@routes.post(_ALERTS + "/routes")
def create_route(call: Call) -> Reply:
    """A route's `match` comes as pairs and goes out as an object."""
    sent = call.json()
    receiver = _receiver(call.state, sent["receiver"])["name"]
    match = {pair["key"]: pair["value"] for pair in sent.get("match") or []}
    if any((known["receiver"], known["match"]) == (receiver, match) for known in call.state.routes):
        raise ROUTE_EXISTS.because(f"to {receiver}")
    route = {"groupWait": 0, "groupInterval": 0, "repeatInterval": 0, **sent, "receiver": receiver, "match": match}
    call.state.routes.append(route)
    return route


@routes.get(_ALERTS)
def triggered(call: Call) -> Reply:
    return page(call, call.state.triggered)


@routes.post(_ALERTS)
def trigger(call: Call) -> Reply:
    sent = call.json().get("alerts") or []
    call.state.triggered.extend({**each, "status": {"state": "active"}} for each in sent)
    return collection(call, sent)


def keep_receiver(state: State, sent: Json) -> Json:
    """Keep a receiver under the project's prefix."""
    name = _full_name(state, sent["name"])
    if name in state.receivers:
        raise RECEIVER_EXISTS.because(name)
    kept = {key: value for key, value in sent.items() if value is not None}
    if "pagerDutyConfigs" in kept:
        kept["pagerdutyConfigs"] = kept.pop("pagerDutyConfigs")  # asked for in one spelling, answered in another
    state.receivers[name] = {**kept, "name": name}
    return state.receivers[name]


def _full_name(state: State, name: str) -> str:
    own = f"{state.settings.project}__"
    return name if name.startswith((own, _GLOBAL)) else own + name


def _receiver(state: State, name: str) -> Json:
    full = _full_name(state, name)
    if full not in state.receivers:
        raise RECEIVER_NOT_FOUND.because(f"there is no receiver {full}")
    return state.receivers[full]


def _of_project(_: Call) -> Json:
    return {}


def _of_job(call: Call) -> Json:
    return {"jobId": job_of(call)["id"], "jobName": call["job"]}


def _of_feature_group(call: Call) -> Json:
    name = feature_group(call)["name"]
    return {"featureGroupName": name, "featureStoreName": call.state.settings.feature_store}


def _of_feature_view(call: Call) -> Json:
    view = feature_view(call)
    facts = {"featureViewName": view["name"], "featureViewVersion": view["version"]}
    return {**facts, "featureStoreName": call.state.settings.feature_store}


def _create(owner: Callable[[Call], Json], exists: ErrorCode) -> Handler:
    def create(call: Call) -> Reply:
        """One alert a status; its receiver must exist."""
        facts, sent, known = owner(call), call.json(), call.state.alerts[call.path]
        if not sent.get("status"):
            raise INCOMPLETE_REQUEST.because("the alert has no status")
        if any(each["status"] == sent["status"] for each in known):
            raise exists.because(str(sent["status"]))
        receiver = _receiver(call.state, sent["receiver"])["name"]
        made = {**sent, "receiver": receiver, **facts, "id": call.state.new_id("alert"), "created": now()}
        known.append({**made, "alertType": "PROJECT_ALERT", "href": href(call)})
        return known[-1]

    return create


def _all(owner: Callable[[Call], Json]) -> Handler:
    def every(call: Call) -> Reply:
        owner(call)
        return page(call, call.state.alerts[call.path])

    return every


def _one(owner: Callable[[Call], Json], missing: ErrorCode) -> Handler:
    def one(call: Call) -> Reply:
        owner(call)
        for alert in call.state.alerts[call.path.rpartition("/")[0]]:
            if alert["id"] == call.number("alert"):
                return alert
        raise missing.because(f"there is no alert {call['alert']}")

    return one


def _delete(owner: Callable[[Call], Json]) -> Handler:
    def delete(call: Call) -> Reply:
        owner(call)
        where = call.path.rpartition("/")[0]
        kept = [alert for alert in call.state.alerts[where] if alert["id"] != call.number("alert")]
        call.state.alerts[where] = kept
        return None

    return delete


for _path, _owner, _exists, _missing in (
    ("/project/{project}/service/alerts", _of_project, PROJECT_ALERT_EXISTS, PROJECT_ALERT_NOT_FOUND),
    ("/project/{project}/jobs/{job}/alerts", _of_job, JOB_ALERT_EXISTS, JOB_ALERT_NOT_FOUND),
    (GROUP + "/alerts", _of_feature_group, ENTITY_ALERT_EXISTS, ENTITY_ALERT_NOT_FOUND),
    (VIEW + "/alerts", _of_feature_view, ENTITY_ALERT_EXISTS, ENTITY_ALERT_NOT_FOUND),
):
    routes.post(_path)(_create(_owner, _exists))
    routes.get(_path)(_all(_owner))
    routes.get(_path + "/{alert}")(_one(_owner, _missing))
    routes.delete(_path + "/{alert}")(_delete(_owner))
