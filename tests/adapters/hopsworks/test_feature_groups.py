"""Result tables as feature groups: how they are made, found, changed and written when Hopsworks comes and goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from hopsmon.adapters.hopsworks.connection import connect
from hopsmon.adapters.hopsworks.home import ProjectHome
from hopsmon.adapters.hopsworks.offline import UNSEEN
from hopsmon.adapters.hopsworks.query_service import read_by_query_service, within
from hopsmon.adapters.hopsworks.result_rows import Where
from hopsmon.adapters.hopsworks.result_schema import OFFLINE, WRITTEN_BY, goes_online, online_type, schema_of
from hopsmon.adapters.hopsworks.store import ProjectStore
from hopsmon.config import HopsworksStoreConfig
from hopsmon.errors import ConfigError, OutsideError, TransientError
from hopsmon.streaming.tables import OUTLIERS, STATES, TABLES, WINDOWS, TableSpec
from hopsmon.testing.hopsworks_server import HopsworksServer
from tests.support.result_rows import (
    DAY,
    START,
    counted,
    days,
    late_only,
    outlier,
    put_outliers,
    put_states,
    put_windows,
    scores,
    state,
    window,
)

Maker: TypeAlias = Callable[..., ProjectStore]


@pytest.fixture
def store_with(server: HopsworksServer) -> Maker:
    connection = connect(server.login("python"))
    return lambda **settings: ProjectHome(connection, HopsworksStoreConfig(**settings)).tables


@pytest.fixture
def store(store_with: Maker) -> ProjectStore:
    return store_with()


def made(server: HopsworksServer, name: str) -> dict[str, Any]:
    """The request that has made a feature group."""
    sent = [one.body for one in server.requests if one.method == "POST" and one.path.endswith("/featuregroups")]
    (found,) = (body for body in sent if body["name"] == name)
    return dict(found)


def registered(server: HopsworksServer) -> list[tuple[int, int]]:
    """(rows inserted, rows updated) of the commits that Hopsworks knows."""
    known = [one for one in server.requests if one.method == "POST" and one.path.endswith("/commits")]
    return [(one.body["rowsInserted"], one.body["rowsUpdated"]) for one in known if one.status == 200]


def group_of(server: HopsworksServer, spec: TableSpec, version: int = 1) -> Any:
    return server.login("python").get_feature_store().get_feature_group(spec.name, version)


def test_a_feature_group_says_what_it_is(server: HopsworksServer, store: ProjectStore) -> None:
    put_windows(store, [window(1)], 0)
    body = made(server, WINDOWS.name)
    assert (body["version"], body["timeTravelFormat"], body["onlineEnabled"]) == (1, "DELTA", False)
    assert (body["description"], body["eventTime"]) == ("hopsmon: one row per closed window", "window_end")
    assert body["statisticsConfig"]["enabled"] is False
    features = {feature["name"]: feature for feature in body["features"]}
    assert list(features) == [*WINDOWS.schema.names, WRITTEN_BY]
    assert tuple(name for name, feature in features.items() if feature["primary"]) == WINDOWS.key
    assert [name for name, feature in features.items() if feature["partition"]] == ["monitor"]
    comments = {name: text for name, _, text in WINDOWS.columns}
    assert {name: features[name]["description"] for name in comments} == comments
    assert (features["window_end"]["type"], features["requests"]["type"]) == ("timestamp", "bigint")


def test_states_have_no_event_time_as_theirs_changes(server: HopsworksServer, store: ProjectStore) -> None:
    put_states(store, [state(1, 0, b"x")], 0)
    assert made(server, STATES.name)["eventTime"] is None


@pytest.mark.parametrize("spec", TABLES.values(), ids=TABLES)
def test_hopsworks_takes_every_name_type_and_description(spec: TableSpec) -> None:
    name = re.compile(r"[a-z][a-z0-9_]{0,62}")
    assert name.fullmatch(spec.name)
    assert len(f"hopsmon: {spec.grain}") <= 256
    for field in schema_of(spec):
        assert name.fullmatch(field.name)
        assert 0 < len(field.metadata[b"comment"]) <= 256
        assert field.type in OFFLINE


@pytest.mark.parametrize("spec", [spec for spec in TABLES.values() if goes_online(spec)], ids=lambda spec: spec.name)
def test_the_online_store_takes_every_key_and_row(spec: TableSpec) -> None:
    """A key may have 3,072 bytes, a row 30,000; a character counts four."""

    def size(field: pa.Field) -> int:
        width = re.fullmatch(r"varchar\((\d+)\)", online_type(field) or "")
        return 4 * int(width[1]) if width else 256 if online_type(field) else 8

    keys = [schema_of(spec).field(name) for name in spec.key]
    assert all(online_type(field) is None or str(online_type(field)).startswith("varchar(") for field in keys)
    assert sum(map(size, keys)) <= 3072
    assert sum(map(size, schema_of(spec))) <= 30_000


def test_long_and_binary_columns_have_room_online(server: HopsworksServer, store_with: Maker) -> None:
    assert online_type(WINDOWS.schema.field("status")) == "varchar(100)"
    assert online_type(TABLES["hopsmon_drift"].schema.field("details")) == "mediumtext"
    assert online_type(TABLES["hopsmon_statistics"].schema.field("summary")) == "mediumblob"
    assert online_type(WINDOWS.schema.field("late")) is None
    put_states(store_with(online=True), [state(1, 0, b"x")], 0)
    assert made(server, STATES.name)["onlineEnabled"] is False


def test_tags_are_attached_once(server: HopsworksServer, store_with: Maker) -> None:
    server.seed.tag_schema("owner")
    tags = {"owner": {"team": "ml"}}
    for batch in range(2):
        put_windows(store_with(tags=tags), [window(batch)], batch)
    assert group_of(server, WINDOWS).get_tags() == tags
    assert sum(one.method == "PUT" and "/tags/" in one.path for one in server.requests) == 1


def test_a_tag_without_a_schema_is_named(store_with: Maker) -> None:
    with pytest.raises(ConfigError, match=r"store\.hopsworks\.tags: there is no tag schema 'owner'"):
        put_windows(store_with(tags={"owner": "ml"}), [window(1)], 0)


def test_another_version_is_another_feature_group(store_with: Maker) -> None:
    put_windows(store_with(version=1), [window(1)], 0)
    put_windows(store_with(version=2), [window(2)], 0)
    assert [list(days(store_with(version=version))) for version in (1, 2)] == [[1], [2]]


# Schemas


def seeded(server: HopsworksServer, spec: TableSpec, **changes: str | None) -> None:
    """A feature group as an earlier hopsmon has made it, or somebody else: without data."""
    features = {field.name: OFFLINE[field.type] for field in schema_of(spec)}
    features = {name: kind for name, kind in {**features, **changes}.items() if kind is not None}
    server.seed.feature_group(spec.name, features, spec.key, spec.event_time)


def test_a_feature_group_of_an_earlier_version_goes_on(server: HopsworksServer, store: ProjectStore) -> None:
    """With rows in which the new columns are null."""
    older = pa.schema([field for field in WINDOWS.schema if not field.name.startswith("outliers")])
    rows = pa.Table.from_pylist([window(1)], older)
    seeded(server, WINDOWS, outliers=None, outliers_left_out=None, written_by=None)
    write_deltalake(group_of(server, WINDOWS).location, rows, partition_by=["monitor"])

    assert counted(store) == {1: (None, None, 0)}
    put_windows(store, [{**window(2), "outliers": 7, "outliers_left_out": 2}, late_only(1, 3)], 0)
    put_windows(store, [{**late_only(2, 4), "outliers": 1, "outliers_left_out": 1}], 1)

    assert counted(store) == {1: (None, None, 3), 2: (8, 3, 4)}
    assert group_of(server, WINDOWS).column_names[-3:] == ["outliers", "outliers_left_out", "written_by"]


def test_columns_of_a_later_version_stay_null(server: HopsworksServer, store: ProjectStore) -> None:
    """Another monitor's job runs a newer hopsmon."""
    seeded(server, OUTLIERS, cause="string")
    put_outliers(store, [outlier(1)], 0)
    put_outliers(store, [outlier(1, 2.0)], 0, "new")
    assert scores(store) == [(1, 2.0)]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"late": "double"}, "late is double and should be bigint"),
        ({"window_start": None}, "its primary key is .*, window_end and should be .*, window_start, window_end"),
    ],
    ids=["type", "key"],
)
def test_a_feature_group_that_is_something_else_is_left_alone(
    server: HopsworksServer, store: ProjectStore, changes: dict[str, str | None], problem: str
) -> None:
    seeded(server, WINDOWS, **changes)
    with pytest.raises(ConfigError, match=problem + r".*Set store\.hopsworks\.version: 2"):
        put_windows(store, [window(1)], 0)


