"""Failures of Spark's Kafka source in our words: what may pass by itself, and what a person must decide."""

from __future__ import annotations

from collections.abc import Sequence

from hopsmon.errors import OutsideError, TransientError

# Parts of the texts of Spark's Kafka source, of 3.5 and 4.1, and of the Kafka client under it.
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
_SOME_PARTITIONS = ("must specify all TopicPartitions", "you must specify all")
_REFUSED = ("SaslAuthenticationException", "SslAuthenticationException", "AuthorizationException")


_FINAL = (
    (_REFUSED, "Kafka at {servers} refused access to {topics}: look at {section}.options."),
    (
        _LOST,
        "Messages of {topics} at {servers} were deleted before they were read (retention, or the topic was made anew). "
        "To go on with what is left and have the lost offsets listed in hopsmon_rejects, set "
        "{section}.on_data_loss: report.",
    ),
    (
        _UNMADE,
        "No Kafka client for {servers} can be made from {section}.options: look at trust store, key store, login "
        "module and security protocol.",
    ),
    (
        _SOME_PARTITIONS,
        "{section}.starting_offsets names not just the partitions that {topics} at {servers} has: give each of them an "
        "offset (-2: its earliest, -1: its latest).",
    ),
    (_GONE, "Kafka at {servers} has lost a topic or partition of: {topics}. {again}"),
)
_AGAIN = {
    "log.deployment": "Create it again, or give the deployment's inference logger another topic.",
    "log.feature_log": "Create it again, or let the feature view log anew: feature_view.enable_logging().",
}


def when_missing(section: str) -> str:
    """What to do about a topic that is not there."""
    return _AGAIN.get(section, f"Create it, or mend {section}.topic.")


def explained(error: str, servers: str, topics: Sequence[str], section: str) -> OutsideError | None:
    """The failure as an error of ours; None where Kafka is not behind it. `section`: of the configuration."""
    if _REPORT_ONLY in error:
        return TransientError("Spark could not report on the micro-batch that it did again.", retry_after=0)
    if any(part in error for part in _AWAY):
        return TransientError(f"Kafka at {servers} does not answer.")
    for parts, text in _FINAL:
        if any(part in error for part in parts):
            words = {"servers": servers, "topics": ", ".join(topics), "section": section}
            return OutsideError(text.format(**words, again=when_missing(section)))
    return None
