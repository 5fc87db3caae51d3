"""What the tests of wiring, SDK and command line share: reference data, a monitor's file, a store with rows."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from hopsmon.cli.main import app
from hopsmon.streaming.tables import TABLES

JULY = datetime(2013, 7, 4, tzinfo=timezone.utc)
DAY = timedelta(days=1)
WHO = {"monitor": "flights", "model_name": "flight_delay", "model_version": "1", "slice": ""}
MONITOR = """
name: flights
model: {name: flight_delay, version: 1}
log: {files: {path: events}}
baseline: {data: {path: train.parquet, predictions: [score], exclude: [label]}}
slices: [origin]
"""

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `hopsmon ...` in an empty folder, 80 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("HOPSMON_STORE", raising=False)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """100 rows of reference data."""
    table = pa.table(
        {
            "temp": [i + 0.5 for i in range(100)],
            "seats": list(range(100)),
            "origin": ["JFK", "LGA", "EWR", "JFK"] * 25,
            "score": [i / 100 for i in range(100)],
            "label": [i % 2 == 0 for i in range(100)],
        }
    )
    pq.write_table(table, tmp_path / "train.parquet")
    return tmp_path / "train.parquet"


@pytest.fixture
def monitor_file(tmp_path: Path, train: Path) -> Path:
    """A monitor that can run: configuration, reference data, and an empty log."""
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "one.jsonl").touch()
    (tmp_path / "monitor.yaml").write_text(MONITOR)
    return tmp_path / "monitor.yaml"


def _drift(day: int, feature: str, technique: str, **values: Any) -> dict[str, Any]:
    start = JULY + day * DAY
    row = {**WHO, "window_start": start, "window_end": start + DAY, "feature": feature, "technique": technique}
    row |= {"threshold": 0.1, "is_drift": False, "severity": "none", "n": 1000, "reason": "ok", "baseline_id": "abc"}
    return {**row, "details": "{}", **values}


def drift_rows() -> list[dict[str, Any]]:
    """Three days: a quiet one, one with drift in two features and a slice, one with drift in one."""
    moved = [{"cell": "[70, 80)", "share": 0.41, "reference_share": 0.05}]
    nulls = {"kind": "null", "null_share": 0.14, "reference_null_share": 0.02}
    drift = {"is_drift": True, "severity": "critical", "reason": "drift"}
    return [
        _drift(0, "temp", "psi", score=0.012, p_value=0.4),
        _drift(0, "carrier", "chi2", reason="baseline_missing", threshold=None, n=12),
        _drift(1, "temp", "psi", score=1.73, p_value=0.0, details=json.dumps({"moved": moved}), **drift),
        _drift(1, "seats", "null_share", score=0.12, p_value=1e-9, details=json.dumps(nulls), **drift),
        _drift(1, "temp", "psi", score=0.31, p_value=1e-7, details=json.dumps({"moved": moved}), **drift)
        | {"slice": "origin=JFK"},
        _drift(1, "wind_speed", "ks", score=0.05, p_value=0.2),
        _drift(2, "temp", "ks", score=0.15, p_value=1e-6, is_drift=True, severity="warning", reason="drift")
        | {"details": json.dumps({"lower": 0.15, "upper": 0.2})},
    ]


def rows_of_other_tables() -> dict[str, list[dict[str, Any]]]:
    window = {**WHO, "window_start": JULY, "window_end": JULY + DAY}
    message = {"topic": "events", "partition": 0, "offset": 7}
    flagged = {
        "event_id": "e-1",
        "instance": 0,
        "technique": "range",
        "event_time": JULY,
        "score": 3.25,
        "threshold": 1.0,
    }
    fired = {
        **window,
        "alert_id": "0123456789abcdef",
        "changed_at": JULY + DAY,
        "state": "firing",
        "severity": "warning",
        "title": "flights: drift in temp",
        "body": "Model flight_delay version 1, window 2013-07-04 00:00 to 2013-07-05 00:00 UTC.",
        "findings": '[{"feature": "temp", "slice": "", "technique": "psi", "score": 0.4}]',
        "channels": '{"hopsworks:slack": {"result": "sent", "tries": 1}}',
    }
    over = {
        "window_start": JULY + 4 * DAY,
        "window_end": JULY + 5 * DAY,
        "changed_at": JULY + 5 * DAY,
        "state": "resolved",
        "title": "flights: no more drift in temp",
        "findings": "[]",
        "channels": '{"hopsworks:slack": {"result": "failed", "tries": 2, "why": "no answer"}}',
    }
    return {
        "hopsmon_alerts": [fired, {**fired, **over}],
        "hopsmon_windows": [
            {**window, "requests": 900, "responses": 899, "instances": 1200, "predictions": 1199, "rejected": 1}
            | {"late": 2, "status": "ok", "closed_at": JULY + DAY, "revision": 0}
        ],
        "hopsmon_statistics": [
            {**window, "feature": "temp", "feature_type": "numeric", "count": 1200, "nulls": 3, "invalid": 0}
            | {
                "mean": 71.25,
                "min": -3.5,
                "p50": 70.0,
                "max": 104.0,
                "distinct_approx": 160,
                "histogram": '{"edges": [0, 1]}',
            }
        ],
        "hopsmon_outliers": [
            {
                **WHO,
                **flagged,
                **message,
                "top_features": '{"temp": 0.9, "origin": 0.1}',
                "values": '{"temp": 140.5, "origin": "JFK"}',
            }
        ],
        "hopsmon_rejects": [
            {**WHO, **message, "event_time": JULY, "reason": "bad_json", "message": "unexpected end of data: [red]"}
            | {"payload": b'{"instances": [[1,\xff'}
        ],
    }


@pytest.fixture
def store_folder(tmp_path: Path) -> Path:
    """A store with hand-written rows in every table."""
    from hopsmon import wiring

    rows = {"hopsmon_drift": drift_rows(), **rows_of_other_tables()}
    tables = {name: TABLES[name].table(found) for name, found in rows.items()}
    wiring.home_at(tmp_path / "monitoring").tables.write(tables, "test", 0)
    return tmp_path / "monitoring"
