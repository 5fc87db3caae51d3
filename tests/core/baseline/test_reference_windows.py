"""A baseline keeps how its own windows vary: the same for any cutting of the data, by the calendar where asked."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import Counted, build_baseline, build_from_parts, shape_of
from hopsmon.core.event_times import column_and_unit, event_times
from hopsmon.core.first_pass import FirstPass
from hopsmon.core.reference_windows import LIGHT, Cut, Traffic
from hopsmon.core.schema import Feature, FeatureType, ModelRef, ModelSchema
from hopsmon.core.season import Season, spread
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.core.statistics.categories import Categories
from hopsmon.core.statistics.counts import Counts
from hopsmon.core.statistics.histogram import Histogram
from hopsmon.core.statistics.moments import Moments
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.window import WindowSpec
from hopsmon.errors import ConfigError, UnknownNameError

MODEL = ModelRef("flights", 3)
HOUR = timedelta(hours=1)
MICROS = 3_600_000_000
START = datetime(2026, 3, 2, tzinfo=timezone.utc)  # a Monday
DAYS = 14


def traffic(days: int = DAYS, a_day: int = 480, seed: int = 3) -> pa.Table:
    """Rows around the clock, in no order of time; `x` follows the hour, `id` is free text."""
    rng = np.random.default_rng(seed)
    rows = days * a_day
    seconds = np.sort(rng.integers(0, days * 86_400, rows))
    hours = seconds // 3600 % 24
    table = pa.table(
        {
            "x": pa.array(rng.normal(hours, 1.0), mask=rng.random(rows) < 0.05),
            "c": np.where(hours < 12, "am", "pm"),
            "id": [f"id-{number}" for number in range(rows)],
            "at": pa.array(int(START.timestamp() * 1e6) + seconds * 1_000_000, pa.timestamp("us", "UTC")),
            "y": rng.random(rows),
        }
    )
    return table.take(pa.array(rng.permutation(rows)))


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return traffic()


def built(table: pa.Table, season: Season | str = Season.NONE, window: timedelta = HOUR, **more: Any) -> Baseline:
    return build_baseline(table, MODEL, predictions=["y"], event_time="at", window=window, season=season, **more)


@pytest.fixture(scope="module")
def baseline(table: pa.Table) -> Baseline:
    return built(table)


def of(summary: FeatureSummary | None, kind: type) -> Any:
    assert summary is not None
    return summary.get(kind)


def test_each_window_holds_the_rows_of_its_time_on_the_bins_of_the_whole(table: pa.Table, baseline: Baseline) -> None:
    micros = table["at"].cast(pa.int64()).to_numpy()
    starts = WindowSpec(HOUR).last_start(micros)
    assert [window.start for window in baseline.windows] == sorted(set(starts.tolist()))
    assert baseline.window_micros == MICROS
    edges = of(baseline.feature("x"), Histogram).edges
    for window in baseline.windows[::29]:
        rows = table.filter(pa.array(starts == window.start))
        x = rows["x"].drop_null().to_numpy()
        found = window.summary.features["x"]
        assert of(found, Histogram).edges.tolist() == edges.tolist()
        assert of(found, Histogram).counts.tolist() == np.histogram(x, edges)[0].tolist()
        assert of(found, Counts) == Counts(rows.num_rows, rows["x"].null_count)
        assert of(found, Moments).mean == pytest.approx(x.mean())
        labels = of(window.summary.features["c"], Categories)
        assert labels.counts == {key: n for key, n in labels.counts.items() if rows["c"].to_pylist().count(key) == n}
        assert (window.summary.instances, window.summary.predictions) == (rows.num_rows, rows.num_rows)
        assert window.summary.last_event == micros[starts == window.start].max()


def test_only_light_statistics_are_kept_of_windows(baseline: Baseline) -> None:
    kept = {name for window in baseline.windows for one in window.summary.features.values() for name in one.statistics}
    assert kept == {kind.name for kind in LIGHT}
    assert len(of(baseline.windows[0].summary.features["id"], Categories).counts) < 100


def test_the_windows_add_up_to_the_whole(baseline: Baseline) -> None:
    total = sum((window.summary for window in baseline.windows), Summary())
    assert total.instances == baseline.rows
    for name, whole in baseline.features.items():
        assert of(total.features[name], Counts) == of(whole, Counts)
        assert of(total.features[name], Histogram) == of(whole, Histogram)
        if (labels := of(whole, Categories)) is not None:
            assert of(total.features[name], Categories).counts == labels.counts
            assert of(total.features[name], Categories).total == labels.total
        if (moments := of(whole, Moments)) is not None:
            assert of(total.features[name], Moments).mean == pytest.approx(moments.mean, rel=1e-9)


def test_parts_in_any_order_give_the_same_windows(table: pa.Table, baseline: Baseline) -> None:
    schema, cut = baseline.schema, Cut("at", None, HOUR)
    parts = [table.slice(start, 1_700) for start in range(0, table.num_rows, 1_700)]
    first = [FirstPass.from_bytes(FirstPass.of(part, schema, cut).to_bytes()) for part in parts]
    shape = pickle.loads(pickle.dumps(shape_of(sum(first, FirstPass()), schema, cut=cut)))
    counted = [Counted.from_bytes(shape.count(part).to_bytes()) for part in parts]
    ids = set()
    for order in list(permutations(counted))[::7]:
        made = shape.baseline(sum(order, Counted()), MODEL, baseline.provenance)
        ids.add(made.id)
        assert [window.start for window in made.windows] == [window.start for window in baseline.windows]
        for window, whole in zip(made.windows, baseline.windows, strict=True):
            for name in ("c", "id"):  # no sketch in these: the same to the bit
                assert window.summary.features[name] == whole.summary.features[name]
            assert of(window.summary.features["x"], Counts) == of(whole.summary.features["x"], Counts)
    assert len(ids) == 1


def test_without_an_event_time_all_is_as_before(table: pa.Table, baseline: Baseline) -> None:
    plain = build_baseline(table.drop_columns("at"), MODEL, predictions=["y"])
    assert plain.windows == ()
    assert plain.joint == baseline.joint
    assert plain.schema == baseline.schema
    assert "at" not in [feature.name for feature in baseline.schema.all]
    assert baseline.without_windows().id == plain.id != baseline.id


def test_the_id_stands_for_windows_and_season(table: pa.Table, baseline: Baseline) -> None:
    moved = table.set_column(
        3, "at", pa.array(table["at"].cast(pa.int64()).to_numpy() + 7 * MICROS).cast("timestamp[us]")
    )
    ids = {baseline.id, built(moved).id, built(table, "hour_of_day").id, built(table, window=2 * HOUR).id}
    assert len(ids) == 4
    assert built(table.select(table.column_names[::-1])).id == baseline.id
    assert built(pa.concat_tables([table.slice(0, 1000), table.slice(1000)])).id == baseline.id


def test_json_round_trip_keeps_windows(table: pa.Table) -> None:
    made = built(table, "day_of_week")
    text = made.to_json()
    back = Baseline.from_json(text)
    assert back == made
    assert (back.id, back.window_micros, back.season) == (made.id, MICROS, Season.DAY_OF_WEEK)
    assert back.windows == made.windows
    del vars(back)["id"]
    assert back.id == made.id  # computed anew from what was read
    shared = {id(of(window.summary.features["x"], Histogram).edges) for window in back.windows}
    assert len(shared) == 1
    assert len(text) < 2.5 * len(made.without_windows().to_json())


def test_changed_windows_are_refused(baseline: Baseline) -> None:
    content = json.loads(baseline.to_json())
    data = bytearray(base64.b64decode(content["windows"]["data"]))
    data[len(data) // 2] ^= 1
    changes: list[Mapping[str, Any]] = [
        {"data": base64.b64encode(bytes(data)).decode()},
        {"season": "hour_of_day"},
        {"micros": 60_000_000},
        {"digest": "0" * 64},
    ]
    for change in changes:
        with pytest.raises(ConfigError, match=r"changed after (it was|they were) written"):
            Baseline.from_json(json.dumps({**content, "windows": {**content["windows"], **change}}))
    with pytest.raises(ConfigError, match="damaged"):
        Baseline.from_json(json.dumps({**content, "windows": {"data": ""}}))


def test_workers_get_the_same_id_without_the_windows(baseline: Baseline) -> None:
    light = pickle.loads(pickle.dumps(baseline.for_workers()))
    assert (light.id, light.windows) == (baseline.id, ())
    list(built(traffic(2), "hour_of_day").own_windows(10))
    assert "_without" not in pickle.loads(pickle.dumps(baseline)).__dict__


def test_a_season_compares_like_with_like(table: pa.Table) -> None:
    made = built(table, Season.HOUR_OF_DAY)
    noon = made.at(int(START.timestamp()) * 1_000_000 + 12 * MICROS)
    assert of(noon.feature("x"), Moments).mean == pytest.approx(12, abs=0.2)
    assert of(noon.feature("c"), Categories).counts["pm"] == noon.rows
    assert noon.rows == sum(w.summary.instances for w in made.windows if w.start // MICROS % 24 == 12)
    assert made.at(None) is made
    assert sum(made.at(hour * MICROS).rows for hour in range(24)) == made.rows


def test_a_phase_without_windows_gets_the_whole(table: pa.Table) -> None:
    night = table.filter(pa.array(table["at"].cast(pa.int64()).to_numpy() // MICROS % 24 != 3))
    made = built(night, "hour_of_day")
    assert made.at(3 * MICROS) is made
    assert made.at(4 * MICROS) is not made


def test_a_reference_window_is_compared_with_the_others_of_its_phase(table: pa.Table) -> None:
    made = built(table, "hour_of_day")
    pairs = list(made.own_windows(10_000))
    assert [window for window, _ in pairs] == list(made.windows)
    for window, others in pairs[::50]:
        phase = made.at(window.start)
        assert others.rows == phase.rows - window.summary.instances
        for name in ("x", "c", "y"):
            for kind in (Counts, Histogram):
                rest = of(others.feature(name), kind)
                assert rest is None or rest + of(window.summary.features[name], kind) == of(phase.feature(name), kind)
        assert window not in others.windows
    assert len(list(made.own_windows(20))) == 20


def test_without_a_season_the_whole_is_compared_with(baseline: Baseline) -> None:
    assert all(other is baseline for _, other in baseline.own_windows(50))


@given(st.integers(0, 5_000), st.integers(1, 2_000), st.sampled_from([24, 7, 168]))
def test_thinned_windows_are_spread_over_time_and_calendar(count: int, most: int, period: int) -> None:
    taken = spread(count, most)
    assert len(taken) == min(count, most)
    assert taken == sorted(set(taken))
    if count > most:
        gaps = {b - a for a, b in pairwise(taken)}
        assert max(gaps, default=1) <= 2 * -(-count // most)
        per_phase = np.bincount(np.array(taken) % period, minlength=period)
        if most >= 16 * period:
            assert per_phase.min() > 0


def test_many_windows_are_thinned_and_the_provenance_says_so(
    table: pa.Table, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hopsmon.core.reference_windows.MOST_WINDOWS", 50)
    made = built(table)
    assert len(made.windows) == 50
    assert made.provenance.notes == ("50 of 336 windows kept, evenly spread",)
    assert Baseline.from_json(made.to_json()).provenance.notes == made.provenance.notes
    kept = {window.start: window.summary for window in baseline.windows}
    assert all(kept[window.start] == window.summary for window in made.windows)
    assert made.rows == baseline.rows
    assert "50 windows of 1:00:00" in repr(made)


def test_incomplete_windows_at_the_ends_are_left_out_but_counted_in_the_whole(table: pa.Table) -> None:
    micros = table["at"].cast(pa.int64()).to_numpy()
    day = 24 * MICROS
    begin = int(START.timestamp()) * 1_000_000
    some = table.filter(pa.array((micros >= begin + 7 * MICROS) & (micros < begin + 3 * day + 5 * MICROS)))
    made = built(some, window=timedelta(days=1))
    assert [(window.start - begin) // day for window in made.windows] == [1, 2]
    assert made.rows == some.num_rows
    assert made.provenance.notes == ("2 incomplete windows at the ends of the data left out",)


def test_quiet_nights_at_the_ends_are_windows_as_any_other() -> None:
    seconds = np.concatenate([[60, 3_500], 3_600 + np.arange(3_600), 7_200 + np.array([10, 20, 3_500])])
    at = pa.array(int(START.timestamp() * 1e6) + seconds * 1_000_000).cast("timestamp[us]")
    made = build_baseline(pa.table({"x": seconds * 1.0, "at": at}), MODEL, event_time="at", window=HOUR)
    assert [window.summary.instances for window in made.windows] == [2, 3600, 3]  # few rows are the usual there
    assert made.windows[0].summary.predictions == 0


def column(values: Any, kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"at": pa.array(values, kind)})


HALF_PAST = 1_767_227_400_000_000  # 2026-01-01T00:30Z


@pytest.mark.parametrize(
    ("values", "kind", "unit"),
    [
        (["2026-01-01T00:30:00Z"], None, None),
        (["2026-01-01T01:30:00+01:00"], None, None),
        (["2026-01-01 00:30"], None, None),
        ([datetime(2026, 1, 1, 0, 30, tzinfo=timezone.utc)], pa.timestamp("ns", "America/New_York"), None),
        ([datetime(2026, 1, 1, 0, 30)], pa.timestamp("s"), None),  # noqa: DTZ001 - a column without zone is UTC
        ([HALF_PAST // 1_000_000], pa.int64(), "s"),
        ([HALF_PAST / 1e6], pa.float64(), "s"),
        ([HALF_PAST // 1_000], pa.int64(), "ms"),
        ([HALF_PAST], pa.int64(), "us"),
        ([HALF_PAST * 1_000], pa.int64(), "ns"),
    ],
)
def test_event_times_are_read_however_they_are_written(values: Any, kind: pa.DataType | None, unit: str | None) -> None:
    found = event_times(column(values, kind), "at", unit)
    assert found.usable.tolist() == [HALF_PAST]
    text = column(values, kind)
    if pa.types.is_string(text["at"].type):
        encoded = event_times(text.set_column(0, "at", text["at"].dictionary_encode()), "at", unit)
        assert encoded.usable.tolist() == [HALF_PAST]


def test_dates_are_midnights() -> None:
    assert event_times(column([datetime(2026, 1, 1).date()]), "at").usable.tolist() == [HALF_PAST - MICROS // 2]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("values", "kind", "unit", "counts"),
    [
        (["2026-01-01", None, "soon", ""], None, None, (1, 2, "soon")),
        ([1.0, None, float("nan"), float("inf")], pa.float64(), "s", (1, 2, "nan")),
        ([None, None], pa.null(), None, (2, 0, "")),
        ([None, datetime(2026, 1, 1)], pa.timestamp("us"), None, (1, 0, "")),  # noqa: DTZ001
    ],
)
def test_rows_without_a_time_are_counted(
    values: Any, kind: pa.DataType | None, unit: str | None, counts: tuple[int, int, str]
) -> None:
    found = event_times(column(values, kind), "at", unit)
    assert (found.nulls, found.unreadable, found.example) == counts
    assert len(found.usable) == len(values) - sum(counts[:2])


def test_rows_without_a_time_are_refused_with_their_number(table: pa.Table) -> None:
    times = table["at"].cast(pa.string()).to_pylist()
    times[:10], times[10:12] = [None] * 10, ["yesterday"] * 2
    odd = table.set_column(3, "at", pa.array(times)).slice(0, 500)
    said = r"12 of 500 rows have no event time \(10 null, 2 unreadable, such as 'yesterday'\)"
    with pytest.raises(ConfigError, match=said):
        built(odd)
    parts = [odd.slice(0, 5), odd.slice(5)]
    with pytest.raises(ConfigError, match=said):
        build_from_parts(lambda: parts, MODEL, columns=odd.schema, event_time="at", window=HOUR)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"event_time": "when"}, "No such column for the event time: when. The data has: x, c"),
        ({"event_time": "x:h"}, "The data has: x, c, id, at, y. Units: s, ms, us, ns"),
        ({"event_time": "x"}, "'x' holds numbers.*Name it: x:s, x:ms, x:us, x:ns"),
        ({"window": None}, "event_time: needs window"),
        ({"event_time": None}, "window: needs event_time"),
        ({"event_time": None, "window": None, "season": "hour_of_day"}, "season hour_of_day: needs event_time"),
        ({"window": timedelta(0)}, "must be above 0"),
        ({"window": timedelta(days=300)}, r"fills 1 window of 300 days.*smaller window"),
        ({"window": 2 * HOUR, "season": "hour_of_day"}, "2:00:00 spans several phases of season hour_of_day"),
        ({"season": "hour"}, "Unknown season 'hour'. Known: day_of_week, hour_of_day"),
        ({"predictions": ["at"]}, "'at' is named as a feature or prediction as well"),
        ({"types": {"at": "timestamp"}}, "'at' is named as a feature or prediction as well"),
        ({"schema": ModelSchema((Feature("at", FeatureType.TIMESTAMP),))}, "give the data a copy"),
    ],
)
def test_what_cannot_be_cut_is_refused(table: pa.Table, changes: Mapping[str, Any], said: str) -> None:
    settings: dict[str, Any] = {"predictions": ["y"], "event_time": "at", "window": HOUR, **changes}
    with pytest.raises(ConfigError, match=said):
        build_baseline(table, MODEL, **settings)


def test_a_season_seen_once_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Season hour_of_week: the reference data .* has each phase once only"):
        built(traffic(7), "hour_of_week")
    assert built(traffic(14), "hour_of_week").season is Season.HOUR_OF_WEEK


def test_an_unknown_season_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'hour_of_day'"):
        Cut.of("at", HOUR, "hours_of_day", pa.schema([("at", pa.int64())]))


def test_a_column_of_the_very_name_wins_over_a_unit() -> None:
    assert column_and_unit("at:ms", ["at:ms", "at"]) == ("at:ms", None)


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 2)), max_size=40))
def test_traffic_adds_up_in_any_order(rows: list[tuple[int, int]]) -> None:
    cut = Cut("at", "s", timedelta(seconds=7))

    def of_part(part: int) -> Traffic:
        return Traffic.of(column([at for at, where in rows if where == part], pa.int64()), cut)

    whole = Traffic.of(column([at for at, _ in rows], pa.int64()), cut)
    for order in permutations(range(3)):
        total = sum((of_part(part) for part in order), Traffic.none())
        assert total.to_plain() == whole.to_plain()
        assert Traffic.from_plain(json.loads(json.dumps(total.to_plain()))).to_plain() == whole.to_plain()
    expected = sorted({at // 7 * 7 for at, _ in rows})
    assert [start // 1_000_000 for start in whole.table[0].tolist()] == expected
