"""A baseline is a value: the same content has the same id, survives JSON, and says where it came from."""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hopsmon.core.baseline import Baseline, Provenance
from hopsmon.core.baseline_builder import Counted, build_baseline, build_from_parts, shape_of
from hopsmon.core.first_pass import FirstPass
from hopsmon.core.frames import infer_schema
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.comoments import CoMoments
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram, quantile_edges
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.table import DEFAULT_STATISTICS
from hopsmon.errors import ConfigError

MODEL = ModelRef("flights", 3)
GOLDEN = Path(__file__).parents[2] / "golden" / "baseline"
ROWS = 6_000


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(7)
    return pa.table(
        {
            "x": pa.array(rng.normal(size=ROWS), mask=rng.random(ROWS) < 0.1),
            "k": rng.integers(0, 5, ROWS),
            "b": rng.random(ROWS) < 0.3,
            "c": rng.choice(["red", "green", "blue"], ROWS),
            "t": pa.array(np.arange(ROWS) * 1_000_000, pa.timestamp("us", "UTC")),
            "id": [f"id-{number}" for number in range(ROWS)],
            "nothing": pa.nulls(ROWS, pa.float64()),
            "y": rng.random(ROWS),
        }
    )


@pytest.fixture(scope="module")
def baseline(table: pa.Table) -> Baseline:
    return build_baseline(table, MODEL, predictions=["y"])


def in_parts(table: pa.Table, rows: int) -> list[pa.Table]:
    return [table.slice(start, rows) for start in range(0, table.num_rows, rows)]


def summary(baseline: Baseline, name: str, kind: type) -> object:
    found = baseline.feature(name)
    assert found is not None
    return found.get(kind)


def test_types_features_and_predictions_are_inferred(baseline: Baseline) -> None:
    assert [(f.name, str(f.type)) for f in baseline.schema.features] == [
        ("x", "numeric"),
        ("k", "integer"),
        ("b", "boolean"),
        ("c", "categorical"),
        ("t", "timestamp"),
        ("id", "string"),  # text with more than 1,000 labels
        ("nothing", "numeric"),
    ]
    assert baseline.schema.predictions == (Feature("y", FeatureType.NUMERIC),)
    assert baseline.rows == ROWS
    assert baseline.type_of("c") is FeatureType.CATEGORICAL
    assert baseline.type_of("unknown") is None
    assert baseline.feature("unknown") is None


def test_statistics_are_those_of_the_data(table: pa.Table, baseline: Baseline) -> None:
    x = np.sort(table["x"].drop_null().to_numpy())
    counts, moments = summary(baseline, "x", Counts), summary(baseline, "x", Moments)
    histogram, extremes = summary(baseline, "x", Histogram), summary(baseline, "x", Extremes)
    assert counts == Counts(rows=ROWS, nulls=table["x"].null_count)
    assert isinstance(moments, Moments)
    assert moments.mean == pytest.approx(x.mean(), rel=1e-12)
    assert extremes == Extremes(float(x[0]), float(x[-1]))
    assert isinstance(histogram, Histogram)
    assert histogram.edges.tolist() == quantile_edges(x).tolist()
    assert histogram.counts.tolist() == np.histogram(x, histogram.edges)[0].tolist()
    assert (histogram.underflow, histogram.overflow) == (0, 0)
    assert summary(baseline, "c", Categories) == Categories(dict(sorted(pd.Series(table["c"]).value_counts().items())))


def test_few_distinct_values_get_a_bin_each(table: pa.Table, baseline: Baseline) -> None:
    histogram = summary(baseline, "k", Histogram)
    assert isinstance(histogram, Histogram)
    assert histogram.counts.tolist() == np.bincount(table["k"].to_numpy()).tolist()


def test_free_text_keeps_its_mass_when_its_labels_are_too_many(baseline: Baseline) -> None:
    categories = summary(baseline, "id", Categories)
    assert isinstance(categories, Categories)
    assert len(categories.counts) == 1_000
    assert categories.total == ROWS


