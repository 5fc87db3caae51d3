"""A Kafka topic as inference log, read by Spark's own Kafka source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from hopsmon.adapters.kafka.checking import check
from hopsmon.adapters.kafka.failures import explained
from hopsmon.errors import ConfigError, OutsideError
from hopsmon.streaming.ports import LOG_COLUMNS
from hopsmon.streaming.spark_lines import kafka_package

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class KafkaSource:
    """One or more topics of one cluster.

    Attributes:
        bootstrap_servers: "host:port", several with commas.
        topics: the topics to read.
        starting_offsets: where a query without checkpoint begins: "earliest", "latest", or an offset for every
            partition (-2: its earliest, -1: its latest). A checkpoint wins.
        max_offsets_per_trigger: at most so many messages a micro-batch; None: all there are.
        min_partitions: at least so many Spark tasks, where the topic has fewer partitions.
        starting_at: begin with the messages that arrived at that time or later, whatever `starting_offsets` says.
        on_data_loss: what to do about messages the broker deleted before they were read. "fail" stops the query;
            "report" goes on with what is left, and the lost offsets are rows of hopsmon_rejects.
        options: Spark's `kafka.*` options (security and others), handed on as they are. They may hold secrets, so
            they are in no representation of this object.
        section: of the configuration, what all this is from: messages say what to mend there.
    """

    bootstrap_servers: str
    topics: tuple[str, ...]
    starting_offsets: str | Mapping[int, int] = "earliest"
    max_offsets_per_trigger: int | None = None
    min_partitions: int | None = None
    on_data_loss: Literal["fail", "report"] = "fail"
    starting_at: datetime | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    section: str = "log.kafka"

    def __post_init__(self) -> None:
        if not self.topics:
            raise ConfigError("A Kafka log needs a topic.")
        for name in self.options:
            if not name.startswith("kafka.") or name == "kafka.bootstrap.servers":
                raise ConfigError(
                    f"'{name}' is no option to hand on to Kafka. Those begin with 'kafka.', such as "
                    "'kafka.security.protocol'; the servers stand in bootstrap_servers."
                )

    @property
    def packages(self) -> tuple[str, ...]:
        """Spark's Kafka source."""
        return (kafka_package(),)

    @property
    def contiguous(self) -> bool:
        """Offsets of a partition follow one another: a gap means messages that are gone."""
        return True

    @property
    def identity(self) -> str:
        """The topics. Not the servers: a cluster may move, and a checkpoint with it."""
        return f"kafka: {', '.join(sorted(self.topics))}"

    def check(self) -> None:
        """Look whether a broker answers, lets us in and has the topics."""
        check(self.bootstrap_servers, self.topics, self.options, self.section)

    def explain(self, error: str) -> OutsideError | None:
        """What stopped Spark's reading, where Kafka is behind it."""
        return explained(error, self.bootstrap_servers, self.topics, self.section)

    def since(self, moment: datetime) -> KafkaSource:
        """The same topics, for a query that begins with what arrived at that time or later."""
        return replace(self, starting_at=moment)

    def load(self, spark: SparkSession) -> DataFrame:
        """The topics as a streaming frame with the log's columns."""
        reader = spark.readStream.format("kafka").options(**self._spark_options())
        return reader.load().select(*LOG_COLUMNS)

    def _start(self) -> str:
        start = self.starting_offsets
        return start if isinstance(start, str) else json.dumps({topic: dict(start) for topic in self.topics})

    def _spark_options(self) -> dict[str, str]:
        options = {
            **self.options,
            "kafka.bootstrap.servers": self.bootstrap_servers,
            "subscribe": ",".join(self.topics),
            "startingOffsets": self._start(),
            "failOnDataLoss": str(self.on_data_loss == "fail").lower(),
            "includeHeaders": "true",
        }
        if self.starting_at is not None:
            # The broker's index knows them; of a partition where nothing came since, everything that will.
            options["startingTimestamp"] = str(int(self.starting_at.timestamp() * 1000))
            options["startingOffsetsByTimestampStrategy"] = "latest"
        if self.max_offsets_per_trigger is not None:
            options["maxOffsetsPerTrigger"] = str(self.max_offsets_per_trigger)
        if self.min_partitions is not None:
            options["minPartitions"] = str(self.min_partitions)
        return options
