"""The feature groups of the result tables: found, made on first use, given what an earlier hopsmon's lack."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from hopsmon.adapters.hopsworks.connection import Connection
from hopsmon.adapters.hopsworks.expectations import attach_result_suite
from hopsmon.adapters.hopsworks.failures import asking
from hopsmon.adapters.hopsworks.offline import OfflineTables
from hopsmon.adapters.hopsworks.quiet import prints_on_stderr
from hopsmon.adapters.hopsworks.result_schema import (
    another_version,
    features_of,
    goes_online,
    schema_of,
    table_properties,
)
from hopsmon.config import HopsworksStoreConfig
from hopsmon.errors import ConfigError
from hopsmon.streaming.tables import TableSpec

_NO_TAG_SCHEMA = 370000


class ResultGroups:
    """Feature groups by table, each looked up once."""

    def __init__(self, connection: Connection, settings: HopsworksStoreConfig, tables: OfflineTables) -> None:
        self._connection = connection
        self._settings = settings
        self._tables = tables
        self._found: dict[str, Any] = {}
        self._ready: set[str] = set()
        self._lock = threading.Lock()

    def find(self, spec: TableSpec) -> Any | None:
        """The feature group; None where nothing was written yet."""
        known = self._found.get(spec.name)
        if known is not None:
            return known
        with asking(self._what(spec)):
            group = self._connection.feature_store.get_feature_group(spec.name, self._settings.version)
        if group is not None:
            self._found[spec.name] = group
        return group

    def ready(self, spec: TableSpec) -> Any:
        """The feature group, to write to.

        Raises:
            ConfigError: there is one of that version, and it is not what this hopsmon can write.
        """
        with self._lock:
            if spec.name in self._ready:
                return self._found[spec.name]
            with asking(self._what(spec)), prints_on_stderr():  # the client tells of new ones
                group = self.find(spec) or self._make(spec)
                self._prepare(spec, group)
            self._ready.add(spec.name)
            return group

    def forget(self, spec: TableSpec) -> None:
        """Look it up again next time: somebody may have removed or changed it."""
        with self._lock:
            self._found.pop(spec.name, None)
            self._ready.discard(spec.name)

    def _what(self, spec: TableSpec) -> str:
        return f"Feature group '{spec.name}' version {self._settings.version}"

    def _make(self, spec: TableSpec) -> Any:
        group = self._connection.feature_store.create_feature_group(
            spec.name,
            version=self._settings.version,
            description=f"hopsmon: {spec.grain}",
            online_enabled=self._settings.online and goes_online(spec),
            time_travel_format="DELTA",
            primary_key=list(spec.key),
            partition_key=["monitor"],
            event_time=_event_time(spec),
            features=features_of(spec),
            statistics_config=False,
            stream=False,
        )
        try:
            group.save(write_options=table_properties(spec))
        except Exception:  # of the backend, or of the table's format, if another monitor's job makes it at this moment
            found = self.find(spec)
            if found is None:
                raise
            return found
        self._found[spec.name] = group
        return group

    def _prepare(self, spec: TableSpec, group: Any) -> None:
        problems = list(self._problems(spec, group))
        if problems:
            raise ConfigError(
                f"{self._what(spec)} is there, and not as hopsmon makes it: {'; '.join(problems)}. "
                f"{another_version(group)}"
            )
        there = {feature.name for feature in group.columns}
        lacking = [feature for feature in features_of(spec) if feature.name not in there]
        if lacking:
            group.update_features(lacking)  # not `append_features`: its Python engine starts a job for the table
        self._tables.prepare(group, schema_of(spec))
        self._tag(group)
        attach_result_suite(group, spec.name)

    def _problems(self, spec: TableSpec, group: Any) -> Iterator[str]:
        there = {feature.name: feature.type.lower().replace(" ", "") for feature in group.columns}
        for feature in features_of(spec):
            kind = there.get(feature.name, feature.type)
            if kind != feature.type:
                yield f"{feature.name} is {kind} and should be {feature.type}"
        if sorted(group.primary_key) != sorted(spec.key):
            yield f"its primary key is {', '.join(group.primary_key)} and should be {', '.join(spec.key)}"
        if group.event_time != _event_time(spec):
            yield f"its event time is {group.event_time} and should be {_event_time(spec)}"
        if self._settings.online and goes_online(spec) and not group.online_enabled:
            yield "it is not in the online store, and store.hopsworks.online asks for that"

    def _tag(self, group: Any) -> None:
        from hopsworks.client.exceptions import RestAPIError

        if not self._settings.tags:
            return
        there = group.get_tags()
        for name, value in self._settings.tags.items():
            if there.get(name) == value:
                continue
            try:
                group.add_tag(name, value)
            except RestAPIError as error:
                if error.error_code == _NO_TAG_SCHEMA:
                    raise ConfigError(
                        f"store.hopsworks.tags: there is no tag schema '{name}'. An administrator of Hopsworks makes "
                        "one, for the whole cluster; or take the tag out."
                    ) from error
                raise


def _event_time(spec: TableSpec) -> str | None:
    """None where it changes: the client replaces a row only where the event time is the same too."""
    return None if spec.growing is None else spec.event_time
