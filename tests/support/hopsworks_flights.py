"""The demo's model of late flights as a Hopsworks project has it: feature view, training data, deployment, its log."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import fastavro
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hopsmon.adapters.kafka.producer import Event, publish
from hopsmon.demo.data import FEATURES, load_flights
from hopsmon.demo.model import PREDICTIONS, Scored, train_and_score
from hopsmon.testing.hopsworks_profiles import Form, Profiler
from hopsmon.testing.hopsworks_server import HopsworksServer

VIEW, MODEL, DEPLOYMENT, RECEIVER = "flights", "flight_delay", "flightdelay", "oncall"
KEY, TIME, LABEL = "flight_id", "departs", "late"
HIVE = {
    pa.string(): "string",
    pa.large_string(): "string",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
}
AVRO = Path(__file__).parents[1] / "data" / "avro"
PREDICTION_TYPES = ({PREDICTIONS[0]: "numeric"}, {PREDICTIONS[1]: "boolean"})


@lru_cache(maxsize=1)
def scored() -> Scored:
    """Training data of January to March, and April to December with the model's predictions."""
    return train_and_score(load_flights())


def training() -> pd.DataFrame:
    """The training data as the feature view gives it: keys, features, event time and label."""
    frame = scored().training.reset_index(drop=True)
    return frame.assign(**{KEY: range(len(frame)), LABEL: frame[PREDICTIONS[1]]}).drop(columns=list(PREDICTIONS))


def seed(server: HopsworksServer, topic: str, form: Form = Form.KLL_NATIVE, schema_version: int = 4) -> None:
    """Put it all into a server, the training data's files included."""
    frame = training()
    columns = pa.Schema.from_pandas(frame[list(FEATURES)], preserve_index=False)
    types = {KEY: "bigint", TIME: "timestamp", **{field.name: HIVE[field.type] for field in columns}, LABEL: "boolean"}
    group = server.seed.feature_group(VIEW, types, primary_key=[KEY], event_time=TIME)
    server.seed.feature_view(VIEW, group, labels=[LABEL])
    version = server.seed.training_dataset(VIEW)
    server.seed.training_dataset_statistics(VIEW, Profiler(form).profile(frame[[*FEATURES, LABEL]]), version)
    folder = server.dataset(f"{server.project}_Training_Datasets/{VIEW}_1_{version}/{VIEW}_1")
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / "part-0.parquet", coerce_timestamps="us")
    server.seed.model(MODEL, 1, (VIEW, 1), version)
    server.seed.deployment(DEPLOYMENT, MODEL, 1, topic=topic, schema_version=schema_version)
    server.seed.alert_receiver(RECEIVER)


@dataclass(frozen=True)
class Log:
    """The deployment's inference log: flights of some days, in the records of one schema version.

    Attributes:
        days: the first and the day after the last, of 2013.
        version: of the inference schema, 1 to 4.
        seconds: whether the logger's clock gives seconds instead of milliseconds.
        moved: by how much later than in 2013 all happens.
    """

    days: tuple[str, str] = ("2013-04-01", "2013-04-15")
    version: int = 4
    seconds: bool = False
    moved: timedelta = timedelta(0)

    @property
    def flights(self) -> pd.DataFrame:
        """The flights in it, with predictions."""
        replay = scored().replay
        since, until = (pd.Timestamp(day, tz=replay[TIME].dt.tz) for day in self.days)
        return replay[(replay[TIME] >= since) & (replay[TIME] < until)]

    def records(self) -> Iterator[bytes]:
        """Avro records; version 4 has requests and responses apart, the others both in one."""
        schema = fastavro.parse_schema(json.loads((AVRO / f"v{self.version}.avsc").read_text("utf-8")))
        names = [field["name"] for field in schema["fields"]]  # type: ignore[index, call-overload]
        for number, (time, flights) in enumerate(self.flights.groupby(TIME, sort=True)):
            for fields in self._exchange(f"flight-{number}", pd.Timestamp(str(time)), flights):
                record = io.BytesIO()
                fastavro.schemaless_writer(record, schema, {name: fields[name] for name in names})
                yield record.getvalue()

    def _exchange(self, event: str, time: pd.Timestamp, flights: pd.DataFrame) -> Iterator[dict[str, Any]]:
        request = _body("instances", flights[list(FEATURES)])
        response = _body("predictions", flights[list(PREDICTIONS)])
        both = {
            "modelId": 1,
            "servingId": 1,
            "modelName": MODEL,
            "modelVersion": 1,
            "requestTimestamp": int((time + self.moved).timestamp()) * (1 if self.seconds else 1000),
            "responseHttpCode": 200,
            "servingType": "PYTHON",
            "modelServer": "PYTHON",
            "servingTool": "KSERVE",
            "inferenceRequest": request,
            "inferenceResponse": response,
            "inferenceId": event,
        }
        if self.version < 4:
            yield both
        else:
            yield {**both, "messageType": "request", "payload": request}
            yield {**both, "messageType": "response", "payload": response}

    def publish(self, servers: str, topic: str) -> int:
        """Send it to a broker; the number of records."""
        return publish(servers, topic, (Event({}, record, partition=0) for record in self.records()))


def _body(name: str, rows: pd.DataFrame) -> str:
    values = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
    return orjson.dumps({name: values}).decode()
