"""A recipe summarises a batch by type; summaries add up to the summary of everything, and survive bytes."""

from __future__ import annotations

import pickle
from functools import reduce

import numpy as np
import pytest

from hopsmon.core.batch import Batch, CategoryColumn, Column, NumericColumn, Side
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.comoments import CoMoments
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.distinct import Distinct
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram, quantile_edges
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import EMPTY, Summary
from hopsmon.core.statistics.table import DEFAULT_STATISTICS, statistics_table
from hopsmon.errors import ConfigError

SCHEMA = ModelSchema(
    features=(
        Feature("delay", FeatureType.NUMERIC),
        Feature("seats", FeatureType.INTEGER),
        Feature("origin", FeatureType.CATEGORICAL),
    ),
    predictions=(Feature("late", FeatureType.BOOLEAN),),
)
EDGES = quantile_edges(np.linspace(-3, 3, 1001))
REFERENCE = {
    "delay": FeatureSummary({"histogram": Histogram(EDGES, np.full(20, 50))}),
    "origin": FeatureSummary({"categories": Categories({"JFK": 5, "LGA": 4})}),
}


def batch(rows: int, seed: int = 0, **columns: Column) -> Batch:
    generator = np.random.default_rng(seed)
    made: dict[str, Column] = {
        "delay": NumericColumn(generator.normal(size=rows)),
        "seats": NumericColumn(generator.integers(1, 9, rows).astype(np.float64)),
        "origin": CategoryColumn(generator.integers(-2, 3, rows).astype(np.int32), ("JFK", "LGA", "EWR")),
    }
    times = np.arange(rows)
    return Batch(Side.REQUEST, times, times, times, {**made, **columns})


def summary(part: Batch, recipe: Recipe) -> Summary:
    times = part.event_time
    return Summary(
        requests=len(part),
        instances=len(part),
        first_event=int(times.min()) if len(part) else None,
        last_event=int(times.max()) if len(part) else None,
        features=recipe.summarise(part),
        model=recipe.summarise_model(part),
    )


def test_each_type_gets_the_statistics_that_make_sense_for_it() -> None:
    features = Recipe(SCHEMA, REFERENCE).summarise(batch(100))
    kinds = {name: {type(value) for value in of.statistics.values()} for name, of in features.items()}
    assert kinds == {
        "delay": {Counts, Moments, Extremes, Histogram, Quantiles, Distinct},
        "seats": {Counts, Moments, Extremes, Quantiles, Distinct},  # its reference has no edges
        "origin": {Counts, Categories, Distinct},
    }


def test_only_the_statistics_asked_for_are_computed() -> None:
    features = Recipe(SCHEMA, REFERENCE, frozenset({Counts})).summarise(batch(10))
    assert features["delay"].statistics == {"counts": Counts(10)}


def test_responses_carry_the_predictions() -> None:
    times = np.arange(3)
    labels = CategoryColumn(np.array([0, 1, 0], np.int32), ("false", "true"))
    features = Recipe(SCHEMA).summarise(Batch(Side.RESPONSE, times, times, times, {"late": labels}))
    assert list(features) == ["late"]
    categories = features["late"].get(Categories)
    assert categories is not None
    assert categories.counts == {"false": 2, "true": 1}


def test_a_missing_column_counts_as_all_null() -> None:
    times = np.arange(4)
    features = Recipe(SCHEMA, REFERENCE).summarise(Batch(Side.REQUEST, times, times, times))
    assert all(of.get(Counts) == Counts(rows=4, nulls=4) for of in features.values())
    assert features["delay"].get(Histogram) == Histogram(EDGES, np.zeros(20, np.int64))
    assert features["origin"].get(Categories) == Categories()


def test_unseen_labels_are_those_the_reference_lacks() -> None:
    column = CategoryColumn(np.array([0, 1, 1], np.int32), ("JFK", "EWR"))
    categories = Recipe(SCHEMA, REFERENCE).summarise(batch(3, origin=column))["origin"].get(Categories)
    assert categories is not None
    assert categories.unseen == 2


def test_statistics_of_the_model_only_where_the_recipe_has_them() -> None:
    recipe = Recipe(SCHEMA, REFERENCE, DEFAULT_STATISTICS | {CoMoments})
    assert Recipe(SCHEMA, REFERENCE).summarise_model(batch(10)) == {}
    value = recipe.summarise_model(batch(10))["comoments"]
    assert isinstance(value, CoMoments)
    assert (value.names, value.count) == (("delay", "seats"), 10)
    assert "comoments" not in recipe.summarise(batch(10))["delay"].statistics
    times = np.arange(1)
    assert recipe.summarise_model(Batch(Side.RESPONSE, times, times, times)) == {}


