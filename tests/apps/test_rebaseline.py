"""Accepting a change: the new baseline is used, the old one is kept, and the accepted change is no drift any more."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import hopsmon
from hopsmon import MonitorConfig, wiring
from hopsmon.core.baseline import Baseline
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.frames import batches_of, to_arrow
from hopsmon.core.schema import ModelRef
from hopsmon.core.season import Season
from hopsmon.core.statistics.recipe import Recipe
from hopsmon.core.statistics.summary import Summary
from hopsmon.core.techniques import registry
from hopsmon.core.verdicts import Judge
from hopsmon.core.window import Window
from hopsmon.errors import ConfigError, UnknownNameError
from hopsmon.sdk import Monitor
from hopsmon.streaming import judge
from hopsmon.streaming.fold import ClosedWindow
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.tables import STATISTICS, WINDOWS
from hopsmon.wiring.rebaseline import FromWindows, span_of
from tests.apps.conftest import Run
from tests.support.traffic import reference

HOUR = 3_600_000_000
START = int(datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()) * 1_000_000
ROWS = 400
QUIET, MOVED = 24, 30  # hours as in the reference; then ages are ten years higher, in another city
TECHNIQUES = ["psi", "ks", "chi2", "null_share"]


def summary_of(hour: int, baseline: Baseline, seed: int = 0) -> Summary:
    frame = reference(ROWS, 1_000 * seed + hour)
    if hour >= QUIET:
        frame["age"] += 10
        frame["city"] = np.where(frame["city"] == "Bern", "Basel", frame["city"])
    table = to_arrow(frame)
    recipe = Recipe(baseline.schema, baseline.features)
    features = {
        name: one for batch in batches_of(table, baseline.schema) for name, one in recipe.summarise(batch).items()
    }
    return Summary(requests=ROWS, responses=ROWS, instances=ROWS, predictions=ROWS, features=features)


def settings(folder: Path) -> dict[str, Any]:
    return {
        "name": "credit",
        "model": {"name": "credit", "version": 3},
        "log": {"files": {"path": str(folder / "events")}},
        "baseline": {"file": str(folder / "baseline.json")},
        "window": {"size": "1h"},
        "techniques": TECHNIQUES,
    }


def tables_of(plan: MonitorPlan, hours: range) -> dict[str, pa.Table]:
    """Closed windows, as a run writes them."""
    windows: list[judge.TableRow] = []
    statistics: list[judge.TableRow] = []
    for hour in hours:
        for name in ("", "city=Zug"):
            start = START + hour * HOUR
            closed = ClosedWindow(name, Window(start, start + HOUR), True, summary_of(hour, plan.baseline))
            windows.append(judge.window_row(plan, closed, start + HOUR))
            statistics += judge.statistics_rows(plan, closed)
    return {WINDOWS.name: WINDOWS.table(windows), STATISTICS.name: STATISTICS.table(statistics)}


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return build_baseline(reference(), ModelRef("credit", 3), predictions=["score"])


@pytest.fixture(scope="module")
def tables(baseline: Baseline, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "baseline.json").write_text(baseline.to_json(), "utf-8")
    config = MonitorConfig.from_mapping(settings(folder))
    return tables_of(wiring.monitor_plan(config), range(QUIET + MOVED))


@pytest.fixture
def monitor(tmp_path: Path, baseline: Baseline, tables: dict[str, pa.Table]) -> Monitor:
    (tmp_path / "events").mkdir()
    (tmp_path / "baseline.json").write_text(baseline.to_json(), "utf-8")
    monitor = hopsmon.connect(tmp_path / "store").create_monitor(settings(tmp_path))
    monitor.store._home.tables.write(tables, "test", 0)
    return monitor


def drifting(baseline: Baseline, hour: int) -> set[str | None]:
    """The features that drift in one later hour, by the monitor's own judge."""
    window = summary_of(hour, baseline, seed=7)
    findings, _ = Judge([registry.build(name) for name in TECHNIQUES], baseline).judge(window, START + hour * HOUR, {})
    return {finding.feature for finding in findings if finding.is_drift}


