"""Real parts that are costly to start: one Spark session and one Kafka broker for the whole test run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from hopsmon.adapters.kafka.broker import LocalBroker

DELTA = {"3": "3.3.2", "4": "4.3.0"}  # by Spark's major version

# Warnings are errors; these are of others, and cannot be mended here.
THEIR_WARNINGS = (
    # kafka-python reads its protocol files by an old function
    "ignore:(read|open)_text is deprecated:DeprecationWarning",
    # Great Expectations, which Hopsworks' client loads, still asks for two modules of Python's by their old names
    "ignore:module 'sre_(constants|parse)' is deprecated:DeprecationWarning",
    # pyspark leaves the sockets of collect(), kafka-python those of failed connections to the garbage collector
    "ignore:unclosed <(socket|ssl.SSLSocket):ResourceWarning",
    # pyspark 3.5 compares versions as one did before Python 3.12
    "ignore:distutils Version classes are deprecated:DeprecationWarning",
    "ignore:The distutils package is deprecated:DeprecationWarning",
)


# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("hopsmon", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hopsmon")


def pytest_configure(config: pytest.Config) -> None:
    for line in THEIR_WARNINGS:
        config.addinivalue_line("filterwarnings", line)


def delta() -> str:
    """Delta's jars for the Spark that is installed."""
    import pyspark

    from hopsmon.streaming.spark_lines import delta_package

    return delta_package(DELTA[pyspark.__version__[0]])


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A local session with the Kafka, Avro and Delta jars."""
    from hopsmon.adapters.kafka.source import KafkaSource
    from hopsmon.streaming.session import local_session

    (source,) = KafkaSource("127.0.0.1:1", ("none",)).packages
    avro = source.replace("spark-sql-kafka-0-10", "spark-avro")  # the client writes online features with it
    packages = (source, avro, delta())
    settings = {
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "1",  # of 50 tasks for each look at a table of a few files
    }
    session = local_session("hopsmon-tests", packages, "local[2]", **settings)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def kafka() -> Iterator[LocalBroker]:
    """A broker."""
    from hopsmon.adapters.kafka.broker import LocalBroker

    with LocalBroker() as broker:
        yield broker


@pytest.fixture
def topic(kafka: LocalBroker, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Makes topics: `topic(partitions=2)` gives the name of a new one."""
    numbers = itertools.count()

    def create(partitions: int = 1, **settings: str) -> str:
        name = f"{request.node.originalname}-{next(_TOPICS)}-{next(numbers)}"
        kafka.create_topic(name, partitions, {key.replace("_", "."): value for key, value in settings.items()})
        return name

    return create


_TOPICS = itertools.count()
