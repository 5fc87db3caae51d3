"""Queries as SQL for the client's Spark engine: columns, joins, filters, time travel."""

from __future__ import annotations

import pytest
from hopsworks.client.exceptions import RestAPIError

START = 1_790_000_000_000  # the client takes small numbers for seconds


@pytest.fixture
def stems(server, feature_store):
    server.seed.feature_group("stems", {"id": "bigint", "width": "double"}, primary_key=["id"])
    return feature_store.get_feature_group("stems", version=1)


def sql(query):
    return query._query_constructor_api._construct_query(query).query


def test_columns(iris):
    assert sql(iris.select(["length", "id"])) == "SELECT `fg0`.`length` `length`, `fg0`.`id` `id` FROM `fg0` `fg0`"


def test_limit(iris):
    query = iris.select(["id"])
    query._limit = 5
    assert sql(query).endswith("LIMIT 5")


@pytest.mark.parametrize(
    ("make", "condition"),
    [
        (lambda iris: iris.length > 2.5, "`fg0`.`length` > 2.5"),
        (lambda iris: iris.get_feature("id") == 3, "`fg0`.`id` = 3"),
        (lambda iris: iris.species == "it's", "`fg0`.`species` = 'it\\'s'"),
        (lambda iris: iris.species.isin(["a", "b"]), "`fg0`.`species` IN ('a', 'b')"),
        (lambda iris: iris.ts < "2026-01-05 00:00:00", "`fg0`.`ts` < TIMESTAMP '2026-01-05 00:00:00'"),
        (
            lambda iris: (iris.get_feature("id") > 1) & (iris.get_feature("id") <= 9),
            "`fg0`.`id` > 1 AND `fg0`.`id` <= 9",
        ),
        (
            lambda iris: (iris.get_feature("id") > 1) | (iris.get_feature("id") != 9),
            "`fg0`.`id` > 1 OR `fg0`.`id` <> 9",
        ),
        (
            lambda iris: ((iris.length > 1) & (iris.length < 4)) | (iris.species.like("v%")),
            "`fg0`.`species` LIKE 'v%' OR (`fg0`.`length` > 1 AND `fg0`.`length` < 4)",
        ),
    ],
)
def test_filters(iris, make, condition):
    assert sql(iris.select(["id"]).filter(make(iris))) == f"SELECT `fg0`.`id` `id` FROM `fg0` `fg0` WHERE ({condition})"


def test_a_join_by_the_shared_key(iris, stems):
    query = iris.select(["id", "length"]).join(stems.select_all())
    assert sql(query) == (
        "SELECT `fg0`.`id` `id`, `fg0`.`length` `length`, `fg1`.`width` `width` FROM `fg0` `fg0` "
        "LEFT JOIN `fg1` `fg1` ON `fg0`.`id` = `fg1`.`id`"
    )


def test_a_join_by_other_names(iris, stems):
    query = iris.select(["length"]).join(
        stems.select(["width"]), left_on=["length"], right_on=["width"], join_type="inner", prefix="stem_"
    )
    assert sql(query) == (
        "SELECT `fg0`.`length` `length`, `fg1`.`width` `stem_width` FROM `fg0` `fg0` "
        "INNER JOIN `fg1` `fg1` ON `fg0`.`length` = `fg1`.`width`"
    )


def test_a_join_without_a_key(server, feature_store, iris):
    server.seed.feature_group("keyless", {"width": "double"})
    keyless = feature_store.get_feature_group("keyless", version=1)
    with pytest.raises(RestAPIError) as caught:
        sql(iris.select_all().join(keyless.select_all()))
    assert caught.value.error_code == 270096


def test_time_travel_ends_at_a_commit(server, iris):
    for seconds in (1000, 3000):
        server.seed.commit(iris.id, START + seconds)
    query = iris.as_of(START + 2999)
    made = query._query_constructor_api._construct_query(query)
    assert [each.left_feature_group_end_timestamp for each in made._delta_cached_feature_groups] == [START + 1000]
    with pytest.raises(RestAPIError) as caught:
        sql(iris.as_of(START + 999))
    assert caught.value.error_code == 270227