def test_an_accepted_change_is_no_drift_any_more(monitor: Monitor) -> None:
    before = wiring.baseline_of(monitor.config)
    assert drifting(before, QUIET + 1) == {"age", "city"}
    made = monitor.rebaseline(MOVED)
    now = wiring.monitor_plan(monitor.store.monitor("credit").config).baseline
    assert now == made
    assert (now.rows, len(now.windows), now.window_micros) == (MOVED * ROWS, MOVED, HOUR)
    assert not any(drifting(now, hour) for hour in range(QUIET + MOVED, QUIET + MOVED + 10))
    assert {"age", "city"} <= drifting(now, 1)  # back to the old ways would be a change again
    assert now.provenance.source == (
        f"30 windows of monitor credit, 2026-03-02 00:00 to 2026-03-03 06:00 UTC; before: {before.id}"
    )


def test_the_old_baseline_is_kept_and_can_be_taken_back(monitor: Monitor) -> None:
    before = wiring.baseline_of(monitor.config)
    assert monitor.baselines() == []
    first = monitor.rebaseline(("2026-03-02", None))
    second = monitor.rebaseline("12h")
    kept = monitor.baselines()
    assert [(one.id, one.current) for one in kept] == [(before.id, False), (first.id, False), (second.id, True)]
    assert [one.rows for one in kept] == [4_000, MOVED * ROWS, 12 * ROWS]
    assert all(one.saved.tzinfo is not None for one in kept)
    monitor.use_baseline(before.id)
    assert [one.id for one in monitor.store.monitor("credit").baselines() if one.current] == [before.id]
    back = wiring.baseline_of(monitor.store.monitor("credit").config)
    assert (back, back.id) == (before, before.id)
    with pytest.raises(UnknownNameError, match="Unknown baseline 'none'"):
        monitor.use_baseline("none")


def test_a_baseline_made_of_data_is_kept_as_well(monitor: Monitor, tmp_path: Path) -> None:
    reference().to_parquet(tmp_path / "train.parquet")
    data = {"data": {"path": str(tmp_path / "train.parquet"), "predictions": ["score"]}}
    monitor = monitor.store.create_monitor(monitor.config, baseline=data)
    before = wiring.baseline_of(monitor.config)
    monitor.rebaseline(24)
    (tmp_path / "train.parquet").unlink()
    monitor.use_baseline(before.id)
    assert wiring.baseline_of(monitor.config).features.keys() == before.features.keys()


@pytest.mark.parametrize(
    ("chosen", "hours"),
    [
        (5, range(49, 54)),
        ("6h", range(48, 54)),
        (timedelta(hours=2), range(52, 54)),
        (("2026-03-01T10:00", "2026-03-01T12:00Z"), range(10, 12)),
        ((None, datetime(2026, 3, 1, 3, tzinfo=timezone.utc)), range(3)),
        ((None, None), range(54)),
    ],
)
def test_windows_may_be_chosen_in_any_way(monitor: Monitor, chosen: FromWindows, hours: range) -> None:
    made = monitor.rebaseline(chosen)
    assert [(window.start - START) // HOUR for window in made.windows] == list(hours)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (1, "1 windows with 400 rows are too few"),
        (("2027-01-01", None), r"no closed windows in that time. It has 54 of 1h, the first from 2026-03-01T00:00"),
        (0, "at least 1 window"),
        ("7 days", "Not a duration"),
        (("soon", None), "Not a time: 'soon'"),
        (3.5, "none of .since, until."),
        (True, "none of"),
    ],
)
def test_what_makes_no_baseline_changes_nothing(monitor: Monitor, chosen: Any, said: str) -> None:
    saved = monitor.config
    with pytest.raises(ConfigError, match=said):
        monitor.rebaseline(chosen)
    assert monitor.store.monitor("credit").config == saved
    assert monitor.baselines() == []


def test_other_models_slices_and_sizes_are_left_out(monitor: Monitor, tmp_path: Path) -> None:
    other = monitor.store.create_monitor({**settings(tmp_path), "model": {"name": "credit", "version": 4}})
    with pytest.raises(ConfigError, match="has no closed windows of 1h in this store: run it first"):
        other.rebaseline(5)
    longer = monitor.store.create_monitor(settings(tmp_path), window={"size": "2h"})
    with pytest.raises(ConfigError, match="no closed windows of 2h"):
        longer.rebaseline(5)


def test_windows_of_an_earlier_hopsmon_are_told(monitor: Monitor) -> None:
    plan = wiring.monitor_plan(monitor.config)
    start = START + 100 * HOUR
    closed = ClosedWindow("", Window(start, start + HOUR), True, summary_of(1, plan.baseline))
    rows = [{**row, "summary": None} for row in judge.statistics_rows(plan, closed)]
    windows = [judge.window_row(plan, closed, start)]
    tables = {WINDOWS.name: WINDOWS.table(windows), STATISTICS.name: STATISTICS.table(rows)}
    monitor.store._home.tables.write(tables, "old", 0)
    with pytest.raises(ConfigError, match=r"1 of these 3 windows .* written by an earlier hopsmon"):
        monitor.rebaseline(3)


