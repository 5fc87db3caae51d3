"""Demo, its traffic: April to December as the events KServe's inference logger would have sent, at their own time.

All flights an airport schedules for the same minute are asked for in one request. The airports' systems moved from
KServe's v1 protocol to v2 one after the other, so both lie in the log side by side. What happens to every real log
happens here too, and is marked so that the report can account for it: readiness probes, one body cut off in the
middle (answered with an error, so it has no response event), and one exchange that was logged twice.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa

from hopsmon.core.schema import Word
from hopsmon.demo.data import FEATURES, NEW_YORK
from hopsmon.demo.model import PREDICTIONS, SEED

MODEL_NAME = "flight_delay"
SPOKE_V2_FROM = {"EWR": 6, "JFK": 8, "LGA": 10}  # month in which the airport's system moved to the v2 protocol
CUT_OFF_AFTER = pd.Timestamp("2013-07-04 12:00", tz=NEW_YORK)
TWICE_AFTER = pd.Timestamp("2013-10-01 08:00", tz=NEW_YORK)
ANSWER_SECONDS = 0.012  # median time the model takes
DATATYPES = {pa.string(): "BYTES", pa.int64(): "INT64", pa.float64(): "FP64", pa.bool_(): "BOOL"}

TYPE = "org.kubeflow.serving.inference."
ATTRIBUTES = {
    "specversion": "1.0",
    "source": "flight-delay-predictor-7d9f8b6c5-x2x9k",
    "inferenceservicename": "flight-delay",
    "namespace": "airports",
    "component": "predictor",
    "metadata": "{}",
}

IntArray: TypeAlias = npt.NDArray[np.intp]


class Kind(Word):
    """What a reader of the log should make of an event."""

    INFERENCE = "inference"
    REPEATED = "repeated"  # decodes like an inference, but the same was logged before
    PROBE = "probe"  # no inference
    CUT_OFF = "cut off"  # cannot be read


class Event(NamedTuple):
    """One event of the logger."""

    id: str
    side: str  # request | response
    time: str  # RFC 3339
    body: bytes | None  # None: the HTTP request had no body
    instances: int = 0
    kind: Kind = Kind.INFERENCE


@dataclass
class Sent:
    """What was put into the log, to compare with what the monitor accounts for."""

    requests: int = 0
    responses: int = 0
    instances: int = 0  # in requests
    repeated: int = 0  # messages logged a second time; they are requests and responses too
    probes: int = 0  # messages, both sides
    cut_off: int = 0

    @property
    def messages(self) -> int:
        """Everything that went into the log."""
        return self.requests + self.responses + self.probes + self.cut_off

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events, counted as they pass."""
        for event in events:
            self._count(event)
            yield event

    def _count(self, event: Event) -> None:
        if event.kind is Kind.PROBE:
            self.probes += 1
        elif event.kind is Kind.CUT_OFF:
            self.cut_off += 1
        else:
            is_request = event.side == "request"
            self.requests += is_request
            self.responses += not is_request
            self.instances += event.instances if is_request else 0
            self.repeated += event.kind is Kind.REPEATED


