"""Model registry: models and their versions."""

from __future__ import annotations

from typing import Any

from hopsmon.testing.hopsworks_server.errors import MODEL_NOT_FOUND
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, href, page
from hopsmon.testing.hopsworks_server.state import Json, State, now
from hopsmon.testing.hopsworks_server.tagging import tag, tags_sent_along

routes = Routes("/project/{project}/modelregistries")

_MODEL = "/{registry}/models/{model}"


@routes.get("")
def registries(call: Call) -> Reply:
    settings = call.state.settings
    return page(call, [{"id": settings.project_id, "name": settings.project, "parentProject": True}])


@routes.get("/{registry}/models")
def models(call: Call) -> Reply:
    found = list(call.state.models.values())
    for condition in call.listed("filter_by"):
        name, _, value = condition.partition(":")
        found = [each for each in found if str(each.get(name.removesuffix("_eq"))) == value]
    metric, _, order = (call.given("sort_by") or "").partition(":")
    if metric:
        found.sort(key=lambda each: _metric(each, metric), reverse=order == "desc")
    return page(call, [shown_model(call.state, each) for each in found])


@routes.get(_MODEL)
def find(call: Call) -> Reply:
    return shown_model(call.state, model_of(call))


@routes.put(_MODEL)
def save(call: Call) -> Reply:
    sent = call.json()
    tag(call.state, call.path, tags_sent_along(call.state, sent))
    return shown_model(call.state, keep_model(call.state, sent, href(call)))


@routes.patch(_MODEL)
def change(call: Call) -> Reply:
    model = model_of(call)
    model |= call.json()
    return shown_model(call.state, model)


@routes.delete(_MODEL)
def delete(call: Call) -> Reply:
    del call.state.models[model_of(call)["id"]]
    return None


def keep_model(state: State, sent: Json, where: str) -> Json:
    """Keep a version of a model."""
    settings = state.settings
    number = f"{sent['name']}_{sent['version']}"
    known = state.models.get(number, {})
    model = {"created": now(), **known, **{name: value for name, value in sent.items() if value is not None}}
    view = model.get("featureView")
    model |= {
        "id": number,
        "creator": settings.email,
        "userFullName": "Admin Admin",
        "projectName": settings.project,
        "modelRegistryId": settings.project_id,
        "href": where,
        "featureView": {"name": view["name"], "version": view["version"]} if view else None,
    }
    state.models[number] = model
    return model


def model_of(call: Call) -> Json:
    """The model that a path names."""
    if call["model"] not in call.state.models:
        raise MODEL_NOT_FOUND.because(f"there is no model {call['model']}")
    return call.state.models[call["model"]]


def shown_model(state: State, model: Json) -> Json:
    """A model as it is sent: its feature view is a link, not a part; a training dataset's version of 0 is none."""
    shown = {name: value for name, value in model.items() if name != "featureView"}
    known = parent_view(state, model) is not None
    return {
        **shown,
        "trainingDatasetVersion": model["trainingDatasetVersion"] if known else 0,
        "trainingDatasets": {"count": 0},
        "featureViews": {"count": 0},
    }


def parent_view(state: State, model: Json) -> Json | None:
    """The feature view whose training dataset a model comes from; None where it names none that is there."""
    named = model.get("featureView")
    key = (named["name"], named["version"]) if named else None
    if key not in state.views or key is None:
        return None
    is_known = model.get("trainingDatasetVersion") in state.training_datasets[key]
    return state.views[key] if is_known else None


def _metric(model: Json, name: str) -> Any:
    return float((model.get("metrics") or {}).get(name, "-inf"))
