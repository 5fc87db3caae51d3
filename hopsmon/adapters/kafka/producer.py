"""Publishes CloudEvents to Kafka in binary mode, as an inference logger does; for demo and tests."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hopsmon.errors import OutsideError

_AT_ONCE = 20_000  # events in memory; kafka-python's own queue has no bound


class Event(NamedTuple):
    """A CloudEvent: its attributes (id, type, source, time, …) and its body as sent; None is no body.

    `partition` None: the producer chooses. `timestamp_ms` None: now.
    """

    attributes: Mapping[str, str]
    body: bytes | None
    partition: int | None = None
    timestamp_ms: int | None = None


def publish(bootstrap_servers: str, topic: str, events: Iterable[Event], **settings: Any) -> int:
    """Send events and wait until the broker has them all; gives their number. About 8,000 a second.

    Args:
        bootstrap_servers: where the cluster is.
        topic: an existing topic.
        events: what to send, in order within a partition.
        settings: further settings of kafka-python's producer; they win over ours.

    Raises:
        OutsideError: the broker did not take one.
    """
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    ours = {"linger_ms": 20, "batch_size": 1 << 18, "max_request_size": 64 << 20}
    failed: list[BaseException] = []
    sent = 0
    try:
        producer = KafkaProducer(bootstrap_servers=bootstrap_servers.split(","), **{**ours, **settings})
        with contextlib.closing(producer):
            for chunk in _chunks(events):
                for event in chunk:
                    _send(producer, topic, event).add_errback(failed.append)
                producer.flush()
                sent += len(chunk)
    except KafkaError as error:
        raise OutsideError(f"Cannot publish to topic '{topic}' at {bootstrap_servers}: {error}") from error
    if failed:
        raise OutsideError(f"{len(failed)} of {sent} events did not reach topic '{topic}': {failed[0]}") from failed[0]
    return sent


def headers_of(attributes: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """The message headers of binary mode: the content type is a header of its own."""
    return [
        ("content-type" if name == "datacontenttype" else f"ce_{name}", value.encode())
        for name, value in attributes.items()
    ]


def _chunks(events: Iterable[Event]) -> Iterator[list[Event]]:
    rest = iter(events)
    while chunk := list(itertools.islice(rest, _AT_ONCE)):
        yield chunk


def _send(producer: Any, topic: str, event: Event) -> Any:
    return producer.send(
        topic,
        value=event.body,
        key=b"" if event.body is None else None,  # kafka-python sends no message that has neither
        headers=headers_of(event.attributes),
        partition=event.partition,
        timestamp_ms=event.timestamp_ms,
    )
