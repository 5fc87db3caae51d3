"""The demo finds what the flights really hold: findings are computed a second time with pandas alone, from the CSVs."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from hopsmon.demo import play, watch
from hopsmon.demo.data import data_folder
from hopsmon.errors import ConfigError
from hopsmon.sdk import Monitor

MONTHS = list(range(4, 13))
REPEATED_ON = pd.Timestamp("2013-10-01", tz="UTC")  # the day with an exchange that is in the log twice


@dataclass(frozen=True)
class Played:
    folder: Path
    watched: watch.Watched
    text: str


@pytest.fixture(scope="module")
def played(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("demo")
    shown = io.StringIO()
    watched = play.play(folder, kafka=False, console=Console(file=shown))
    return Played(folder, watched, shown.getvalue())


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    """Flights and weather, joined by hand: nothing of hopsmon but the place of the files."""
    flights = pd.read_csv(data_folder() / "flights.csv.zip")
    weather = pd.read_csv(data_folder() / "weather.csv")
    columns = ["temp", "dewp", "humid", "wind_speed", "precip", "visib", "pressure"]
    joined = flights.merge(weather[["origin", "time_hour", *columns]], on=["origin", "time_hour"], how="left")
    joined["time"] = pd.to_datetime(joined["time_hour"]) + pd.to_timedelta(joined["minute"], unit="min")
    joined["day"] = joined["time"].dt.floor("D")
    joined["replayed"] = joined["month"] >= 4
    return joined


@pytest.fixture(scope="module")
def statistics(played: Played) -> pd.DataFrame:
    return played.watched.monitor.statistics(slice="")


@pytest.fixture(scope="module")
def drift(played: Played) -> pd.DataFrame:
    return played.watched.monitor.drift(slice="")


def test_every_message_and_every_flight_is_accounted_for(played: Played, truth: pd.DataFrame) -> None:
    sent, tally = played.watched.sent, played.watched.run.tally
    assert tally.messages == sent.messages
    assert (tally.decoded, tally.skipped, tally.rejected) == (sent.requests + sent.responses, sent.probes, sent.cut_off)
    assert (sent.probes, sent.cut_off, sent.repeated) == (2 * len(MONTHS), 1, 2)
    windows = played.watched.monitor.windows(slice="")
    again = sent.instances - truth["replayed"].sum()
    assert 0 < again < 25
    assert windows["instances"].sum() == windows["predictions"].sum() == truth["replayed"].sum() + again
    assert windows["late"].sum() == 0
    assert played.watched.run.open_windows == ()
    rejects = played.watched.monitor.rejects()
    assert len(rejects) == 1
    assert rejects["event_time"][0].floor("D") == pd.Timestamp("2013-07-04", tz="UTC")


def test_each_day_and_each_airport_has_the_flights_it_really_had(played: Played, truth: pd.DataFrame) -> None:
    windows = played.watched.monitor.windows()
    found = windows.set_index(["slice", "window_start"])["instances"].sort_index().drop(REPEATED_ON, level=1)
    rows = truth[truth["replayed"] & (truth["day"] != REPEATED_ON)]
    by_airport = rows.assign(slice="origin=" + rows["origin"])
    expected = pd.concat(part.groupby(["slice", "day"]).size() for part in (by_airport, rows.assign(slice="")))
    assert found.to_dict() == expected.to_dict()


@pytest.mark.parametrize("feature", ["temp", "dewp", "humid", "wind_speed", "precip", "visib", "pressure", "distance"])
def test_daily_means_and_nulls_are_those_of_the_data(
    statistics: pd.DataFrame, truth: pd.DataFrame, feature: str
) -> None:
    found = statistics[statistics["feature"] == feature].set_index("window_start").drop(REPEATED_ON)
    days = truth[truth["replayed"]].groupby("day")[feature].agg(["mean", "min", "max", "size", "count"])
    expected = days.drop(REPEATED_ON)
    assert list(found.index) == list(expected.index)
    assert list(found["nulls"]) == list(expected["size"] - expected["count"])
    for name in ("mean", "min", "max"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9)


def test_temperature_left_the_training_s_range_and_the_monitor_says_so(
    truth: pd.DataFrame, drift: pd.DataFrame
) -> None:
    training = truth.loc[(truth["month"] <= 3) & truth["arr_delay"].notna(), "temp"]
    assert training.mean() == pytest.approx(37.9, abs=0.1)
    months = truth.groupby("month")["temp"].mean()
    assert (months[5:10] > training.mean() + 2 * training.std()).all()
    warmer = truth[truth["replayed"]].groupby("day")["temp"].min() > training.max()
    psi = drift[(drift["feature"] == "temp") & (drift["technique"] == "psi")].set_index("window_start")
    assert warmer.sum() > 60  # whole days above anything in training: the 2020 prototype saw nothing in them
    followed = drift[(drift["feature"] == "temp") & (drift["technique"] == "e_detector")].set_index("window_start")
    for verdicts in (psi, followed):
        assert verdicts.loc[warmer[warmer].index, "is_drift"].all()
    assert (followed.loc[warmer[warmer].index, "severity"] == "critical").all()
    assert psi.loc[warmer[warmer].index, "score"].min() > psi.loc[:"2013-04-05", "score"].min()
    assert followed["is_drift"].idxmax() < pd.Timestamp("2013-04-15", tz="UTC")
    assert followed.loc["2013-05-05":"2013-11-05", "is_drift"].all()
    assert not followed.loc["2013-12-20":"2013-12-31", "is_drift"].all()  # as cold as in the training again


def test_each_airport_is_held_against_its_own_winter(played: Played, truth: pd.DataFrame) -> None:
    """Newark's flights got longer, LaGuardia's hardly moved, though both differ from the whole."""
    winter = truth[(truth["month"] <= 3) & truth["arr_delay"].notna()]
    named = {}
    for airport in ("EWR", "LGA"):
        own = winter.loc[winter["origin"] == airport, "distance"]
        later = truth.loc[(truth["origin"] == airport) & truth["month"].between(6, 10), "distance"]
        verdicts = played.watched.monitor.drift(slice=f"origin={airport}", feature="distance", technique="e_detector")
        named[airport] = verdicts["is_drift"].mean()
        assert abs(own.mean() - winter["distance"].mean()) > 40
        assert (abs(later.mean() - own.mean()) > 100) == (airport == "EWR")
    assert named["EWR"] > 0.5
    assert named["LGA"] < 0.05


def _psi_by_hand(reference: pd.Series, window: pd.Series) -> float:
    """Population stability index over values, each its own cell; half a value where there is none."""
    cells = sorted(set(reference) | set(window))
    p, q = (
        values.value_counts().reindex(cells).fillna(0).clip(lower=0.5) / len(values) for values in (window, reference)
    )
    return float(((p - q) * np.log(p / q)).sum())


def test_planned_flight_times_changed_with_the_timetable(truth: pd.DataFrame, drift: pd.DataFrame) -> None:
    """The same routes are planned shorter in summer: less head wind. Carriers and airports keep their shares."""
    arrives, leaves = (truth[name] // 100 * 60 + truth[name] % 100 for name in ("sched_arr_time", "sched_dep_time"))
    planned = (arrives - leaves) % 1440  # by the clocks of both ends: the same within a route
    winter, summer = truth["month"] <= 3, truth["month"].isin([6, 7, 8])
    route = [truth["origin"], truth["dest"], truth["carrier"]]
    per_route = pd.DataFrame(
        {"w": planned[winter].groupby(route).median(), "s": planned[summer].groupby(route).median()}
    )
    long_west = per_route.loc[(slice(None), ["LAX", "SFO"], slice(None)), :].dropna()
    assert (long_west["s"] < long_west["w"]).all()
    share = drift.groupby(["feature", "technique"])["is_drift"].mean()
    assert share["block_minutes", "e_detector"] > 0.7
    for name in ("carrier", "origin"):
        assert share[name].max() < 0.01  # but for the last evening of the year
    july = truth[truth["day"] == pd.Timestamp("2013-07-17", tz="UTC")]
    for name in ("carrier", "origin"):
        reference = truth.loc[winter & truth["arr_delay"].notna(), name]
        row = drift[(drift["feature"] == name) & (drift["technique"] == "psi")].set_index("window_start")
        score = row.loc[pd.Timestamp("2013-07-17", tz="UTC"), "score"]
        assert score == pytest.approx(_psi_by_hand(reference, july[name]), abs=0.01)


def test_new_destinations_are_found_with_their_counts(
    played: Played, statistics: pd.DataFrame, truth: pd.DataFrame
) -> None:
    known = set(truth.loc[(truth["month"] <= 3) & truth["arr_delay"].notna(), "dest"])
    new = truth[truth["replayed"] & ~truth["dest"].isin(known)]
    expected = new["dest"].value_counts()
    found: dict[str, int] = {}
    for shape in map(json.loads, statistics.loc[statistics["feature"] == "dest", "histogram"]):
        for label in shape["counts"].keys() - known:
            found[label] = found.get(label, 0) + shape["counts"][label]
    assert found == expected.to_dict()
    outliers = played.watched.monitor.outliers(technique="unseen_category")
    kept = played.watched.monitor.windows(slice="").set_index("window_start")["outliers_left_out"] == 0
    days = kept[kept].index.difference([REPEATED_ON])
    assert len(days) > 50
    per_day = outliers["event_time"].dt.floor("D").value_counts()
    expected_a_day = new["day"].value_counts()
    for day in days:
        assert per_day.get(day, 0) == expected_a_day.get(day, 0)
    assert len(outliers) <= len(new)
    assert "ACK 265 (from 16 May)" in re.sub(r"\s+", " ", played.text)


def test_flights_warmer_than_the_training_are_outliers(played: Played, truth: pd.DataFrame) -> None:
    training = truth.loc[(truth["month"] <= 3) & truth["arr_delay"].notna(), "temp"]
    span = training.max() - training.min()
    hot = (truth["replayed"] & (truth["temp"] > training.max() + 0.2 * span)).sum()  # beyond any sensible margin
    assert hot > 50_000
    outliers = played.watched.monitor.outliers()
    temps = pd.Series([json.loads(values)["temp"] for values in outliers["values"]])
    of_range = (outliers["technique"] == "range").to_numpy()
    windows = played.watched.monitor.windows(slice="")
    flagged, left_out = windows["outliers"].sum(), windows["outliers_left_out"].sum()
    assert flagged - left_out == len(outliers)  # all are counted, a day keeps a thousand rows
    assert outliers["event_time"].dt.floor("D").value_counts().max() == 1_000
    hot_kept = (of_range & (temps > training.max() + 0.2 * span)).sum()
    assert hot - left_out <= hot_kept <= hot <= flagged
    said = re.sub(r"\s+", " ", played.text)
    assert f"{flagged:,.0f} times a technique flagged one of" in said
    assert f"keeps {len(outliers):,} of them, at most 1,000 a day (limits.max_outliers); {left_out:,.0f} are" in said


def test_delay_rates_in_the_report_are_those_of_the_data(played: Played, truth: pd.DataFrame) -> None:
    flown = truth[truth["arr_delay"].notna()]
    rates = (flown["arr_delay"] > 15).groupby(flown["month"]).mean()
    assert (rates.idxmin(), rates.idxmax()) == (9, 12)
    table = dict(re.findall(r"^(Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+% +(\d+)%", played.text, re.MULTILINE))
    names = ["Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    assert table == {name: f"{rates[month]:.0%}"[:-1] for name, month in zip(names, MONTHS, strict=True)}


def test_predictions_are_watched_and_follow_the_requests(
    played: Played, statistics: pd.DataFrame, truth: pd.DataFrame
) -> None:
    daily = statistics[statistics["feature"] == "p_late"].set_index("window_start")
    assert daily["count"].sum() == played.watched.sent.instances
    april, december = (daily.loc[f"2013-{month}", "mean"].mean() for month in ("04", "12"))
    assert april < 0.20  # the training's mean is 0.227
    assert december > 0.23


def test_the_report_says_what_changed_and_what_did_not(played: Played) -> None:
    table = played.text.partition("What the monitor found")[2].partition("What became of")[0]
    rows = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    for feature, reference, july in (("temp", "37.9", "81.6"), ("dewp", "22.8", "66.7")):
        assert rows[feature].split()[1] == reference
        assert july in rows[feature].split()
        assert re.search(r"\d+ (Apr|May)$", rows[feature].rstrip())
    assert re.search(r"\d+ Apr$", rows["block_minutes"].rstrip())
    for feature in ("carrier", "origin", "dep_hour", "seats", "wind_speed", "p_late"):
        assert re.search(r" [0-5]% +[0-5]%$", rows[feature].rstrip())  # hardly a day, and no day since which it drifts
    said = re.sub(r"\s+", " ", played.text)
    assert re.search(r"Weather that changed for weeks on end: temp since \d+ Apr \(e_detector, psi", said)
    assert re.search(r"What else did: block_minutes since \d+ Apr \(e_detector", said)
    assert "100%" not in said.partition("What the monitor found")[2].partition("Single flights")[0]


def test_the_user_can_go_on_with_the_files_the_demo_wrote(played: Played) -> None:
    assert {"monitor.yaml", "baseline.json", "training.parquet", "events", "monitoring"} <= {
        path.name for path in played.folder.iterdir()
    }
    again = played.watched.monitor.run(once=True)
    assert (again.rows, again.windows) == (0, 0)


def test_kafka_gives_the_same_findings(played: Played, tmp_path: Path) -> None:
    """April through a broker, against April of the whole year from files."""
    kafka = play.play(tmp_path, kafka=True, console=Console(file=io.StringIO()), months=range(4, 5)).monitor
    assert not (tmp_path / watch.BROKER).exists()
    for table, key, exact, close in (
        (
            "windows",
            ["slice", "window_start"],
            ["requests", "responses", "instances", "predictions", "late", "outliers", "outliers_left_out"],
            [],
        ),
        (
            "drift",
            ["slice", "window_start", "feature", "technique"],
            ["is_drift", "severity", "n", "reason"],
            ["score"],
        ),
    ):
        by_files, by_kafka = (
            getattr(monitor, table)(until="2013-05-01").set_index(key).sort_index()
            for monitor in (played.watched.monitor, kafka)
        )
        assert len(by_files) > 0
        pd.testing.assert_frame_equal(by_files[exact], by_kafka[exact])
        pd.testing.assert_frame_equal(by_files[close], by_kafka[close], rtol=1e-9)
    by_files, by_kafka = (flagged_on_full_days(monitor) for monitor in (played.watched.monitor, kafka))
    assert len(by_files) > 1_000
    pd.testing.assert_frame_equal(by_files[["event_time", "values"]], by_kafka[["event_time", "values"]])
    pd.testing.assert_frame_equal(by_files[["score"]], by_kafka[["score"]], rtol=1e-9)


def flagged_on_full_days(monitor: Monitor) -> pd.DataFrame:
    """Outliers of April's days that have a row for each. Of the others the first are kept, and what comes first is
    another with another log."""
    days = monitor.windows(until="2013-05-01", slice="")
    cut = set(days.loc[days["outliers_left_out"] > 0, "window_start"])
    assert 0 < len(cut) < len(days)
    found = monitor.outliers(until="2013-05-01")
    kept = found[~found["event_time"].dt.floor("D").isin(cut)]
    return kept.set_index(["event_id", "instance", "technique"]).sort_index()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(ConfigError, match="not empty"):
        play.play(tmp_path, kafka=False, console=Console(file=io.StringIO()))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    watch.clear(tmp_path)
    (tmp_path / watch.EVENTS).mkdir()
    (tmp_path / watch.EVENTS / "old.jsonl").write_text("{}")
    watch.clear(tmp_path)
    assert not (tmp_path / watch.EVENTS).exists()
