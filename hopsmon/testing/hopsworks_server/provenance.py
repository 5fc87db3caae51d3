"""Provenance: from feature groups to feature views, training datasets and models, and back, as a graph of links."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.feature_groups import GROUP, feature_group
from hopsmon.testing.hopsworks_server.feature_views import feature_view, shown_view
from hopsmon.testing.hopsworks_server.models import model_of, parent_view, shown_model
from hopsmon.testing.hopsworks_server.queries import parts_of
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes
from hopsmon.testing.hopsworks_server.state import Json, State
from hopsmon.testing.hopsworks_server.statistics import VIEW

routes = Routes()

_LINKS = "/provenance/links"


@routes.get("/project/{project}/modelregistries/{registry}/models/{model}" + _LINKS)
def of_model(call: Call) -> Reply:
    """A model, its training dataset above it, and the feature view above that."""
    model = model_of(call)
    return {**_model(call.state, model), "upstream": _parents(call.state, model)}


@routes.get(VIEW + _LINKS)
def of_feature_view(call: Call) -> Reply:
    """A feature view, its feature groups above it, its training datasets and their models below."""
    view = feature_view(call)
    groups = {part.group["id"]: part.group for part in parts_of(call.state, view["query"])}
    above = [_link("FEATURE_GROUP", group) for group in groups.values()]
    datasets = call.state.training_datasets[(view["name"], view["version"])].values()
    below = [_link("TRAINING_DATASET", made, downstream=_models(call.state, view, made)) for made in datasets]
    return _link("FEATURE_VIEW", shown_view(call.state, view), upstream=above, downstream=below)


@routes.get(GROUP + _LINKS)
def of_feature_group(call: Call) -> Reply:
    """A feature group, and the feature views below it; where it comes from is not kept."""
    group = feature_group(call)
    views = [
        _link("FEATURE_VIEW", shown_view(call.state, view))
        for view in call.state.views.values()
        if group["id"] in {part.group["id"] for part in parts_of(call.state, view["query"])}
    ]
    return _link("FEATURE_GROUP", group, downstream=views)


def _parents(state: State, model: Json) -> list[Json]:
    view = parent_view(state, model)
    if view is None:
        return []
    made = state.training_datasets[(view["name"], view["version"])][model["trainingDatasetVersion"]]
    return [_link("TRAINING_DATASET", made, upstream=[_link("FEATURE_VIEW", shown_view(state, view))])]


def _models(state: State, view: Json, made: Json) -> list[Json]:
    return [
        _model(state, model)
        for model in state.models.values()
        if parent_view(state, model) is view and model["trainingDatasetVersion"] == made["version"]
    ]


def _model(state: State, model: Json) -> Json:
    return _link("MODEL", shown_model(state, model))


def _link(kind: str, artifact: Json, upstream: list[Json] | None = None, downstream: list[Json] | None = None) -> Json:
    node = {"artifactType": kind, "artifact": artifact, "accessible": True, "deleted": False, "shared": False}
    return {"node": node, "upstream": upstream or [], "downstream": downstream or []}
