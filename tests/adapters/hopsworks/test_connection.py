"""The connection: inside and outside, a notebook's login, a second login, and what it says where it fails."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hopsmon.adapters.hopsworks.connection import Connection, LoginSettings, connect, login
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.adapters.hopsworks.private import client_version, current_session
from hopsmon.adapters.hopsworks.views import feature_group, feature_view, training_dataset
from hopsmon.errors import ConfigError, OutsideError, TransientError
from hopsmon.testing.hopsworks_server import HopsworksServer

VARIABLES = ("HOST", "PORT", "PROJECT", "API_KEY", "HOSTNAME_VERIFICATION", "TRUST_STORE_PATH", "CERT_FOLDER", "ENGINE")


@pytest.fixture(autouse=True)
def logged_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VARIABLES:
        monkeypatch.delenv(f"HOPSWORKS_{name}", raising=False)
    monkeypatch.delenv("REST_ENDPOINT", raising=False)
    yield
    sys.modules["hopsworks"].logout()


@pytest.fixture
def inside(server: HopsworksServer, monkeypatch: pytest.MonkeyPatch) -> HopsworksServer:
    """The environment of a job in the cluster."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    """A cluster seen from outside."""
    with HopsworksServer(tmp_path_factory.mktemp("hopsworks"), tls=True, version=client_version()) as running:
        yield running


@pytest.fixture
def outside(cluster: HopsworksServer, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> LoginSettings:
    monkeypatch.setenv("HOPSWORKS_CERT_FOLDER", str(tmp_path))
    trusted = cluster.environment["HOPSWORKS_TRUST_STORE_PATH"]
    return LoginSettings(cluster.host, cluster.port, cluster.project, cluster.api_key, trust_store=trusted)


def changed(settings: LoginSettings, **changes: Any) -> LoginSettings:
    return replace(settings, **changes)


PYTHON = LoginSettings(engine="python")


def test_inside_the_environment_says_all(inside: HopsworksServer) -> None:
    connection = login(PYTHON)
    assert (connection.name, connection.engine, connection.external) == ("demo", "python", False)
    assert not connection.has_spark
    assert connection.feature_store.name == "demo_featurestore"


def test_outside_by_settings(outside: LoginSettings) -> None:
    connection = login(outside)
    assert (connection.name, connection.engine, connection.external) == ("demo", "python", True)
    assert connection.feature_store.name == "demo_featurestore"


def test_outside_by_the_environment(cluster: HopsworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    connection = login()
    assert (connection.name, connection.external) == ("demo", True)


def test_the_only_project_needs_no_name(outside: LoginSettings) -> None:
    assert login(changed(outside, project=None)).name == "demo"


def test_a_notebooks_project(server: HopsworksServer) -> None:
    project = server.login("python")
    connection = connect(project)
    assert connection.project is project
    assert connection.feature_store.name == "demo_featurestore"


def test_a_second_login_goes_on_with_the_first(inside: HopsworksServer) -> None:
    first = login(PYTHON)
    count = len(inside.requests)
    assert login().project is first.project
    assert login(PYTHON).project is first.project
    assert len(inside.requests) == count


def test_a_login_goes_on_with_a_notebooks(server: HopsworksServer) -> None:
    project = server.login("python")
    assert login().project is project


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"project": "other"}, "project 'demo', the configuration asks for 'other'"),
        ({"host": "hopsworks.example.com"}, "asks for 'hopsworks.example.com'"),
        ({"port": 1}, "the configuration asks for '1'"),
        ({"engine": "spark-delta"}, "engine 'python', the configuration asks for 'spark-delta'"),
    ],
)
def test_another_login_is_refused_while_one_is_in_force(
    outside: LoginSettings, changes: dict[str, Any], words: str
) -> None:
    first = login(outside)
    with pytest.raises(ConfigError, match=words):
        login(changed(outside, **changes))
    assert first.feature_store.name == "demo_featurestore"  # the first goes on


def test_a_project_whose_login_is_over_is_refused(inside: HopsworksServer) -> None:
    project = login(PYTHON).project
    sys.modules["hopsworks"].logout()
    with pytest.raises(ConfigError, match=r"logged in to no project.*hopsworks\.login\(project='demo'\)"):
        connect(project)


def test_what_is_no_project() -> None:
    with pytest.raises(ConfigError, match=r"the project that hopsworks\.login\(\) returns; got dict"):
        connect({})


def test_a_wrong_key(outside: LoginSettings) -> None:
    with pytest.raises(ConfigError, match="does not accept the API key") as caught:
        login(changed(outside, api_key="not-the-key"))
    assert "not-the-key" not in str(caught.value)
    assert current_session() is None


def test_no_such_project(outside: LoginSettings) -> None:
    with pytest.raises(ConfigError, match=r"no project 'dmo'\. There are: demo\. Did you mean 'demo'\?"):
        login(changed(outside, project="dmo"))
    assert current_session() is None
    assert login(outside).name == "demo"


def test_nothing_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"hopsworks\.host is not set, nor is HOPSWORKS_HOST"):
        login()
    with pytest.raises(ConfigError, match=r"hopsworks\.api_key is not set"):
        login(LoginSettings(host="127.0.0.1"))


def test_nobody_answers(outside: LoginSettings, cluster: HopsworksServer) -> None:
    cluster.go_away()
    try:
        with pytest.raises(TransientError, match=r"does not answer.*Connection refused"):
            login(outside)
    finally:
        cluster.come_back()
    assert login(outside).name == "demo"


def test_a_certificate_nobody_trusts(outside: LoginSettings) -> None:
    with pytest.raises(OutsideError, match=r"no TLS connection.*trust_store"):
        login(changed(outside, trust_store=None, hostname_verification=True))


def test_in_a_job_without_its_material(inside: HopsworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MATERIAL_DIRECTORY")
    with pytest.raises(OutsideError, match=r"REST_ENDPOINT is set.*MATERIAL_DIRECTORY"):
        login(PYTHON)


def test_no_secret_is_shown(outside: LoginSettings) -> None:
    connection = login(outside)
    shown = repr(outside) + repr(connection) + str(connection)
    assert outside.api_key is not None
    assert outside.api_key not in shown
    assert repr(connection) == "Connection('demo', engine='python', external=True)"


@pytest.mark.filterwarnings("ignore:All jobs associated to feature group")
def test_what_is_not_there(inside: HopsworksServer) -> None:
    connection = login(PYTHON)
    store = connection.feature_store
    from hsfs.feature import Feature

    group = store.get_or_create_feature_group("flights", 2, features=[Feature("a", "double")], primary_key=["a"])
    group.save()
    view = store.create_feature_view("flights_fv", group.select_all(), version=1)
    with pytest.raises(ConfigError, match=r"no feature group 'flight'\. There are: flights\. Did you mean 'flights'\?"):
        feature_group(connection, "flight", 1)
    with pytest.raises(ConfigError, match=r"no version 1 of feature group 'flights'\. There are: 2\."):
        feature_group(connection, "flights", 1)
    with pytest.raises(ConfigError, match=r"no feature view 'flights'\. There are: flights_fv\."):
        feature_view(connection, "flights", 1)
    with pytest.raises(ConfigError, match=r"no version 3 of feature view 'flights_fv'\. There are: 1\."):
        feature_view(connection, "flights_fv", 3)
    with pytest.raises(ConfigError, match=r"no training dataset.*create_training_data"):
        training_dataset(view, 1)
    assert feature_group(connection, "flights", 2).id == group.id
    assert feature_view(connection, "flights_fv", 1).name == "flights_fv"
    group.delete()
    with pytest.raises(ConfigError, match=r"'flights_fv' version 1 cannot be used: .*feature groups .* deleted"):
        feature_view(connection, "flights_fv", 1)


def test_an_outage_between_two_calls_may_pass(inside: HopsworksServer) -> None:
    connection = login(PYTHON)
    assert connection.feature_store.id
    for refuse in (True, False):
        inside.go_away(refuse)
        with pytest.raises(TransientError, match="Feature group 'a' version 1: Hopsworks"):
            feature_group(connection, "a", 1)
        inside.come_back()
    with pytest.raises(ConfigError, match="no feature group 'a'"):
        feature_group(connection, "a", 1)


def test_what_the_client_itself_refuses() -> None:
    from hopsworks.client.exceptions import FeatureStoreException

    with pytest.raises(OutsideError, match=r"The statistics: no way\."), asking("The statistics"):
        raise FeatureStoreException("no way.")


def test_other_errors_are_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), asking("Anything"):
        raise ZeroDivisionError


def test_logging_stays_as_it_was(inside: HopsworksServer) -> None:
    """In a process of its own, as importing the client is what changes it."""
    code = """
import logging
from hopsmon.adapters.hopsworks.connection import LoginSettings, login
root = logging.getLogger()
before = root.level, list(root.handlers)
login(LoginSettings(engine="python"))
assert (root.level, list(root.handlers)) == before, (root.level, root.handlers)
assert logging.getLogger("py4j").level == logging.WARNING
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""  # the client's greeting would spoil a command's JSON


def test_py4j_is_quiet_in_a_notebook(server: HopsworksServer) -> None:
    logging.getLogger("py4j").setLevel(logging.NOTSET)
    assert isinstance(connect(server.login("python")), Connection)
    assert logging.getLogger("py4j").level == logging.WARNING