def test_a_column_without_values_is_recorded_as_such(baseline: Baseline) -> None:
    assert summary(baseline, "nothing", Counts) == Counts(rows=ROWS, nulls=ROWS)
    assert summary(baseline, "nothing", Histogram) == Histogram()
    assert summary(baseline, "nothing", Extremes) == Extremes()


def test_nan_and_infinity_are_counted() -> None:
    built = build_baseline(pl.DataFrame({"x": [1.0, float("nan"), float("inf"), None, 2.0]}), MODEL)
    assert summary(built, "x", Counts) == Counts(rows=5, nulls=1, nonfinite=2)
    assert summary(built, "x", Extremes) == Extremes(1.0, 2.0)


def test_the_id_does_not_depend_on_column_order_chunks_or_frame(table: pa.Table, baseline: Baseline) -> None:
    reordered = table.select(table.column_names[::-1])
    chunked = pa.concat_tables(in_parts(table, 777))
    for frame in (reordered, chunked, table.to_pandas(), pl.from_arrow(table)):
        built = build_baseline(frame, MODEL, predictions=["y"])
        assert built.id == baseline.id
        edges = summary(built, "x", Histogram), summary(baseline, "x", Histogram)
        assert edges[0] == edges[1]


def test_the_id_does_not_depend_on_model_or_provenance(table: pa.Table, baseline: Baseline) -> None:
    now = Provenance("train.parquet", datetime(2026, 1, 1, tzinfo=timezone.utc), "1.0")
    other = build_baseline(table, ModelRef("other"), predictions=["y"], provenance=now)
    assert other.id == baseline.id
    assert other != baseline


def test_the_id_depends_on_values_types_and_rows(table: pa.Table, baseline: Baseline) -> None:
    changed = table.set_column(0, "x", pa.array(np.append(table["x"].to_numpy()[:-1], 0.123)))
    retyped = build_baseline(table, MODEL, predictions=["y"], types={"k": "categorical"})
    ids = {baseline.id, build_baseline(changed, MODEL, predictions=["y"]).id, retyped.id}
    ids.add(build_baseline(table.slice(1), MODEL, predictions=["y"]).id)
    assert len(ids) == 4
    assert all(len(id_) == 16 and int(id_, 16) >= 0 for id_ in ids)


def test_baselines_key_caches(table: pa.Table, baseline: Baseline) -> None:
    again = build_baseline(table, MODEL, predictions=["y"])
    assert {baseline: "cached"}[again] == "cached"
    assert pickle.loads(pickle.dumps(baseline)) == baseline
    assert baseline != "a string"


def test_json_round_trip_keeps_everything(table: pa.Table) -> None:
    provenance = Provenance("train.parquet", datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=timezone.utc), "1.2.3")
    statistics = DEFAULT_STATISTICS | {CoMoments}
    built = build_baseline(table, MODEL, predictions=["y"], provenance=provenance, statistics=statistics)
    back = Baseline.from_json(built.to_json())
    assert back == built
    assert back.features == built.features
    assert back.joint == built.joint
    assert set(back.joint) == {"comoments"}
    assert back.provenance == provenance


def test_json_can_be_read_by_people(baseline: Baseline) -> None:
    content = json.loads(baseline.to_json())
    numbers = content["features"]["x"]["numbers"]
    assert numbers["rows"] == ROWS
    assert -0.1 < numbers["mean"] < 0.1
    assert numbers["percentiles"]["p50"] == pytest.approx(numbers["mean"], abs=0.1)
    assert set(content["features"]["c"]["numbers"]["labels"]) == {"red", "green", "blue"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "no baseline"),
        ('{"format": "hopsmon.baseline", "version": 2}', "version 2; this hopsmon reads 1"),
        ('{"format": "hopsmon.baseline", "version": 1}', "damaged"),
    ],
)
def test_what_is_no_baseline_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Baseline.from_json(text)


def test_a_changed_file_is_refused(baseline: Baseline) -> None:
    content = json.loads(baseline.to_json())
    content["rows"] += 1
    with pytest.raises(ConfigError, match="changed after it was written"):
        Baseline.from_json(json.dumps(content))


