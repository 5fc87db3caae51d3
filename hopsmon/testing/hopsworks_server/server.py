"""The server: its folder, keys and routes, and what a test does with it."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from typing_extensions import Self

from hopsmon.errors import ConfigError
from hopsmon.testing.hopsworks_server.application import Application, Request, Secrets
from hopsmon.testing.hopsworks_server.certificates import make_material
from hopsmon.testing.hopsworks_server.client import ClientSession, Engine
from hopsmon.testing.hopsworks_server.executions import fire
from hopsmon.testing.hopsworks_server.inference_schema import register_inference_schemas
from hopsmon.testing.hopsworks_server.listener import Listener
from hopsmon.testing.hopsworks_server.routes import ROUTER
from hopsmon.testing.hopsworks_server.runners import JobRunner
from hopsmon.testing.hopsworks_server.seed import Seed
from hopsmon.testing.hopsworks_server.state import Settings, State

if TYPE_CHECKING:
    from hopsworks.project import Project


class HopsworksServer:
    """A server that Hopsworks' own client logs in to; a context manager.

    Leaving the context fails if the server was asked for what it does not know, or failed itself.
    """

    def __init__(
        self,
        folder: Path | str,
        project: str = "demo",
        tls: bool = False,
        kafka: str | None = None,
        kafka_tls: bool = False,
        version: str = "5.2.1",
    ) -> None:
        """A server that is not started yet.

        Args:
            folder: where its files lie: datasets, Delta tables, tokens and certificates.
            project: the one project it has.
            tls: False: HTTP, and clients log in as in a job of the cluster, by their environment; True: HTTPS, and they
                log in from outside with an API key.
            kafka: bootstrap servers of the feature store's Kafka connector; None: the project has no connector.
            kafka_tls: whether that connector asks for TLS with the project's certificates.
            version: the version of Hopsworks that it says it is.
        """
        if "." not in version or not version.replace(".", "").isdigit():
            raise ConfigError(f"version: '{version}' is not allowed; give Hopsworks' version, such as '5.2.1'")
        self.folder = Path(folder).resolve()
        self.project = project
        self.tls = tls
        self.api_key = secrets.token_urlsafe(32)
        self._settings = Settings(self.folder, project, version, kafka, kafka_tls)
        self.material = make_material(self._settings.project_user)
        self._token = secrets.token_urlsafe(32)
        self._state = State(self._settings, self.material)
        register_inference_schemas(self._state)
        self.seed = Seed(self._state)
        self._application = Application(self._state, ROUTER, Secrets(self.api_key, self._token))
        self._write_secrets()
        self._listener = Listener(self._application.answer, self._tls_context())
        self._client = ClientSession()

    def __enter__(self) -> Self:
        self.come_back()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.ExitStack() as last_first:
            last_first.callback(self._listener.close)
            for execution in self._state.running.values():
                last_first.callback(execution.end)
            last_first.callback(self._client.close)
        if error is None and self._application.problems:
            problems = "\n".join(self._application.problems)
            raise AssertionError(f"The test double of Hopsworks could not answer:\n{problems}")

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._listener.host

    @property
    def port(self) -> int:
        """The port it listens on; 0 until it was started."""
        return self._listener.port

    @property
    def url(self) -> str:
        """Where it listens, as a URL."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables by which any process's `hopsworks.login(engine=…)` finds the server."""
        return self._outside() if self.tls else self._inside()

    @property
    def requests(self) -> Sequence[Request]:
        """All requests until now, in order."""
        return tuple(self._application.requests)

    def login(self, engine: Engine = "python") -> Project:
        """Log this process's `hopsworks` client in; its environment is put back when the context ends."""
        return self._client.login(engine, self.environment)

    @property
    def job_runner(self) -> JobRunner:
        """What becomes of a job that is run; to be set to another of the runners, or a test's own."""
        return self._state.job_runner

    @job_runner.setter
    def job_runner(self, runner: JobRunner) -> None:
        self._state.job_runner = runner

    def dataset(self, path: str) -> Path:
        """Where a file or folder of the project lies on this machine, however its path is spelled."""
        return self._state.files.local(path)

    def fire(self, job: str, start: dt.datetime, end: dt.datetime | None = None) -> int | None:
        """Do what the scheduler does when a job's schedule is due; the number of the execution.

        None: the schedule is paused, or the run is postponed, as an execution of the job is still active.
        """
        with self._state.lock:
            return fire(self._state, job, start, end)

    def go_away(self, refuse: bool = True) -> None:
        """Be unreachable: refuse connections and end those that are open, or else answer each request with 503."""
        self._application.available = False
        if refuse:
            self._listener.close()

    def come_back(self) -> None:
        """Be reachable again, on the same port."""
        self._application.available = True
        self._listener.open()

    def _inside(self) -> dict[str, str]:
        return {
            "REST_ENDPOINT": self.url,
            "HOPSWORKS_PROJECT_ID": str(self._settings.project_id),
            "HOPSWORKS_PROJECT_NAME": self.project,
            "HADOOP_USER_NAME": self._settings.project_user,
            "SECRETS_DIR": str(self._secrets_folder),
            "SERVING_API_KEY": self.api_key,
            "MATERIAL_DIRECTORY": str(self._material_folder),
            "HOPSWORKS_PUBLIC_HOST": f"{self.host}:{self.port}",
            "HOPSWORKS_HOSTNAME_VERIFICATION": "false",
        }

    def _outside(self) -> dict[str, str]:
        return {
            "HOPSWORKS_HOST": self.host,
            "HOPSWORKS_PORT": str(self.port),
            "HOPSWORKS_PROJECT": self.project,
            "HOPSWORKS_API_KEY": self.api_key,
            "HOPSWORKS_HOSTNAME_VERIFICATION": "true",
            "HOPSWORKS_TRUST_STORE_PATH": str(self._material_folder / "ca.pem"),
            "HOPSWORKS_CERT_FOLDER": str(self.folder / "client"),
        }

    @property
    def _material_folder(self) -> Path:
        return self.folder / "material"

    @property
    def _secrets_folder(self) -> Path:
        return self.folder / "secrets"

    def _write_secrets(self) -> None:
        self.material.write(self._material_folder, self._settings.project_user)
        self._secrets_folder.mkdir(parents=True, exist_ok=True)
        (self._secrets_folder / "token.jwt").write_text(self._token, encoding="ascii")

    def _tls_context(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._material_folder / "server.pem", self._material_folder / "server.key")
        return context
