"""A real Kafka broker on this machine, for demo and tests: one node, KRaft, loopback only."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from hopsmon.adapters.kafka.checking import is_up
from hopsmon.adapters.kafka.clients import admin, client_settings
from hopsmon.errors import OutsideError
from hopsmon.streaming.jvm import find_java, resolve, spark_home

_LOG = logging.getLogger(__name__)
KAFKA = "org.apache.kafka:kafka_2.13:3.9.1"
# Kafka's own jars bring no logger; Spark's do. Its slf4j must stand before Kafka's older one.
_LOGGER_JARS = ("slf4j-api-2*.jar", "log4j-api-*.jar", "log4j-core-*.jar", "log4j-slf4j2-impl-*.jar")
_CLUSTER_ID = "aG9wc21vbi1sb2NhbC1icg"  # any 16 bytes in base64
_READY_AFTER = 90.0  # seconds; about 5 on a quiet machine
_STOPPED_AFTER = 20.0


class LocalBroker:
    """A broker with a folder and ports of its own; a context manager, and `stop`/`start` keep ports and data.

    >>> with LocalBroker() as broker:                                       # doctest: +SKIP
    ...     broker.create_topic("inference", partitions=2)
    """

    def __init__(
        self,
        folder: Path | None = None,
        max_message_bytes: int = 16 << 20,
        heap: str = "512m",
        settings: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """A broker that is not started yet.

        Args:
            folder: where its data and log lie; None: a temporary one that the context's end removes.
            max_message_bytes: the largest message it takes.
            heap: its memory, as Java writes it.
            settings: further lines of its server.properties; they win over ours.
            options: Spark's `kafka.*` options that a client needs, where `settings` ask for a login.
        """
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="hopsmon-kafka-"))
        self.max_message_bytes = max_message_bytes
        self.heap = heap
        self.port, self._controller_port = _free_ports(2)
        self._settings = dict(settings or {})
        self._client = client_settings(options or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect to."""
        return f"127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        """What the broker writes to its console."""
        return self.folder / "broker.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the broker and wait until clients can connect.

        Raises:
            OutsideError: it did not come up; the message ends with its log's last lines.
        """
        if self._process is not None:
            return
        self._write_settings()
        _LOG.info("starting a Kafka broker on %s …", self.bootstrap_servers)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._watchdog = _watch(self._process.pid)
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the broker; its data stay until the context ends."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOPPED_AFTER)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._end_watchdog()

    def kill(self) -> None:
        """End the broker at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self.stop()

    def create_topic(self, name: str, partitions: int = 1, settings: Mapping[str, str] | None = None) -> None:
        """Create a topic with Kafka's own settings, such as {"retention.ms": "1000"}."""
        from kafka.admin import NewTopic

        with admin(self.bootstrap_servers, self._client) as client:
            client.create_topics([NewTopic(name, partitions, 1, topic_configs=dict(settings or {}))])

    def delete_topic(self, name: str) -> None:
        """Delete a topic and all it holds."""
        with admin(self.bootstrap_servers, self._client) as client:
            client.delete_topics([name])

    def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete a topic's records before an offset, by partition, as retention does."""
        from kafka import TopicPartition

        with admin(self.bootstrap_servers, self._client) as client:
            client.delete_records({TopicPartition(topic, part): offset for part, offset in before.items()})

    def _command(self) -> list[str]:
        logger = [str(jar) for glob in _LOGGER_JARS for jar in sorted((spark_home() / "jars").glob(glob))]
        jars = [*logger, *(str(jar) for jar in resolve([KAFKA]))]
        java = [str(find_java().command), f"-Xmx{self.heap}", "-XX:+ExitOnOutOfMemoryError"]
        java += ["-Dlog4j2.level=WARN", "-cp", os.pathsep.join(jars)]
        return [*java, "kafka.Kafka", str(self.folder / "server.properties")]

    def _write_settings(self) -> None:
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        identity = data / "meta.properties"
        if not identity.exists():  # Kafka adds the folder's id; without it a restart would not know its partitions
            # What `kafka-storage format` writes, without a second JVM for it.
            identity.write_text(f"version=1\ncluster.id={_CLUSTER_ID}\nnode.id=1\n")
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(data),
            "message.max.bytes": str(self.max_message_bytes),
            "replica.fetch.max.bytes": str(self.max_message_bytes),
            "socket.request.max.bytes": str(max(100 << 20, 2 * self.max_message_bytes)),
            "auto.create.topics.enable": "false",  # a missing topic must be an error
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            # The demo replays last year's events: retention by time would delete them by their timestamps.
            "log.retention.ms": "-1",
            "log.retention.bytes": str(8 << 30),
            "log.message.timestamp.after.max.ms": str(2**63 - 1),
            **self._settings,
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (self.folder / "server.properties").write_text(text)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_AFTER
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise OutsideError(
                    f"The Kafka broker ended with code {process.returncode}. Its log: {self._log_tail()}"
                )
            if is_up(self.bootstrap_servers, self._client):
                return
            time.sleep(0.1)
        raise OutsideError(f"The Kafka broker was not ready after {_READY_AFTER:.0f} s. Its log: {self._log_tail()}")

    def _log_tail(self, lines: int = 15) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:]) or "(empty)"

    def _end_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.communicate()
            self._watchdog = None


def _watch(pid: int) -> subprocess.Popen[bytes]:
    """Kill the broker when this process dies: then the pipe, which only it holds, ends."""
    return subprocess.Popen(  # noqa: S603 - our own command
        ["/bin/sh", "-c", 'read _; kill -9 "$0" 2>/dev/null', str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
