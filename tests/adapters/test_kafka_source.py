import datetime as dt
import time

import pytest

from hopsmon.adapters.kafka.producer import Event, publish
from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.errors import ConfigError, OutsideError, TransientError
from hopsmon.streaming.ports import LOG_COLUMNS, LogSource, Rewindable


def read(source, spark, checkpoint):
    """The rows of each micro-batch, from the checkpoint to the topic's end."""
    batches = []
    query = (
        source.load(spark)
        .writeStream.foreachBatch(lambda frame, _: batches.append(frame.collect()))
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    return batches


def numbered(count, partitions=1):
    return [Event({"id": str(number)}, b"%d" % number, number % partitions) for number in range(count)]


def offsets(batches):
    return sorted((row.partition, row.offset) for rows in batches for row in rows)


def test_a_topic_becomes_the_logs_columns(spark, kafka, topic, tmp_path):
    name = topic(partitions=2)
    events = [Event({"id": "1", "datacontenttype": "x/y"}, b"\x00\xff", 0), Event({}, None, 1), Event({}, b"b", 0)]
    assert publish(kafka.bootstrap_servers, name, events) == 3
    source = KafkaSource(kafka.bootstrap_servers, (name,))

    frame = source.load(spark)
    [rows] = read(source, spark, tmp_path)

    assert isinstance(source, LogSource)
    assert frame.columns == list(LOG_COLUMNS)
    assert [kind for _, kind in frame.dtypes] == [
        "binary",
        "array<struct<key:string,value:binary>>",
        "string",
        "int",
        "bigint",
        "timestamp",
    ]
    first, second, empty = sorted(rows, key=lambda row: (row.partition, row.offset))
    assert (first.value, first.topic, first.partition, first.offset) == (bytearray(b"\x00\xff"), name, 0, 0)
    assert [(header.key, bytes(header.value)) for header in first.headers] == [
        ("ce_id", b"1"),
        ("content-type", b"x/y"),
    ]
    assert (second.value, second.offset) == (bytearray(b"b"), 1)
    assert (empty.value, empty.headers, empty.partition) == (None, None, 1)


def test_the_rate_limit_cuts_micro_batches(spark, kafka, topic, tmp_path):
    name = topic()
    publish(kafka.bootstrap_servers, name, numbered(25))

    batches = read(KafkaSource(kafka.bootstrap_servers, (name,), max_offsets_per_trigger=10), spark, tmp_path)

    assert [len(rows) for rows in batches] == [10, 10, 5]


def test_starting_offsets_by_partition_and_more_tasks_than_partitions(spark, kafka, topic, tmp_path):
    name = topic()
    publish(kafka.bootstrap_servers, name, numbered(100))
    source = KafkaSource(kafka.bootstrap_servers, (name,), starting_offsets={0: 40}, min_partitions=4)
    tasks = []
    query = (
        source.load(spark)
        .writeStream.foreachBatch(lambda frame, _: tasks.append((frame.rdd.getNumPartitions(), frame.count())))
        .option("checkpointLocation", str(tmp_path))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()

    [(partitions, count)] = tasks
    assert count == 60
    assert partitions >= 4


def test_starting_offsets_that_leave_a_partition_out_are_explained(spark, kafka, topic, tmp_path):
    from pyspark.errors import StreamingQueryException

    source = KafkaSource(kafka.bootstrap_servers, (topic(partitions=2),), starting_offsets={0: 0})
    with pytest.raises(StreamingQueryException) as caught:
        read(source, spark, tmp_path)
    explained = source.explain(str(caught.value))
    assert "log.kafka.starting_offsets names not just the partitions that" in str(explained)
    assert "give each of them an offset" in str(explained)


def test_a_message_of_ten_mebibytes_comes_whole(spark, kafka, topic, tmp_path):
    name = topic()
    publish(kafka.bootstrap_servers, name, [Event({}, b"x" * (10 << 20)), Event({}, b"next")])

    [rows] = read(KafkaSource(kafka.bootstrap_servers, (name,)), spark, tmp_path)

    assert [len(row.value) for row in rows] == [10 << 20, 4]


def test_lost_offsets_stop_the_query_and_the_error_says_how_to_go_on(spark, kafka, topic, tmp_path):
    name = topic()
    source = KafkaSource(kafka.bootstrap_servers, (name,), max_offsets_per_trigger=10)
    publish(kafka.bootstrap_servers, name, numbered(10))
    read(source, spark, tmp_path)
    publish(kafka.bootstrap_servers, name, numbered(20))
    kafka.delete_records(name, {0: 15})

    with pytest.raises(Exception, match="15") as caught:
        read(source, spark, tmp_path)

    explained = source.explain(str(caught.value))
    assert type(explained) is OutsideError
    assert "deleted before they were read" in str(explained)
    assert "on_data_loss: report" in str(explained)


def test_with_report_the_query_goes_on_with_what_is_left(spark, kafka, topic, tmp_path):
    name = topic()
    source = KafkaSource(kafka.bootstrap_servers, (name,), on_data_loss="report")
    publish(kafka.bootstrap_servers, name, numbered(10))
    first = read(source, spark, tmp_path)
    publish(kafka.bootstrap_servers, name, numbered(20))
    kafka.delete_records(name, {0: 15})

    rest = read(source, spark, tmp_path)

    assert offsets(first) == [(0, offset) for offset in range(10)]
    assert offsets(rest) == [(0, offset) for offset in range(15, 30)]


def test_check_finds_the_topic(kafka, topic):
    KafkaSource(kafka.bootstrap_servers, (topic(),)).check()


def test_check_offers_the_nearest_topic(kafka):
    kafka.create_topic("flight-delay-inference")

    with pytest.raises(OutsideError, match="Did you mean 'flight-delay-inference'"):
        KafkaSource(kafka.bootstrap_servers, ("flight-delay-inferences",)).check()


@pytest.mark.parametrize(
    ("servers", "told"),
    [
        ("127.0.0.1:1", "127.0.0.1:1: Connection refused"),
        ("nowhere.invalid:9092,127.0.0.1:1", "nowhere.invalid:9092: Name or service not known|nowhere.invalid:9092: "),
        ("broker", "not host:port"),
    ],
)
def test_check_says_that_no_broker_answers(servers, told):
    with pytest.raises(TransientError, match=told):
        KafkaSource(servers, ("t",)).check()


def test_check_says_that_the_protocol_is_wrong(kafka):
    source = KafkaSource(kafka.bootstrap_servers, ("t",), options={"kafka.security.protocol": "SSL"})

    with pytest.raises(OutsideError, match=f"TLS with {kafka.bootstrap_servers} fails"):
        source.check()


def test_secrets_are_in_no_representation():
    source = KafkaSource("b:1", ("t",), options={"kafka.sasl.jaas.config": "password=hush"})

    assert "hush" not in f"{source!r} {source} {source.identity}"


@pytest.mark.parametrize("name", ["subscribe", "kafka.bootstrap.servers", "startingOffsets"])
def test_only_options_for_the_kafka_client_are_handed_on(name):
    with pytest.raises(ConfigError, match=name):
        KafkaSource("b:1", ("t",), options={name: "x"})


def test_a_topic_can_be_read_from_a_point_in_time(spark, kafka, topic, tmp_path):
    name = topic(partitions=2)
    publish(kafka.bootstrap_servers, name, numbered(10))
    [before] = read(KafkaSource(kafka.bootstrap_servers, (name,)), spark, tmp_path / "all")
    moment = max(row.timestamp for row in before) + dt.timedelta(milliseconds=1)
    time.sleep(0.01)  # what follows arrives later, by the broker's clock
    publish(kafka.bootstrap_servers, name, [Event({"id": "x"}, b"later", 0)])

    source = KafkaSource(kafka.bootstrap_servers, (name,), starting_offsets="latest")
    [rows] = read(source.since(moment.replace(tzinfo=dt.timezone.utc)), spark, tmp_path / "later")

    assert isinstance(source, Rewindable)
    assert [bytes(row.value) for row in rows] == [b"later"]  # and partition 1, where nothing came since, has none
