"""Training datasets of feature views: create, find, delete. Their files lie in the project's training datasets."""

from __future__ import annotations

import shutil

from hopsmon.testing.hopsworks_server.errors import TRAINING_DATASET_NOT_FOUND
from hopsmon.testing.hopsworks_server.executions import run_service_job
from hopsmon.testing.hopsworks_server.feature_views import feature_view
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, collection, href
from hopsmon.testing.hopsworks_server.state import Json, State, now
from hopsmon.testing.hopsworks_server.statistics import TRAINING_DATASET, VIEW

routes = Routes()

_ALL = VIEW + "/trainingdatasets"
_IN_MEMORY = "IN_MEMORY_TRAINING_DATASET"


@routes.get(_ALL)
def training_datasets(call: Call) -> Reply:
    return collection(call, list(_known(call).values()))


@routes.post(_ALL)
def create(call: Call) -> Reply:
    return create_training_dataset(call.state, feature_view(call), call.json())


@routes.delete(_ALL)
def delete_all(call: Call) -> Reply:
    _known(call).clear()
    return None


@routes.get(TRAINING_DATASET)
def find(call: Call) -> Reply:
    return training_dataset(call)


@routes.delete(TRAINING_DATASET)
def delete(call: Call) -> Reply:
    _delete_files(call.state, training_dataset(call))
    del _known(call)[call.number("dataset")]
    return None


@routes.delete(TRAINING_DATASET + "/data")
def delete_data(call: Call) -> Reply:
    _delete_files(call.state, training_dataset(call))
    return None


@routes.post(TRAINING_DATASET + "/compute")
def compute(call: Call) -> Reply:
    """The client's Python engine leaves the work to a job, which writes nothing here; its Spark engine does it."""
    made = training_dataset(call)
    name = f"{made['name']}_{made['version']}_create_fv_td"
    return run_service_job(call.state, name, "-op create_fv_td", href(call))


def training_dataset(call: Call) -> Json:
    """The training dataset that a path names."""
    known, number = _known(call), call.number("dataset")
    if number not in known:
        raise TRAINING_DATASET_NOT_FOUND.because(f"{call['view']} has no training dataset {number}")
    return known[number]


def create_training_dataset(state: State, view: Json, sent: Json) -> Json:
    """Keep a new training dataset of a feature view."""
    known = state.training_datasets[(view["name"], view["version"])]
    settings, name = state.settings, f"{view['name']}_{view['version']}"
    version = sent.get("version") or max(known, default=0) + 1
    dataset = f"{settings.project}_Training_Datasets"
    made = {
        **sent,
        "type": "trainingDatasetDTO",
        "id": state.new_id("training dataset"),
        "name": name,
        "version": version,
        "featurestoreId": settings.feature_store_id,
        "featurestoreName": settings.feature_store,
        "created": now(),
        "creator": settings.creator,
        "statisticsConfig": sent.get("statisticsConfig") or {"enabled": False, "columns": []},
        "features": [],
    }
    if sent.get("trainingDatasetType") != _IN_MEMORY:
        made["location"] = state.files.local(f"{dataset}/{name}_{version}").as_uri()
        made["dataSource"] = {**(sent.get("dataSource") or {}), "storageConnector": _connector(state, dataset)}
    known[version] = made
    return made


def _connector(state: State, dataset: str) -> Json:
    """Without a path of its own: the client would set it before locations that do not begin with hopsfs://."""
    return {
        "type": "featurestoreHopsfsConnectorDTO",
        "id": 2,
        "name": dataset,
        "description": "",
        "featurestoreId": state.settings.feature_store_id,
        "storageConnectorType": "HOPSFS",
        "datasetName": dataset,
    }


def _known(call: Call) -> dict[int, Json]:
    view = feature_view(call)
    return call.state.training_datasets[(view["name"], view["version"])]


def _delete_files(state: State, made: Json) -> None:
    if "location" in made:
        shutil.rmtree(state.files.local(made["location"]), ignore_errors=True)