def test_an_unknown_statistic_is_named(baseline: Baseline) -> None:
    content = json.loads(baseline.to_json())
    content["features"]["x"]["statistics"]["momments"] = ""
    with pytest.raises(ConfigError, match="Did you mean 'moments'"):
        Baseline.from_json(json.dumps(content))


def test_a_baseline_of_version_1_is_read_for_ever() -> None:
    old = Baseline.from_json((GOLDEN / "v1.json").read_text(encoding="utf-8"))
    assert old.id == "583e56df5e629d2c"
    assert (old.model, old.rows) == (ModelRef("golden", 1), 200)
    moments = summary(old, "x", Moments)
    assert isinstance(moments, Moments)
    assert moments.mean == pytest.approx(9.95)
    assert summary(old, "c", Categories) == Categories({"a": 100, "b": 66, "c": 34})


def test_parts_give_exact_counts_on_edges_within_the_sketchs_bound(table: pa.Table, baseline: Baseline) -> None:
    built = build_from_parts(lambda: in_parts(table, 500), MODEL, columns=table.schema, predictions=["y"])
    assert built.rows == ROWS
    x = table["x"].drop_null().to_numpy()
    histogram = summary(built, "x", Histogram)
    assert isinstance(histogram, Histogram)
    assert histogram.counts.tolist() == np.histogram(x, histogram.edges)[0].tolist()
    assert np.abs(histogram.counts / len(x) - 1 / 20).max() < 2 * 0.0015
    for name in ("k", "b", "c", "nothing"):  # no sketch in these: the same to the bit
        for kind in (Counts, Histogram, Categories, Extremes):
            assert summary(built, name, kind) == summary(baseline, name, kind)
    assert isinstance(summary(built, "x", Quantiles), Quantiles)


def test_a_cluster_can_run_both_passes_part_by_part_and_send_bytes(table: pa.Table, baseline: Baseline) -> None:
    schema = infer_schema(table.schema, ["y"])
    sent = [FirstPass.of(part, schema).to_bytes() for part in in_parts(table, 1_000)]
    first = sum((FirstPass.from_bytes(data) for data in sent), FirstPass())
    shape = pickle.loads(pickle.dumps(shape_of(first, schema)))
    counted = [shape.count(part).to_bytes() for part in in_parts(table, 900)]
    total = sum((Counted.from_bytes(data) for data in counted), Counted())
    built = shape.baseline(total, MODEL, Provenance())
    assert built.schema == baseline.schema
    for name in ("k", "b", "c"):
        assert summary(built, name, Histogram) == summary(baseline, name, Histogram)
        assert summary(built, name, Categories) == summary(baseline, name, Categories)


def test_a_rare_value_keeps_its_bin_in_parts() -> None:
    values = np.zeros(50_000)
    values[-1] = 7.0  # a sketch alone would lose it
    table = pa.table({"k": values.astype(int)})
    built = build_from_parts(lambda: in_parts(table, 5_000), MODEL, columns=table.schema)
    histogram = summary(built, "k", Histogram)
    assert isinstance(histogram, Histogram)
    assert histogram.counts.tolist() == [49_999, 1]


def test_a_feature_the_user_calls_categorical_keeps_all_its_labels(table: pa.Table) -> None:
    built = build_baseline(table.select(["id"]), MODEL, types={"id": "categorical"})
    categories = summary(built, "id", Categories)
    assert isinstance(categories, Categories)
    assert built.type_of("id") is FeatureType.CATEGORICAL
    assert len(categories.counts) == ROWS


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match="no rows"):
        build_baseline(pd.DataFrame({"x": pd.Series([], dtype=float)}), MODEL)


def test_a_missing_column_is_refused(table: pa.Table) -> None:
    with pytest.raises(ConfigError, match="No such column: delay"):
        build_baseline(table, MODEL, predictions=["delay"])
    schema = ModelSchema((Feature("speed", FeatureType.NUMERIC),))
    with pytest.raises(ConfigError, match="no column 'speed'"):
        build_baseline(table, MODEL, schema=schema)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ConfigError, match="time zone"):
        Provenance("x", datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test