def test_an_event_time_of_somebody_elses(server: HopsworksServer, store: ProjectStore) -> None:
    server.seed.feature_group(STATES.name, {"monitor": "string"}, STATES.key, "window_end")
    with pytest.raises(ConfigError, match="its event time is window_end and should be None"):
        put_states(store, [state(1, 0, b"x")], 0)


def test_online_is_settled_when_a_feature_group_is_made(store_with: Maker) -> None:
    put_windows(store_with(), [window(1)], 0)
    with pytest.raises(ConfigError, match=r"not in the online store, and store\.hopsworks\.online asks for that"):
        put_windows(store_with(online=True), [window(2)], 0)


def test_a_feature_group_whose_maker_was_killed_before_the_table(server: HopsworksServer, store: ProjectStore) -> None:
    seeded(server, WINDOWS)
    assert store.read(WINDOWS.name).num_rows == 0
    assert store.tables() == {}
    put_windows(store, [window(1)], 0)
    assert list(days(store)) == [1]


def test_times_without_a_zone_are_mended_in_an_empty_table_only(server: HopsworksServer, store_with: Maker) -> None:
    """As the client's Python engine makes them."""
    for version in (1, 2):
        features = {field.name: OFFLINE[field.type] for field in schema_of(OUTLIERS)}
        server.seed.feature_group(OUTLIERS.name, features, OUTLIERS.key, OUTLIERS.event_time, version)
        rows = pa.Table.from_pylist([outlier(1)], schema_of(OUTLIERS)).to_pandas(types_mapper=pd.ArrowDtype)
        group = group_of(server, OUTLIERS, version)
        group.insert(rows[: version - 1], operation="insert", validation_options=dict(UNSEEN))
    put_outliers(store_with(version=1), [outlier(2)], 0)
    (place,) = DeltaTable(group_of(server, OUTLIERS).location).to_pyarrow_table()["event_time"].to_pylist()
    assert place == outlier(2)["event_time"]
    with pytest.raises(ConfigError, match=r"times that have no zone.*version: 3"):
        put_outliers(store_with(version=2), [outlier(2)], 0)


