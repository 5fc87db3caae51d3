"""What a job or notebook finds in an image of the cluster beside Hopsworks itself: Spark with jars and settings."""

from __future__ import annotations

import sys
from pathlib import Path

from hopsmon.adapters.kafka.source import KafkaSource
from hopsmon.streaming.jvm import jars_for, use_java
from tests.conftest import delta


def spark_of_the_image(folder: Path) -> dict[str, str]:
    """Environment variables by which a process starts Spark as the image does; its catalogue lies in the folder."""
    jars = jars_for([*KafkaSource("127.0.0.1:1", ("none",)).packages, delta()])
    settings = {
        "spark.jars": ",".join(jar.as_uri() for jar in jars),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": (folder / "catalogue").as_uri(),
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:catalogue;create=true",
        "spark.sql.shuffle.partitions": "2",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.ui.showConsoleProgress": "false",
        "spark.ui.enabled": "false",
    }
    use_java()
    submit = " ".join(f"--conf {name}={value}" for name, value in settings.items())
    return {
        "PYSPARK_SUBMIT_ARGS": f"--master local[2] {submit} pyspark-shell",
        "PYSPARK_PYTHON": sys.executable,
    }
