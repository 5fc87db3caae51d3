"""Great Expectations: suites attached to feature groups, and the reports of what they found."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import (
    EXPECTATION_NOT_FOUND,
    REPORT_NOT_FOUND,
    SUITE_EXISTS,
    SUITE_NOT_FOUND,
)
from hopsmon.testing.hopsworks_server.feature_groups import GROUP, feature_group
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection, href, page
from hopsmon.testing.hopsworks_server.state import Json, State, now

routes = Routes(GROUP)

_SUITE = "/expectationsuite"
_EXPECTATIONS = _SUITE + "/{suite}/expectations"


@routes.get(_SUITE)
def suite(call: Call) -> Reply:
    """A feature group without a suite has an empty collection, not a 404."""
    return call.state.suites.get(feature_group(call)["id"]) or collection(call, [])


@routes.post(_SUITE)
def attach(call: Call) -> Reply:
    number = feature_group(call)["id"]
    if number in call.state.suites:
        raise SUITE_EXISTS.because(f"feature group {number} has one")
    return _keep(call, number, call.state.new_id("expectation suite"))


@routes.put(_SUITE + "/{suite}")
def change(call: Call) -> Reply:
    return _keep(call, feature_group(call)["id"], _suite_of(call)["id"])


@routes.put(_SUITE + "/{suite}/metadata")
def change_metadata(call: Call) -> Reply:
    kept = _suite_of(call)
    kept |= {name: value for name, value in call.json().items() if name not in ("id", "expectations")}
    return kept


@routes.delete(_SUITE + "/{suite}")
def detach(call: Call) -> Reply:
    _suite_of(call)
    del call.state.suites[feature_group(call)["id"]]
    return None


@routes.get(_EXPECTATIONS)
def expectations(call: Call) -> Reply:
    return collection(call, _suite_of(call)["expectations"])


@routes.post(_EXPECTATIONS)
def add_expectation(call: Call) -> Reply:
    added = _numbered(call.state, {**call.json(), "id": None})
    _suite_of(call)["expectations"].append(added)
    return added


@routes.get(_EXPECTATIONS + "/{expectation}")
def expectation(call: Call) -> Reply:
    return _expectation_of(call)


@routes.put(_EXPECTATIONS + "/{expectation}")
def change_expectation(call: Call) -> Reply:
    kept = _expectation_of(call)
    kept |= {**call.json(), "id": kept["id"]}
    return kept


@routes.delete(_EXPECTATIONS + "/{expectation}")
def remove_expectation(call: Call) -> Reply:
    _suite_of(call)["expectations"].remove(_expectation_of(call))
    return None


@routes.put("/validationreport")
def report(call: Call) -> Reply:
    group = feature_group(call)
    sent = call.json()
    kept = {**sent, "id": call.state.new_id("validation report"), "validationTime": now(), "href": href(call)}
    kept["results"] = [_result(call.state, kept, result) for result in sent.get("results") or []]
    call.state.reports[group["id"]].append(kept)
    return kept


@routes.get("/validationreport")
def reports(call: Call) -> Reply:
    """The latest first, which is the only order that the client asks for."""
    return page(call, call.state.reports[feature_group(call)["id"]][::-1])


@routes.delete("/validationreport/{report}")
def delete_report(call: Call) -> Reply:
    known = call.state.reports[feature_group(call)["id"]]
    for each in known:
        if each["id"] == call.number("report"):
            known.remove(each)
            return None
    raise REPORT_NOT_FOUND.because(f"there is no report {call['report']}")


@routes.get("/validationresult/history/{expectation}")
def history(call: Call) -> Reply:
    made = [result for each in call.state.reports[feature_group(call)["id"]] for result in each["results"]]
    return page(call, [each for each in made if each.get("expectationId") == call.number("expectation")][::-1])


def _keep(call: Call, group: int, number: int) -> Json:
    sent = call.json()
    kept = {
        **sent,
        "id": number,
        "href": href(call),
        "expectations": [_numbered(call.state, each) for each in sent.get("expectations") or []],
    }
    call.state.suites[group] = kept
    return kept


def _numbered(state: State, expectation: Json) -> Json:
    return {**expectation, "id": expectation.get("id") or state.new_id("expectation")}


def _result(state: State, report: Json, result: Json) -> Json:
    given = {"validationTime": report["validationTime"], "ingestionResult": report.get("ingestionResult")}
    return {**result, **given, "id": state.new_id("validation result")}


def _suite_of(call: Call) -> Json:
    known = call.state.suites.get(feature_group(call)["id"])
    if known is None or known["id"] != call.number("suite"):
        raise SUITE_NOT_FOUND.because(f"feature group {call['group']} has no suite {call['suite']}")
    return known


def _expectation_of(call: Call) -> Json:
    for each in _suite_of(call)["expectations"]:
        if each["id"] == call.number("expectation"):
            found: Json = each
            return found
    raise EXPECTATION_NOT_FOUND.because(f"there is no expectation {call['expectation']}")
