"""Alerts: receivers, alerts on jobs and entities, and alerts triggered by hand."""

from __future__ import annotations

import pytest
from hopsworks.client.exceptions import RestAPIError


@pytest.fixture
def alerts(project):
    return project.get_alerts_api()


@pytest.fixture
def mail(server):
    server.seed.alert_receiver("mail", "me@example.com")
    return "mail"


def trigger(alerts, receiver, severity="warning"):
    words = {"title": "Drift", "summary": "psi of length", "description": "0.3 > 0.2", "name": "hopsmon"}
    alerts.trigger_alert(receiver, severity=severity, status="hopsmon_drift", expire_after_sec=600, **words)


def refusal(call, *arguments, **more):
    with pytest.raises(RestAPIError) as caught:
        call(*arguments, **more)
    return caught.value.response.status_code, caught.value.error_code


def test_receivers(alerts, mail):
    assert alerts.get_alert_receiver("nobody") is None
    assert alerts.get_alert_receiver("mail").name == "demo__mail"
    assert [each.name for each in alerts.get_alert_receivers()] == ["demo__mail"]


def test_what_a_client_creates(alerts):
    from hopsworks_common.alert_receiver import EmailConfig, PagerDutyConfig

    made = alerts.create_alert_receiver("team", email_configs=[EmailConfig(to="me@example.com")])
    assert made.email_configs[0].to == "me@example.com"
    keys = {"service_key": "a", "routing_key": "b"}
    assert alerts.create_alert_receiver("pager", pagerduty_configs=[PagerDutyConfig(**keys)]).name == "demo__pager"
    assert refusal(alerts.create_alert_receiver, "team", email_configs=[EmailConfig(to="x")]) == (400, 390001)


def test_triggered_by_hand(server, alerts, mail):
    trigger(alerts, mail)
    trigger(alerts, mail)  # the route is there: refused, which the client knows
    statuses = [request.status for request in server.requests if request.path == "/project/119/alerts/routes"]
    assert 400 in statuses
    first, _ = alerts.get_triggered_alerts()
    labels = {each["key"]: each["value"] for each in first.labels}
    assert labels == {"alertname": "hopsmon", "severity": "warning", "status": "hopsmon_drift", "api": "alerts-api"}


def test_a_route_for_each_severity(server, alerts, mail):
    for severity in ("warning", "critical"):
        trigger(alerts, mail, severity)
    assert [request.status for request in server.requests if request.path.endswith("routes")] == [201, 200, 201, 200]


def test_nobody_to_tell(alerts):
    with pytest.raises(ValueError, match="demo__nobody does not exist"):
        trigger(alerts, "nobody")


def test_alerts_on_jobs(project, alerts, mail):
    jobs = project.get_job_api()
    job = jobs.create_job("watch", {**jobs.get_configuration("PYSPARK"), "appPath": "Resources/x.py"})
    made = job.create_alert(receiver=mail, status="failed", severity="critical")
    assert (made.receiver, made.status, made.severity) == ("demo__mail", "FAILED", "CRITICAL")
    assert [each.id for each in job.get_alerts()] == [made.id]
    assert job.get_alert(made.id).status == "FAILED"
    assert job.get_alert(99) is None
    assert refusal(job.create_alert, receiver=mail, status="failed", severity="info") == (400, 130036)
    assert refusal(job.create_alert, receiver="nobody", status="killed", severity="info") == (400, 390003)


def test_alerts_on_feature_groups_and_views(server, feature_store, iris, mail):
    made = iris.create_alert(receiver=mail, status="monitoring_shift_detected", severity="warning")
    assert (made.feature_group_name, made.status) == ("iris", "MONITORING_SHIFT_DETECTED")
    assert [each.id for each in iris.get_alerts()] == [made.id]
    server.seed.feature_view("iris_view", iris.id)
    view = feature_store.get_feature_view("iris_view", version=1)
    view.create_alert(receiver=mail, status="monitoring_shift_detected", severity="warning")
    assert [each.feature_view_name for each in view.get_alerts()] == ["iris_view"]


def test_alerts_on_the_project(project, alerts, mail):
    made = project.create_featurestore_alert(mail, "monitoring_shift_detected", "warning")
    assert [each.id for each in alerts.get_alerts()] == [made.id]
    alerts.delete_alert(made.id)
    assert alerts.get_alert(made.id) is None
