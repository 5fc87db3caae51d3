"""Rows of the result tables, and what a store holds of them, short enough to compare."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from hopsmon.streaming.ports import ResultStore
from hopsmon.streaming.tables import OUTLIERS, STATES, STATISTICS, WINDOWS

DAY = dt.timedelta(days=1)
START = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)

Row = dict[str, Any]


def window(
    day: int, requests: int = 5, late: int = 0, revision: int = 0, monitor: str = "m", status: str = "ok"
) -> Row:
    return {
        "monitor": monitor,
        "model_name": "model",
        "model_version": "1",
        "slice": "",
        "window_start": START + day * DAY,
        "window_end": START + (day + 1) * DAY,
        "requests": requests,
        "responses": 0,
        "instances": requests,
        "predictions": 0,
        "rejected": 0,
        "late": late,
        "closed_at": START,
        "status": status,
        "revision": revision,
    }


def late_only(day: int, late: int, monitor: str = "m") -> Row:
    return window(day, requests=0, late=late, revision=-1, monitor=monitor, status="partial")


def outlier(offset: int, score: float = 1.0, monitor: str = "m", topic: str = "t") -> Row:
    return {
        "monitor": monitor,
        "model_name": "model",
        "model_version": "1",
        "slice": "",
        "event_id": f"event-{offset}",
        "instance": 0,
        "technique": "range",
        "event_time": START + offset * dt.timedelta(seconds=1),
        "score": score,
        "topic": topic,
        "partition": 0,
        "offset": offset,
    }


def state(day: int, slot: int, value: bytes, technique: str = "cusum") -> Row:
    row = {**window(day), "technique": technique, "slot": slot, "baseline_id": "b", "settings": "s", "state": value}
    return {name: row[name] for name in STATES.schema.names}


def statistic(day: int, **values: Any) -> Row:
    feature = {"feature": "x", "feature_type": "numeric", "count": 5}
    row = {key: value for key, value in window(day).items() if key in STATISTICS.schema.names}
    return {**row, **feature, **values}


def put_windows(store: ResultStore, rows: Sequence[Row], batch: int, app: str = "app") -> None:
    store.write({WINDOWS.name: WINDOWS.table(list(rows))}, app, batch)


def put_outliers(store: ResultStore, rows: Sequence[Row], batch: int, app: str = "app") -> None:
    store.write({OUTLIERS.name: OUTLIERS.table(list(rows))}, app, batch)


def put_states(store: ResultStore, rows: Sequence[Row], batch: int, app: str = "app") -> None:
    store.write({STATES.name: STATES.table(list(rows))}, app, batch)


def days(store: ResultStore, monitor: str = "m") -> dict[int, tuple[int, int, int, str]]:
    """(requests, late, revision, status) by day."""
    return {
        (row["window_start"] - START).days: (row["requests"], row["late"], row["revision"], row["status"])
        for row in store.read(WINDOWS.name, monitor).to_pylist()
    }


def scores(store: ResultStore, monitor: str | None = None) -> list[tuple[int, float]]:
    """(offset, score), oldest first."""
    return [(row["offset"], row["score"]) for row in store.read(OUTLIERS.name, monitor).to_pylist()]


def states(store: ResultStore) -> dict[tuple[str, int], bytes]:
    """State by technique and slot."""
    return {(row["technique"], row["slot"]): row["state"] for row in store.read(STATES.name).to_pylist()}


def counted(store: ResultStore) -> dict[int, tuple[int | None, int | None, int]]:
    """(outliers, outliers_left_out, late) by day."""
    return {
        (row["window_start"] - START).days: (row["outliers"], row["outliers_left_out"], row["late"])
        for row in store.read(WINDOWS.name).to_pylist()
    }
