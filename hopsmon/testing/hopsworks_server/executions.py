"""Executions of jobs: start, watch, stop."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from urllib.parse import parse_qs

from hopsmon.errors import UnknownNameError
from hopsmon.testing.hopsworks_server.errors import EXECUTION_NOT_FOUND, INCOMPLETE_REQUEST, JOB_ACTION_UNSUPPORTED
from hopsmon.testing.hopsworks_server.jobs import job_of, keep_job
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, href, page
from hopsmon.testing.hopsworks_server.runners import RUNNING, Run
from hopsmon.testing.hopsworks_server.state import Json, State, milliseconds, now

routes = Routes("/project/{project}/jobs/{job}/executions")

_OURS = ("startedAt", "endedAt")  # what an execution knows and Hopsworks does not send


@routes.post("")
def start(call: Call) -> Reply:
    """Arguments come as plain text; with times or variables, as JSON."""
    job = job_of(call)
    if call.headers.get_content_type() != "application/json":
        return start_job(call.state, job, call.raw.decode(), {}, href(call))
    sent = call.json()
    return start_job(call.state, job, sent.get("args") or "", sent.get("envVars") or {}, href(call))


@routes.get("")
def executions(call: Call) -> Reply:
    """The latest first, which is the only order that the client asks for."""
    made = call.state.executions.get(job_of(call)["name"], [])
    return page(call, [_refreshed(call.state, each) for each in reversed(made)])


@routes.get("/{execution}")
def find(call: Call) -> Reply:
    return _refreshed(call.state, _execution_of(call))


@routes.put("/{execution}/status", status=202)
def stop(call: Call) -> Reply:
    """The client sends a form and labels it JSON."""
    execution = _execution_of(call)
    if _asked_state(call.raw) != "stopped":
        raise JOB_ACTION_UNSUPPORTED.because("an execution's state can only be set to 'stopped'")
    call.state.running[execution["id"]].stop()
    return _refreshed(call.state, execution)


@routes.delete("/{execution}")
def delete(call: Call) -> Reply:
    execution = _execution_of(call)
    call.state.running[execution["id"]].stop()
    call.state.executions[call["job"]].remove(execution)
    return None


def start_job(state: State, job: Json, arguments: str, variables: dict[str, str], where: str) -> Json:
    """Start an execution with the server's runner; without arguments it has the job's own."""
    name, number = job["name"], state.new_id("execution")
    kind = "Spark" if job["jobType"] in ("SPARK", "PYSPARK") else "Python"
    logs = f"/Projects/{state.settings.project}/Logs/{kind}/{name}/{number}"
    execution: Json = {
        "id": number,
        "submissionTime": now(),
        "stdoutPath": f"{logs}/stdout.log",
        "stderrPath": f"{logs}/stderr.log",
        "appId": f"{kind.lower()}-{number}",
        "hdfsUser": state.settings.project_user,
        "args": arguments or job["config"].get("defaultArgs") or "",
        "user": state.settings.creator,
        "filesToRemove": [],
        "monitoring": {},
        "href": f"{where}/{number}",
        "startedAt": milliseconds(),
    }
    state.files.local(logs).mkdir(parents=True, exist_ok=True)
    state.running[number] = state.job_runner(_run(state, job, execution, variables))
    state.executions.setdefault(name, []).append(execution)
    return _refreshed(state, execution)


def run_service_job(state: State, name: str, arguments: str, where: str) -> Json:
    """Start one of the jobs by which Hopsworks does its own work; the job.

    What it does is up to the server's runner, and the runners that come with the server do none of that work.
    """
    job = keep_job(state, name, {"type": "sparkJobConfiguration", "appName": name}, where)
    start_job(state, job, arguments, {}, where)
    return job


def fire(state: State, job: str, start: dt.datetime, end: dt.datetime | None) -> int | None:
    """Start a job as the scheduler does: the times stand behind the job's own arguments, and in variables.

    None: its schedule is paused, or an execution of it is still active, and the scheduler waits for its next tick.
    """
    if job not in state.schedules:
        raise UnknownNameError("scheduled job", job, state.schedules)
    is_active = any(state.running[each["id"]].phase() is RUNNING for each in state.executions[job])
    if is_active or not state.schedules[job].get("enabled", True):
        return None
    times = {name: time.isoformat() for name, time in (("start_time", start), ("end_time", end)) if time}
    arguments = [str(state.jobs[job]["config"].get("defaultArgs") or "")]
    arguments += [f"-{name} {time}" for name, time in times.items()]
    variables = {f"HOPS_{name.upper()}": time for name, time in times.items()}
    execution = start_job(state, state.jobs[job], " ".join(filter(None, arguments)), variables, state.jobs[job]["href"])
    return int(execution["id"])


def _run(state: State, job: Json, execution: Json, variables: dict[str, str]) -> Run:
    config = job["config"]
    script = config.get("appPath")
    modules = [path.strip() for path in str(config.get("pyFiles") or "").split(",") if path.strip()]
    return Run(
        job=job["name"],
        config=config,
        arguments=execution["args"],
        environment=variables,
        script=state.files.local(script) if script else None,
        modules=tuple(state.files.local(path) for path in modules),
        stdout=state.files.local(execution["stdoutPath"]),
        stderr=state.files.local(execution["stderrPath"]),
    )


def _refreshed(state: State, execution: Json) -> Json:
    phase = state.running[execution["id"]].phase()
    until = milliseconds() if phase is RUNNING else execution.setdefault("endedAt", milliseconds())
    shown = {name: value for name, value in execution.items() if name not in _OURS}
    return {
        **shown,
        "state": phase.state,
        "finalStatus": phase.final_status,
        "progress": 0.0 if phase is RUNNING else 1.0,
        "duration": until - execution["startedAt"],
    }


def _execution_of(call: Call) -> Json:
    number = call.number("execution")
    for execution in call.state.executions.get(job_of(call)["name"], []):
        if execution["id"] == number:
            return execution
    raise EXECUTION_NOT_FOUND.because(f"job {call['job']} has no execution {number}")


def _asked_state(raw: bytes) -> str:
    text = raw.decode()
    if not text.startswith("{"):
        return parse_qs(text).get("state", [""])[0]
    try:
        sent: Any = json.loads(text)
    except ValueError as error:
        raise INCOMPLETE_REQUEST.because(f"the body is neither a form nor JSON: {error}") from error
    return str(sent.get("state", ""))