# Outages


def test_a_commit_that_was_not_told_is_told_when_hopsworks_is_back(
    server: HopsworksServer, store: ProjectStore
) -> None:
    """The table has the rows already: they are written once, and registered."""
    put_windows(store, [window(1)], 0)
    put_outliers(store, [outlier(1)], 0)
    server.go_away()
    tables = {WINDOWS.name: WINDOWS.table([window(2), late_only(1, 2)]), OUTLIERS.name: OUTLIERS.table([outlier(2)])}
    for _ in range(2):
        with pytest.raises(TransientError, match="does not answer"):
            store.write(tables, "app", 1)
    server.come_back()
    assert registered(server) == [(1, 0), (1, 0)]
    before = store.tables()

    store.write(tables, "app", 1)

    assert days(store) == {1: (5, 2, 1, "ok"), 2: (5, 0, 0, "ok")}
    assert scores(store) == [(1, 1.0), (2, 1.0)]
    assert sorted(registered(server)[2:]) == [(1, 0), (1, 1)]
    assert store.tables() == before


@pytest.mark.parametrize("refuse", [True, False])
def test_an_outage_passes(server: HopsworksServer, store: ProjectStore, refuse: bool) -> None:
    server.go_away(refuse)
    for call in (store.tables, lambda: store.read(WINDOWS.name), lambda: put_windows(store, [window(1)], 0)):
        with pytest.raises(TransientError, match=r"Hopsworks (does not|cannot) answer"):
            call()
    server.come_back()
    put_windows(store, [window(1)], 0)
    assert list(days(store)) == [1]


