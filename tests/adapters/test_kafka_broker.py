import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from pyspark.errors import StreamingQueryException

from hopsmon.adapters.kafka.broker import LocalBroker
from hopsmon.adapters.kafka.checking import is_up
from hopsmon.adapters.kafka.producer import Event, publish
from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.errors import OutsideError, TransientError

LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="{user}" password="{password}"'
SASL = {
    "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": LOGIN.format(user="ann", password="s3cret")
    + ' user_ann="s3cret";',
}


def login(user, password):
    return {
        "kafka.security.protocol": "SASL_PLAINTEXT",
        "kafka.sasl.mechanism": "PLAIN",
        "kafka.sasl.jaas.config": LOGIN.format(user=user, password=password) + ";",
    }


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_broker_keeps_ports_and_data_over_a_stop_and_a_crash(tmp_path):
    with LocalBroker(tmp_path / "kafka") as broker:
        broker.create_topic("kept")
        publish(broker.bootstrap_servers, "kept", [Event({}, b"1")])
        address = broker.bootstrap_servers
        broker.stop()
        assert not is_up(address)
        broker.start()
        publish(address, "kept", [Event({}, b"2")])
        broker.kill()
        assert not is_up(address)
        broker.start()
        publish(address, "kept", [Event({}, b"3")])

        assert broker.bootstrap_servers == address
        KafkaSource(address, ("kept",)).check()
        broker.delete_topic("kept")
        with pytest.raises(OutsideError, match="no topic 'kept'"):
            KafkaSource(address, ("kept",)).check()
    assert not is_up(address)


def test_a_query_outlives_a_restart_of_its_broker_and_misses_nothing(spark, tmp_path):
    seen: list[bytes] = []
    with LocalBroker(tmp_path / "kafka") as broker:
        broker.create_topic("restarted")
        query = (
            KafkaSource(broker.bootstrap_servers, ("restarted",))
            .load(spark)
            .writeStream.foreachBatch(lambda frame, _: seen.extend(bytes(row.value) for row in frame.collect()))
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .start()
        )
        try:
            publish(broker.bootstrap_servers, "restarted", [Event({}, b"before")])
            wait_until(lambda: seen == [b"before"], query)
            broker.kill()
            time.sleep(3)
            broker.start()
            publish(broker.bootstrap_servers, "restarted", [Event({}, b"after")])
            wait_until(lambda: seen == [b"before", b"after"], query)
        finally:
            query.stop()

    assert seen == [b"before", b"after"]


def test_a_broker_that_stays_away_is_a_failure_that_may_pass(spark, tmp_path):
    impatient = {"kafka.default.api.timeout.ms": "1500", "kafka.request.timeout.ms": "1000"}
    with LocalBroker(tmp_path / "kafka") as broker:
        broker.create_topic("left")
        source = KafkaSource(broker.bootstrap_servers, ("left",), options=impatient)
        query = (
            source.load(spark)
            .writeStream.format("noop")
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .start()
        )
        wait_until(lambda: query.recentProgress, query)
    with pytest.raises(StreamingQueryException) as caught:
        query.awaitTermination()

    assert type(source.explain(str(caught.value))) is TransientError


def wait_until(is_so, query):
    for _ in range(1200):
        if is_so():
            return
        assert query.isActive, query.exception()
        time.sleep(0.1)
    raise AssertionError("it never came")


def test_a_broker_dies_with_the_process_that_started_it(tmp_path):
    program = f"""
        import time
        from pathlib import Path
        from hopsmon.adapters.kafka.broker import LocalBroker
        broker = LocalBroker(Path({str(tmp_path)!r}))
        broker.start()
        print(broker._process.pid, flush=True)
        time.sleep(600)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        broker = int(child.stdout.readline())
        assert is_alive(broker)
        child.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not is_alive(broker):
            break
        time.sleep(0.1)

    assert not is_alive(broker)


def test_a_broker_that_cannot_start_says_why(tmp_path):
    broker = LocalBroker(tmp_path, settings={"log.retention.bytes": "much"})

    with pytest.raises(OutsideError, match="much"):
        broker.start()


def test_a_login_is_needed_and_never_told(tmp_path):
    with LocalBroker(tmp_path, settings=SASL, options=login("ann", "s3cret")) as broker:
        broker.create_topic("guarded")
        KafkaSource(broker.bootstrap_servers, ("guarded",), options=login("ann", "s3cret")).check()

        with pytest.raises(OutsideError, match="Look at user and password") as caught:
            KafkaSource(broker.bootstrap_servers, ("guarded",), options=login("ann", "wr0ng")).check()

        assert "wr0ng" not in str(caught.value)
