"""Jobs: configurations, executions with each runner, schedules, logs."""

from __future__ import annotations

import datetime as dt

import pytest
from hopsworks.client.exceptions import JobExecutionException, RestAPIError

from hopsmon.errors import ConfigError, UnknownNameError
from hopsmon.testing.hopsworks_server import RunsScript, fails, stays

EVERY_FIVE_MINUTES = "0 */5 * ? * * *"
NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.timezone.utc)
SCRIPT = """
import os, sys
sys.stderr.write("to stderr")
print(" ".join(sys.argv[1:]), os.environ.get("HOPS_START_TIME"), os.environ["MARK"])
import helper
sys.exit(helper.CODE)
"""


@pytest.fixture
def api(project):
    return project.get_job_api()


@pytest.fixture
def job(api):
    configuration = api.get_configuration("PYSPARK")
    configuration |= {"appPath": "Resources/watch.py", "defaultArgs": "--config x"}
    configuration["pyFiles"] = "hdfs:///Projects/demo/Resources/lib"
    return api.create_job("watch", configuration)


def test_configurations(api):
    spark = api.get_configuration("PYSPARK")
    assert (spark["type"], spark["environmentName"]) == ("sparkJobConfiguration", "spark-feature-pipeline")
    assert api.get_configuration("PYTHON")["type"] == "pythonJobConfiguration"


def test_create_find_change_delete(api, job):
    assert (job.id, job.job_type, job.config["mainClass"]) == (1, "PYSPARK", "org.apache.spark.deploy.PythonRunner")
    assert job.config["appPath"] == "hdfs:///Projects/demo/Resources/watch.py"
    job.config["defaultArgs"] = "--config y"
    job.save()
    found = api.get_job("watch")
    assert (found.id, found.config["defaultArgs"], found.creator["email"]) == (1, "--config y", "admin@hopsworks.ai")
    assert [each.name for each in api.get_jobs()] == ["watch"]
    job.delete()
    assert api.get_job("watch") is None
    assert not api.exists("watch")


def test_an_execution_succeeds_at_once(server, job):
    execution = job.run(args="--once", await_termination=True)
    assert (execution.state, execution.final_status, execution.success) == ("FINISHED", "SUCCEEDED", True)
    assert execution.args == "--once"
    assert server.dataset(execution.stdout_path).exists()
    assert job.get_state() == "FINISHED"


def test_without_arguments_it_has_the_jobs(job):
    assert job.run(await_termination=False).args == "--config x"


def test_an_execution_fails(server, job):
    server.job_runner = fails
    with pytest.raises(JobExecutionException, match="failed"):
        job.run(await_termination=True)
    assert (job.get_state(), job.get_final_state()) == ("FAILED", "FAILED")


def test_an_execution_runs_until_it_is_stopped(server, job):
    server.job_runner = stays
    execution = job.run(await_termination=False)
    assert (execution.state, execution.final_status, execution.success) == ("RUNNING", "UNDEFINED", None)
    execution.stop()
    assert server.requests[-1].body == "state=stopped"  # a form, labelled JSON
    assert (job.get_state(), job.get_final_state()) == ("KILLED", "KILLED")


def test_times_and_variables_come_as_json(server, job):
    job.run(start_time=NOON, env_vars={"A": "1"}, await_termination=False)
    posted = [request for request in server.requests if request.method == "POST"][-1]
    assert posted.body == {"envVars": {"A": "1", "HOPS_START_TIME": "2026-11-01T12:00:00+00:00"}}


def test_executions_the_latest_first(job):
    assert job.get_executions() == []
    for _ in range(2):
        job.run(await_termination=False)
    assert [each.id for each in job.get_executions()] == [2, 1]
    job.get_executions()[0].delete()
    assert [each.id for each in job.get_executions()] == [1]


