"""Login: cluster variables, the project and its credentials."""

from __future__ import annotations

import base64
from typing import Any

from hopsmon.testing.hopsworks_server.errors import PROJECT_NOT_FOUND, VARIABLE_NOT_FOUND
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes

routes = Routes()

# By Hopsworks' minor version; unknown ones get the newest.
_SPARK = {"4": "3.5.0", "5.0": "3.5.5", "5.1": "3.5.5"}
_NEWEST_SPARK = "4.1.1"
_CREATED = "2026-11-01T10:00:00Z"
_VARIABLES = {
    "enable_data_science_profile": "true",
    "enable_flyingduck": "false",
    "kube_knative_domain_name": "hopsworks.example",
    "kube_kserve_installed": "true",
    "kube_serving_max_num_instances": "-1",
    "kube_serving_min_num_instances": "-1",
    "service_discovery_domain": "",
    "upload_policy": "enabled",
}


@routes.get("/variables/versions")
def versions(call: Call) -> Reply:
    hopsworks = call.state.settings.version
    major, minor = hopsworks.split(".")[:2]
    spark = _SPARK.get(f"{major}.{minor}", _SPARK.get(major, _NEWEST_SPARK))
    return [{"software": "hopsworks", "version": hopsworks}, {"software": "spark", "version": spark}]


@routes.get("/variables/{name}")
def variable(call: Call) -> Reply:
    if call["name"] not in _VARIABLES:
        raise VARIABLE_NOT_FOUND.because(f"there is no variable {call['name']}")
    return {"successMessage": _VARIABLES[call["name"]]}


@routes.get("/project")
def projects(call: Call) -> Reply:
    settings = call.state.settings
    user = _user(call)
    return [
        {
            "projectTeamPK": {"projectId": settings.project_id, "teamMember": settings.email},
            "teamRole": "Data owner",
            "timestamp": _CREATED,
            "user": user,
            "project": {"id": settings.project_id, "name": settings.project, "owner": user},
        }
    ]


@routes.get("/project/getProjectInfo/{name}")
def project(call: Call) -> Reply:
    settings = call.state.settings
    if call["name"] != settings.project:
        raise PROJECT_NOT_FOUND.because(f"there is no project {call['name']}")
    return {
        "projectId": settings.project_id,
        "projectName": settings.project,
        "owner": settings.email,
        "description": "",
        "created": _CREATED,
        "services": ["JOBS", "KAFKA", "JUPYTER", "HIVE", "SERVING", "FEATURESTORE"],
        "projectTeam": [],
        "datasets": [],
        "inodeid": 1,
        "quotas": {},
        "creationStatus": "CREATED",
        "featureStoreTopic": settings.online_topic,
        "dockerImage": "base",
    }


@routes.get("/project/{project}/credentials")
def credentials(call: Call) -> Reply:
    material = call.state.material
    return {
        "fileExtension": "jks",
        "kStore": base64.b64encode(material.key_store).decode(),
        "tStore": base64.b64encode(material.trust_store).decode(),
        "password": material.password,
        "caChain": material.ca,
        "clientKey": material.client_key,
        "clientCert": material.client_certificate,
    }


def _user(call: Call) -> dict[str, Any]:
    settings = call.state.settings
    return {
        "uid": 10000,
        "username": settings.username,
        "email": settings.email,
        "fname": "Admin",
        "lname": "Admin",
        "status": 2,
    }
