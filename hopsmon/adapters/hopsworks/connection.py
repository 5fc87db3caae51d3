"""The connection to Hopsworks: a project the user has logged in to, or our own login, in a job and outside.

The client holds one connection a process, and a second login closes the first under the hands of whoever made it. So a
login that is in force is used again where it fits, and refused, with what to do, where it does not.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.failures import asking, missing
from hopsmon.adapters.hopsworks.quiet import prints_on_stderr
from hopsmon.errors import ConfigError, OutsideError

Engine: TypeAlias = Literal["python", "spark", "spark-delta", "spark-no-metastore"]
_SAAS = "run.hopsworks.ai"  # needs no host elsewhere; here it must be written, as the client would ask for its key


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """How to log in from outside; inside a job all but the engine comes from the environment.

    Attributes:
        host: without https://; None: the environment's HOPSWORKS_HOST.
        project: None: the environment's HOPSWORKS_PROJECT, else the only one there is.
        api_key: the key itself, never shown; None: the environment's HOPSWORKS_API_KEY.
        trust_store: PEM file of certificates to trust; None: the system's.
        engine: None: Spark inside a job, Python outside, and whatever it has where a login is in force.
    """

    host: str | None = None
    port: int = 443
    project: str | None = None
    api_key: str | None = field(default=None, repr=False)
    hostname_verification: bool = False
    trust_store: str | None = None
    engine: Engine | None = None


@dataclass(frozen=True)
class Connection:
    """A project of Hopsworks that this process is logged in to.

    Attributes:
        project: the client's project object.
        engine: the client's engine: python, spark, spark-delta, spark-no-metastore.
        external: outside the cluster; Kafka and file systems then have other addresses.
    """

    project: Any = field(repr=False)
    engine: str
    external: bool

    @property
    def name(self) -> str:
        """Name of the project."""
        return str(self.project.name)

    @property
    def has_spark(self) -> bool:
        """Whether the client reads and writes by Spark."""
        return self.engine.startswith("spark")

    @cached_property
    def feature_store(self) -> Any:
        """The project's own feature store, as the client's object."""
        with asking(f"The feature store of project '{self.name}'"):
            return self.project.get_feature_store()

    def __repr__(self) -> str:
        return f"Connection({self.name!r}, engine={self.engine!r}, external={self.external})"


def connect(project: Any) -> Connection:
    """The connection of a project that somebody has logged in to, as a notebook does.

    Raises:
        ConfigError: it is no Hopsworks project, or its login is not in force any more.
    """
    if not hasattr(project, "get_feature_store") or not hasattr(project, "name"):
        raise ConfigError(
            f"Expected the project that hopsworks.login() returns; got {type(project).__name__}. For results in a "
            "folder, give its path."
        )
    _quiet_py4j()
    session = private.current_session()
    if session is None or session.project != project.name:
        now = "no project" if session is None or session.project is None else f"'{session.project}' by now"
        raise ConfigError(
            f"This process is logged in to {now}; the client holds one login at a time. Log in again with "
            f"hopsworks.login(project='{project.name}'), and hand on the project that this returns."
        )
    return Connection(project, session.engine, session.external)


def login(settings: LoginSettings = LoginSettings()) -> Connection:
    """Log in, or go on with the login that is in force where it is the one asked for.

    Raises:
        ConfigError: no such project, a wrong API key, or another login is in force.
        TransientError: Hopsworks does not answer.
    """
    with _logging_as_before():
        import hopsworks
    _quiet_py4j()
    inside = "REST_ENDPOINT" in os.environ
    session = private.current_session()
    if session is not None and session.project is not None:
        _check_same(session, settings, inside)
        with asking("The login that is in force"):
            return connect(hopsworks.get_current_project())
    engine = settings.engine or ("spark" if inside else "python")
    try:
        # The client greets on stdout, which may be a command's JSON.
        with prints_on_stderr():
            project = _inside(engine) if inside else _from_outside(settings, engine)
        return connect(project)
    except BaseException:
        hopsworks.logout()  # half a login would be taken for one that is in force
        raise


def _inside(engine: Engine) -> Any:
    import hopsworks

    try:
        with asking("Login inside the cluster"):
            return hopsworks.login(engine=engine)
    except (KeyError, OSError) as error:
        raise OutsideError(
            "REST_ENDPOINT is set, so this should run inside Hopsworks, but what belongs to it is missing: "
            f"{error}. Outside, unset REST_ENDPOINT."
        ) from error


def _from_outside(settings: LoginSettings, engine: Engine) -> Any:
    import hopsworks
    from hopsworks_common.client.exceptions import ProjectException

    host = settings.host or os.environ.get("HOPSWORKS_HOST")
    key = settings.api_key or os.environ.get("HOPSWORKS_API_KEY")
    if host is None:
        raise ConfigError(
            f"hopsworks.host is not set, nor is HOPSWORKS_HOST in the environment. Hopsworks' own service is {_SAAS}."
        )
    if key is None:
        raise ConfigError("hopsworks.api_key is not set, nor is HOPSWORKS_API_KEY in the environment.")
    wanted = settings.project or os.environ.get("HOPSWORKS_PROJECT")
    with asking(f"Login to {host}:{settings.port}"):
        try:
            project = hopsworks.login(
                host=host,
                port=settings.port,
                project=wanted,
                api_key_value=key.strip(),
                # Of a trust store the client takes no notice unless it verifies.
                hostname_verification=settings.hostname_verification or settings.trust_store is not None,
                trust_store_path=settings.trust_store,
                engine=engine,
            )
        except ProjectException as error:
            next_step = "These are the projects that the API key may enter: mend hopsworks.project, or join it."
            raise missing("project", str(wanted), private.project_names(), next_step) from error
        except EOFError:  # of several projects it asks the user for one
            names = ", ".join(private.project_names())
            raise ConfigError(f"hopsworks.project is not set, and there are several: {names}.") from None
    if project is None:
        raise ConfigError("The API key may enter no project. Make one, or add the key's user to one.")
    return project


def _check_same(session: private.Session, settings: LoginSettings, inside: bool) -> None:
    """Whether the login in force is the one that the settings ask for."""
    asked: dict[str, object] = {"engine": settings.engine}
    if not inside:
        asked |= {"host": settings.host, "project": settings.project}
        if settings.host is not None:
            asked["port"] = settings.port
    for name, value in asked.items():
        has = getattr(session, name)
        if value is not None and value != has:
            raise ConfigError(
                f"This process is logged in to Hopsworks with {name} '{has}', the configuration asks for '{value}'. "
                "The client holds one login at a time: make them equal, or call hopsworks.logout() first."
            )


def _quiet_py4j() -> None:
    """With a root logger at INFO, as the client leaves it, py4j tells of every call from a micro-batch."""
    logging.getLogger("py4j").setLevel(logging.WARNING)


@contextlib.contextmanager
def _logging_as_before() -> Iterator[None]:
    """Importing the client sets the root logger to INFO and gives it a handler; neither is a library's to decide."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in [one for one in root.handlers if one not in handlers]:
            root.removeHandler(handler)