def uploaded(server, project, tmp_path, code):
    (tmp_path / "watch.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text(f"CODE = {code}")
    files = project.get_dataset_api()
    files.upload(str(tmp_path / "watch.py"), "Resources")
    files.mkdir("Resources/lib")
    files.upload(str(tmp_path / "helper.py"), "Resources/lib")
    server.job_runner = RunsScript({**server.environment, "MARK": "marked"})


def ended(job):
    """The execution once its process has; the client's own wait looks every three seconds."""
    import time

    while (execution := job.get_executions()[0]).success is None:
        time.sleep(0.02)
    return execution


def test_a_script_as_a_process(server, project, job, tmp_path):
    uploaded(server, project, tmp_path, code=0)
    job.run(args="--once 'two words'", start_time=NOON, await_termination=False)
    execution = ended(job)
    assert execution.success is True
    read = project.get_dataset_api().read_content
    assert read(execution.stdout_path).text == "--once two words 2026-11-01T12:00:00+00:00 marked\n"
    assert read(execution.stderr_path).text == "to stderr"


def test_a_script_that_fails(server, project, job, tmp_path):
    uploaded(server, project, tmp_path, code=3)
    job.run(await_termination=False)
    assert ended(job).final_status == "FAILED"


def test_a_script_that_is_stopped(server, project, job, tmp_path):
    uploaded(server, project, tmp_path, code=0)
    server.dataset("Resources/watch.py").write_text("import time\nwhile True: time.sleep(1)")
    execution = job.run(await_termination=False)
    assert execution.state == "RUNNING"
    execution.stop()
    assert ended(job).final_status == "KILLED"


def test_a_script_that_nobody_stops_ends_with_the_server(server, project, job, tmp_path):
    uploaded(server, project, tmp_path, code=0)
    server.dataset("Resources/watch.py").write_text("import time\nwhile True: time.sleep(1)")
    started: list = []
    server.job_runner = remembering(server.job_runner, started)
    job.run(await_termination=False)
    server.__exit__(None, None, None)
    assert started[0].phase().final_status == "KILLED"


def remembering(runner, started):
    def run(asked):
        started.append(runner(asked))
        return started[-1]

    return run


def test_a_job_that_is_no_script(server):
    runner = RunsScript(server.environment)
    with pytest.raises(ConfigError, match=r"give it a \.py file as appPath"):
        runner(type("Run", (), {"job": "x", "script": None})())


def test_schedule(server, api, job):
    made = job.schedule(EVERY_FIVE_MINUTES, start_time=NOON)
    assert (made.id, made.enabled, made.cron_expression) == (1, True, EVERY_FIVE_MINUTES)
    again = api.get_job("watch")
    assert again.job_schedule.next_execution_date_time == NOON
    again.schedule("0 0 * ? * * *")
    assert server.requests[-1].method == "PUT"  # the client knows the id and changes it
    assert api.get_job("watch").job_schedule.id == 1
    api.get_job("watch").unschedule()
    assert api.get_job("watch").job_schedule is None


def test_a_schedule_that_is_none(job):
    with pytest.raises(RestAPIError) as caught:
        job.schedule("every day")
    assert "no Quartz expression" in str(caught.value)


def test_firing_a_schedule(server, api, job):
    with pytest.raises(UnknownNameError, match="scheduled job 'watch'"):
        server.fire("watch", NOON)
    job.schedule(EVERY_FIVE_MINUTES)
    server.job_runner = stays
    assert server.fire("watch", NOON) == 1
    (execution,) = job.get_executions()
    assert execution.args == "--config x -start_time 2026-11-01T12:00:00+00:00"
    assert server.fire("watch", NOON) is None  # postponed: it still runs
    execution.stop()
    assert server.fire("watch", NOON, NOON + dt.timedelta(hours=1)) == 2
    assert job.get_executions()[0].args.endswith("-end_time 2026-11-01T13:00:00+00:00")


def test_a_paused_schedule_does_not_fire(server, job):
    from hopsworks_common.job_schedule import JobSchedule

    made = job.schedule(EVERY_FIVE_MINUTES)
    job._update_schedule(
        JobSchedule(id=made.id, start_date_time=NOON, cron_expression=EVERY_FIVE_MINUTES, enabled=False)
    )
    assert server.fire("watch", NOON) is None


def test_missing_executions(job):
    with pytest.raises(RestAPIError) as caught:
        job._execution_api._get(job, 99)
    assert caught.value.error_code == 130007
