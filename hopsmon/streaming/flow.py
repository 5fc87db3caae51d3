"""THE flow, on one screen. Start reading here.

    log ──observe──▶ partials, outliers, rejects ──fold──▶ closed windows, late counts ──judge──▶ rows of the tables
         executors   1 per task and monitor       state    1 per window and slice        driver

One pass over the log, one query, one checkpoint, whatever the number of techniques and monitors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hopsmon.streaming.fold import FOLDED_DDL, STATE_DDL, TICK, folder_of
from hopsmon.streaming.fold_state import Mode
from hopsmon.streaming.observe import OBSERVED_DDL, observer_of
from hopsmon.streaming.plan import MonitorPlan
from hopsmon.streaming.ports import LOG_COLUMNS, LogSource

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def monitor(
    spark: SparkSession, source: LogSource, plans: Sequence[MonitorPlan], mode: Mode, as_of_ms: int | None = None
) -> DataFrame:
    """From the log to closed windows. Each name says what one row is."""
    messages = source.load(spark)  # 1 per message
    observed = observe(messages, plans)  # 1 per task x monitor; flagged instances and rejects in bundles
    beats = ticks(spark, plans)  # 1 per micro-batch x monitor: wakes windows without traffic
    return fold(observed.union(beats), plans, mode, as_of_ms)  # 1 per closed window x slice; bundles as they were


def observe(messages: DataFrame, plans: Sequence[MonitorPlan]) -> DataFrame:
    """Decode, check and summarise on the executors."""
    from pyspark.sql import functions as F

    rows = messages.select(*LOG_COLUMNS).withColumns(
        {
            "timestamp": F.unix_micros("timestamp"),
            # The micro-batch's own time, which Spark keeps with it: done again, it judges clocks as the first time.
            "read_at": F.unix_micros(F.current_timestamp()),
            # No headers as an empty list: Arrow's writer of a list that is null walks over all rows before it, so a
            # batch of n such rows costs n² steps (measured: 1M messages took 29 s, not 4 s).
            "headers": F.coalesce("headers", F.array().cast("array<struct<key: string, value: binary>>")),
        }
    )
    return rows.mapInArrow(observer_of(plans), OBSERVED_DDL)


def ticks(spark: SparkSession, plans: Sequence[MonitorPlan]) -> DataFrame:
    """One row for every key in each micro-batch, traffic or not, so that windows close when traffic stops.

    Not Spark's processing-time timeouts: with them a bounded run (Trigger.AvailableNow) never ends. Not the source
    "rate": it does not know bounded runs, and Spark would then read the whole log as one micro-batch.
    """
    from pyspark.sql import functions as F

    keys = [F.struct(F.lit(plan.name), F.lit(shard)) for plan in plans for shard in range(plan.shards)]
    beats = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 1).option("numPartitions", 1).load()
    each = beats.select(F.explode(F.array(*keys)).alias("key"))
    return each.select(
        F.col("key.col1").alias("monitor"),
        F.col("key.col2").alias("shard"),
        F.lit(TICK).alias("kind"),
        F.lit(None).cast("binary").alias("payload"),
    )


def fold(observed: DataFrame, plans: Sequence[MonitorPlan], mode: Mode, as_of_ms: int | None) -> DataFrame:
    """Merge by (monitor, shard) and close windows."""
    from pyspark.sql.streaming.state import GroupStateTimeout

    return observed.groupBy("monitor", "shard").applyInPandasWithState(
        folder_of(plans, mode, as_of_ms), FOLDED_DDL, STATE_DDL, "append", GroupStateTimeout.NoTimeout
    )
