"""The Delta table of a feature log as a log that Spark streams: each row as a JSON object, in the order of its time.

A job writes the table every hour or every day, many rows at once and in no order. A micro-batch is sorted by the rows'
times, so that none is late because its neighbour in a file was newer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from hopsmon.errors import OutsideError, TransientError
from hopsmon.streaming.ports import LOG_COLUMNS
from hopsmon.streaming.spark_lines import delta_package

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TIME, _ID = "log_time", "log_id"
# An offset is a row's time in µs since 2000, and below it bits of its id's hash: the same whenever it is read.
_EPOCH_MICROS = 946_684_800_000_000
_HASH_BITS = 11
_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"
_NO_HEADERS = "array<struct<key:string,value:binary>>"
_AWAY = ("java.net.ConnectException", "java.net.SocketTimeoutException", "StandbyException", "SafeModeException")
_CHANGED = ("DELTA_SOURCE_TABLE_IGNORE_CHANGES", "DELTA_SOURCE_IGNORE_DELETE", "DELTA_CONCURRENT")
_OTHER_SCHEMA = ("DELTA_SCHEMA_CHANGED", "DELTA_STREAMING_METADATA_EVOLUTION", "DELTA_STREAMING_CANNOT_CONTINUE")
_GONE = ("DELTA_TABLE_NOT_FOUND", "DELTA_PATH_DOES_NOT_EXIST", "DELTA_SCHEMA_NOT_SET", "FileNotFoundException")
_UNSET = "DELTA_CONFIGURE_SPARK_SESSION"


@dataclass(frozen=True)
class FeatureLogTable:
    """The rows of one feature log, each once it is in the table.

    In the log's columns the topic is the feature group and the only partition is 0.

    Attributes:
        name: the logging feature group's, with its version.
        location: where the table is, as Spark reads it.
        from_start: whether a query without checkpoint begins with the oldest rows, or with those yet to come.
        max_files_per_trigger: at most so many of the table's files a micro-batch; None: Delta's own limit.
        external: outside a cluster, whose Spark sessions have Delta.
        starting_at: leave out rows that were logged before that time.
    """

    name: str
    location: str
    from_start: bool = True
    max_files_per_trigger: int | None = None
    external: bool = False
    starting_at: datetime | None = None

    @property
    def packages(self) -> tuple[str, ...]:
        """Delta's jars, outside a cluster, in the version of the `delta-spark` that is installed."""
        if not self.external:
            return ()
        try:
            return (delta_package(version("delta-spark")),)
        except PackageNotFoundError:
            return ()

    @property
    def contiguous(self) -> bool:
        """Offsets are times."""
        return False

    @property
    def identity(self) -> str:
        """The feature group."""
        return f"feature log: {self.name}"

    def check(self) -> None:
        """Look whether the table is there, as far as that is seen without Spark."""
        from pyspark.sql import SparkSession

        spark = SparkSession.getActiveSession()
        if self.location.startswith("file:"):
            is_there = (Path(self.location.removeprefix("file:")) / "_delta_log").is_dir()
        elif spark is not None:
            from delta.tables import DeltaTable

            is_there = DeltaTable.isDeltaTable(spark, self.location)
        else:
            return
        if not is_there:
            raise OutsideError(self._not_written())

    def explain(self, error: str) -> OutsideError | None:
        """What stopped Spark's reading, where the table is behind it."""
        if any(part in error for part in _AWAY):
            return TransientError(f"The file system of {self.name} does not answer.", retry_after=30)
        if any(part in error for part in _OTHER_SCHEMA):
            return OutsideError(
                f"The columns of {self.name} have changed: run the monitor again, to read the new ones."
            )
        if any(part in error for part in _CHANGED):
            return OutsideError(
                f"Rows of {self.name} that were there have been changed or deleted, so it cannot be read on from where "
                "the last run ended. Begin anew with another name as `query`; what was written stays."
            )
        if _UNSET in error:
            return OutsideError(
                "This Spark session is not set up for Delta tables, as those of Hopsworks' jobs are. Elsewhere, start "
                "it with spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension and "
                "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog."
            )
        return OutsideError(self._not_written()) if any(part in error for part in _GONE) else None

    def since(self, moment: datetime) -> FeatureLogTable:
        """The same table, for a query that begins with the rows that were logged at that time or later."""
        return replace(self, from_start=True, starting_at=moment)

    def load(self, spark: SparkSession) -> DataFrame:
        """The rows as a streaming frame with the log's columns."""
        from pyspark.sql import functions as F

        rows = self._rows(spark)
        time = F.coalesce(F.col(_TIME).cast("timestamp"), F.lit(0).cast("timestamp"))
        micros = F.unix_micros(time) - F.lit(_EPOCH_MICROS)
        mask = F.lit((1 << _HASH_BITS) - 1)
        options = {"timestampFormat": _FORMAT, "timeZone": "UTC", "ignoreNullFields": "false"}
        messages = rows.select(
            F.to_json(F.struct(*(F.col(f"`{name}`") for name in rows.columns)), options).cast("binary").alias("value"),
            F.shiftleft(micros, _HASH_BITS).bitwiseOR(F.xxhash64(_ID).bitwiseAND(mask)).alias("offset"),
            time.alias("timestamp"),
        )
        if self.starting_at is not None:
            messages = messages.where(F.col("timestamp") >= F.lit(self.starting_at))
        # Each task gets rows that follow one another.
        in_order = messages.repartitionByRange(spark.sparkContext.defaultParallelism, "offset")
        ordered = in_order.mapInArrow(_by_offset, "value binary, offset bigint, timestamp timestamp")
        columns = {"topic": F.lit(self.name), "partition": F.lit(0), "headers": F.lit(None).cast(_NO_HEADERS)}
        return ordered.withColumns(columns).select(*LOG_COLUMNS)

    def _rows(self, spark: SparkSession) -> DataFrame:
        from pyspark.errors import AnalysisException

        try:
            return spark.readStream.format("delta").options(**self._spark_options()).load(self.location)
        except AnalysisException as error:
            explained = self.explain(str(error))
            if explained is None:
                raise
            raise explained from error

    def _spark_options(self) -> dict[str, str]:
        options = {} if self.from_start else {"startingVersion": "latest"}
        if self.max_files_per_trigger is not None:
            options["maxFilesPerTrigger"] = str(self.max_files_per_trigger)
        return options

    def _not_written(self) -> str:
        return (
            f"The table of {self.name} is not there yet, or has no rows ({self.location}). Write it with "
            "feature_view.materialize_log(), or set log.feature_log.read_from: topic."
        )


def _by_offset(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A task's rows in the order of their offsets; runs in Spark's workers."""
    held = list(batches)
    if held:
        yield from pa.Table.from_batches(held).sort_by("offset").to_batches()
