"""A small model's traffic, seeded: reference data, and KServe events in the shapes that occur."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
import orjson
import pandas as pd

from hopsmon.adapters.kafka.producer import Event

START = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
FEATURES = ("age", "income", "city")
CITIES = ("Bern", "Genf", "Zug")


def reference(rows: int = 4_000, seed: int = 1) -> pd.DataFrame:
    """Training data: two numbers, a category, and the model's score."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, rows)
    return pd.DataFrame(
        {
            "age": age,
            "income": rng.lognormal(8, 0.5, rows),
            "city": rng.choice(CITIES, rows, p=[0.5, 0.3, 0.2]),
            "score": 1 / (1 + np.exp(-(age - 40) / 10)),
        }
    )


@dataclass(frozen=True)
class Traffic:
    """Requests at a steady rate of event time, each with a response; event i is the same however it is sent.

    Attributes:
        requests: how many.
        every: event time between two requests.
        shift: how far ages are off the reference, in years, from request `shift_from` on.
        jitter: seconds of disorder, seeded; below the lateness nothing is late.
        per_request: instances in a request.
    """

    requests: int
    every: timedelta = timedelta(seconds=1)
    shift: float = 0.0
    shift_from: int = 0
    jitter: float = 0.0
    per_request: int = 1
    start: datetime = START
    seed: int = 7
    responses: bool = True
    service: str = "credit"

    def frame(self) -> pd.DataFrame:
        """The instances, in the order of their requests."""
        rows = self.requests * self.per_request
        frame = reference(rows, self.seed)
        request = np.arange(rows) // self.per_request
        frame["age"] += np.where(request >= self.shift_from, self.shift, 0.0)
        return frame.assign(request=request)

    def times(self) -> list[datetime]:
        """The requests' event times, to the microsecond."""
        rng = np.random.default_rng(self.seed + 1)
        off = rng.uniform(-self.jitter, 0, self.requests) if self.jitter else np.zeros(self.requests)
        return [self.start + i * self.every + timedelta(seconds=float(off[i])) for i in range(self.requests)]

    def events(self, partitions: int = 1) -> Iterator[Event]:
        """Request and response of each, the response 40 ms later on the same partition."""
        frame = self.frame()
        rows = frame[list(FEATURES)].to_numpy().tolist()
        scores = frame["score"].tolist()
        for i, time in enumerate(self.times()):
            mine = slice(i * self.per_request, (i + 1) * self.per_request)
            body = orjson.dumps({"instances": rows[mine]})
            yield Event(attributes(i, time, "request", self.service), body, i % partitions)
            if self.responses:
                answer = orjson.dumps({"predictions": scores[mine]})
                later = time + timedelta(milliseconds=40)
                yield Event(attributes(i, later, "response", self.service), answer, i % partitions)


def attributes(number: int, time: datetime, side: str, service: str = "credit") -> dict[str, str]:
    """CloudEvent attributes as KServe's agent sends them."""
    return {
        "specversion": "1.0",
        "id": f"{service}-{number}",
        "type": f"org.kubeflow.serving.inference.{side}",
        "source": f"{service}-predictor-1",
        "time": time.isoformat().replace("+00:00", "Z"),
        "inferenceservicename": service,
        "namespace": "models",
        "component": "predictor",
        "endpoint": "",
        "metadata": "{}",
        "datacontenttype": "application/json",
    }