def events_of_month(replay: pd.DataFrame, month: int) -> Iterator[Event]:
    """The events of one month (on New York's calendar) in the order they were sent."""
    flights = replay[replay["month"] == month]
    seeded = np.random.default_rng(SEED * 100 + month)
    starts = _starts(flights)
    times = flights["departs"].dt.tz_localize(None).to_numpy()[starts]
    took = seeded.lognormal(np.log(ANSWER_SECONDS), 0.5, len(starts))
    asked, answered = _rfc3339(times), _rfc3339(times + (took * 1e9).astype("timedelta64[ns]"))
    cut_off_at, twice_at = (_first_after(times, time) for time in (CUT_OFF_AFTER, TWICE_AFTER))

    yield from _probe(_new_id(seeded), asked[0])
    for number, (request, response, size) in enumerate(_bodies(flights, starts, month)):
        event_id = _new_id(seeded)
        exchange = (
            Event(event_id, "request", asked[number], request, size),
            Event(event_id, "response", answered[number], response, size),
        )
        yield from exchange
        if number == twice_at:
            yield from (event._replace(kind=Kind.REPEATED) for event in exchange)
        if number == cut_off_at:
            yield Event(_new_id(seeded), "request", asked[number], request[: len(request) // 2], kind=Kind.CUT_OFF)


def attributes(event: Event) -> dict[str, str]:
    """The event's CloudEvents attributes."""
    own = {**ATTRIBUTES, "id": event.id, "type": TYPE + event.side, "time": event.time}
    return own if event.body is None else {**own, "datacontenttype": "application/json"}


def structured_line(event: Event) -> bytes:
    """The event as one line of JSON (CloudEvents structured mode); a body that is no JSON goes in as base64."""
    envelope: dict[str, Any] = {**attributes(event)}
    if event.kind is Kind.CUT_OFF:
        envelope["data_base64"] = base64.b64encode(event.body or b"").decode()
    elif event.body is not None:
        envelope["data"] = orjson.Fragment(event.body)
    return orjson.dumps(envelope, option=orjson.OPT_APPEND_NEWLINE)


def _probe(event_id: str, time: str) -> Iterator[Event]:
    """A GET of /v2/health/ready: the logger sends it like any other request."""
    yield Event(event_id, "request", time, None, kind=Kind.PROBE)
    yield Event(event_id, "response", time, b'{"ready":true}', kind=Kind.PROBE)


def _bodies(flights: pd.DataFrame, starts: IntArray, month: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Request body, response body and number of instances of each request; one starts at each of `starts`."""
    features, predictions = (_columns(flights, names) for names in (FEATURES, PREDICTIONS))
    v2 = flights["origin"].map(SPOKE_V2_FROM).to_numpy()[starts] <= month
    for start, stop, is_v2 in zip(starts, [*starts[1:], len(flights)], v2, strict=True):
        span = slice(int(start), int(stop))
        if is_v2:
            request = {"inputs": _tensors(features, span)}
            response = {"model_name": MODEL_NAME, "model_version": "1", "outputs": _tensors(predictions, span)}
        else:
            request, response = {"instances": _rows(features, span)}, {"predictions": _rows(predictions, span)}
        yield orjson.dumps(request), orjson.dumps(response), span.stop - span.start


class _Column(NamedTuple):
    name: str
    datatype: str  # as the v2 protocol calls it
    values: list[Any]  # None where the value is unknown


def _columns(flights: pd.DataFrame, names: Iterable[str]) -> list[_Column]:
    table = pa.Table.from_pandas(flights[list(names)], preserve_index=False)
    return [
        _Column(field.name, DATATYPES[field.type], column.to_pylist())
        for field, column in zip(table.schema, table.columns, strict=True)
    ]


def _tensors(columns: list[_Column], span: slice) -> list[dict[str, Any]]:
    """v2: one tensor a column."""
    shape = [span.stop - span.start]
    return [
        {"name": name, "shape": shape, "datatype": datatype, "data": values[span]} for name, datatype, values in columns
    ]


def _rows(columns: list[_Column], span: slice) -> list[dict[str, Any]]:
    """v1: one object an instance."""
    names = [column.name for column in columns]
    values = zip(*(column.values[span] for column in columns), strict=True)
    return [dict(zip(names, row, strict=True)) for row in values]


def _starts(flights: pd.DataFrame) -> IntArray:
    """Where a new request begins: another minute or another airport than the flight before."""
    departs, origin = flights["departs"].dt.tz_localize(None).to_numpy(), flights["origin"].to_numpy()
    new = (departs[1:] != departs[:-1]) | (origin[1:] != origin[:-1])
    return np.concatenate([[0], np.flatnonzero(new) + 1])


def _rfc3339(times: npt.NDArray[np.datetime64]) -> list[str]:
    return [time + "Z" for time in np.datetime_as_string(times, unit="us").tolist()]


def _first_after(times: npt.NDArray[np.datetime64], time: pd.Timestamp) -> int | None:
    """Number of the first of these times (UTC) at or after one, if that lies among them and not before them all."""
    number = int(np.searchsorted(times, time.tz_convert("UTC").tz_localize(None).to_datetime64()))
    return number if 0 < number < len(times) else None


def _new_id(seeded: np.random.Generator) -> str:
    return str(uuid.UUID(bytes=seeded.bytes(16), version=4))