def test_a_recipe_travels_to_the_executors() -> None:
    reference = Recipe(SCHEMA, REFERENCE).summarise(batch(100))
    recipe = Recipe(SCHEMA, reference)
    assert pickle.loads(pickle.dumps(recipe)) == recipe


@pytest.mark.parametrize("parts", [2, 9])
def test_the_summary_of_the_union_is_the_sum_of_the_summaries(parts: int) -> None:
    recipe = Recipe(SCHEMA, REFERENCE, (DEFAULT_STATISTICS | {CoMoments}) - {Moments, Quantiles})
    everything = batch(150)
    owner = np.random.default_rng(3).integers(0, parts, 150)
    pieces = [summary(everything.take(np.flatnonzero(owner == part)), recipe) for part in range(parts)]
    whole, total = summary(everything, recipe), reduce(lambda a, b: a + b, pieces)
    assert total.features == whole.features
    assert (total.requests, total.instances, total.first_event, total.last_event) == (150, 150, 0, 149)
    mine, right = total.model["comoments"], whole.model["comoments"]
    assert isinstance(mine, CoMoments)
    assert isinstance(right, CoMoments)
    assert mine.m2 == pytest.approx(right.m2, rel=1e-9)


def test_every_counter_adds() -> None:
    a = Summary(1, 2, 3, 4, 5, 6, first_event=10, last_event=20)
    b = Summary(10, 20, 30, 40, 50, 60, first_event=5, last_event=12)
    assert a + b == b + a == Summary(11, 22, 33, 44, 55, 66, first_event=5, last_event=20)


def test_an_empty_summary_changes_nothing() -> None:
    some = summary(batch(10), Recipe(SCHEMA, REFERENCE))
    assert some + EMPTY == EMPTY + some == some
    assert Summary.from_bytes(EMPTY.to_bytes()) == EMPTY


def test_features_and_statistics_that_one_part_lacks_are_kept() -> None:
    requests = Summary(features={"a": FeatureSummary({"counts": Counts(1)})})
    responses = Summary(features={"b": FeatureSummary({"counts": Counts(2)})})
    more = Summary(features={"a": FeatureSummary({"extremes": Extremes(1.0, 2.0)})})
    total = requests + responses + more
    assert total.features == {
        "a": FeatureSummary({"counts": Counts(1), "extremes": Extremes(1.0, 2.0)}),
        "b": FeatureSummary({"counts": Counts(2)}),
    }


def test_bytes_give_the_summary_back() -> None:
    recipe = Recipe(SCHEMA, REFERENCE, DEFAULT_STATISTICS | {CoMoments})
    some = summary(batch(2000), recipe) + Summary(1, 2, 3, 4, 5, 6, -7, 8, {"ünïcode": FeatureSummary()})
    assert Summary.from_bytes(some.to_bytes()) == some


def test_a_newer_format_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match=r"summary has format version 9; this hopsmon reads 1 to 1.*upgrade"):
        Summary.from_bytes(b"\x09" + EMPTY.to_bytes()[1:])


def test_damaged_bytes_are_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="damaged"):
        Summary.from_bytes(b"")


def test_a_statistic_whose_package_is_gone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    some = summary(batch(10), Recipe(SCHEMA, REFERENCE))
    fewer = {name: kind for name, kind in statistics_table().items() if name != "extremes"}
    monkeypatch.setattr("hopsmon.core.statistics.summary.statistics_table", lambda: fewer)
    left = Summary.from_bytes(some.to_bytes()).features["delay"]
    assert left.get(Extremes) is None
    assert left.get(Quantiles) == some.features["delay"].get(Quantiles)


def test_a_day_of_ten_features_is_compact() -> None:
    schema = ModelSchema(tuple(Feature(f"f{i}", FeatureType.NUMERIC) for i in range(10)))
    values = np.random.default_rng(1).normal(size=(37_500, 10))
    times = np.arange(len(values))
    columns = {f"f{i}": NumericColumn(values[:, i]) for i in range(10)}
    reference = {f"f{i}": REFERENCE["delay"] for i in range(10)}
    features = Recipe(schema, reference).summarise(Batch(Side.REQUEST, times, times, times, columns))
    assert len(Summary(features=features).to_bytes()) < 51_000
