"""A baseline of slices: each value's rows are kept as if they were alone, for any cutting of the data."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopsmon.core import reference_slices
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import Counted, build_baseline, build_from_parts, resolve, shape_of
from hopsmon.core.first_pass import FirstPass
from hopsmon.core.reference_windows import LIGHT, Cut
from hopsmon.core.schema import ModelRef
from hopsmon.core.season import Season
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.reservoir import Reservoir
from hopsmon.errors import ConfigError

MODEL = ModelRef("flights", 3)
HOUR = timedelta(hours=1)
START = int(datetime(2026, 3, 2, tzinfo=timezone.utc).timestamp() * 1e6)
LONG = "a label that is too long to be kept as it is " * 9
AIRPORTS = ("JFK", "LGA", "EWR", LONG)


def traffic(rows: int = 6_000, seed: int = 5) -> pa.Table:
    """Two days; `x` and `c` differ between airports, and some rows have no airport."""
    rng = np.random.default_rng(seed)
    at = rng.choice(len(AIRPORTS), rows, p=[0.5, 0.3, 0.15, 0.05])
    seconds = rng.integers(0, 2 * 86_400, rows)
    return pa.table(
        {
            "origin": pa.array([AIRPORTS[one] for one in at], mask=rng.random(rows) < 0.01),
            "x": rng.normal(10.0 * at, 1.0),
            "c": np.where(at == 0, "only at JFK", "elsewhere"),
            "hub": at == 0,
            "at": pa.array(START + seconds * 1_000_000, pa.timestamp("us", "UTC")),
            "y": rng.random(rows),
        }
    )


TABLE = traffic()
TIMED: dict[str, Any] = {"event_time": "at", "window": HOUR}


def built(table: pa.Table = TABLE, **changes: Any) -> Baseline:
    return build_baseline(table, MODEL, predictions=["y"], **{"slices": ["origin"], **TIMED, **changes})


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return built()


def of(summary: FeatureSummary | None, kind: type) -> Any:
    assert summary is not None
    return summary.get(kind)


def rows_of(airport: str) -> pa.Table:
    return TABLE.filter(pc.fill_null(pc.equal(TABLE["origin"], airport), False))


@pytest.mark.parametrize("airport", AIRPORTS)
def test_a_slice_holds_its_own_rows_on_the_bins_and_labels_of_the_whole(baseline: Baseline, airport: str) -> None:
    own, rows = baseline.of_slice(f"origin={airport}"), rows_of(airport)
    assert own is not None
    assert own.rows == rows.num_rows
    assert (own.schema, own.model, own.season) == (baseline.schema, baseline.model, baseline.season)
    assert set(own.features) == {"origin", "x", "c", "hub"}  # predictions come without what makes the slice
    x = rows["x"].to_numpy()
    histogram = of(own.feature("x"), Histogram)
    assert histogram.edges is of(baseline.feature("x"), Histogram).edges or np.array_equal(
        histogram.edges, of(baseline.feature("x"), Histogram).edges
    )
    assert histogram.counts.tolist() == np.histogram(x, histogram.edges)[0].tolist()
    assert of(own.feature("x"), Moments).mean == pytest.approx(x.mean(), rel=1e-12)
    expected = {row["values"]: row["counts"] for row in pc.value_counts(rows["c"]).to_pylist()}
    assert dict(of(own.feature("c"), Categories).counts) == expected  # labels it lacks are none of its own
    assert all(name in {kind.name for kind in LIGHT} for one in own.features.values() for name in one.statistics)


def test_its_windows_are_its_rows_of_that_time(baseline: Baseline) -> None:
    own, rows = baseline.of_slice("origin=LGA"), rows_of("LGA")
    assert own is not None
    assert own.window_micros == baseline.window_micros == 3_600_000_000
    micros = rows["at"].cast(pa.int64()).to_numpy()
    assert {window.start for window in own.windows} <= {window.start for window in baseline.windows}
    for window in own.windows:
        inside = (micros >= window.start) & (micros < window.start + 3_600_000_000)
        assert window.summary.instances == inside.sum() > 0
        assert window.summary.predictions == 0
        mean = of(window.summary.features["x"], Moments).mean
        assert mean == pytest.approx(rows["x"].to_numpy()[inside].mean(), rel=1e-12)


def test_the_sample_of_a_slice_is_the_part_of_the_sample_in_it(baseline: Baseline) -> None:
    whole, own = baseline.joint["reservoir"], baseline.of_slice("origin=JFK")
    assert isinstance(whole, Reservoir)
    assert own is not None
    mine = own.joint["reservoir"]
    assert isinstance(mine, Reservoir)
    assert set(mine.rows["origin"].to_pylist()) == {"JFK"}
    assert (len(mine.priorities), mine.count) == (mine.rows.num_rows, own.rows)
    assert mine.rows.num_rows == pc.sum(pc.equal(whole.rows["origin"], "JFK")).as_py()


def test_the_empty_name_is_all_traffic_and_an_unknown_value_has_none(baseline: Baseline) -> None:
    assert baseline.of_slice("") is baseline
    for name in ("origin=XXX", "origin=(null)", "origin=(other)", "c=elsewhere", "origin"):
        assert baseline.of_slice(name) is None


def test_booleans_make_slices_and_several_features_do(baseline: Baseline) -> None:
    both = built(slices=["hub", "origin", "hub"])
    assert list(both.slices) == ["hub=true", "hub=false", *baseline.slices]
    jfk, hub = both.of_slice("origin=JFK"), both.of_slice("hub=true")
    assert jfk is not None
    assert hub is not None
    assert hub.rows >= jfk.rows


def test_without_event_time_a_slice_has_no_windows() -> None:
    plain = built(event_time=None, window=None, table=TABLE.drop_columns(["at"]))
    own = plain.of_slice("origin=JFK")
    assert own is not None
    assert own.windows == ()
    assert own.rows == rows_of("JFK").num_rows


def test_json_keeps_all_of_it_and_the_id(baseline: Baseline) -> None:
    again = Baseline.from_json(baseline.to_json())
    assert again == baseline
    assert again.id == baseline.id
    assert list(again.slices) == list(baseline.slices)
    for name, one in baseline.slices.items():
        assert again.slices[name].whole.to_bytes() == one.whole.to_bytes()
        assert [(w.start, w.summary.to_bytes()) for w in again.slices[name].windows] == [
            (w.start, w.summary.to_bytes()) for w in one.windows
        ]


def test_a_changed_slice_is_refused(baseline: Baseline) -> None:
    content = json.loads(baseline.to_json())
    one, other = content["slices"]["of"]["origin=JFK"], content["slices"]["of"]["origin=LGA"]
    one["data"] = other["data"]
    with pytest.raises(ConfigError, match="slices were changed"):
        Baseline.from_json(json.dumps(content))


def test_the_id_covers_slices_and_is_what_it_was_without(baseline: Baseline) -> None:
    plain = built(slices=())
    assert "slices" not in json.loads(plain.to_json())
    assert plain.id != baseline.id
    assert plain.without_windows().id != baseline.without_windows().id
    assert built(slices=["hub"]).id != baseline.id


def test_workers_get_neither_slices_nor_windows_but_the_same_id(baseline: Baseline) -> None:
    light = baseline.for_workers()
    assert (light.slices, light.windows, light.id) == ({}, (), baseline.id)


@given(st.lists(st.integers(1, TABLE.num_rows - 1), max_size=4, unique=True))
@settings(deadline=None, max_examples=15)
def test_slices_are_the_same_however_the_data_is_cut(baseline: Baseline, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), TABLE.num_rows]
    parts = [TABLE.slice(low, high - low) for low, high in pairwise(edges)]
    cut = Cut.of("at", HOUR, Season.NONE, TABLE.schema)
    schema, fixed = resolve(TABLE.schema, None, ["y"], None, cut)
    shape = shape_of(FirstPass.of(TABLE, schema, cut), schema, fixed, cut=cut, slices=["origin"])
    total = sum((Counted.from_bytes(shape.count(part).to_bytes()) for part in parts), Counted())
    made = shape.baseline(total, MODEL, baseline.provenance)
    assert made.id == baseline.id
    assert list(made.slices) == list(baseline.slices)


def test_data_in_parts_has_the_same_slices(baseline: Baseline) -> None:
    halves = [TABLE.slice(0, 2_000), TABLE.slice(2_000)]
    made = build_from_parts(lambda: halves, MODEL, columns=TABLE.schema, predictions=["y"], slices=["origin"], **TIMED)
    assert {name: one.rows for name, one in made.slices.items()} == {n: one.rows for n, one in baseline.slices.items()}


def test_only_the_most_frequent_values_get_one_and_that_is_noted() -> None:
    numbers = np.concatenate([np.repeat(np.arange(100), 3), np.arange(100, 130)])
    made = build_baseline(pa.table({"zip": [f"{n:03}" for n in numbers]}), MODEL, slices=["zip"])
    assert set(made.slices) == {f"zip={number:03}" for number in range(100)}
    assert made.provenance.notes == ("slices: the 100 most frequent of 130 values of zip",)


def test_many_slices_keep_fewer_windows_and_too_few_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_slices, "MOST_CELLS", 30 * 4 * 4)  # 4 slices of 4 features
    thinned = built()
    assert all(len(one.windows) <= 30 for one in thinned.slices.values())
    assert len(thinned.slices["origin=JFK"].windows) == 30
    assert "slices: 30 of 48 windows kept of each, evenly spread" in thinned.provenance.notes
    monkeypatch.setattr(reference_slices, "MOST_CELLS", 23 * 4 * 4)
    assert all(one.windows == () for one in built().slices.values())
    assert len(built().windows) == 48


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x", "Slice 'x' is numeric, and slices need labels"),
        ("y", "Slice 'y' is a prediction"),
        ("orgin", "Slice 'orgin': the reference data has no such feature. Allowed: origin, c, hub"),
    ],
)
def test_what_cannot_be_a_slice_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        built(slices=[name])
