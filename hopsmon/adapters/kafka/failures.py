"""Failures of Spark's Kafka source in our words: what may pass by itself, and what a person must decide."""

from __future__ import annotations

from collections.abc import Sequence

from hopsmon.errors import OutsideError, TransientError

# Parts of the texts of Spark 4.1's Kafka source and of the Kafka client under it.
_LOST = ("KAFKA_DATA_LOSS", "failOnDataLoss", "data may have been lost", "OffsetOutOfRange")
_GONE = ("UnknownTopicOrPartition", "does not exist", "partitions are gone")
_AWAY = (
    "TimeoutException",
    "Timed out waiting",
    "DisconnectException",
    "BrokerNotAvailable",
    "No resolvable bootstrap urls",
    "NetworkException",
    "Connection to node",
    "CoordinatorNotAvailable",
    "NotLeaderOrFollower",
)
# Spark 4.1: KafkaMicroBatchStream.metrics has no latest offsets yet when a batch planned before a restart was redone.
_REPORT_ONLY = 'IterableOps.map(scala.Function1)" because the return value of "scala.Option.get()" is null'
# The client's wrappers around whatever is wrong with its settings; waiting mends none of it.
_UNMADE = ("Failed to create new KafkaAdminClient", "Failed to construct kafka consumer")
_REFUSED = ("SaslAuthenticationException", "SslAuthenticationException", "AuthorizationException")


_FINAL = (
    (_REFUSED, "Kafka at {servers} refused access to {topics}: look at log.kafka.options."),
    (
        _LOST,
        "Messages of {topics} at {servers} were deleted before they were read (retention, or the topic was made anew). "
        "To go on with what is left and have the lost offsets listed in hopsmon_rejects, set "
        "log.kafka.on_data_loss: report.",
    ),
    (
        _UNMADE,
        "No Kafka client for {servers} can be made from log.kafka.options: look at trust store, key store, login "
        "module and security protocol.",
    ),
    (_GONE, "Kafka at {servers} has lost a topic or partition of: {topics}. Create it again."),
)


def explained(error: str, servers: str, topics: Sequence[str]) -> OutsideError | None:
    """The failure as an error of ours; None where Kafka is not behind it."""
    if _REPORT_ONLY in error:
        return TransientError("Spark could not report on the micro-batch that it did again.", retry_after=0)
    if any(part in error for part in _AWAY):
        return TransientError(f"Kafka at {servers} does not answer.")
    for parts, text in _FINAL:
        if any(part in error for part in parts):
            return OutsideError(text.format(servers=servers, topics=", ".join(topics)))
    return None
