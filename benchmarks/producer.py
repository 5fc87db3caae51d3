"""The producer, a process of its own: fills a topic at full speed, or sends at a steady rate with the clock's time."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.messages import ENCODERS, FEATURES, MICROS, rows

ROOT = Path(__file__).parents[1]
PARTITIONS = 2
ARRIVAL_DELAY = 3_000  # microseconds between an event and its arrival at the log, in a backlog


@dataclass(frozen=True, slots=True)
class Traffic:
    """What to send.

    Attributes:
        rate: events a second of event time.
        first_event: event time of the first one in microseconds; None: send live, at this rate, each at its own time.
        planted_every: every so many requests one value lies far outside the reference; 0: never.
        times: where a live producer saves the event time of every request (a numpy file).
        features: numbers in a request.
    """

    bootstrap: str
    topic: str
    format: str
    messages: int
    rate: float
    first_event: int | None = None
    partitions: int = PARTITIONS
    planted_every: int = 0
    times: Path | None = None
    features: int = len(FEATURES)

    def arguments(self) -> list[str]:
        """The same as command-line arguments."""
        given = {
            name.replace("_", "-"): getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None
        }
        return [text for name, value in given.items() for text in (f"--{name}", str(value))]

    def start(self) -> subprocess.Popen[bytes]:
        """The producer as a child process; it ends when everything is in the log."""
        return subprocess.Popen([sys.executable, "-m", "benchmarks.producer", *self.arguments()], cwd=ROOT)


def create_topic(bootstrap: str, topic: str, partitions: int) -> None:
    """A new topic that keeps its messages, whatever their time."""
    wanted = NewTopic(topic, num_partitions=partitions, replication_factor=1, config={"retention.ms": "-1"})
    admin = AdminClient({"bootstrap.servers": bootstrap})  # must outlive the request
    admin.create_topics([wanted])[topic].result(timeout=60)


def fill(traffic: Traffic) -> None:
    """Create the topic and send everything; returns when all of it is in the log.

    Raises:
        RuntimeError: the producer failed; its own message stands above.
    """
    create_topic(traffic.bootstrap, traffic.topic, traffic.partitions)
    if traffic.start().wait() != 0:
        raise RuntimeError(f"The producer could not fill the topic {traffic.topic}; its message stands above.")


def event_times(traffic: Traffic) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Event times of a backlog: evenly spaced from `first_event` on."""
    if traffic.first_event is None:
        raise ValueError("Live traffic has no event times before it is sent.")
    return traffic.first_event + (np.arange(traffic.messages) * (MICROS / traffic.rate)).astype(np.int64)


def decoded_times(traffic: Traffic) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The event times a reader finds in a backlog: each format has its own resolution."""
    times = event_times(traffic)
    if traffic.format == "json_v1_bare":  # nothing but the log's timestamp, in milliseconds
        return (times + ARRIVAL_DELAY) // 1_000 * 1_000
    return times // MICROS * MICROS if traffic.format == "avro_v4" else times


def clock(traffic: Traffic) -> Iterator[int]:
    """The event time of each request in turn; live, it waits until each is due."""
    if traffic.first_event is not None:
        yield from event_times(traffic).tolist()
        return
    start = time.time_ns()
    for number in range(traffic.messages):
        wait = start / 1e9 + number / traffic.rate - time.time_ns() / 1e9
        if wait > 0:
            time.sleep(wait)
        yield time.time_ns() // 1_000


def send(traffic: Traffic) -> list[int]:
    """Send everything and wait for the broker's word; the event times sent.

    Raises:
        KafkaException: the broker refused a message.
    """
    failures: list[KafkaError] = []
    settings = {"bootstrap.servers": traffic.bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 500_000}
    producer = Producer(settings)
    encode, live, sent = ENCODERS[traffic.format], traffic.first_event is None, []

    def delivered(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failures.append(error)

    values = rows(traffic.messages, planted_every=traffic.planted_every, features=traffic.features)
    for number, (event_time, row) in enumerate(zip(clock(traffic), values, strict=True)):
        message = encode(number, event_time, row)
        record = {
            "topic": traffic.topic,
            "value": message.value,
            "headers": message.headers,
            "partition": number % traffic.partitions,
            "timestamp": 0 if live else (event_time + ARRIVAL_DELAY) // 1_000,  # 0: the client's clock
            "on_delivery": delivered,
        }
        queue(producer, record)
        sent.append(event_time)
    producer.flush()
    if failures:
        raise KafkaException(failures[0])
    return sent


def queue(producer: Producer, record: dict[str, Any]) -> None:
    """Queue one message; where the queue is full, let the client work it off."""
    while True:
        try:
            producer.produce(**record)
        except BufferError:
            producer.poll(0.1)
        else:
            break
    producer.poll(0)


def main(arguments: list[str]) -> None:
    """Read the traffic from the command line and send it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.producer")
    for name, kind in (("bootstrap", str), ("topic", str), ("messages", int), ("rate", float)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--format", choices=ENCODERS, required=True)
    parser.add_argument("--first-event", type=int)
    parser.add_argument("--partitions", type=int, default=PARTITIONS)
    parser.add_argument("--planted-every", type=int, default=0)
    parser.add_argument("--times", type=Path)
    parser.add_argument("--features", type=int, default=len(FEATURES))
    traffic = Traffic(**vars(parser.parse_args(arguments)))
    sent = send(traffic)
    if traffic.times is not None:
        np.save(traffic.times, np.array(sent, dtype=np.int64))


if __name__ == "__main__":
    main(sys.argv[1:])
