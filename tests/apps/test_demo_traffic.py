"""The demo's data, model and traffic: what is sent is what the flights were."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pandas as pd
import pytest

from hopsmon.demo import data, model, replay


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return data.load_flights()


@pytest.fixture(scope="module")
def scored(flights: pd.DataFrame) -> model.Scored:
    return model.train_and_score(flights)


@pytest.fixture(scope="module")
def july(scored: model.Scored) -> list[replay.Event]:
    return list(replay.events_of_month(scored.replay, 7))


def test_every_flight_is_there_in_order_of_its_scheduled_departure(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776
    assert flights["departs"].is_monotonic_increasing
    assert str(flights["departs"].iloc[0]) == "2013-01-01 10:15:00+00:00"  # 05:15 in New York


def test_planned_duration_counts_the_destination_s_clock(flights: pd.DataFrame) -> None:
    first = flights.iloc[0]  # UA 1545, EWR to IAH: 05:15 Eastern to 08:19 Central
    assert (first["carrier"], first["dest"], first["block_minutes"]) == ("UA", "IAH", 4 * 60 + 4)
    assert flights["block_minutes"].between(45, 720).all()  # New York to Honolulu is the longest
    san_juan = flights[flights["dest"] == "SJU"]["block_minutes"]  # not in airports.csv
    assert san_juan.between(205, 260).all()


def test_weather_is_that_of_the_airport_and_hour_and_unknown_stays_null(flights: pd.DataFrame) -> None:
    assert flights.iloc[0]["temp"] == 39.02  # EWR, 2013-01-01 05:00
    assert flights["pressure"].isna().sum() == 38_788
    unknown = flights["temp"].isna()
    assert unknown.any()
    assert flights.loc[unknown, "freezing"].isna().all()
    assert (flights.loc[~unknown, "freezing"] == (flights.loc[~unknown, "temp"] <= 32)).all()


def test_cancelled_flights_are_asked_for_but_not_learnt_from(flights: pd.DataFrame, scored: model.Scored) -> None:
    known = flights["month"] <= 3
    assert len(scored.training) == (known & flights["delay"].notna()).sum()
    assert len(scored.replay) == (~known).sum()
    assert scored.replay["late"].isna().sum() == flights.loc[~known, "delay"].isna().sum() > 0


def test_the_data_loads_where_setuptools_has_no_pkg_resources() -> None:
    code = (
        "import sys; sys.modules['pkg_resources'] = None\n"
        "from hopsmon.demo.data import load_flights; print(len(load_flights()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "336776"


def test_the_model_is_believable_and_the_baseline_not_flattered(scored: model.Scored) -> None:
    assert 0.65 < scored.quality.training < 0.75
    assert set(scored.quality.after) == set(range(4, 13))
    assert all(0.6 < auc < 0.8 for auc in scored.quality.after.values())
    # The threshold calls as many flights late as were: 22.8 % of the first quarter's.
    assert scored.training["late_predicted"].mean() == pytest.approx(0.2284, abs=0.001)


def test_destinations_the_training_has_not_seen_are_scored_too(scored: model.Scored) -> None:
    new = scored.replay[~scored.replay["dest"].isin(scored.training["dest"].unique())]
    assert set(new["dest"]) == {"ABQ", "ACK", "ANC", "ILM", "LEX", "LGA", "MVY", "SBN", "TVC"}
    assert new["p_late"].between(0, 1).all()


def _read(event: replay.Event) -> Any:
    assert event.body is not None
    return json.loads(event.body)


def _instances(body: dict) -> list[dict]:
    """The rows of a request or response body, read as the protocol's page says, not as hopsmon does."""
    for key in ("instances", "predictions"):
        if key in body:
            return body[key]
    tensors = body.get("inputs") or body["outputs"]
    assert all(tensor["shape"] == [len(tensor["data"])] for tensor in tensors)
    names = [tensor["name"] for tensor in tensors]
    return [dict(zip(names, row, strict=True)) for row in zip(*(tensor["data"] for tensor in tensors), strict=True)]


@pytest.mark.parametrize(("side", "columns"), [("request", data.FEATURES), ("response", model.PREDICTIONS)])
def test_the_events_carry_every_flight_s_values_in_order(
    july: list[replay.Event], scored: model.Scored, side: str, columns: tuple[str, ...]
) -> None:
    rows = [
        (pd.Timestamp(event.time).floor("min"), *(row[name] for name in columns))
        for event in july
        if event.side == side and event.kind is replay.Kind.INFERENCE
        for row in _instances(_read(event))
    ]
    expected = scored.replay[scored.replay["month"] == 7][["departs", *columns]]
    for name, sent in zip(["departs", *columns], zip(*rows, strict=True), strict=True):
        assert [None if pd.isna(value) else value for value in expected[name]] == list(sent), name


def test_both_protocols_lie_side_by_side_and_a_request_can_hold_several_flights(july: list[replay.Event]) -> None:
    requests = [_read(e) for e in july if e.side == "request" and e.kind is replay.Kind.INFERENCE]
    assert Counter(next(iter(request)) for request in requests).keys() == {"instances", "inputs"}
    assert max(len(_instances(request)) for request in requests) > 5


def test_a_response_shares_its_request_s_id_and_comes_after_it(july: list[replay.Event]) -> None:
    asked = {event.id: event for event in july if event.side == "request" and event.kind is replay.Kind.INFERENCE}
    answered = [event for event in july if event.side == "response" and event.kind is replay.Kind.INFERENCE]
    assert len(asked) == len(answered)
    assert all(pd.Timestamp(asked[event.id].time) < pd.Timestamp(event.time) for event in answered)


def test_nuisances_are_counted_apart(scored: model.Scored) -> None:
    sent = replay.Sent()
    kinds: Counter[replay.Kind] = Counter()
    for month in (7, 10):
        events = list(sent.watch(replay.events_of_month(scored.replay, month)))
        kinds.update(event.kind for event in events)
        ids = Counter((event.id, event.side) for event in events)
        assert sum(count - 1 for count in ids.values()) == (2 if month == 10 else 0)
    assert (kinds[replay.Kind.PROBE], kinds[replay.Kind.CUT_OFF], kinds[replay.Kind.REPEATED]) == (4, 1, 2)
    assert sent.messages == kinds.total()
    months = scored.replay["month"].isin([7, 10])
    assert sent.instances > months.sum()  # the repeated exchange's flights once more


def test_the_same_month_is_the_same_log_every_time(scored: model.Scored, july: list[replay.Event]) -> None:
    assert list(replay.events_of_month(scored.replay, 7)) == july


def test_a_structured_line_carries_the_event_s_attributes_and_body(july: list[replay.Event]) -> None:
    shown = {event.kind: event for event in july}
    for event in shown.values():
        line = json.loads(replay.structured_line(event))
        assert {name: value for name, value in line.items() if name not in ("data", "data_base64")} == (
            replay.attributes(event)
        )
        assert ("datacontenttype" in line) == (event.body is not None)
    inference = shown[replay.Kind.INFERENCE]
    assert json.loads(replay.structured_line(inference))["data"] == _read(inference)
    cut = shown[replay.Kind.CUT_OFF]
    assert base64.b64decode(json.loads(replay.structured_line(cut))["data_base64"]) == cut.body
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.body)
