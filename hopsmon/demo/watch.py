"""Demo, its monitoring: what a user would do, with the files and calls a user has."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hopsmon import wiring
from hopsmon.core.schema import ModelRef
from hopsmon.demo.model import PREDICTIONS, Scored
from hopsmon.demo.replay import MODEL_NAME, Event, Sent, attributes, events_of_month, structured_line
from hopsmon.errors import ConfigError
from hopsmon.sdk import Monitor, connect

if TYPE_CHECKING:
    from hopsmon.adapters.kafka.broker import LocalBroker
    from hopsmon.adapters.kafka.producer import Event as KafkaEvent
    from hopsmon.streaming.progress import Progress, RunReport

MODEL = ModelRef(MODEL_NAME, 1)
TOPIC = "flight-delay-inference"
WINDOW = timedelta(days=1)
SLICED = "origin"
PARTITIONS = 2  # requests and responses of one id share one
TRAINING, BASELINE, EVENTS, CONFIG, STORE, BROKER = (
    "training.parquet",
    "baseline.json",
    "events",
    "monitor.yaml",
    "monitoring",
    "broker",
)
HEADER = "# Written by `hopsmon demo`; the next demo in this folder replaces it."
FILES_LOG = f"files: {{path: {EVENTS}, max_files_per_trigger: 6}}"  # two months at a time, to see it go on
KAFKA_LOG = "kafka: {{bootstrap_servers: '{servers}', topic: {topic}, max_offsets_per_trigger: 60000}}"
YAML = """{header}
name: flight-delay
model: {{name: {model}, version: 1}}
log:
  {log}
baseline: {{file: {baseline}}}
window: {{size: 1d, lateness: 1h}}
slices: [{sliced}]
store: {{path: {store}}}
"""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Watched:
    """A monitor that has seen the whole log, what its run reported, and what had been sent."""

    monitor: Monitor
    run: RunReport
    sent: Sent


def clear(folder: Path) -> None:
    """Make the folder, or remove an earlier demo from it.

    Raises:
        ConfigError: the folder holds something else, or cannot be written.
    """
    config = folder / CONFIG
    ours = config.is_file() and config.read_text("utf-8").startswith(HEADER)
    if folder.is_dir() and any(folder.iterdir()) and not ours:
        raise ConfigError(f"'{folder}' is not empty and holds no earlier demo. Choose another folder, or empty it.")
    try:
        for name in (EVENTS, STORE, BROKER):
            if (folder / name).exists():
                shutil.rmtree(folder / name)
        folder.mkdir(parents=True, exist_ok=True)
        config.write_text(HEADER + "\n", "utf-8")
    except OSError as error:
        raise ConfigError(f"Cannot write the demo into '{folder}': {error.strerror}. Choose another folder.") from error


def write_baseline(scored: Scored, folder: Path) -> None:
    """The training frame, and the baseline made of it.

    As `hopsmon baseline training.parquet --event-time departs --window 1d --slice origin` would, with the predictions.
    """
    scored.training.to_parquet(folder / TRAINING, index=False)
    baseline = wiring.baseline_of_data(
        folder / TRAINING, MODEL, PREDICTIONS, event_time="departs", window=WINDOW, slices=[SLICED]
    )
    (folder / BASELINE).write_text(baseline.to_json(), "utf-8")


def send_to_files(scored: Scored, months: range, folder: Path, tell: Tell) -> Sent:
    """The events as JSON lines, a file for each ten days, so that every core has one to read."""
    sent = Sent()
    (folder / EVENTS).mkdir()
    for month in months:
        for name, events in itertools.groupby(sent.watch(events_of_month(scored.replay, month)), _file_of):
            with (folder / EVENTS / name).open("ab") as lines:  # a month's last evening is in the next one's first file
                lines.writelines(map(structured_line, events))
        tell(f"{sent.messages:,} events")
    return sent


def _file_of(event: Event) -> str:
    year_month, day = event.time[:8], int(event.time[8:10])
    return f"{year_month}{1 if day <= 10 else 11 if day <= 20 else 21:02d}.jsonl"


def send_to_kafka(scored: Scored, months: range, broker: LocalBroker, tell: Tell) -> Sent:
    """The events as records of a Kafka topic."""
    from hopsmon.adapters.kafka.producer import publish

    sent = Sent()
    broker.create_topic(TOPIC, PARTITIONS)
    for month in months:
        publish(broker.bootstrap_servers, TOPIC, _records(sent.watch(events_of_month(scored.replay, month))))
        tell(f"{sent.messages:,} events")
    return sent


def watch(folder: Path, log: str, sent: Sent, progress: Callable[[Progress], None]) -> Watched:
    """Write the monitor's configuration, and run it to the end of the log."""
    text = YAML.format(header=HEADER, model=MODEL_NAME, log=log, baseline=BASELINE, store=STORE, sliced=SLICED)
    (folder / CONFIG).write_text(text, "utf-8")
    monitor = connect(folder / STORE).create_monitor(folder / CONFIG)
    return Watched(monitor, monitor.run(once=True, progress=progress), sent)


@contextlib.contextmanager
def broker_in(folder: Path) -> Iterator[LocalBroker]:
    """A real Kafka broker that keeps its data in the demo's folder, and leaves none there."""
    wiring.require("kafka")
    from hopsmon.adapters.kafka.broker import LocalBroker

    try:
        with LocalBroker(folder / BROKER) as broker:
            yield broker
    finally:
        shutil.rmtree(folder / BROKER, ignore_errors=True)


def _records(events: Iterable[Event]) -> Iterator[KafkaEvent]:
    from hopsmon.adapters.kafka.producer import Event as KafkaEvent

    for event in events:
        yield KafkaEvent(attributes(event), event.body, partition=int(event.id[:8], 16) % PARTITIONS)
