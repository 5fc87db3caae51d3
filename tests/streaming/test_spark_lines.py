"""Which Spark is in use: too old, and the names of its jars."""

from __future__ import annotations

import pyspark
import pytest

from hopsmon.errors import ConfigError
from hopsmon.streaming.spark_lines import check_line, delta_package, kafka_package


@pytest.mark.parametrize(
    ("version", "kafka", "delta"),
    [
        ("3.5.5", "spark-sql-kafka-0-10_2.12:3.5.5", "delta-spark_2.12:9"),
        ("4.0.1", "spark-sql-kafka-0-10_2.13:4.0.1", "delta-spark_2.13:9"),
        ("4.1.1", "spark-sql-kafka-0-10_2.13:4.1.1", "delta-spark_4.1_2.13:9"),
        ("4.10.0.dev1", "spark-sql-kafka-0-10_2.13:4.10.0.dev1", "delta-spark_4.10_2.13:9"),
    ],
)
def test_jars_are_those_of_the_line(monkeypatch: pytest.MonkeyPatch, version: str, kafka: str, delta: str) -> None:
    monkeypatch.setattr(pyspark, "__version__", version)
    check_line()
    assert (kafka_package(), delta_package("9")) == (f"org.apache.spark:{kafka}", f"io.delta:{delta}")


@pytest.mark.parametrize("version", ["3.4.4", "2.4.8"])
def test_an_older_one_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(pyspark, "__version__", version)
    with pytest.raises(ConfigError, match=rf"needs Spark 3\.5 or 4\.1; this is {version}\. .*Hopsworks 5\.1 or later"):
        check_line()
