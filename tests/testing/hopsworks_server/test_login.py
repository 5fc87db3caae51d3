"""Login from inside and outside the cluster, what is refused, and servers that go away and come back."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from hopsmon.testing.hopsworks_server import HopsworksServer

CLIENT = version("hopsworks")
LOGIN = "import hopsworks; print('project', hopsworks.login(engine='python').name)"


@pytest.mark.parametrize("tls", [False, True], ids=["inside", "outside"])
def test_login(tmp_path, tls):
    with HopsworksServer(tmp_path, tls=tls, version=CLIENT) as server:
        project = server.login("python")
        assert (project.name, project.id) == ("demo", 119)
        assert project.get_feature_store().name == "demo_featurestore"
        assert server.url.startswith("https" if tls else "http:")
        assert "GET /variables/versions 200" in lines(server)
        assert "GET /project/getProjectInfo/demo 200" in lines(server)
        assert lines(server)[-1] == "GET /project/119/featurestores/demo_featurestore 200"


def test_another_project_in_one_process(tmp_path):
    with HopsworksServer(tmp_path / "one", project="one", version=CLIENT) as server:
        assert server.login("python").name == "one"
        assert server.login("python").name == "one"  # again, as a notebook's cell is run again
    with HopsworksServer(tmp_path / "two", project="two", tls=True, version=CLIENT) as server:
        assert server.login("python").name == "two"


def test_the_environment_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setenv("HOPSWORKS_PROJECT", "mine")
    monkeypatch.delenv("REST_ENDPOINT", raising=False)
    before = dict(os.environ)
    with HopsworksServer(tmp_path, version=CLIENT) as server:
        server.login("python")
        assert os.environ["REST_ENDPOINT"] == server.url
        assert "HOPSWORKS_PROJECT" not in os.environ
    assert dict(os.environ) == before


@pytest.mark.parametrize("tls", [False, True], ids=["inside", "outside"])
def test_another_process_logs_in_by_the_environment(tmp_path, tls):
    with HopsworksServer(tmp_path, tls=tls, version=CLIENT) as server:
        environment = {**os.environ, **server.environment}
        done = subprocess.run(
            [sys.executable, "-c", LOGIN], env=environment, capture_output=True, text=True, check=True
        )
    assert "project demo" in done.stdout


def test_a_wrong_api_key_is_the_clients_own_error(tmp_path):
    import hopsworks
    from hopsworks.client.exceptions import RestAPIError

    with HopsworksServer(tmp_path, tls=True, version=CLIENT) as server:
        with pytest.raises(RestAPIError) as caught:
            hopsworks.login(project="demo", api_key_value="wrong", **outside(server))
        assert caught.value.response.status_code == 401
        assert caught.value.error_code == 320002
        assert {request.status for request in server.requests} == {401}


def test_a_client_that_checks_certificates_does_not_trust_a_strangers(tmp_path):
    import hopsworks

    with HopsworksServer(tmp_path, tls=True, version=CLIENT) as server:
        key = server.api_key
        with pytest.raises(hopsworks.HopsworksSSLClientError):
            hopsworks.login(server.host, server.port, "demo", key, engine="python", hostname_verification=True)


def test_the_api_key_is_good_inside_too(tmp_path):
    """As in a job that was given a key instead of a token."""
    with HopsworksServer(tmp_path, version=CLIENT) as server:
        secrets = tmp_path / "secrets"
        (secrets / "token.jwt").unlink()
        (secrets / "api.key").write_text(server.api_key)
        assert server.login("python").name == "demo"


def test_an_unknown_project_is_not_found(tmp_path):
    import hopsworks
    from hopsworks.client.exceptions import ProjectException

    with HopsworksServer(tmp_path, tls=True, version=CLIENT) as server:
        with pytest.raises(ProjectException, match="Could not find project other"):
            hopsworks.login(project="other", api_key_value=server.api_key, **outside(server))
        assert server.requests[-1].status == 400
        hopsworks.logout()


def test_gone_and_back(server, feature_store, iris):
    import requests

    server.go_away()
    with pytest.raises(requests.exceptions.ConnectionError):
        iris.get_statistics()
    server.come_back()
    assert iris.get_statistics() is None


def test_gone_behind_a_proxy_that_stays(server, iris):
    from hopsworks.client.exceptions import RestAPIError

    server.go_away(refuse=False)
    with pytest.raises(RestAPIError) as caught:
        iris.get_statistics()
    assert caught.value.response.status_code == 503
    server.come_back()
    assert iris.get_statistics() is None


def outside(server):
    """What a notebook passes to `login` besides project and key."""
    trusted = {"hostname_verification": True, "trust_store_path": server.environment["HOPSWORKS_TRUST_STORE_PATH"]}
    return {"host": server.host, "port": server.port, "engine": "python", **trusted}


def lines(server):
    return [f"{request.method} {request.path} {request.status}" for request in server.requests]
