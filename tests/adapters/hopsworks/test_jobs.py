"""A monitor as a job of a project: the real client against the test double; what it asked for is looked at."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import hopsmon
from hopsmon.adapters.hopsworks import packaging, private
from hopsmon.adapters.hopsworks.connection import Connection, connect
from hopsmon.adapters.hopsworks.deploying import PROPERTIES, JobSpec, deploy
from hopsmon.adapters.hopsworks.environments import SPARK, Environments, clone_name
from hopsmon.adapters.hopsworks.jobs import ProjectJobs
from hopsmon.adapters.hopsworks.quartz import check_cron, to_unix
from hopsmon.adapters.hopsworks.scripts import script
from hopsmon.errors import ConfigError, HopsmonError, OutsideError, TransientError
from hopsmon.testing.hopsworks_server import HopsworksServer
from hopsmon.testing.hopsworks_server.runners import fails, stays

NAME = "hopsmon_flights"
EVERY_FIVE = "0 */5 * ? * * *"
JOBS = "/project/119/jobs"


@pytest.fixture
def project(server: HopsworksServer) -> Connection:
    return connect(server.login())


def spec(**changes: Any) -> JobSpec:
    """Without an environment to build, which the client waits for."""
    settings: dict[str, Any] = {"name": NAME, "script": "stream", "arguments": "--monitor flights --once"}
    return JobSpec(**{**settings, "install": "pyfiles", **changes})


def asked(server: HopsworksServer, method: str, path: str = "") -> list[Any]:
    """The bodies of the requests of a kind, in order."""
    return [request.body for request in server.requests if request.method == method and path in request.path]


def changing(server: HopsworksServer, since: int = 0) -> list[str]:
    """What was changed, as method and path."""
    requests = server.requests[since:]
    return [f"{request.method} {request.path}" for request in requests if request.method != "GET"]


def with_libraries(project: Connection, *names: str) -> None:
    """As if these, NAME or NAME==VERSION, had been in the Spark environment from the start."""
    environment = project.project.get_environment_api().get_environment(SPARK)
    for name, _, version in (one.partition("==") for one in names):
        environment._library_api._install(name, SPARK, {"version": version or "1.0", "packageSource": "PIP"})


def all_that_is_needed() -> list[str]:
    """In the least versions that will do: not all of them are installed in each environment of `make extras`."""
    wanted = packaging.needs().items()
    return [f"{name}=={one.version}" for name, versions in wanted for one in versions if one.operator == ">="]


def test_a_job_is_made_of_a_zip_and_a_script(server: HopsworksServer, project: Connection) -> None:
    done = deploy(project, spec(schedule=EVERY_FIVE, resources={"driver_memory": 3072, "executors": 2}))
    (config,) = asked(server, "PUT", f"{JOBS}/{NAME}")
    assert config["appPath"] == "hdfs:///Projects/demo/Resources/hopsmon/jobs/hopsmon_stream.py"
    assert config["mainClass"] == "org.apache.spark.deploy.PythonRunner"
    assert config["defaultArgs"] == "--monitor flights --once"
    assert (config["spark.driver.memory"], config["spark.executor.instances"]) == (3072, 2)
    assert config["spark.dynamicAllocation.enabled"] is False
    assert config["environmentName"] == SPARK
    assert config["properties"].splitlines() == [f"{name}={value}" for name, value in PROPERTIES.items()]
    name = config["pyFiles"].removeprefix("hdfs:///Projects/demo/Resources/hopsmon/packages/")
    assert re.fullmatch(rf"hopsmon-{re.escape(hopsmon.__version__)}-[0-9a-f]{{12}}\.zip", name)
    uploaded = server.dataset(f"Resources/hopsmon/packages/{name}").read_bytes()
    assert "hopsmon/jobs/stream.py" in zipfile.ZipFile(BytesIO(uploaded)).namelist()
    assert server.dataset("Resources/hopsmon/jobs/hopsmon_stream.py").read_text() == script("stream")
    (schedule,) = asked(server, "POST", f"{JOBS}/{NAME}/schedule/v2")
    assert (schedule["cronExpression"], schedule["enabled"], schedule["maxActiveRuns"]) == (EVERY_FIVE, True, 1)
    assert (done.job, done.schedule, done.environment) == (NAME, EVERY_FIVE, SPARK)
    assert done.url == f"http://{server.host}:{server.port}/p/119/jobs/named/{NAME}"
    assert f"job {NAME}: made" in done.steps


def test_a_second_time_nothing_changes(server: HopsworksServer, project: Connection) -> None:
    with_receiver(project)
    wanted = spec(schedule=EVERY_FIVE, alert_receiver="oncall")
    deploy(project, wanted)
    before = len(server.requests)
    again = deploy(project, wanted)
    assert changing(server, before) == []
    assert [step.partition(":")[2] for step in again.steps[1:4]] == [" is there", " are there", " is there"]
    assert again.steps[4:] == (f"schedule: {EVERY_FIVE}, as before", "as before oncall is told when a run fails")


def test_only_what_differs_changes(server: HopsworksServer, project: Connection) -> None:
    deploy(project, spec(schedule=EVERY_FIVE))
    before = len(server.requests)
    done = deploy(project, spec(schedule="0 0 * ? * * *"))
    assert changing(server, before) == [f"PUT {JOBS}/{NAME}/schedule/v2"]  # the same one, by its id
    assert done.steps[-1] == f"schedule: 0 0 * ? * * * (was {EVERY_FIVE})"
    before = len(server.requests)
    done = deploy(project, spec(arguments="--monitor flights", resources={"executor_memory": 2048}))
    assert changing(server, before) == [f"PUT {JOBS}/{NAME}"]
    assert done.steps[-2:] == (
        f"job {NAME}: changed (defaultArgs, spark.executor.memory)",
        "schedule: 0 0 * ? * * *, as before",
    )


def test_what_people_set_in_the_jobs_page_stays(server: HopsworksServer, project: Connection) -> None:
    deploy(project, spec())
    jobs = ProjectJobs(project)
    jobs.put(NAME, {**(jobs.config(NAME) or {}), "spark.executor.memory": 9999, "amQueue": "fast"})
    deploy(project, spec(arguments="--monitor flights"))
    config = jobs.config(NAME) or {}
    assert (config["spark.executor.memory"], config["amQueue"]) == (9999, "fast")


def test_what_is_not_said_stays(project: Connection) -> None:
    project.project.get_environment_api().create_environment("my_env", base_environment_name=SPARK)
    deploy(project, spec(install="wheel", environment="my_env", properties={"spark.a": "1", "spark.b": "2"}))
    jobs = ProjectJobs(project)
    before = jobs.config(NAME) or {}
    done = deploy(project, spec(install=None, resources={"driver_memory": 4096}, properties={"spark.b": "3"}))
    after = jobs.config(NAME) or {}
    assert after["environmentName"] == before["environmentName"] == clone_name(packaging.wheel(), "my_env")
    assert after["properties"] == before["properties"].replace("spark.b=2", "spark.b=3")
    assert f"job {NAME}: changed (properties, spark.driver.memory)" in done.steps


def test_what_a_zip_is_deployed_with_stays_too(project: Connection) -> None:
    project.project.get_environment_api().create_environment("my_env", base_environment_name=SPARK)
    deploy(project, spec(environment="my_env"))
    assert f"job {NAME}: is there" in deploy(project, spec(install=None)).steps


@pytest.mark.parametrize("ending", [".zip", "stream.py"])
def test_an_upload_that_was_cut_short_is_done_again(server: HopsworksServer, project: Connection, ending: str) -> None:
    """The client's move over a file removes it first: what is killed in between leaves the new one beside its place."""
    deploy(project, spec())
    (file,) = (one for one in server.dataset("Resources/hopsmon").rglob("hopsmon*") if one.name.endswith(ending))
    file.rename(file.with_name(f"{file.name}.new"))
    deploy(project, spec())
    assert file.is_file()


