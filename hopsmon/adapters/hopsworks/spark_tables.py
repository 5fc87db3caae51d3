"""Feature groups' tables by Spark: written by the client's `insert`, read where they lie, in a job as outside."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hopsmon.adapters.hopsworks import private
from hopsmon.adapters.hopsworks.offline import UNSEEN
from hopsmon.adapters.hopsworks.result_rows import Where, Writer
from hopsmon.adapters.hopsworks.result_schema import OFFLINE, frame_schema
from hopsmon.streaming.arrow_frames import from_arrow, to_arrow
from hopsmon.streaming.ports import TableSize
from hopsmon.streaming.rewrites import conformed
from hopsmon.streaming.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# For a vacuum: Delta refuses less than a week while the check is on, which hopsworks 5.1 leaves on; and it looks for
# files in 10,000 tasks, where these tables have some dozens.
_VACUUMING = {
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
}


class SparkTables:
    """The tables by the client's own Spark session."""

    @property
    def _spark(self) -> SparkSession:
        from pyspark.sql import SparkSession

        return SparkSession.builder.getOrCreate()  # as the client does

    def prepare(self, group: Any, schema: pa.Schema) -> None:
        if not self._exists(group):
            return
        there = self._table(group).columns
        lacking = [f"`{field.name}` {OFFLINE[field.type]}" for field in schema if field.name not in there]
        if lacking:
            self._spark.sql(f"ALTER TABLE {_sql_name(group)} ADD COLUMNS ({', '.join(lacking)})")

    def read(self, group: Any, columns: Sequence[str], where: Where) -> pa.Table:
        import pyspark.sql.functions as sf

        if not self._exists(group):
            return pa.table({})
        rows = self._table(group)
        if where.monitors:
            rows = rows.where(sf.col("monitor").isin(list(where.monitors)))
        if where.column is not None:
            rows = rows.where(sf.col(where.column).between(where.first, where.last))
        return to_arrow(rows.select([name for name in columns if name in rows.columns]))

    def write(self, group: Any, rows: pa.Table, writer: Writer, *, replacing: bool) -> None:
        """Write rows; an append carries its micro-batch's number, by which Delta leaves out a second one."""
        mark = {"txnAppId": f"{writer.app_id}:{group.name}", "txnVersion": str(writer.batch_id)}
        group.insert(
            self.frame(conformed(rows, frame_schema(TABLES[group.name], group))),
            operation="upsert" if replacing else "insert",
            storage="offline",
            write_options={} if replacing else mark,
            validation_options=dict(UNSEEN),
        )

    def register(self, group: Any) -> None:
        private.register_last_commit(group, self._spark, _location(group))

    def delete(self, group: Any, keys: pa.Table) -> None:
        group.remove_rows(self.frame(keys))

    def frame(self, rows: pa.Table) -> DataFrame:
        """Rows as one partition: they are few, and each would be a file."""
        return from_arrow(self._spark, rows).coalesce(1)

    def size(self, group: Any) -> TableSize | None:
        if not self._exists(group):
            return None
        detail = self._spark.sql(f"DESCRIBE DETAIL {_sql_name(group)}").collect()[0]
        (last,) = self._spark.sql(f"DESCRIBE HISTORY {_sql_name(group)} LIMIT 1").collect()
        return TableSize(self._table(group).count(), detail["numFiles"], detail["sizeInBytes"], last["version"])

    def optimize(self, group: Any) -> tuple[int, int]:
        metrics = group.optimize()["metrics"]
        return int(metrics["numFilesRemoved"]), int(metrics["numFilesAdded"])

    def vacuum(self, group: Any, hours: int, *, dry_run: bool) -> int:
        """Vacuum by the client, which does not say how many files go."""
        with self._conf(_VACUUMING):
            count = self._spark.sql(f"VACUUM {_sql_name(group)} RETAIN {hours} HOURS DRY RUN").count()
            if not dry_run:
                group.delta_vacuum(retention_hours=hours)
        return count

    def _exists(self, group: Any) -> bool:
        from delta.tables import DeltaTable

        return DeltaTable.isDeltaTable(self._spark, _location(group))

    def _table(self, group: Any) -> DataFrame:
        return self._spark.read.format("delta").load(_location(group))

    @contextlib.contextmanager
    def _conf(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Settings for a while; the session is the user's."""
        conf = self._spark.conf
        before = {name: conf.get(name, None) for name in settings}
        for name, value in settings.items():
            conf.set(name, value)
        try:
            yield
        finally:
            for name, earlier in before.items():
                if earlier is None:
                    conf.unset(name)
                else:
                    conf.set(name, earlier)


def _location(group: Any) -> str:
    return str(group.prepare_spark_location())


def _sql_name(group: Any) -> str:
    return f"delta.`{_location(group).replace('`', '``')}`"
