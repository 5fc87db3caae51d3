"""State: what the server remembers, one field a kind of thing. One lock guards all of it."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from hopsmon.testing.hopsworks_server.certificates import Material
from hopsmon.testing.hopsworks_server.files import ProjectFiles
from hopsmon.testing.hopsworks_server.runners import JobRunner, Running, finishes

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What does not change while the server runs."""

    folder: Path
    project: str
    version: str
    kafka: str | None
    kafka_tls: bool
    project_id: int = 119
    feature_store_id: int = 67
    username: str = "meb10000"
    email: str = "admin@hopsworks.ai"

    @property
    def feature_store(self) -> str:
        """The feature store's name, which is its Hive database's as well."""
        return f"{self.project.lower()}_featurestore"

    @property
    def project_user(self) -> str:
        """The user's name inside the project, as HopsFS and certificates know it."""
        return f"{self.project}__{self.username}"

    @property
    def online_topic(self) -> str:
        """The topic of the project's online feature groups."""
        return f"{self.project}_onlinefs"

    @property
    def creator(self) -> Json:
        """The user, as entities name those who made them."""
        return {"email": self.email, "firstName": "Admin", "lastName": "Admin", "status": 0}

    @property
    def warehouse(self) -> str:
        """Where feature groups lie, as a URL."""
        return (self.folder / "apps" / "hive" / "warehouse" / f"{self.feature_store}.db").as_uri()


@dataclass
class State:
    """What the server remembers. JSON objects are kept as they are sent."""

    settings: Settings
    material: Material
    lock: threading.RLock = field(default_factory=threading.RLock)
    feature_groups: dict[int, Json] = field(default_factory=dict)
    commits: dict[int, list[Json]] = field(default_factory=lambda: defaultdict(list))
    suites: dict[int, Json] = field(default_factory=dict)
    reports: dict[int, list[Json]] = field(default_factory=lambda: defaultdict(list))
    ingestions: dict[int, list[Json]] = field(default_factory=lambda: defaultdict(list))
    tags: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    tag_schemas: dict[str, Json] = field(default_factory=dict)
    views: dict[tuple[str, int], Json] = field(default_factory=dict)
    training_datasets: dict[tuple[str, int], dict[int, Json]] = field(default_factory=lambda: defaultdict(dict))
    transformation_functions: list[Json] = field(default_factory=list)
    feature_logs: dict[tuple[str, int], Json] = field(default_factory=dict)
    models: dict[str, Json] = field(default_factory=dict)
    deployments: dict[int, Json] = field(default_factory=dict)
    topics: dict[str, Json] = field(default_factory=dict)
    subjects: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    jobs: dict[str, Json] = field(default_factory=dict)
    schedules: dict[str, Json] = field(default_factory=dict)
    executions: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    running: dict[int, Running] = field(default_factory=dict)
    charts: list[Json] = field(default_factory=list)
    dashboards: list[Json] = field(default_factory=list)
    environments: dict[str, Json] = field(default_factory=dict)
    receivers: dict[str, Json] = field(default_factory=dict)
    routes: list[Json] = field(default_factory=list)
    alerts: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    triggered: list[Json] = field(default_factory=list)
    monitoring_configs: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    monitoring_results: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    statistics: dict[tuple[str, ...], list[Json]] = field(default_factory=lambda: defaultdict(list))
    job_runner: JobRunner = finishes
    files: ProjectFiles = field(init=False)
    _ids: dict[str, Iterator[int]] = field(default_factory=lambda: defaultdict(lambda: itertools.count(1)))

    def __post_init__(self) -> None:
        self.files = ProjectFiles(self.settings.folder, self.settings.project)

    def new_id(self, kind: str) -> int:
        """The next number of a kind of thing; each kind counts from 1."""
        return next(self._ids[kind])


def now() -> str:
    """The time as Hopsworks writes it."""
    return iso(dt.datetime.now(dt.timezone.utc))


def iso(time: dt.datetime) -> str:
    """A time in UTC as Hopsworks writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def milliseconds() -> int:
    """The time in milliseconds since 1970."""
    return int(dt.datetime.now(dt.timezone.utc).timestamp() * 1000)
