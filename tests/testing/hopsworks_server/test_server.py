"""What the server remembers of requests, and how it fails a test that asks for what it does not know."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import requests

from hopsmon.errors import ConfigError
from hopsmon.testing.hopsworks_server import HopsworksServer, Request

CLIENT = version("hopsworks")
API = "/hopsworks-api/api"


def ask(server, method, path, **more):
    headers = {"Authorization": f"ApiKey {server.api_key}", **more.pop("headers", {})}
    return requests.request(method, server.url + API + path, headers=headers, timeout=10, **more)


def used(folder, use):
    """A test that uses a server."""
    with HopsworksServer(folder) as server:
        use(server)


def test_an_unknown_route_fails_the_test(tmp_path):
    def use(server):
        response = ask(server, "PUT", "/project/119/moon")
        assert response.status_code == 501
        assert "PUT /project/119/moon" in response.json()["errorMsg"]

    with pytest.raises(AssertionError, match=r"PUT /project/119/moon: no route"):
        used(tmp_path, use)


def test_an_unknown_method_is_an_unknown_route(tmp_path):
    with pytest.raises(AssertionError, match="PATCH /variables/versions: no route"):
        used(tmp_path, lambda server: ask(server, "PATCH", "/variables/versions"))


def test_the_servers_own_error_fails_the_test(tmp_path):
    """A feature group without a name is more than it was made for; the traceback says where."""

    def use(server):
        response = ask(server, "POST", "/project/119/featurestores/67/featuregroups", json={})
        assert response.status_code == 500

    with pytest.raises(AssertionError, match=r"POST .*/featuregroups: (.|\n)*KeyError"):
        used(tmp_path, use)


def test_the_tests_own_error_goes_first(tmp_path):
    def use(server):
        ask(server, "GET", "/moon")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        used(tmp_path, use)


def test_requests_are_kept_as_they_were_sent(server):
    path = "/project/119/featurestores/67/featuregroups"
    sent = {"id": None, "name": "a", "type": "cachedFeaturegroupDTO", "features": [{"name": "x", "type": "string"}]}
    made = ask(server, "POST", path, json=sent, params={"expand": ["features", "tags"]}).json()
    assert made["features"][0]["onlineType"] == "varchar(100)"
    assert server.requests == (Request("POST", path, {"expand": ["features", "tags"]}, sent, 201),)


def test_bodies_that_are_not_json_are_kept_as_text(server):
    server.login("python")
    server.seed.kafka_schema("x", {"type": "string"})
    ask(
        server,
        "POST",
        "/project/119/kafka/subjects/x/versions",
        data="{not json",
        headers={"Content-Type": "text/plain"},
    )
    assert server.requests[-1].body == "{not json"
    assert server.requests[-1].status == 400


def test_nobody_gets_in_without_a_secret(server):
    url = server.url + API + "/variables/versions"
    assert requests.get(url, timeout=10).json()["errorCode"] == 200003
    assert requests.get(url, timeout=10, headers={"Authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize(("hopsworks", "spark"), [("5.2.1", "4.1.1"), ("5.1.2", "3.5.5"), ("4.2.0", "3.5.0")])
def test_versions(tmp_path, hopsworks, spark):
    with HopsworksServer(tmp_path, version=hopsworks) as server:
        reply = ask(server, "GET", "/variables/versions").json()
    assert {each["software"]: each["version"] for each in reply} == {"hopsworks": hopsworks, "spark": spark}


def test_a_version_that_is_none(tmp_path):
    with pytest.raises(ConfigError, match="'latest' is not allowed"):
        HopsworksServer(tmp_path, version="latest")


def test_pages(server):
    for number in range(3):
        server.seed.feature_group(f"group_{number}", {"x": "int"})
    reply = ask(server, "GET", "/project/119/featurestores/67/featuregroups", params={"offset": 1, "limit": 1}).json()
    assert reply["count"] == 3  # all that match, not the page's
    assert [each["name"] for each in reply["items"]] == ["group_1"]
    empty = ask(server, "GET", "/project/119/jobs").json()
    assert (empty["count"], "items" in empty) == (0, False)
