"""Jobs and their schedules. A schedule is kept and never fires by itself; `fire` is the scheduler's clock."""

from __future__ import annotations

from hopsmon.testing.hopsworks_server.errors import (
    INCOMPLETE_REQUEST,
    JOB_NOT_FOUND,
    JOB_TYPE_UNSUPPORTED,
    SCHEDULE_NOT_FOUND,
    SCHEDULE_OF_ANOTHER_JOB,
)
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, href, page
from hopsmon.testing.hopsworks_server.state import Json, State, now

routes = Routes("/project/{project}/jobs")

_RESOURCES = {"cores": 1.0, "memory": 2048, "gpus": 0}
_SPARK = {
    "type": "sparkJobConfiguration",
    "amQueue": "default",
    "amMemory": 2048,
    "amVCores": 1,
    "environmentName": "spark-feature-pipeline",
    "mainClass": "org.apache.spark.deploy.PythonRunner",
    "spark.driver.cores": 1.0,
    "spark.driver.memory": 2048,
    "spark.executor.instances": 1,
    "spark.executor.cores": 1.0,
    "spark.executor.memory": 4096,
    "spark.executor.gpus": 0,
    "spark.dynamicAllocation.enabled": True,
    "spark.dynamicAllocation.minExecutors": 1,
    "spark.dynamicAllocation.maxExecutors": 2,
    "spark.dynamicAllocation.initialExecutors": 1,
    "spark.blacklist.enabled": False,
}
_CONFIGURATIONS: dict[str, Json] = {
    "spark": {**_SPARK, "jobType": "SPARK"},
    "pyspark": {**_SPARK, "jobType": "PYSPARK"},
    "python": {
        "type": "pythonJobConfiguration",
        "jobType": "PYTHON",
        "environmentName": "python-feature-pipeline",
        "resourceConfig": _RESOURCES,
    },
    "docker": {"type": "dockerJobConfiguration", "jobType": "DOCKER", "resourceConfig": _RESOURCES},
}
_KINDS = {
    "pythonJobConfiguration": "PYTHON",
    "pythonAppJobConfiguration": "PYTHON_APP",
    "dockerJobConfiguration": "DOCKER",
}


@routes.get("/{kind}/configuration")
def configuration(call: Call) -> Reply:
    if call["kind"] not in _CONFIGURATIONS:
        raise JOB_TYPE_UNSUPPORTED.because(f"'{call['kind']}'; there are {', '.join(_CONFIGURATIONS)}")
    return _CONFIGURATIONS[call["kind"]]


@routes.get("")
def jobs(call: Call) -> Reply:
    return page(call, [_shown(call.state, each) for each in call.state.jobs.values()])


@routes.put("/{job}", status=201)
def create_or_change(call: Call) -> Reply:
    return _shown(call.state, keep_job(call.state, call["job"], call.json(), href(call)))


@routes.get("/{job}")
def find(call: Call) -> Reply:
    return _shown(call.state, job_of(call))


@routes.delete("/{job}")
def delete(call: Call) -> Reply:
    job_of(call)
    for execution in call.state.executions.pop(call["job"], []):
        call.state.running[execution["id"]].stop()
    call.state.schedules.pop(call["job"], None)
    del call.state.jobs[call["job"]]
    return None


@routes.post("/{job}/schedule/v2")
def schedule(call: Call) -> Reply:
    job_of(call)
    return _keep_schedule(call, call.state.new_id("schedule"))


@routes.put("/{job}/schedule/v2")
def change_schedule(call: Call) -> Reply:
    """A job has one schedule; the client changes it by its id."""
    known = call.state.schedules.get(job_of(call)["name"])
    if known is None:
        raise SCHEDULE_NOT_FOUND.because(f"job {call['job']} has no schedule")
    if call.json().get("id") != known["id"]:
        raise SCHEDULE_OF_ANOTHER_JOB.because(f"job {call['job']} has schedule {known['id']}")
    return _keep_schedule(call, known["id"])


@routes.get("/{job}/schedule/v2")
def find_schedule(call: Call) -> Reply:
    if job_of(call)["name"] not in call.state.schedules:
        raise SCHEDULE_NOT_FOUND.because(f"job {call['job']} has no schedule")
    return call.state.schedules[call["job"]]


@routes.delete("/{job}/schedule/v2")
def unschedule(call: Call) -> Reply:
    call.state.schedules.pop(job_of(call)["name"], None)
    return None


def job_of(call: Call) -> Json:
    """The job that a path names."""
    if call["job"] not in call.state.jobs:
        raise JOB_NOT_FOUND.because(f"there is no job {call['job']}")
    return call.state.jobs[call["job"]]


def keep_job(state: State, name: str, config: Json, where: str) -> Json:
    """Keep a job, or change the configuration of the one with this name."""
    known = state.jobs.get(name)
    job = known or {"id": state.new_id("job"), "creationTime": now(), "creator": state.settings.creator}
    state.jobs[name] = job
    job |= {"name": name, "jobType": _kind(config), "config": config, "href": where}
    return job


def _kind(config: Json) -> str:
    if config.get("type") == "sparkJobConfiguration":
        is_python = str(config.get("appPath", "")).endswith((".py", ".ipynb"))
        return "PYSPARK" if is_python else "SPARK"
    if config.get("type") not in _KINDS:
        raise JOB_TYPE_UNSUPPORTED.because(f"the configuration's type is '{config.get('type')}'")
    return _KINDS[config["type"]]


def _shown(state: State, job: Json) -> Json:
    known = state.schedules.get(job["name"])
    return {**job, "jobSchedule": known} if known else job


def _keep_schedule(call: Call, number: int) -> Json:
    sent = call.json()
    cron = str(sent.get("cronExpression") or "")
    if len(cron.split()) not in (6, 7):
        raise INCOMPLETE_REQUEST.because(f"'{cron}' is no Quartz expression of six or seven fields")
    kept = {**sent, "id": number, "nextExecutionDateTime": sent.get("startDateTime")}
    call.state.schedules[call["job"]] = kept
    return kept
