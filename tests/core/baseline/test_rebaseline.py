"""A new normal made of closed windows: exact where statistics add up, within the sketch's error where they do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from itertools import permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hopsmon.core.baseline import Baseline, Provenance, ReferenceSlice, ReferenceWindow
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.frames import batches_of
from hopsmon.core.rebaseline import Accepted, binned, kept_form, window_of
from hopsmon.core.schema import ModelRef, ModelSchema
from hopsmon.core.season import Season
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.distinct import Distinct
from hopsmon.core.statistics.extremes import Extremes
from hopsmon.core.statistics.histogram import Histogram, quantile_edges
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.quantiles import Quantiles
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.errors import ConfigError

MODEL = ModelRef("m", 1)
HOUR = 3_600_000_000
MADE = Provenance("windows", datetime(2026, 1, 1, tzinfo=timezone.utc), "1")


def rows(count: int, seed: int, shift: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "x": pa.array(rng.normal(shift, 1.0, count), mask=rng.random(count) < 0.1),
            "k": rng.integers(0, 4, count),
            "c": rng.choice(["a", "b", "new" if shift else "c"], count, p=[0.6, 0.3, 0.1]),
            "y": rng.random(count) + shift,
        }
    )


@pytest.fixture(scope="module")
def old() -> Baseline:
    return build_baseline(rows(3_000, 0), MODEL, predictions=["y"])


def closed(old: Baseline, table: pa.Table, start: int) -> ReferenceWindow:
    """What comes back of a window that was closed and stored."""
    recipe = Recipe(old.schema, old.features)
    features = {name: of for batch in batches_of(table, old.schema) for name, of in recipe.summarise(batch).items()}
    return window_of(start, len(table), len(table), [kept_form(name, of) for name, of in features.items()])


def accepted(old: Baseline, tables: list[pa.Table], **changes: Any) -> Baseline:
    windows = [closed(old, table, number * HOUR) for number, table in enumerate(tables)]
    return Accepted(windows, HOUR, **changes).baseline(old, old.schema, MADE)


@pytest.fixture(scope="module")
def tables() -> list[pa.Table]:
    return [rows(700, seed, shift=2.0) for seed in range(1, 13)]


@pytest.fixture(scope="module")
def new(old: Baseline, tables: list[pa.Table]) -> Baseline:
    return accepted(old, tables)


def of(baseline: Baseline, name: str, kind: type) -> Any:
    return baseline.features[name].get(kind)


def test_what_adds_up_is_that_of_all_rows(new: Baseline, tables: list[pa.Table]) -> None:
    whole = build_baseline(pa.concat_tables(tables), MODEL, predictions=["y"])
    assert (new.rows, new.schema, new.model) == (whole.rows, whole.schema, MODEL)
    for name in ("x", "k", "c", "y"):
        for kind in (Counts, Extremes, Distinct):
            assert of(new, name, kind) == of(whole, name, kind)
    assert of(new, "x", Moments).mean == pytest.approx(of(whole, "x", Moments).mean)
    assert of(new, "x", Moments).variance == pytest.approx(of(whole, "x", Moments).variance)
    assert of(new, "c", Categories) == of(whole, "c", Categories)  # labels the old one did not know are counted too
    assert of(new, "k", Histogram) == of(whole, "k", Histogram)  # few values, so the same bins as before


def test_bins_are_cut_anew_and_counted_within_the_sketchs_error(new: Baseline, tables: list[pa.Table]) -> None:
    x = pa.concat_tables(tables)["x"].drop_null().to_numpy()
    found = of(new, "x", Histogram)
    assert (found.edges[0], found.edges[-1]) == (x.min(), x.max())
    assert (found.total, found.underflow, found.overflow) == (len(x), 0, 0)
    exact = np.histogram(x, found.edges)[0]
    assert np.abs(np.cumsum(found.counts) - np.cumsum(exact)).max() <= 0.0133 * len(x)
    assert np.abs(exact / len(x) - 1 / 20).max() < 0.02  # the quantiles themselves come from a sketch
    assert of(new, "x", Quantiles).count == len(x)


def test_the_windows_are_on_the_new_bins_and_add_up_to_the_whole(new: Baseline) -> None:
    assert [window.start for window in new.windows] == [number * HOUR for number in range(12)]
    assert (new.window_micros, new.season) == (HOUR, Season.NONE)
    for name in ("x", "k", "y"):
        parts = [window.summary.features[name].get(Histogram) for window in new.windows]
        assert all(part is not None for part in parts)
        assert sum((part for part in parts if part), Histogram()) == of(new, name, Histogram)
    labels = [window.summary.features["c"].get(Categories) for window in new.windows]
    assert sum((one for one in labels if one), Categories()).counts == of(new, "c", Categories).counts
    assert all(one is not None and one.unseen == 0 for one in labels)


def test_the_order_of_windows_makes_no_difference_to_what_is_exact(old: Baseline, tables: list[pa.Table]) -> None:
    windows = [closed(old, table, number * HOUR) for number, table in enumerate(tables[:4])]
    made = [
        Accepted(sorted(order, key=lambda one: one.start), HOUR).baseline(old, old.schema, MADE)
        for order in list(permutations(windows))[::8]
    ]
    for other in made[1:]:
        for kind in (Counts, Extremes, Categories):
            assert [of(other, name, kind) for name in "xkcy"] == [of(made[0], name, kind) for name in "xkcy"]


def test_it_is_kept_as_any_other(new: Baseline, old: Baseline) -> None:
    back = Baseline.from_json(new.to_json())
    assert back == new
    assert back.windows == new.windows
    assert new.id != old.id
    assert "no sample of rows" in new.provenance.notes
    assert any("rank error" in note for note in new.provenance.notes)


def test_windows_of_two_baselines_go_together(old: Baseline, tables: list[pa.Table], new: Baseline) -> None:
    first, second = closed(old, tables[0], 0), closed(new, tables[1], HOUR)
    made = Accepted([first, second], HOUR).baseline(new, new.schema, MADE)
    whole = build_baseline(pa.concat_tables(tables[:2]), MODEL, predictions=["y"])
    assert of(made, "c", Categories) == of(whole, "c", Categories)
    assert of(made, "x", Counts) == of(whole, "x", Counts)


def test_a_window_open_at_a_change_of_baseline_is_left_out_and_said(old: Baseline, tables: list[pa.Table]) -> None:
    windows = [closed(old, table, number * HOUR) for number, table in enumerate(tables[:4])]
    shaped = (Histogram.name, Categories.name)
    features = {
        name: FeatureSummary({key: value for key, value in one.statistics.items() if key not in shaped})
        for name, one in windows[1].summary.features.items()
    }
    windows[1] = replace(windows[1], summary=replace(windows[1].summary, features=features))
    made = Accepted(windows, HOUR).baseline(old, old.schema, MADE)
    assert [window.start for window in made.windows] == [0, 2 * HOUR, 3 * HOUR]
    assert made.rows == 2_100
    assert "1 windows left out, as the baseline changed while they were open" in made.provenance.notes


def test_labels_beyond_what_windows_track_are_mass_without_a_name(old: Baseline) -> None:
    many = [f"{number}" for number in range(1_500)]
    odd = [rows(1_500, seed).set_column(2, "c", pa.array(many)) for seed in (1, 2)]
    made = accepted(old, odd)
    labels = of(made, "c", Categories)
    assert (labels.total, len(labels.counts)) == (3_000, 1_000)
    assert any(note.startswith("c: 1,000 of 3,000 values have labels nobody") for note in made.provenance.notes)
    unseen = [found.unseen for window in made.windows if (found := window.summary.features["c"].get(Categories))]
    assert sum(unseen) == 1_000


def test_a_feature_without_values_has_no_bins(old: Baseline) -> None:
    empty = [rows(400, seed).set_column(0, "x", pa.nulls(400, pa.float64())) for seed in (1, 2)]
    made = accepted(old, empty)
    assert of(made, "x", Histogram) == Histogram()
    assert of(made, "x", Counts) == Counts(800, 800)


def test_a_feature_the_windows_lack_is_a_feature_without_statistics(old: Baseline, tables: list[pa.Table]) -> None:
    windows = [closed(old, table, number * HOUR) for number, table in enumerate(tables[:2])]
    less = [
        replace(
            window,
            summary=replace(window.summary, features={k: v for k, v in window.summary.features.items() if k != "k"}),
        )
        for window in windows
    ]
    made = Accepted(less, HOUR).baseline(old, old.schema, MADE)
    assert of(made, "k", Counts) is None
    assert Baseline.from_json(made.to_json()) == made


@pytest.mark.parametrize(("count", "size"), [(1, 5_000), (2, 100), (0, 0)])
def test_too_little_is_refused(old: Baseline, count: int, size: int) -> None:
    with pytest.raises(ConfigError, match=f"{count} windows with {count * size:,} rows are too few for a baseline"):
        accepted(old, [rows(size, seed) for seed in range(count)])


def test_many_windows_are_thinned_but_all_count(
    old: Baseline, tables: list[pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hopsmon.core.rebaseline.MOST_WINDOWS", 5)
    made = accepted(old, tables)
    assert (len(made.windows), made.rows) == (5, 8_400)


def test_sketched_bins_are_exact_while_the_sketch_is() -> None:
    values = np.sort(np.random.default_rng(1).normal(size=150))
    edges = quantile_edges(values)
    assert binned(Quantiles.of_values(values), edges) == Histogram.of_sorted(values, edges)
    inside = binned(Quantiles.of_values(values), edges[3:8])
    assert inside == Histogram.of_sorted(values, edges[3:8])
    assert binned(Quantiles(), edges).total == 0


def test_the_schema_is_the_monitors(old: Baseline, tables: list[pa.Table]) -> None:
    fewer = ModelSchema(old.schema.features[:1])
    windows = [closed(old, table, number * HOUR) for number, table in enumerate(tables[:2])]
    made = Accepted(windows, HOUR).baseline(old, fewer, MADE)
    assert list(made.features) == ["x"]
    assert set(made.windows[0].summary.features) == {"x"}


def test_slices_are_gone_and_that_is_noted(old: Baseline, tables: list[pa.Table]) -> None:
    sliced = replace(old, slices={"plan=basic": ReferenceSlice(Summary(instances=10))})
    made = accepted(sliced, tables)
    assert made.slices == {}
    assert any(note.startswith("no slices") for note in made.provenance.notes)
    assert not any(note.startswith("no slices") for note in accepted(old, tables).provenance.notes)
