"""What notebooks call: stores, monitors, results as data frames."""

from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import hopsmon
from hopsmon import ConfigError, MonitorConfig
from hopsmon.errors import OutsideError, UnknownNameError
from tests.apps.conftest import JULY

SETTINGS: dict[str, Any] = {
    "name": "flights",
    "model": {"name": "flight_delay", "version": 1},
    "log": {"kafka": {"bootstrap_servers": "b:9092", "topic": "t", "options": {"kafka.sasl.password": "env:PW"}}},
    "baseline": {"file": "b.json"},
}


def test_a_monitor_is_saved_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = hopsmon.connect("monitoring")
    made = store.create_monitor(SETTINGS)
    assert store.monitor("flights").config == made.config
    assert [monitor.name for monitor in store.monitors()] == ["flights"]
    assert made.config.store.path == str(tmp_path / "monitoring")
    assert made.config.baseline.file == str(tmp_path / "b.json")
    monkeypatch.chdir("/")
    assert hopsmon.connect(tmp_path / "monitoring").monitor("flights").config == made.config


def test_secrets_are_saved_as_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "hunter2")
    hopsmon.connect(tmp_path).create_monitor(SETTINGS)
    saved = [file.read_text("utf-8") for file in tmp_path.rglob("*") if file.is_file()]
    assert any("env:PW" in text for text in saved)
    assert not any("hunter2" in text for text in saved)


def test_all_ways_to_say_it_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = hopsmon.connect(tmp_path / "s")
    config = MonitorConfig.from_mapping({**SETTINGS, "store": {"path": "s"}})
    Path("m.yaml").write_text(config.to_yaml())
    ways = [
        store.create_monitor(SETTINGS),
        store.create_monitor(**SETTINGS),
        store.create_monitor(config),
        store.create_monitor("m.yaml"),
        store.create_monitor(Path("m.yaml")),
    ]
    assert all(way.config == ways[0].config for way in ways)


def test_keywords_win_and_replace_the_saved_one(tmp_path: Path) -> None:
    store = hopsmon.connect(tmp_path)
    store.create_monitor(SETTINGS)
    store.create_monitor(SETTINGS, window={"size": "1d"})
    assert store.monitor("flights").config.window.size.days == 1
    assert len(store.monitors()) == 1


def test_another_stores_monitor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="store is '/elsewhere', but this store is"):
        hopsmon.connect(tmp_path).create_monitor(SETTINGS, store={"path": "/elsewhere"})


def test_wrong_settings_are_told_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 problems") as caught:
        hopsmon.connect(tmp_path).create_monitor(SETTINGS, technique=["psi"], window={"size": 15})
    assert "Did you mean 'techniques'?" in str(caught.value)
    assert not (tmp_path / "_monitors").exists()


def test_an_unknown_monitor_lists_the_known(tmp_path: Path) -> None:
    store = hopsmon.connect(tmp_path)
    store.create_monitor(SETTINGS)
    with pytest.raises(UnknownNameError, match="Did you mean 'flights'"):
        store.monitor("flight")
    with pytest.raises(UnknownNameError):
        store.monitor("../flights")


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match="Cannot write"):
        hopsmon.connect(tmp_path / "file").create_monitor(SETTINGS)


def test_results_as_data_frames(store_folder: Path) -> None:
    store = hopsmon.connect(store_folder)
    monitor = store.create_monitor(SETTINGS)
    assert len(monitor.drift()) == 7
    drifted = monitor.drift(only_drift=True, since=JULY, feature="temp")
    assert list(drifted["technique"]) == ["psi", "psi", "ks"]
    assert str(drifted["window_start"].dt.tz) == "UTC"
    assert [
        len(frame) for frame in (monitor.windows(), monitor.statistics(), monitor.outliers(), monitor.rejects())
    ] == [1] * 4
    assert list(monitor.alerts()["state"]) == ["firing", "resolved"]
    assert list(monitor.alerts(until="2013-07-05")["title"]) == ["flights: drift in temp"]


def test_results_are_one_monitors(store_folder: Path) -> None:
    store = hopsmon.connect(store_folder)
    assert len(store.create_monitor(SETTINGS, name="other").drift()) == 0


@pytest.mark.parametrize(
    "since", ["2013-07-05", "2013-07-05T00:00Z", date(2013, 7, 5), datetime(2013, 7, 5, tzinfo=timezone.utc)]
)
def test_times_may_be_said_in_any_way(store_folder: Path, since: Any) -> None:
    assert len(hopsmon.connect(store_folder).create_monitor(SETTINGS).drift(since=since)) == 5


def test_a_time_without_zone_is_refused(store_folder: Path) -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        hopsmon.connect(store_folder).create_monitor(SETTINGS).drift(since=datetime(2013, 7, 5))  # noqa: DTZ001


def test_representations_name_no_secret(tmp_path: Path) -> None:
    monitor = hopsmon.connect(tmp_path).create_monitor(SETTINGS)
    assert repr(monitor) == f"Monitor('flights', Store('{tmp_path}'))"
