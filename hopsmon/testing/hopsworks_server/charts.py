"""Charts and dashboards of the feature store, and apps that show them: kept, and shown to nobody."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import JOB_NOT_FOUND
from hopsmon.testing.hopsworks_server.jobs import job_of
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, page
from hopsmon.testing.hopsworks_server.state import Json

routes = Routes("/project/{project}")


@routes.post("/charts")
def create_chart(call: Call) -> Reply:
    return _keep(call, call.state.charts, "chart")


@routes.get("/charts")
def charts(call: Call) -> Reply:
    return page(call, call.state.charts)


@routes.post("/dashboards")
def create_dashboard(call: Call) -> Reply:
    return _keep(call, call.state.dashboards, "dashboard")


@routes.get("/dashboards")
def dashboards(call: Call) -> Reply:
    return page(call, call.state.dashboards)


@routes.get("/apps")
def apps(call: Call) -> Reply:
    return page(call, [_app(job) for job in call.state.jobs.values() if _is_app(job)])


@routes.get("/apps/{job}")
def find_app(call: Call) -> Reply:
    """An app is a job of its own kind, created as one."""
    job = job_of(call)
    if not _is_app(job):
        raise JOB_NOT_FOUND.because(f"job {call['job']} is no app")
    return _app(job)


def _keep(call: Call, known: list[Json], kind: str) -> Json:
    made = {**call.json(), "id": call.state.new_id(kind)}
    known.append(made)
    return made


def _is_app(job: Json) -> bool:
    return bool(job["jobType"] == "PYTHON_APP")


def _app(job: Json) -> Json:
    facts = {"id": job["id"], "name": job["name"], "state": "STOPPED", "serving": False}
    return {**facts, "appKind": job["config"].get("appKind"), "appPath": job["config"].get("appPath")}