@pytest.mark.filterwarnings("ignore:All jobs associated to feature group")
def test_a_feature_group_that_somebody_deletes_is_made_anew(server: HopsworksServer, store: ProjectStore) -> None:
    put_windows(store, [window(1)], 0)
    group_of(server, WINDOWS).delete()
    with pytest.raises(OutsideError, match=r"hopsmon_windows.*there is no feature group"):
        put_windows(store, [window(2)], 1)
    put_windows(store, [window(2)], 1)
    assert registered(server)


def test_what_will_not_pass_is_told_before_what_may(server: HopsworksServer, store: ProjectStore) -> None:
    seeded(server, WINDOWS, late="double")
    put_outliers(store, [outlier(1)], 0)
    tables = {OUTLIERS.name: OUTLIERS.table([outlier(2)]), WINDOWS.name: WINDOWS.table([window(2)])}
    with pytest.raises(ConfigError, match="late is double"):
        store.write(tables, "app", 1)
    assert len(scores(store)) == 2  # each table for itself


@pytest.mark.filterwarnings("ignore:Client initialisation failed")
def test_a_query_asks_for_the_rows_and_columns_alone(server: HopsworksServer, store: ProjectStore) -> None:
    """The query service itself is no part of the test double; the client says so as it would on such a cluster."""
    put_windows(store, [window(1)], 0)
    where = Where(("m",), "window_end", START, START + DAY)
    with pytest.raises(ValueError, match="Reading data with Hive is not supported"):
        read_by_query_service(group_of(server, WINDOWS), ["late", "monitor"], where)
    (query,) = (one.body for one in server.requests if one.path.endswith("/featurestores/query"))
    assert [feature["name"] for feature in query["leftFeatures"]] == ["late", "monitor"]
    conditions = list(filters(query["filter"]))
    assert ("monitor", "IN", '["m"]') in conditions
    assert ("window_end", "GREATER_THAN_OR_EQUAL", "2024-01-01 00:00:00") in conditions
    assert ("window_end", "LESS_THAN_OR_EQUAL", "2024-01-02 00:00:01") in conditions


def filters(logic: dict[str, Any] | None) -> Any:
    """The conditions of a query's filter."""
    for side in ("left", "right") if logic else ():
        if one := (logic or {}).get(f"{side}Filter"):
            yield one["feature"]["name"], one["condition"], one["value"]
        yield from filters((logic or {}).get(f"{side}Logic"))


def test_of_what_a_query_gives_only_the_span_is_taken() -> None:
    """It comes by way of pandas: times without a zone, whole numbers as fractions where one is null."""
    rows = pa.table({"window_end": [time.replace(tzinfo=None) for time in (START, START + DAY)], "offset": [1.0, 2.0]})
    soon = START + DAY / 2
    assert within(rows, Where(column="window_end", first=START, last=soon))["offset"].to_pylist() == [1.0]
    assert within(rows, Where(column="offset", first=2, last=9))["offset"].to_pylist() == [2.0]
    assert within(rows, Where()).num_rows == 2