def test_a_changed_package_is_uploaded_beside_the_old_one(
    server: HopsworksServer, project: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(project, spec())
    monkeypatch.setattr(packaging, "_files", lambda: iter([("hopsmon/__init__.py", b"changed")]))
    done = deploy(project, spec())
    assert len(list(server.dataset("Resources/hopsmon/packages").iterdir())) == 2
    assert f"job {NAME}: changed (pyFiles)" in done.steps


def test_a_zip_needs_its_dependencies_in_the_environment(server: HopsworksServer, project: Connection) -> None:
    done = deploy(project, spec())
    unknown = f"environment {SPARK}: Hopsworks does not say what it has; it must have "
    assert any(step.startswith(f"{unknown}datasketches>=5.2, kafka-python>=") for step in done.steps)
    with_libraries(project, "numpy==2.1.0", "PyYAML==6.0.2", "typing_extensions==4.12.2")
    lacks = rf"'{SPARK}' lacks datasketches>=5.2, kafka-python>=.*install='wheel'"
    with pytest.raises(ConfigError, match=lacks) as caught:
        deploy(project, spec())
    assert "pyyaml" not in str(caught.value)
    with_libraries(project, *all_that_is_needed())
    assert f"environment {SPARK}: has all that hopsmon needs" in deploy(project, spec()).steps
    assert f"environment {SPARK}: has all that hopsmon needs" in deploy(project, spec(install="auto")).steps


@pytest.mark.parametrize("version", ["26.0.0", "21.0.0", "", "of our own"])
def test_a_zip_needs_them_in_versions_that_will_do(server: HopsworksServer, project: Connection, version: str) -> None:
    with_libraries(project, *all_that_is_needed())
    (pyarrow,) = [one for one in server._state.environments[SPARK]["libraries"] if one["library"] == "pyarrow"]
    pyarrow["version"] = version
    with pytest.raises(ConfigError) as caught:
        deploy(project, spec())
    assert f"lacks pyarrow<26,>=22 (it has {version or 'an unknown version'}), and a zip" in str(caught.value)
    assert deploy(project, spec(install="auto")).environment == clone_name(packaging.wheel(), SPARK)


def test_otherwise_hopsmon_gets_an_environment_of_its_own(server: HopsworksServer, project: Connection) -> None:
    done = deploy(project, spec(install="auto"))
    name, wheel = done.environment, packaging.wheel().name
    assert name == clone_name(packaging.wheel(), SPARK)
    (made,) = [body for body in asked(server, "POST", f"/python/environments/{name}") if "baseImage" in body]
    assert made["baseImage"]["name"] == SPARK
    (installed,) = asked(server, "POST", f"/python/environments/{name}/libraries")
    assert installed["packageSource"] == "WHEEL"
    assert installed["dependencyUrl"] == f"/Projects/demo/Resources/hopsmon/packages/{wheel}"
    (config,) = asked(server, "PUT", f"{JOBS}/{NAME}")
    assert (config["environmentName"], config.get("pyFiles")) == (name, None)
    assert "spark.python.daemon.module=hopsmon.streaming.warm_daemon" in config["properties"].split("\n")
    before = len(server.requests)
    again = deploy(project, spec(install="wheel"))
    assert changing(server, before) == []
    assert f"environment {name}: is there" in again.steps
    done = deploy(project, spec())  # and back to a zip
    assert f"job {NAME}: changed (environmentName, properties, pyFiles)" in done.steps


def test_another_base_gets_another_environment(project: Connection) -> None:
    first = deploy(project, spec(install="wheel")).environment
    project.project.get_environment_api().create_environment("my_env", base_environment_name=SPARK)
    second = deploy(project, spec(install="wheel", environment="my_env")).environment
    assert (first, second) == (clone_name(packaging.wheel(), SPARK), clone_name(packaging.wheel(), "my_env"))
    assert first != second


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        ("FAILED", OutsideError, "the installation of hopsmon-.* has failed. .* Delete the environment there"),
        ("ONGOING", TransientError, "is being built: deploy again when that has ended"),
    ],
)
def test_an_environment_without_the_wheel_is_not_taken_for_one_that_has_it(
    server: HopsworksServer, project: Connection, status: str, kind: type[HopsmonError], said: str
) -> None:
    name = deploy(project, spec(install="wheel")).environment
    (library,) = server._state.environments[name]["libraries"]
    (command,) = library["commands"]["items"]
    command["status"] = status
    assert Environments(project).libraries(name) == {}
    with pytest.raises(kind, match=said):
        deploy(project, spec(install="wheel"))


