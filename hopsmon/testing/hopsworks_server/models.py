"""Model registry: models, and the feature view and training dataset that they come from."""

from __future__ import annotations

from typing import Any

from hopsmon.testing.hopsworks_server.errors import MODEL_NOT_FOUND
from hopsmon.testing.hopsworks_server.feature_views import shown_view
from hopsmon.testing.hopsworks_server.router import Call, Json, Reply, Routes, href, page
from hopsmon.testing.hopsworks_server.state import State, milliseconds

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
    return page(call, [_shown(call.state, each) for each in found])


@routes.get(_MODEL)
def find(call: Call) -> Reply:
    return _shown(call.state, _model(call))


@routes.put(_MODEL)
def save(call: Call) -> Reply:
    return _shown(call.state, keep_model(call.state, call.json(), href(call)))


@routes.patch(_MODEL)
def change(call: Call) -> Reply:
    model = _model(call)
    model |= call.json()
    return _shown(call.state, model)


@routes.delete(_MODEL)
def delete(call: Call) -> Reply:
    del call.state.models[_model(call)["id"]]
    return None


@routes.get(_MODEL + "/provenance/links")
def provenance(call: Call) -> Reply:
    """Model, its training dataset above it, and the feature view above that; nothing where the model names none."""
    model = _model(call)
    return {
        "node": _node("MODEL", _shown(call.state, model)),
        "upstream": _parents(call.state, model),
        "downstream": [],
    }


def keep_model(state: State, sent: Json, where: str) -> Json:
    """Keep a version of a model."""
    settings = state.settings
    number = f"{sent['name']}_{sent['version']}"
    known = state.models.get(number, {})
    model = {"created": milliseconds(), **known, **{name: value for name, value in sent.items() if value is not None}}
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


def _model(call: Call) -> Json:
    if call["model"] not in call.state.models:
        raise MODEL_NOT_FOUND.because(f"there is no model {call['model']}")
    return call.state.models[call["model"]]


def _shown(state: State, model: Json) -> Json:
    """The version of the training dataset is 0 where there is none; feature views are links, not part of the model."""
    shown = {name: value for name, value in model.items() if name != "featureView"}
    parents = _parents(state, model)
    return {
        **shown,
        "trainingDatasetVersion": model.get("trainingDatasetVersion") or 0 if parents else 0,
        "trainingDatasets": {"count": 0},
        "featureViews": {"count": 0},
    }


def _parents(state: State, model: Json) -> list[Json]:
    view, dataset = model.get("featureView"), model.get("trainingDatasetVersion")
    key = (view["name"], view["version"]) if view else None
    if key not in state.views or key is None or dataset not in state.training_datasets[key]:
        return []
    above = [{"node": _node("FEATURE_VIEW", shown_view(state, state.views[key])), "upstream": [], "downstream": []}]
    made = state.training_datasets[key][dataset]
    return [{"node": _node("TRAINING_DATASET", made), "upstream": above, "downstream": []}]


def _node(kind: str, artifact: Json) -> Json:
    return {"artifactType": kind, "artifact": artifact, "accessible": True, "deleted": False, "shared": False}


def _metric(model: Json, name: str) -> Any:
    return float((model.get("metrics") or {}).get(name, "-inf"))