def test_a_season_goes_on(monitor: Monitor, tmp_path: Path) -> None:
    frame = reference()
    frame["at"] = [datetime.fromtimestamp((START + row * HOUR // 40) / 1e6, timezone.utc) for row in range(len(frame))]
    made = build_baseline(
        frame,
        ModelRef("credit", 3),
        predictions=["score"],
        event_time="at",
        window=timedelta(hours=1),
        season="hour_of_day",
    )
    (tmp_path / "baseline.json").write_text(made.to_json(), "utf-8")
    new = monitor.rebaseline((None, None))
    assert new.season is Season.HOUR_OF_DAY
    assert new.at(START).rows == 3 * ROWS


def test_the_summary_is_for_hopsmon_alone(monitor: Monitor, run: Run) -> None:
    assert "summary" not in monitor.statistics().columns
    assert "summary" not in monitor.store.read("statistics").column_names
    shown = run("show", "statistics", "--store", monitor.store.path, "--json", "--limit", "1")
    assert shown.exit_code == 0, shown.stderr
    assert '"summary"' not in shown.stdout
    raw = monitor.store._home.tables.read(STATISTICS.name)
    sliced = [row["summary"] is None for row in raw.select(["slice", "summary"]).to_pylist() if row["slice"]]
    assert sliced
    assert all(sliced)
    size = sum(len(row) for row in raw["summary"].drop_null().to_pylist()) / (QUIET + MOVED) / 4
    assert size < 5_000  # bytes a feature and window


def test_a_file_from_before_says_that_it_goes_back(
    monitor: Monitor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = monitor.rebaseline(24)
    monitor.store.create_monitor(monitor.config)
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        monitor.store.create_monitor(settings(tmp_path))
    assert f"goes back from the accepted baseline {made.id}" in caplog.text


def test_rebaseline_on_the_command_line(monitor: Monitor, run: Run, tmp_path: Path) -> None:
    before = wiring.baseline_of(monitor.config)
    never = run("baselines", "credit", "--store", monitor.store.path)
    assert "Monitor credit was never rebaselined." in never.stdout
    result = run("rebaseline", "credit", "--store", monitor.store.path, "--last", "24")
    assert result.exit_code == 0, result.stderr
    made = monitor.store.monitor("credit").baselines()[-1]
    assert f"baseline {made.id} of 9,600 rows: 24 windows of monitor credit" in result.stdout
    listed = run("baselines", "credit", "--store", monitor.store.path)
    last = " ".join(listed.stdout.partition(made.id)[2].split())
    assert last.endswith(f"before: {before.id} (current)")
    file = tmp_path / "monitor.yaml"
    file.write_text(monitor.config.to_yaml(), "utf-8")
    back = run("baselines", file, "--use", before.id)
    assert back.exit_code == 0, back.stderr
    assert f"Write into {file}: baseline: {{saved: {before.id}}}" in back.stdout
    since = run("rebaseline", file, "--since", "2026-03-02", "--until", "2026-03-03")
    assert "24 windows of monitor credit, 2026-03-02 00:00 to 2026-03-03 00:00" in since.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Give either --last, or --since"),
        (["--last", "3", "--since", "2026-03-02"], "Give either --last, or --since"),
        (["--last", "week"], "Not a duration"),
        (["--since", "soon"], "Not a time"),
    ],
)
def test_rebaseline_with_wrong_words(monitor: Monitor, run: Run, words: list[str], said: str) -> None:
    result = run("rebaseline", "credit", "--store", monitor.store.path, *words)
    assert (result.exit_code, said in result.stderr) == (1, True), result.stderr


def test_rebaseline_of_an_unknown_monitor(run: Run, tmp_path: Path) -> None:
    result = run("rebaseline", "credt", "--store", tmp_path, "--last", "3")
    assert result.exit_code == 1
    assert "Unknown monitor 'credt'" in result.stderr


def test_a_span_is_said_in_words() -> None:
    assert span_of("7d") == span_of(timedelta(days=7))
    assert span_of(3).of([1, 2, 3, 4], 1) == [2, 3, 4]