def test_an_unknown_environment_names_those_there_are(project: Connection) -> None:
    with pytest.raises(ConfigError, match=f"no Python environment 'spark-pipeline'.*{SPARK}"):
        deploy(project, spec(environment="spark-pipeline"))


def with_receiver(project: Connection) -> None:
    from hopsworks.alert_receiver import EmailConfig

    project.project.get_alerts_api().create_alert_receiver("oncall", email_configs=[EmailConfig(to="a@b.example")])


def test_failures_are_told_to_a_receiver(server: HopsworksServer, project: Connection) -> None:
    with_receiver(project)
    deploy(project, spec(alert_receiver="oncall"))
    (alert,) = asked(server, "POST", f"{JOBS}/{NAME}/alerts")
    assert alert == {"status": "FAILED", "severity": "CRITICAL", "receiver": "demo__oncall"}
    with pytest.raises(ConfigError, match="tells demo__oncall of its failures already"):
        deploy(project, spec(alert_receiver="boss"))


def test_an_unknown_receiver_is_said(project: Connection) -> None:
    with pytest.raises(OutsideError, match=f"The alerts of job '{NAME}'.*receiver"):
        deploy(project, spec(alert_receiver="nobody"))


def test_a_job_is_started_watched_and_stopped_and_nothing_is_waited_for(
    server: HopsworksServer, project: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    server.job_runner = stays
    deploy(project, spec())
    jobs = ProjectJobs(project)
    run = jobs.start(NAME)
    assert (run.state, run.outcome, run.is_active) == ("RUNNING", "running", True)
    assert run.arguments == "--monitor flights --once"
    assert run.submitted is not None
    assert abs(run.submitted - dt.datetime.now(dt.timezone.utc)) < dt.timedelta(minutes=5)
    assert [one.id for one in jobs.stop(NAME)] == [run.id]
    assert asked(server, "PUT", "/status") == ["state=stopped"]
    assert [one.outcome for one in jobs.runs(NAME)] == ["stopped"]
    assert jobs.stop(NAME) == []
    assert not capsys.readouterr().out  # what the client prints is ours to say


def test_runs_are_told_in_words(server: HopsworksServer, project: Connection) -> None:
    deploy(project, spec())
    jobs = ProjectJobs(project)
    jobs.start(NAME)
    server.job_runner = fails
    jobs.start(NAME)
    assert [run.outcome for run in jobs.runs(NAME)] == ["failed", "succeeded"]


def test_a_schedule_is_paused_resumed_and_taken_away(server: HopsworksServer, project: Connection) -> None:
    deploy(project, spec(schedule=EVERY_FIVE))
    jobs = ProjectJobs(project)
    jobs.enable_schedule(NAME, enabled=False)
    assert server.fire(NAME, dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc)) is None
    paused = jobs.schedule(NAME)
    assert paused is not None
    assert (paused.cron, paused.enabled, paused.next_run) == (EVERY_FIVE, False, None)
    jobs.enable_schedule(NAME, enabled=True)
    assert server.fire(NAME, dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc)) == 1
    sent = [body["enabled"] for body in asked(server, "PUT", "/schedule/v2")]
    swapped = private.client_version().startswith("5.1.")  # that client resumes where it is told to pause
    assert sent == ([True, False, False, True] if swapped else [False, True])
    jobs.remove_schedule(NAME)
    assert jobs.schedule(NAME) is None
    jobs.delete(NAME)
    assert jobs.config(NAME) is None


