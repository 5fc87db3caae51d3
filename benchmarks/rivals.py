"""What the engine is compared with inside Spark: the bare read of the log, and the same windows in Spark SQL.

The Spark SQL rival is given every advantage that still yields the histograms: equal-width bins (reference-quantile bins
cost more), the log's timestamp as event time (no header is parsed), no check of single instances, no quantiles, no
distinct counts, and a sink that throws the rows away.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.messages import AVRO_V4

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

KAFKA_PACKAGE = "org.apache.spark:spark-sql-kafka-0-10_2.13:{spark}"
AVRO_PACKAGE = "org.apache.spark:spark-avro_2.13:{spark}"
V1 = "instances array<array<double>>"
V2 = "inputs array<struct<name string, shape array<int>, datatype string, data array<double>>>"
BINS = 20


def rival_packages() -> tuple[str, ...]:
    """Maven coordinates of what the rivals need, in the installed Spark's version."""
    import pyspark

    return tuple(package.format(spark=pyspark.__version__) for package in (KAFKA_PACKAGE, AVRO_PACKAGE))


def kafka_stream(spark: SparkSession, bootstrap: str, topic: str) -> DataFrame:
    """The topic from its beginning, without headers: all the rival needs are value and timestamp."""
    reader = spark.readStream.format("kafka").option("kafka.bootstrap.servers", bootstrap)
    return reader.option("subscribe", topic).option("startingOffsets", "earliest").load()


def spark_sql(
    messages: DataFrame, wire_format: str, window: str = "15 seconds", lateness: str = "6 seconds"
) -> DataFrame:
    """Per window, feature and bin: count, sum, sum of squares, least and largest value. From value and timestamp."""
    from pyspark.sql import functions as F

    value = F.col("value")
    long = messages.select("timestamp", F.explode(instances(value, wire_format)).alias("instance")).select(
        "timestamp", F.posexplode("instance").alias("feature", "value")
    )
    return (
        long.withWatermark("timestamp", lateness)
        .groupBy(
            F.window("timestamp", window),
            "feature",
            F.width_bucket("value", F.lit(-3.0), F.lit(3.0), F.lit(BINS)).alias("bin"),
        )
        .agg(
            F.count("*").alias("count"),
            F.sum("value").alias("sum"),
            F.sum(value * value).alias("sum_of_squares"),
            F.min("value").alias("min"),
            F.max("value").alias("max"),
        )
    )


def instances(value: Column, wire_format: str) -> Column:
    """The instances of one message as an array of arrays of numbers."""
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import from_avro

    if wire_format == "v2":  # a message holds one tensor of one row: its flat data is the instance
        return F.transform(F.from_json(value.cast("string"), V2).inputs, lambda tensor: tensor.data)
    if wire_format == "avro_v4":
        return F.from_json(from_avro(value, json.dumps(AVRO_V4)).payload, V1).instances
    return F.from_json(value.cast("string"), V1).instances


def drain(frame: DataFrame, checkpoint: Path) -> None:
    """Run a streaming frame over all that is there, into the sink that keeps nothing."""
    writer = frame.writeStream.format("noop").outputMode("append").option("checkpointLocation", str(checkpoint))
    writer.trigger(availableNow=True).start().awaitTermination()
