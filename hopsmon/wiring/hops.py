"""The log of an old Hopsworks cluster, as an object: its topic, reached by the library `hops`."""

from __future__ import annotations

from hopsmon.config import HopsConfig
from hopsmon.streaming.ports import LogSource
from hopsmon.wiring.adapters import require
from hopsmon.wiring.logs import topic_source


def cluster_source(log: HopsConfig, wire_format: str) -> LogSource:
    """The topic, read with what the cluster gives; options of the configuration win.

    Raises:
        ConfigError: the extra is not installed, a secret cannot be read, or the topic is of another format.
        OutsideError: this is no job or notebook of such a cluster, or the cluster does not answer.
    """
    require("pyspark", "kafka", "hops")
    from hopsmon.adapters.hops.cluster import brokers, check_inference_log

    if wire_format == "hopsworks":
        check_inference_log(log.topic)
    kafka = brokers()
    return topic_source("log.hops", log, kafka.bootstrap_servers, log.topic, kafka.options)