@pytest.mark.parametrize(
    "ask", [ProjectJobs.runs, ProjectJobs.start, ProjectJobs.stop, ProjectJobs.schedule, ProjectJobs.delete]
)
def test_a_job_that_is_not_there_is_said(project: Connection, ask: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=f"There is no job '{NAME}' in project 'demo': deploy the monitor first"):
        ask(ProjectJobs(project), NAME)


def test_a_wrong_schedule_is_refused_before_anything_is_done(server: HopsworksServer, project: Connection) -> None:
    before = len(server.requests)
    with pytest.raises(ConfigError, match="seconds must be 0"):
        deploy(project, spec(schedule="*/10 * * ? * * *"))
    assert len(server.requests) == before


@pytest.mark.parametrize(
    "expression",
    [
        "0 */5 * ? * * *",
        "0 0 12 1,15 * ? *",
        "0 30 6 ? * MON-FRI *",
        "0 0 0 L * ? 2027",
        "0 0 8-18/2 ? JAN,jul 6#3 *",
        "0 /10 * ? * * *",
    ],
)
def test_expressions_that_the_scheduler_takes(expression: str) -> None:
    assert check_cron(f" {expression}  ") == expression


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        ("0 /10 * ? * * *", "*/10 * * * *"),
        ("0 5/20 * ? * * *", "5,25,45 * * * *"),
        ("0 30 6 ? * 2-6 *", "30 6 * * MON,TUE,WED,THU,FRI"),
        ("0 30 6 ? * FRI-mon *", "30 6 * * FRI,SAT,SUN,MON"),
        ("0 0 0 ? * 1,7 *", "0 0 * * SUN,SAT"),
        ("0 0 22-2/2 1 NOV-1 ? *", "0 22,0,2 1 NOV,DEC,JAN *"),
        ("0 0 8-10 */5 * ? *", "0 8,9,10 */5 * *"),
    ],
)
def test_the_same_times_in_a_line_of_crontab(expression: str, line: str) -> None:
    assert to_unix(expression) == line


@pytest.mark.parametrize("expression", ["0 0 0 L * ? *", "0 0 0 ? * 6#3 *", "0 0 0 ? * 6L *", "0 0 0 15W * ? *"])
def test_what_crontab_cannot_say(expression: str) -> None:
    with pytest.raises(ConfigError, match="cannot be said in crontab"):
        to_unix(expression)
    with pytest.raises(ConfigError, match=r"which has no years: put \* in place of '2027'"):
        to_unix("0 0 0 1 * ? 2027")


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("*/5 * * * *", "it has 5 fields, not 7. A Unix cron expression has five; here it is '0 */5 * ? * * *'"),
        ("0 6 * * MON", "here it is '0 0 6 ? * MON *'"),
        ("0 6 1 * *", "here it is '0 0 6 1 * ? *'"),
        ("0 */5 * ? * *", "it has 6 fields, not 7."),
        ("30 */5 * ? * * *", "seconds must be 0, as the scheduler looks once a minute; got '30'"),
        ("0 */5 * * * * *", "exactly one of day of month and day of week must be '?'; got '* and *'"),
        ("0 */5 * ? * ? *", "got '? and ?'"),
        ("0 61 * ? * * *", "the minutes '61' are not understood"),
        ("0 */0 * ? * * *", "the minutes '*/0' are not understood"),
        ("0 0 * ? FEBR * *", "the month 'FEBR' are not understood"),
    ],
)
def test_expressions_that_it_does_not_take(expression: str, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)) as caught:
        check_cron(expression)
    assert "'0 */15 * ? * * *' is every 15 minutes" in str(caught.value)


def test_the_zip_is_the_same_whenever_it_is_made() -> None:
    first, second = packaging.archive(), packaging.archive()
    assert (first.name, first.content) == (second.name, second.content)
    names = zipfile.ZipFile(BytesIO(first.content)).namelist()
    assert names == sorted(names)
    assert not [name for name in names if "__pycache__" in name or not name.startswith("hopsmon/")]
    assert "hopsmon/py.typed" in names


def test_the_wheel_is_one_that_pip_installs_with_all_a_job_needs() -> None:
    wheel = packaging.wheel()
    assert wheel == packaging.wheel()
    opened = zipfile.ZipFile(BytesIO(wheel.content))
    info = f"hopsmon-{hopsmon.__version__}.dist-info"
    metadata = opened.read(f"{info}/METADATA").decode()
    needs = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    assert {"orjson>=3.10", "kafka-python>=2.2", "river>=0.23", "scikit-learn>=1.5"} <= set(needs)
    assert not [need for need in needs if "extra" in need or need.startswith(("pyspark", "deltalake", "hopsworks"))]
    record = [line.split(",") for line in opened.read(f"{info}/RECORD").decode().splitlines()]
    assert [name for name, _, _ in record] == opened.namelist()
    assert wheel.digest in wheel.name


def test_what_a_monitor_needs_more_is_another_wheel() -> None:
    more = packaging.wheel((*packaging.JOB_EXTRAS, "expectations"))
    assert more.digest != packaging.wheel().digest
    assert set(packaging.needs((*packaging.JOB_EXTRAS, "expectations"))) - set(packaging.needs()) == {
        "great-expectations"
    }


def test_pip_installs_the_wheel(tmp_path: Path) -> None:
    """By pip's own reading of it; nothing is fetched."""
    wheel, target = packaging.wheel(), tmp_path / "target"
    (tmp_path / wheel.name).write_bytes(wheel.content)
    only_it = ("--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(target))
    python("-m", "pip", "install", *only_it, str(tmp_path / wheel.name), cwd=tmp_path)
    code = "import hopsmon.jobs.stream, importlib.metadata as m; print(m.version('hopsmon'), hopsmon.__file__)"
    out = python("-c", code, cwd=tmp_path, PYTHONPATH=str(target))
    assert out.split() == [hopsmon.__version__, str(target / "hopsmon" / "__init__.py")]


def python(*words: str, cwd: Path, **variables: str) -> str:
    command, environment = [sys.executable, *words], {**os.environ, **variables}
    return subprocess.run(command, check=True, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True).stdout


def test_the_environments_libraries_are_told_by_their_names(project: Connection) -> None:
    with_libraries(project, "Typing_Extensions")
    assert Environments(project).libraries(SPARK) == {"typing-extensions": "1.0"}
